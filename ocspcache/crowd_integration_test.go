//go:build integration

package ocspcache

import (
	"io"
	"net"
	"runtime"
	"testing"
	"time"
)

// TestTenThousandIdle lets 10,000 connections idle beside good requests.
func TestTenThousandIdle(t *testing.T) {
	const crowd = 10_000
	a := newAttacked(t, 0)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	conns := make([]net.Conn, 0, crowd)
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	for i := range crowd {
		conn, err := net.Dial("tcp", a.addr)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		conns = append(conns, conn)
		if i%1000 == 999 {
			a.alive(t)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	grown := int64(after.Sys) - int64(before.Sys)
	t.Logf("%d idle connections, both ends in this process, take %d MiB", crowd, grown>>20)
	if grown > 512<<20 {
		t.Errorf("%d idle connections take %d MiB", crowd, grown>>20)
	}
	a.alive(t)
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
