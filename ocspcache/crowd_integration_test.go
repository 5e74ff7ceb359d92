//go:build integration

package ocspcache

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
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
	here, leave := sendCrowd(t, a.addr, crowd, "")
	if err := <-here; err != nil {
		t.Fatal(err)
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
	if err := leave(); err != nil {
		t.Errorf("crowd: %v", err)
	}
	a.alive(t)
}

// idle is the child: it connects, sends the beginning of a request if it is told one, says that it is there, and stays
// until its input ends.
func idle(t *testing.T, addr string) {
	size, begins := crowd, os.Getenv("OCSPCACHE_TEST_CROWD_SENDS")
	if n, err := strconv.Atoi(os.Getenv("OCSPCACHE_TEST_CROWD_SIZE")); err == nil {
		size = n
	}
	conns := make([]net.Conn, 0, size)
	for i := range size {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		if _, err := io.WriteString(conn, begins); err != nil && begins == "" {
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

// perSlow bounds what one connection costs that sends a large header, or a body, and never its end. The garbage of five
// times the live heap that Server.Run allows is in it.
const perSlow = 96 << 10

// TestSlowCrowd has a crowd begin requests that never end. Good requests are answered meanwhile, what a connection
// costs has a limit, and all of them are given up in time. OCSPCACHE_TEST_SLOW asks for a larger crowd.
func TestSlowCrowd(t *testing.T) {
	size := 1500
	if n, err := strconv.Atoi(os.Getenv("OCSPCACHE_TEST_SLOW")); err == nil {
		size = n
	}
	for what, begins := range map[string]string{
		"headers": "GET /ocsp/M HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 12<<10),
		"bodies":  "POST /ocsp HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n" + strings.Repeat("x", 8000),
	} {
		a := newAttacked(t, 0)
		runtime.GC()
		before := inUse()
		here, leave := sendCrowd(t, a.addr, size, begins)
		peak, there := uint64(0), false
		for !there {
			select {
			case err := <-here:
				if there = true; err != nil {
					t.Fatal(err)
				}
			case <-time.After(20 * time.Millisecond):
			}
			peak = max(peak, inUse())
			a.alive(t)
		}
		arrived := time.Now()
		for runtime.NumGoroutine() > 100 && time.Since(arrived) < readTimeout+10*time.Second {
			peak = max(peak, inUse())
			time.Sleep(20 * time.Millisecond)
		}
		if n := runtime.NumGoroutine(); n > 100 {
			t.Errorf("slow %s: %d goroutines are left %s after the last connection", what, n, time.Since(arrived))
		}
		grown := max(peak, before) - before
		t.Logf("%d slow %s: %d MiB at most, %d KiB for one, all gone %s after the last came", size, what, grown>>20,
			grown>>10/uint64(size), time.Since(arrived).Round(time.Second))
		if grown > 16<<20+uint64(size)*perSlow {
			t.Errorf("%d slow %s take %d MiB", size, what, grown>>20)
		}
		a.alive(t)
		_ = leave() // its connections were closed, as they should be
	}
}

// sendCrowd starts the child; here gets an answer when all of its connections are there. leave ends it, and says how it
// ended.
func sendCrowd(t *testing.T, addr string, size int, begins string) (here chan error, leave func() error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run", "^TestTenThousandIdle$")
	cmd.Env = append(os.Environ(), "OCSPCACHE_TEST_CROWD="+addr, "OCSPCACHE_TEST_CROWD_SIZE="+strconv.Itoa(size),
		"OCSPCACHE_TEST_CROWD_SENDS="+begins)
	in, err := cmd.StdinPipe()
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
	here = make(chan error, 1)
	said := bufio.NewReader(out)
	go func() {
		line, err := said.ReadString('\n')
		if err == nil && line != "here\n" {
			err = fmt.Errorf("the crowd says %q", line)
		}
		here <- err
	}()
	return here, func() error {
		err := in.Close()
		_, _ = io.Copy(io.Discard, said) // the child's test report
		return errors.Join(err, cmd.Wait())
	}
}

// inUse is the memory in heap and stacks.
func inUse() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
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
