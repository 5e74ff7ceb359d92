//go:build integration

package ocspcache

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"
)

const crowd = 10_000

// TestTenThousandIdle lets 10,000 connections idle beside good requests. Their
// other ends are in a child, so that neither process needs more files than that.
func TestTenThousandIdle(t *testing.T) {
	if addr := os.Getenv("OCSPCACHE_TEST_CROWD"); addr != "" {
		idle(t, addr)
		return
	}
	a := newAttacked(t, 0)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run", "^TestTenThousandIdle$")
	cmd.Env = append(os.Environ(), "OCSPCACHE_TEST_CROWD="+a.addr)
	cmd.Stderr = os.Stderr
	leave, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "here\n" {
		t.Fatalf("crowd says %q, %v", line, err)
	}
	a.alive(t)
	runtime.GC()
	runtime.ReadMemStats(&after)
	grown := int64(after.Sys) - int64(before.Sys)
	t.Logf("%d idle connections take %d MiB", crowd, grown>>20)
	if grown > 256<<20 {
		t.Errorf("%d idle connections take %d MiB", crowd, grown>>20)
	}
	a.alive(t)
	if err := leave.Close(); err != nil {
		t.Error(err)
	}
	_, _ = io.Copy(io.Discard, out) // the child's test report
	if err := cmd.Wait(); err != nil {
		t.Errorf("crowd: %v", err)
	}
	a.alive(t)
}

// idle is the child: it connects, says so, and stays until its input ends.
func idle(t *testing.T, addr string) {
	conns := make([]net.Conn, 0, crowd)
	for i := range crowd {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		conns = append(conns, conn)
	}
	fmt.Println("here")
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent closes it
	for _, c := range conns {
		_ = c.Close()
	}
}

// TestSlowloris sends headers and bodies a byte at a time: the server gives such
// clients up, and serves others meanwhile.
func TestSlowloris(t *testing.T) {
	a := newAttacked(t, 0)
	start := time.Now()
	const slow = 200
	ended := make(chan time.Duration, 2*slow)
	for _, head := range []string{"GET /ocsp/M", "POST /ocsp HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n"} {
		for range slow {
			conn, err := net.Dial("tcp", a.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, head); err != nil {
				t.Fatal(err)
			}
			go func() {
				for {
					if _, err := conn.Write([]byte{'M'}); err != nil {
						break
					}
					time.Sleep(250 * time.Millisecond)
				}
				ended <- time.Since(start)
			}()
		}
	}
	for range 2 * slow {
		select {
		case took := <-ended:
			if took > readTimeout+5*time.Second {
				t.Errorf("a slow client was kept for %v", took)
			}
		case <-time.After(readTimeout + 10*time.Second):
			t.Fatal("a slow client is still being served")
		case <-time.Tick(time.Second):
			a.alive(t)
		}
	}
	a.alive(t)
}
