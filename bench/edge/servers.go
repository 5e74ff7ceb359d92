package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"seihon/bench/bar"
	"seihon/ocspcache"
)

// A contender is a server of the responses in a fixture.
type contender struct {
	name   string
	addr   string
	paths  string // file with the paths that wrk asks for
	method string
	post   string // path of POST requests
	close  bool   // it takes one request on a connection
	shared bool   // the process of the contender before serves this one too
}

// serve runs one of our own servers, as a process of its own like its peers.
func serve(ctx context.Context, o options) error {
	var handler http.Handler
	switch o.serve {
	case "seihon":
		source, err := ocspcache.OpenDirectory(ctx, ocspcache.DirectoryConfig{Root: o.dir})
		if err != nil {
			return err
		}
		defer source.Close()
		if handler, err = ocspcache.NewHandler(ocspcache.HandlerConfig{Source: source}); err != nil {
			return err
		}
		server, err := ocspcache.NewServer(ocspcache.ServerConfig{Listen: o.addr, Handler: handler})
		if err != nil {
			return err
		}
		return server.Run(ctx)
	case "minimal":
		f := fixture{o.dir}
		answers, err := f.answers()
		if err != nil {
			return err
		}
		// The least that answers: a map from the path as it comes, one header field.
		handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Content-Type"] = []string{"application/ocsp-response"}
			_, _ = w.Write(answers[r.RequestURI]) // wrk may have hung up
		})
		server := &http.Server{Addr: o.addr, Handler: handler}
		return server.ListenAndServe()
	}
	return fmt.Errorf("unknown server %q", o.serve)
}

// answers maps the GET path of each request to its response.
func (f fixture) answers() (map[string][]byte, error) {
	urls, err := os.ReadFile(f.path("urls"))
	if err != nil {
		return nil, err
	}
	names, err := os.ReadFile(f.path("static"))
	if err != nil {
		return nil, err
	}
	files := strings.Fields(string(names))
	answers := make(map[string][]byte)
	for i, url := range strings.Fields(string(urls)) {
		if answers[url], err = os.ReadFile(f.path("public", files[i])); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// start starts the process of a contender and waits until it listens.
func (c contender) start(ctx context.Context, f fixture) (stop func(), err error) {
	args, err := c.command(ctx, f)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(args[0], args[1:]...)
	log, err := os.Create(f.path(c.name + ".log"))
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		// what waits for idle connections need not
		kill := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // ended by our signal
		kill.Stop()
		_ = log.Close()
	}
	if c.close {
		// openssl never comes back from a connection without a request on it, so
		// there is no looking whether it listens.
		time.Sleep(time.Second)
		return stop, nil
	}
	for range 200 {
		if conn, err := net.Dial("tcp", c.addr); err == nil {
			_ = conn.Close()
			return stop, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	stop()
	return nil, fmt.Errorf("%s does not listen on %s", c.name, c.addr)
}

func (c contender) command(ctx context.Context, f fixture) ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(c.addr)
	if err != nil {
		return nil, err
	}
	program, _, _ := strings.Cut(c.name, " ")
	switch program {
	case "seihon":
		return []string{self, "-serve", "seihon", "-dir", f.path("public"), "-addr", c.addr}, nil
	case "minimal":
		return []string{self, "-serve", "minimal", "-dir", f.dir, "-addr", c.addr}, nil
	case "nginx":
		conf := fmt.Sprintf(`daemon off; worker_processes 2; pid %[1]s/nginx.pid; error_log %[1]s/nginx.error.log;
events { worker_connections 1024; }
http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; open_file_cache max=100000 inactive=10m; open_file_cache_valid 10m;
client_body_temp_path %[1]s/t; proxy_temp_path %[1]s/t; fastcgi_temp_path %[1]s/t; uwsgi_temp_path %[1]s/t; scgi_temp_path %[1]s/t;
server { listen %[2]s; root %[1]s/public; default_type application/ocsp-response; merge_slashes off; } }`, f.dir,
			c.addr)
		if err := write(f.path("nginx.conf"), []byte(conf)); err != nil {
			return nil, err
		}
		// The workers run as nobody and must reach the files.
		if err := os.Chmod(f.dir, 0o755); err != nil {
			return nil, err
		}
		return []string{"nginx", "-p", f.dir, "-e", f.path("nginx.error.log"), "-c", f.path("nginx.conf")}, nil
	case "cfssl":
		cfssl, err := bar.Install(ctx, "cfssl", "github.com/cloudflare/cfssl/cmd/cfssl", cfsslVersion)
		return []string{cfssl, "ocspserve", "-address", host, "-port", port, "-loglevel", "5", "-responses",
			f.path("responses")}, err
	case "openssl":
		return []string{"openssl", "ocsp", "-port", port, "-index", f.path("index.txt"), "-CA", f.path("ca.pem"),
			"-rsigner", f.path("ca.pem"), "-rkey", f.path("ca.key"), "-nmin", "60", "-ignore_err"}, nil
	}
	return nil, fmt.Errorf("unknown contender %q", c.name)
}

const cfsslVersion = "v1.6.5"
