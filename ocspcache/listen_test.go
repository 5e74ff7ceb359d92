//go:build unix

package ocspcache

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestSocketActivation passes two sockets to a child in the way of systemd.
func TestSocketActivation(t *testing.T) {
	if os.Getenv("OCSPCACHE_TEST_CHILD") != "" {
		activated(t)
		return
	}
	t.Parallel()
	var files []*os.File
	var addrs []string
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files, addrs = append(files, f), append(addrs, l.Addr().String())
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// systemd sets LISTEN_PID between fork and exec; a shell can do the same.
	cmd := exec.CommandContext(t.Context(), "sh", "-c",
		`LISTEN_PID=$$ exec "$0" -test.run '^TestSocketActivation$' -test.v`, self)
	cmd.Env = append(os.Environ(), "OCSPCACHE_TEST_CHILD=1", "LISTEN_FDS=2", "LISTEN_FDNAMES=metrics:seihon.socket")
	cmd.ExtraFiles = files
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := fmt.Sprintf("metrics=%s public=%s", addrs[0], addrs[1])
	if !strings.Contains(string(out), want) {
		t.Errorf("child says %s, want %s", out, want)
	}
}

// activated is the child: it serves on the sockets it was given.
func activated(t *testing.T) {
	s, err := NewServer(ServerConfig{Handler: http.NotFoundHandler(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("metrics=%s public=%s", s.MetricsAddr(), s.Addr())
	if err := s.closeListeners(); err != nil {
		t.Error(err)
	}
}

func TestSocketActivationOfOthers(t *testing.T) {
	t.Setenv("LISTEN_PID", "1") // inherited, but meant for another process
	t.Setenv("LISTEN_FDS", "1")
	if l, err := inheritedListeners(); err != nil || len(l) != 0 {
		t.Errorf("took over %v, %v", l, err)
	}
	t.Setenv("LISTEN_PID", fmt.Sprint(os.Getpid()))
	t.Setenv("LISTEN_FDS", "x")
	if _, err := inheritedListeners(); err == nil {
		t.Error("a broken LISTEN_FDS was taken")
	}
}
