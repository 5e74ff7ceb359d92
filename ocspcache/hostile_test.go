package ocspcache

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// An attacked is a server under attack: whatever happens, a good request must
// still get its answer.
type attacked struct {
	*world
	addr string
}

func newAttacked(t *testing.T, maxConnections int) *attacked {
	t.Helper()
	w := newWorld(t)
	s, _ := startServer(t, ServerConfig{Handler: w.handler, MaxConnections: maxConnections, DrainTimeout: time.Second})
	return &attacked{w, s.Addr().String()}
}

// alive reports an error unless a good request gets its answer.
func (a *attacked) alive(t *testing.T) {
	t.Helper()
	good := makeRequest([]Key{a.good}, nil)
	raw := fmt.Appendf(nil, "POST /ocsp HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s", len(good), good)
	if res, body := exchange(t, a.addr, raw); res.StatusCode != 200 || !bytes.Equal(body, testResponse(a.good)) {
		t.Errorf("a good request got %d, %x", res.StatusCode, body)
	}
}

// TestShapes sends requests of odd shapes. Those that HTTP allows are answered,
// those on which two parsers could differ are refused.
func TestShapes(t *testing.T) {
	t.Parallel()
	a := newAttacked(t, 0)
	good := string(makeRequest([]Key{a.good}, nil))
	n := len(good)
	chunked := fmt.Sprintf("%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", 7, good[:7], n-7, good[7:])
	length := fmt.Sprintf("Content-Length: %d\r\n", n)
	path := getPath([]byte(good))
	for _, test := range []struct {
		name, raw string
		status    int
	}{
		{"HTTP/1.0", "POST /ocsp HTTP/1.0\r\n" + length + "\r\n" + good, 200},
		{"HTTP/1.1", "POST /ocsp HTTP/1.1\r\nHost: x\r\n" + length + "\r\n" + good, 200},
		{"no port in Host", "GET " + path + " HTTP/1.1\r\nHost: ocsp.example\r\n\r\n", 200},
		{"other Host", "GET " + path + " HTTP/1.1\r\nHost: 10.0.0.1:99\r\n\r\n", 200},
		{"HTTP/1.0 without Host", "GET " + path + " HTTP/1.0\r\n\r\n", 200},
		{"HTTP/1.1 without Host", "GET " + path + " HTTP/1.1\r\n\r\n", 400},
		{"two Hosts", "GET " + path + " HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
		{"any Content-Type",
			"POST /ocsp HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain; a=b\r\n" + length + "\r\n" + good, 200},
		{"chunked", "POST /ocsp HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked, 200},
		{"Expect", "POST /ocsp HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n" + length + "\r\n" + good, 100},
		{"other Expect", "POST /ocsp HTTP/1.1\r\nHost: x\r\nExpect: x\r\n" + length + "\r\n" + good, 417},
		{"chunked and length",
			"POST /ocsp HTTP/1.1\r\nHost: x\r\n" + length + "Transfer-Encoding: chunked\r\n\r\n" + chunked, 200},
		{"two lengths", "POST /ocsp HTTP/1.1\r\nHost: x\r\n" + length + "Content-Length: 1\r\n\r\n" + good, 400},
		{"negative length", "POST /ocsp HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n" + good, 400},
		{"plus length", "POST /ocsp HTTP/1.1\r\nHost: x\r\nContent-Length: +" + fmt.Sprint(n) + "\r\n\r\n" + good, 400},
		{"huge length", "POST /ocsp HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775807\r\n\r\n" + good, 200},
		{"length beyond 64 bits",
			"POST /ocsp HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n" + good, 400},
		{"other coding", "POST /ocsp HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" + chunked, 501},
		{"space before colon",
			"POST /ocsp HTTP/1.1\r\nHost: x\r\nContent-Length : " + fmt.Sprint(n) + "\r\n\r\n" + good, 400},
		{"folded header", "POST /ocsp HTTP/1.1\r\nHost: x\r\n folded\r\n" + length + "\r\n" + good, 400},
		{"NUL in header", "GET " + path + " HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n", 400},
		{"bad chunk", "POST /ocsp HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 200},
		{"space in target", "GET /ocsp/M AA HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		{"bad escape", "GET /ocsp/M%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 405},
		{"HTTP/3", "GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505},
		{"no HTTP", "hello\r\n\r\n", 400},
		{"star", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 200},
		{"long target", "GET /ocsp/" + strings.Repeat("M", 15<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", 200},
		{"longer target", "GET /ocsp/" + strings.Repeat("M", 64<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", 431},
		{"many headers", "GET " + path + " HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("A: b\r\n", 8<<10) + "\r\n", 431},
	} {
		res, body := exchange(t, a.addr, []byte(test.raw))
		if res.StatusCode != test.status {
			t.Errorf("%s: %d, want %d: %q", test.name, res.StatusCode, test.status, body)
		}
		if res.StatusCode == 200 && len(body) > 5 && !bytes.Equal(body, testResponse(a.good)) {
			t.Errorf("%s: wrong answer %x", test.name, body)
		}
	}
	a.alive(t)
}

// TestPipelinedRequests sends several requests at once, with a body that looks
// like a request: answers come in order, and the body stays a body.
func TestPipelinedRequests(t *testing.T) {
	t.Parallel()
	a := newAttacked(t, 0)
	good := string(makeRequest([]Key{a.good}, nil))
	inner := "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	raw := fmt.Sprintf("POST /ocsp HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(inner), inner) +
		fmt.Sprintf("POST /ocsp HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(good), good)
	// A malformed request may end the connection; what must not be is an answer to
	// the inner request.
	conn, err := net.Dial("tcp", a.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	for i := range 2 {
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			if i == 1 {
				break
			}
			t.Fatal(err)
		}
		if body := bodyOf(t, res); bytes.Contains(body, []byte("ok")) || i == 0 && !bytes.Equal(body, bodyMalformed) ||
			i == 1 && !bytes.Equal(body, testResponse(a.good)) {
			t.Errorf("answer %d is %q", i, body)
		}
	}
	a.alive(t)
}

// TestRandomBytes throws noise at the port and at the decoders.
func TestRandomBytes(t *testing.T) {
	t.Parallel()
	a := newAttacked(t, 0)
	random := mathrand.New(mathrand.NewPCG(1, 2))
	noise := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	for range 100 {
		conn, err := net.Dial("tcp", a.addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write(noise(random.IntN(4096)))
		_ = conn.Close()
	}
	for range 3000 {
		body := noise(random.IntN(300))
		if random.IntN(2) == 0 { // a good request with a few changed bytes
			body = makeRequest([]Key{a.good}, nil)
			for range 1 + random.IntN(3) {
				body[random.IntN(len(body))] = byte(random.Uint32())
			}
		}
		res := a.do("POST", "/ocsp", body)
		got := bodyOf(t, res)
		if res.StatusCode != 200 {
			t.Fatalf("%x: status %d", body, res.StatusCode)
		}
		if bytes.Equal(got, testResponse(a.good)) {
			if q, err := ParseRequest(body); err != nil || !q.Key.equal(a.good) {
				t.Fatalf("%x got the answer for another certificate", body)
			}
		} else if len(got) != 5 {
			t.Fatalf("%x got %x", body, got)
		}
	}
	a.alive(t)
}

// TestIdleCrowd opens more connections than are allowed and lets them idle: new
// clients are served all the same, and memory stays bounded.
func TestIdleCrowd(t *testing.T) {
	const crowd, most = 1200, 300
	a := newAttacked(t, most)
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
			t.Fatal(err)
		}
		conns = append(conns, conn)
		if i%100 == 99 {
			a.alive(t)
		}
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapInuse) - int64(before.HeapInuse); grown > 64<<20 {
		t.Errorf("%d connections took %d MiB of heap", crowd, grown>>20)
	}
	closed := 0
	for _, c := range conns {
		_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
		if _, err := c.Read(make([]byte, 1)); err == io.EOF || err != nil && strings.Contains(err.Error(), "reset") {
			closed++
		}
	}
	if closed < crowd-most-50 {
		t.Errorf("%d of %d idle connections were given up, the limit is %d", closed, crowd, most)
	}
	a.alive(t)
}

func TestConnLimit(t *testing.T) {
	t.Parallel()
	limit := newConnLimit(2)
	pipe := func() net.Conn { a, _ := net.Pipe(); return a }
	open := func(c *tracked) bool {
		limit.mu.Lock()
		defer limit.mu.Unlock()
		return limit.all[c.conn] == c
	}
	a := limit.add(pipe())
	a.busy.Store(true)
	b := limit.add(pipe())
	c := limit.add(pipe())
	if open(b) || !open(a) || !open(c) {
		t.Error("the waiting connection is not the one to go")
	}
	c.busy.Store(true)
	limit.rest(a)
	d := limit.add(pipe())
	if open(a) || !open(c) || !open(d) {
		t.Error("the connection that waits again is not the one to go")
	}
	d.busy.Store(true)
	e := limit.add(pipe())
	if open(e) || !open(c) || !open(d) {
		t.Error("with all others at work the new connection is not the one to go")
	}
	if _, err := e.conn.Write([]byte{1}); err == nil {
		t.Error("a connection that was given up is open")
	}
	limit.remove(c.conn)
	limit.remove(d.conn)
	if len(limit.all) != 0 {
		t.Errorf("%d connections are left", len(limit.all))
	}
}
