//go:build unix

package sdnotify

import (
	"context"
	"net"
	"path/filepath"
	"testing"
	"time"
)

func TestSendAndWatch(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Setenv("NOTIFY_SOCKET", name)
	t.Setenv("WATCHDOG_USEC", "20000")
	read := func() string {
		b := make([]byte, 64)
		if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	if err := Send(Ready); err != nil {
		t.Fatal(err)
	}
	if got := read(); got != Ready {
		t.Errorf("systemd is told %q, want %q", got, Ready)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); Watch(ctx, func() bool { return true }) }()
	if got := read(); got != alive {
		t.Errorf("the watchdog is told %q, want %q", got, alive)
	}
	cancel()
	<-done
}

func TestNobodyAsked(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "")
	if err := Send(Ready); err != nil {
		t.Error(err)
	}
	Watch(t.Context(), nil) // returns at once
}
