package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"seihon/verify/status"
)

func testServer(t *testing.T, find func(context.Context) (*status.Status, error)) *Server {
	t.Helper()
	s, err := NewServer(Config{Listen: "127.0.0.1:0", Names: []string{"shift.example"}, Refresh: 30 * time.Second,
		Status: find, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.listener.Close() })
	return s
}

func good(context.Context) (*status.Status, error) { return rich(), nil }

func ask(s *Server, method, url, host, accepts string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, url, nil)
	r.Host = host
	if accepts != "" {
		r.Header.Set("Accept-Language", accepts)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// TestServerAnswersWhatItIsFor goes through wrong requests and right ones.
func TestServerAnswersWhatItIsFor(t *testing.T) {
	t.Parallel()
	s := testServer(t, good)
	for _, c := range []struct {
		method, url, host, accepts string
		code                       int
		want                       string
	}{
		{"GET", "/", "127.0.0.1:8079", "", 200, `lang="en"`},
		{"GET", "/", "127.0.0.1:8079", "ja-JP,en;q=0.8", 200, `lang="ja"`},
		{"GET", "/?lang=en", "localhost:8079", "ja", 200, `lang="en"`},
		{"GET", "/?lang=ja&refresh=off", "[::1]:8079", "", 200, "更新は止めてある"},
		{"HEAD", "/", "SHIFT.example", "", 200, ""},
		{"GET", "/metrics", "shift.example:80", "", 200, "seihon_log_entries 12\n"},
		{"GET", "/", "evil.example", "", 421, "--name"},
		{"GET", "/", "127.0.0.1.evil.example", "", 421, "--name"},
		{"GET", "/", "", "", 421, "--name"},
		{"POST", "/", "127.0.0.1", "", 405, "only GET and HEAD"},
		{"DELETE", "/status.json", "127.0.0.1", "", 405, "only GET and HEAD"},
		{"GET", "/?lang=fr", "127.0.0.1", "", 400, "must be ja or en"},
		{"GET", "/?refresh=1", "127.0.0.1", "", 400, "must be off"},
		{"GET", "/?x=1", "127.0.0.1", "", 400, "no setting"},
		{"GET", "/../etc/passwd", "127.0.0.1", "", 404, "/status.json"},
	} {
		w := ask(s, c.method, c.url, c.host, c.accepts)
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s %s of %q: %d %.120s; want %d with %q", c.method, c.url, c.host, w.Code, w.Body, c.code, c.want)
		}
		if w.Header().Get("Set-Cookie") != "" ||
			!strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") ||
			w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s: headers %v", c.method, c.url, w.Header())
		}
	}
	if got := ask(s, "GET", "/", "127.0.0.1", "").Header().Get("Refresh"); got != "30" {
		t.Errorf("Refresh is %q", got)
	}
	if got := ask(s, "GET", "/?refresh=off", "127.0.0.1", "").Header().Get("Refresh"); got != "" {
		t.Errorf("stopped, Refresh is %q", got)
	}
	var back status.Status
	if err := json.Unmarshal(ask(s, "GET", "/status.json", "127.0.0.1", "").Body.Bytes(), &back); err != nil ||
		back.Size != 12 {
		t.Errorf("status.json: %v, %+v", err, back)
	}
}

// TestServerSaysThatItDoesNotKnow has a status that cannot be found out: the page is there all the same.
func TestServerSaysThatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	calls := 0
	s := testServer(t, func(context.Context) (*status.Status, error) {
		calls++
		return nil, errors.New("the master log is gone")
	})
	for _, path := range []string{"/?lang=ja", "/status.json", "/metrics"} {
		if w := ask(s, "GET", path, "127.0.0.1", ""); w.Code != 503 ||
			!strings.Contains(w.Body.String(), "the master log is gone") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if calls != 1 {
		t.Errorf("it was found out %d times within a moment", calls)
	}
}

// TestCheckListen wants no other machine to see the page unless it is said.
func TestCheckListen(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{"127.0.0.1:80": true, "[::1]:80": true, "localhost:0": true,
		"127.9.9.9:1": true,
		":80":         false, "0.0.0.0:80": false, "[::]:80": false, "192.0.2.1:80": false, "example.org:80": false,
		"127.0.0.1": false, "": false} {
		if err := CheckListen(address, false); (err == nil) != want {
			t.Errorf("%q: %v", address, err)
		}
	}
	if err := CheckListen("0.0.0.0:80", true); err != nil {
		t.Error(err)
	}
}

// TestRunEndsWithItsContext serves one page over the network, and ends without an error.
func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := testServer(t, good)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	resp, err := http.Get("http://" + s.Addr() + "/")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("status %s", resp.Status)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := NewServer(Config{Listen: "192.0.2.1:80"}); !errors.Is(err, ErrRemote) {
		t.Errorf("a remote address: %v", err)
	}
}
