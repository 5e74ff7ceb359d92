//go:build integration

package cmd_test

import (
	"bufio"
	"context"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestClientsAcceptTheRepository asks the published repository with programs that
// know nothing of this project. The responder listens at the address that the
// certificates name, so that clients which follow those find it.
func TestClientsAcceptTheRepository(t *testing.T) {
	url := serveGolden(t)
	ca := func(name string) string { return filepath.Join(golden, "ca", name) }
	// openssl wants -sha256 before -issuer, and that before -cert
	ocsp := func(cert []string, flags ...string) []string {
		args := append([]string{"openssl", "ocsp"}, flags...)
		args = append(args, "-issuer", ca("sub.pem"), "-CAfile", ca("root.pem"), "-verify_other", ca("sub.pem"), "-url",
			url+"/ocsp")
		return append(args, cert...)
	}
	pem := func(der, kind string) string {
		out := filepath.Join(t.TempDir(), kind+".pem")
		run(t, "openssl", kind, "-inform", "DER", "-in", filepath.Join(golden, "public", der), "-out", out)
		return out
	}
	subCRL, rootCRL := pem("crl/sub.crl", "crl"), pem("crl/root.crl", "crl")
	classes := t.TempDir()
	run(t, "javac", "-d", classes, "testdata/java/Validate.java")
	java := func(mode, cert string) []string {
		return []string{"java", "-Dcom.sun.security.enableCRLDP=true", "-cp", classes, "Validate", mode, cert,
			ca("sub.pem"), ca("root.pem")}
	}

	for _, c := range []struct {
		name string
		args []string
		want string // in the output; a leading "!" means that the command must also fail
	}{
		{"openssl POST with nonce", ocsp([]string{"-cert", ca("good.pem")}), "good.pem: good"},
		{"openssl POST without nonce", ocsp([]string{"-cert", ca("good.pem")}, "-no_nonce"), "good.pem: good"},
		{"openssl SHA-256", ocsp([]string{"-cert", ca("good.pem")}, "-no_nonce", "-sha256"), "good.pem: good"},
		{"openssl revoked", ocsp([]string{"-cert", ca("revoked.pem")}, "-no_nonce"), "revoked.pem: revoked"},
		{"openssl verifies the signature", ocsp([]string{"-cert", ca("good.pem")}, "-no_nonce"), "Response verify OK"},
		{"openssl unknown serial", ocsp([]string{"-serial", "0x1234"}, "-no_nonce"), "unauthorized"},
		{"openssl crl", []string{"openssl", "crl", "-noout", "-in", subCRL, "-CAfile", ca("sub.pem")}, "verify OK"},
		{"openssl crl of the root", []string{"openssl", "crl", "-noout", "-in", rootCRL, "-CAfile", ca("root.pem")},
			"verify OK"},
		{"openssl verify with CRLs", []string{"openssl", "verify", "-crl_check_all", "-CAfile", ca("root.pem"),
			"-untrusted", ca("sub.pem"), "-CRLfile", subCRL, "-CRLfile", rootCRL, ca("good.pem")}, "good.pem: OK"},
		{"openssl verify revoked", []string{"openssl", "verify", "-crl_check_all", "-CAfile", ca("root.pem"),
			"-untrusted", ca("sub.pem"), "-CRLfile", subCRL, "-CRLfile", rootCRL, ca("revoked.pem")},
			"!certificate revoked"},
		{"openssl verify downloads CRLs",
			[]string{"openssl", "verify", "-crl_check", "-crl_download", "-CAfile", ca("root.pem"), "-untrusted",
				ca("sub.pem"), ca("good.pem")}, "good.pem: OK"},
		{"openssl cms", []string{"openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", filepath.Join(golden,
			"public/docs/cps-1.0.pdf.p7s"), "-content", filepath.Join(golden, "public/docs/cps-1.0.pdf"), "-CAfile",
			ca("root.pem"), "-purpose", "any", "-out", "/dev/null"}, "erification successful"},
		{"ocsptool", []string{"ocsptool", "--ask=" + url + "/ocsp", "--load-cert", ca("good.pem"), "--load-issuer",
			ca("sub.pem"), "--load-trust", ca("sub.pem")}, "Certificate Status: good"},
		{"ocsptool revoked", []string{"ocsptool", "--ask=" + url + "/ocsp", "--load-cert", ca("revoked.pem"),
			"--load-issuer", ca("sub.pem"), "--load-trust", ca("sub.pem")}, "Certificate Status: revoked"},
		{"certtool CRL",
			[]string{"certtool", "--verify-crl", "--infile", subCRL, "--load-ca-certificate", ca("sub.pem")},
			"Verified"},
		{"Java OCSP", java("ocsp", ca("good.pem")), "VALID"},
		{"Java OCSP revoked", java("ocsp", ca("revoked.pem")), "!revoked"},
		{"Java CRLDP", java("crl", ca("good.pem")), "VALID"},
		{"Java CRLDP revoked", java("crl", ca("revoked.pem")), "!revoked"},
		{"curl the root certificate", []string{"curl", "-sSfi", url + "/cert/root.cer"},
			"Content-Type: application/pkix-cert"},
		{"curl the index page", []string{"curl", "-sSfi", url + "/index.html"}, "Content-Type: text/html"},
		{"curl a name that is not there", []string{"curl", "-sSf", url + "/cert/none.cer"}, "!404"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), c.args[0], c.args[1:]...).CombinedOutput()
			want, fails := strings.CutPrefix(c.want, "!")
			if !strings.Contains(string(out), want) || (err == nil) == fails && c.name != "openssl unknown serial" {
				t.Errorf("%s: %v, output misses %q:\n%s", strings.Join(c.args, " "), err, want, out)
			}
		})
	}
}

// TestLintersAcceptTheRepository runs zlint over every public artifact that it understands.
func TestLintersAcceptTheRepository(t *testing.T) {
	for _, pattern := range []string{"public/crl/*.crl", "public/cert/*.cer"} {
		files, err := filepath.Glob(filepath.Join(golden, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no files: %v", pattern, err)
		}
		for _, file := range files {
			out, err := exec.CommandContext(t.Context(), "zlint", "-format", "der", "-includeSources", "RFC5280",
				file).CombinedOutput()
			if err != nil || regexp.MustCompile(`"result":\s*"(error|fatal)"`).Match(out) {
				t.Errorf("zlint %s: %v\n%s", file, err, out)
			}
		}
	}
}

// serveGolden starts the responder on the golden repository at its base URL.
func serveGolden(t *testing.T) string {
	t.Helper()
	return serve(t, golden)
}

// serve starts the responder on a repository that has the golden one's base URL.
func serve(t *testing.T, dir string, flags ...string) string {
	t.Helper()
	args := append([]string{"serve", "--quiet", "--config", filepath.Join(dir, "repository.yaml"), "--listen",
		baseAddress}, flags...)
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "publisher", args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(interrupt) }
	cmd.WaitDelay = 10 * time.Second
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	cmd.Stderr = &logged
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("starting the responder: %v\n%s", err, &logged)
	}
	return regexp.MustCompile(`http://[0-9.:]+`).FindString(line)
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
