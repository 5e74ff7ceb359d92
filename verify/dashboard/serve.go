package dashboard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"seihon/verify/status"
)

// Limits of a request. The page is for a few people on this machine.
const (
	requestTimeout = 5 * time.Second
	statusTimeout  = time.Minute
	statusAge      = 2 * time.Second // within which a status is not found out again
	drainTimeout   = 5 * time.Second
)

// A Config is what a Server needs.
type Config struct {
	Listen  string   // host and port; the host must be of this machine alone unless Remote is set
	Remote  bool     // let other machines see the page
	Names   []string // further host names by which browsers may ask
	Lang    string   // when the browser does not say; empty: English
	Refresh time.Duration
	Status  func(context.Context) (*status.Status, error)
	Now     func() time.Time
	Logger  *zap.Logger
}

// ErrRemote says that an address is not of this machine alone.
var ErrRemote = errors.New("other machines can reach it, and the page asks nobody who they are")

// CheckListen wants an address with a port, and that no other machine can reach it.
func CheckListen(address string, remote bool) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "" {
		return fmt.Errorf("%q is no address with a port, such as 127.0.0.1:8079", address)
	}
	if remote || host == "localhost" {
		return nil
	}
	if ip, err := netip.ParseAddr(host); err != nil || !ip.IsLoopback() {
		return fmt.Errorf("%q: %w", address, ErrRemote)
	}
	return nil
}

// A Server shows the page. It answers GET and HEAD, changes nothing and keeps no session.
type Server struct {
	config   Config
	listener net.Listener

	mu     sync.Mutex
	status *status.Status
	err    error
	found  time.Time // when status and err were found out
}

// NewServer opens the port.
func NewServer(c Config) (*Server, error) {
	if err := CheckListen(c.Listen, c.Remote); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("opening %s for the page: %w", c.Listen, err)
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	return &Server{config: c, listener: l}, nil
}

// Addr is where the page is.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	server := &http.Server{Handler: s, ReadHeaderTimeout: requestTimeout, ReadTimeout: requestTimeout,
		WriteTimeout: statusTimeout + requestTimeout, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10, BaseContext: func(net.Listener) context.Context { return ctx }}
	done := make(chan error, 1)
	go func() { done <- server.Serve(s.listener) }()
	select {
	case err := <-done:
		return fmt.Errorf("serving the page: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		return errors.Join(fmt.Errorf("ending the page: %w", err), server.Close())
	}
	return nil
}

// headers are the same on every answer: nothing but the page's own style, in no frame, kept nowhere.
var headers = map[string]string{
	"Content-Security-Policy":      stylePolicy + "; frame-ancestors 'none'",
	"X-Content-Type-Options":       "nosniff",
	"Referrer-Policy":              "no-referrer",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Cache-Control":                "no-store",
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, value := range headers {
		w.Header().Set(name, value)
	}
	switch {
	case !s.asksForUs(r.Host):
		// A page of somebody else, whose name was made to point here, must not read this one (DNS rebinding).
		http.Error(w, "this server is not called that: ask for it by its address, or start it with --name",
			http.StatusMisdirectedRequest)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD: this page changes nothing", http.StatusMethodNotAllowed)
		return
	}
	switch r.URL.Path {
	case "/":
		s.page(w, r)
	case "/status.json":
		s.data(w, r, "application/json", (*status.Status).WriteJSON)
	case "/metrics":
		s.data(w, r, "text/plain; version=0.0.4; charset=utf-8", (*status.Status).WritePrometheus)
	default:
		http.Error(w, "there are /, /status.json and /metrics", http.StatusNotFound)
	}
}

// asksForUs accepts an address written in numbers, which no name service can turn elsewhere, localhost, and the
// configured names.
func (s *Server) asksForUs(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(name, "]"), "["), "."))
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return name == "localhost" ||
		slices.ContainsFunc(s.config.Names, func(n string) bool { return strings.EqualFold(n, name) })
}

// current finds the status out, or gives the one that was found out just before.
func (s *Server) current(ctx context.Context) (*status.Status, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if age := s.config.Now().Sub(s.found); !s.found.IsZero() && age >= 0 && age < statusAge {
		return s.status, s.err
	}
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	current, err := s.config.Status(ctx)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) { // who asked went away
		return current, err
	}
	if err != nil && (s.err == nil || err.Error() != s.err.Error()) {
		s.config.Logger.Warn("the status could not be found out", zap.Error(err))
	}
	s.status, s.err, s.found = current, err, s.config.Now()
	return current, err
}

// page shows the page, in the language that was asked for.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	lang, refresh, err := s.view(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	current, err := s.current(r.Context())
	p := Page{Status: current, Err: err, Made: s.config.Now(), Lang: lang,
		Links: &Links{Refresh: refresh, Every: s.config.Refresh}}
	if err != nil {
		p.Status = nil
	}
	var b bytes.Buffer
	if err := p.WriteHTML(&b); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if refresh > 0 {
		w.Header().Set("Refresh", fmt.Sprint(int(refresh/time.Second)))
	}
	w.Header().Set("Content-Language", lang)
	w.Header().Set("Vary", "Accept-Language")
	answer(w, err, "text/html; charset=utf-8", b.Bytes())
}

// view reads what the query asks for.
func (s *Server) view(r *http.Request) (lang string, refresh time.Duration, err error) {
	q := r.URL.Query()
	for name := range q {
		if name != "lang" && name != "refresh" {
			return "", 0, fmt.Errorf("%q is no setting of this page: there are lang=ja, lang=en and refresh=off", name)
		}
	}
	lang, refresh = s.config.Lang, s.config.Refresh
	switch v := q.Get("lang"); v {
	case "":
		if lang == "" {
			lang = preferred(r.Header.Get("Accept-Language"))
		}
	case Japanese, English:
		lang = v
	default:
		return "", 0, fmt.Errorf("lang is %q, must be ja or en", v)
	}
	switch v := q.Get("refresh"); v {
	case "":
	case "off":
		refresh = 0
	default:
		return "", 0, fmt.Errorf("refresh is %q, must be off", v)
	}
	return lang, refresh, nil
}

// preferred is the first of the two languages that a browser names.
func preferred(accepts string) string {
	for _, part := range strings.Split(accepts, ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		tag, _, _ = strings.Cut(strings.ToLower(tag), "-")
		if tag == Japanese || tag == English {
			return tag
		}
	}
	return English
}

// data gives the status to programs.
func (s *Server) data(w http.ResponseWriter, r *http.Request, kind string,
	write func(*status.Status, io.Writer) error) {
	current, err := s.current(r.Context())
	var b bytes.Buffer
	if err == nil {
		err = write(current, &b)
	}
	if err != nil {
		kind = "text/plain; charset=utf-8"
		b.Reset()
		fmt.Fprintln(&b, err)
	}
	answer(w, err, kind, b.Bytes())
}

// answer writes a body: with 503 when the status is not known.
func answer(w http.ResponseWriter, err error, kind string, body []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = w.Write(body) // who asked went away
}
