//go:build integration

package ocspcache

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A tlsFront is an nginx with one TLS port for each certificate. The ports of
// "live" fetch their staples from the responder, those of "file" have them from
// files.
type tlsFront struct {
	live, file map[string]string // state to address
	log        string
}

func startNginx(t *testing.T, r *responder) *tlsFront {
	t.Helper()
	path, err := exec.LookPath("nginx")
	if err != nil {
		t.Fatal("nginx not found: run make tools")
	}
	f := &tlsFront{live: make(map[string]string), file: make(map[string]string), log: r.ca.path("nginx.log")}
	var servers strings.Builder
	for _, state := range certificateStates {
		f.live[state], f.file[state] = freeAddress(t), freeAddress(t)
		common := fmt.Sprintf("ssl_certificate %s; ssl_certificate_key %s; ssl_trusted_certificate %s; "+
			"ssl_stapling on;",
			r.ca.path(state+".chain.pem"), r.ca.path(state+".key"), r.ca.path("chain.pem"))
		fmt.Fprintf(&servers, "server { listen %s ssl; %s ssl_stapling_verify on; return 200; }\n", f.live[state],
			common)
		staple := ""
		if state == "good" || state == "revoked" {
			file := r.ca.path(state + ".ocsp")
			run(t, "openssl", "ocsp", "-no_nonce", "-issuer", r.ca.path("sub.pem"), "-cert", r.ca.path(state+".pem"),
				"-CAfile", r.ca.path("chain.pem"), "-url", r.url, "-respout", file)
			staple = "ssl_stapling_file " + file + ";"
		} else {
			common = strings.Replace(common, "ssl_stapling on;", "", 1) // nothing to staple
		}
		fmt.Fprintf(&servers, "server { listen %s ssl; %s %s return 200; }\n", f.file[state], common, staple)
	}
	conf := fmt.Sprintf("daemon off; worker_processes 1; pid %s; error_log %s info;\nevents {}\nhttp { access_log "+
		"off; client_body_temp_path %[3]s; proxy_temp_path %[3]s; fastcgi_temp_path %[3]s; uwsgi_temp_path %[3]s; "+
		"scgi_temp_path %[3]s;\n%[4]s}\n",
		r.ca.path("nginx.pid"), f.log, r.ca.path("nginx-temp"), servers.String())
	r.ca.write("nginx.conf", []byte(conf))
	cmd := exec.Command(path, "-p", r.ca.dir, "-e", f.log, "-c", r.ca.path("nginx.conf"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // ended by our signal
	})
	for _, addr := range f.file {
		waitFor(t, addr)
	}
	return f
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func waitFor(t *testing.T, addr string) {
	t.Helper()
	for range 200 {
		if conn, err := net.Dial("tcp", addr); err == nil {
			_ = conn.Close()
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatalf("nothing listens on %s", addr)
}

// testStapling tests nginx, which fetches staples from the responder, and curl,
// which judges them.
func testStapling(t *testing.T, r *responder) []string {
	t.Helper()
	front := startNginx(t, r)
	nginx := client{
		name: "nginx stapling", command: "ssl_stapling on; ssl_stapling_verify on",
		run: func(t *testing.T, r *responder, state string) string {
			// The first handshake makes nginx ask; the answer is there for a later one.
			var out string
			for range 40 {
				before, err := os.ReadFile(front.log)
				if err != nil {
					t.Fatal(err)
				}
				out = run(t, "openssl", "s_client", "-connect", front.live[state], "-status", "-CAfile",
					r.ca.path("root.pem"))
				time.Sleep(100 * time.Millisecond)
				after, err := os.ReadFile(front.log)
				if err != nil {
					t.Fatal(err)
				}
				out += string(after[len(before):])
				if strings.Contains(out, "Cert Status:") || strings.Contains(out, "OCSP response not successful") ||
					strings.Contains(out, "certificate status") {
					return out
				}
			}
			return out
		},
		verdicts: []verdict{
			says(`Cert Status: good`, "good"), says(`certificate status "revoked"`, "revoked"),
			says(`OCSP response not successful \(6: unauthorized\)`, "unauthorized"),
			says(`OCSP response not successful \(3: trylater\)`, "tryLater"),
		},
	}
	row := nginx.test(t, r)

	curl := client{
		name: "curl", command: "curl --cert-status",
		run: func(t *testing.T, r *responder, state string) string {
			return run(t, "curl", "-sS", "--cert-status", "--cacert", r.ca.path("root.pem"), "-o",
				r.ca.path("curl.out"), "-w", "code %{http_code}", "https://"+front.file[state]+"/")
		},
		verdicts: []verdict{
			says(`code 200`, "good"), says(`(?i)revoked|revocation`, "revoked"),
			says(`No OCSP response received`, "no staple"),
		},
		want: map[string]string{"good": "good", "revoked": "revoked", "unknown": "no staple", "expired": "no staple"},
	}
	cells, _ := curl.verdictsOf(t, r)
	return []string{row, tableRow(curl.name, curl.command, "none: reads the server's staple", cells)}
}
