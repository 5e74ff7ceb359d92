//go:build integration

package terraform_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"
)

// freeAddress returns a loopback address that was free a moment ago.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start runs a server for as long as the test and waits until it answers.
func start(t testing.TB, address, program string, args ...string) {
	t.Helper()
	var log bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", program, err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // the server may have ended by itself
		select {
		case <-done:
		case <-time.After(5 * time.Second):
			_ = cmd.Process.Kill()
		}
	})
	// Only its own answer counts: versitygw's IAM service redirects to its maker.
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for range 600 {
		if resp, err := client.Get("http://" + address); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body) // only whether it answers
			resp.Body.Close()
			return
		}
		select {
		case err := <-done:
			t.Fatalf("%s ended: %v\n%s", program, err, log.Bytes())
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Fatalf("%s does not answer at %s", program, address)
}

// moto starts moto_server, or skips.
func moto(t testing.TB) (endpoint string) {
	t.Helper()
	program, err := exec.LookPath("moto_server")
	if err != nil {
		t.Skip("skipped: moto_server is not installed (pip install 'moto[server]'); plans, mocked applies and " +
			"versitygw ran without it")
	}
	address := freeAddress(t)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	start(t, address, program, "-H", "127.0.0.1", "-p", port)
	return "http://" + address
}

// target turns names within the example's module into -target arguments.
func target(names ...string) []string {
	var args []string
	for _, name := range names {
		args = append(args, fmt.Sprintf("-target=module.repository.%s", name))
	}
	return args
}
