package ocspcache

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
)

// Limits of a connection. A request has a few hundred bytes, so a client that
// needs longer for one than this is broken or hostile.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = time.Minute
	maxHeaderBytes    = 16 << 10

	DefaultMaxConnections = 20_000
	DefaultDrainTimeout   = 30 * time.Second
)

// ServerConfig is everything that [Server] needs.
type ServerConfig struct {
	Listen   string       // address; ignored when Listener is set or systemd passes a socket
	Listener net.Listener // takes precedence
	// MetricsListen is the address of /metrics, /healthz and /readyz; none when
	// empty. A systemd socket named "metrics" takes precedence.
	MetricsListen string
	Gatherer      prometheus.Gatherer
	Handler       http.Handler
	// CertFile and KeyFile switch TLS on. They are read again when they change.
	// OCSP and CRL URLs are plain http, so the default is none.
	CertFile, KeyFile string
	MaxConnections    int           // 20,000 when 0
	DrainTimeout      time.Duration // for open requests at the end; 30 s when 0
	AccessLogSample   int           // log one request in so many; none when 0
	Now               func() time.Time
	Logger            *zap.Logger
}

// A Server runs a handler on an open port: with time limits, bounded headers, a
// cap on connections that gives idle ones up first, and a graceful end.
type Server struct {
	public, metrics           *http.Server
	listener, metricsListener net.Listener
	drain                     time.Duration
	logger                    *zap.Logger
}

// NewServer checks cfg and opens the listeners.
func NewServer(cfg ServerConfig) (*Server, error) {
	if cfg.Handler == nil {
		return nil, errors.New("starting OCSP server: no handler")
	}
	if (cfg.CertFile == "") != (cfg.KeyFile == "") {
		return nil, errors.New("starting OCSP server: TLS needs both a certificate file and a key file")
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.MaxConnections <= 0 {
		cfg.MaxConnections = DefaultMaxConnections
	}
	s := &Server{drain: orDefault(cfg.DrainTimeout, DefaultDrainTimeout), logger: cfg.Logger}
	if err := s.listen(cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("starting OCSP server: %w", err), s.closeListeners())
	}
	handler := cfg.Handler
	if cfg.AccessLogSample > 0 {
		handler = &accessLog{next: handler, every: uint64(cfg.AccessLogSample), now: cfg.Now,
			logger: cfg.Logger.Named("access")}
	}
	s.public = newHTTPServer(handler, cfg.Logger)
	newConnLimit(cfg.MaxConnections).attach(s.public)
	s.metrics = newHTTPServer(operations{metrics: promhttp.HandlerFor(gatherer(cfg.Gatherer), promhttp.HandlerOpts{}),
		health: cfg.Handler}, cfg.Logger)
	return s, nil
}

func gatherer(g prometheus.Gatherer) prometheus.Gatherer {
	if g == nil {
		return prometheus.NewRegistry()
	}
	return g
}

func newHTTPServer(h http.Handler, logger *zap.Logger) *http.Server {
	// net/http reports broken TLS handshakes and the like here: of interest only to
	// whoever looks for them.
	errorLog, _ := zap.NewStdLogAt(logger.Named("http"), zap.DebugLevel) // the level is valid
	return &http.Server{
		Handler: h, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes, ErrorLog: errorLog,
	}
}

// listen opens the listeners.
func (s *Server) listen(cfg ServerConfig) error {
	inherited, err := inheritedListeners()
	if err != nil {
		return err
	}
	s.listener, s.metricsListener = cfg.Listener, inherited["metrics"]
	if s.listener == nil {
		s.listener = inherited[""]
	}
	if s.listener == nil {
		if s.listener, err = net.Listen("tcp", cfg.Listen); err != nil {
			return err
		}
	}
	if cfg.CertFile != "" {
		pair, err := newKeyPair(cfg.CertFile, cfg.KeyFile, cfg.Now)
		if err != nil {
			return err
		}
		s.listener = tls.NewListener(s.listener, &tls.Config{
			MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, GetCertificate: pair.get,
		})
	}
	if s.metricsListener == nil && cfg.MetricsListen != "" {
		s.metricsListener, err = net.Listen("tcp", cfg.MetricsListen)
	}
	return err
}

func (s *Server) closeListeners() error {
	var errs []error
	for _, l := range []net.Listener{s.listener, s.metricsListener} {
		if l != nil {
			errs = append(errs, l.Close())
		}
	}
	return errors.Join(errs...)
}

// Addr returns the address that the server listens on.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// MetricsAddr returns the address of the metrics, nil when there are none.
func (s *Server) MetricsAddr() net.Addr {
	if s.metricsListener == nil {
		return nil
	}
	return s.metricsListener.Addr()
}

// Run serves until ctx ends or a listener fails, then takes no new connections
// and gives the open requests time to end.
//
// While it runs, garbage is collected at five times the live heap instead of
// twice, unless GOGC says otherwise: the responses are not on the heap, what is
// there is a few MiB, and each request would else pay a sixth more.
func (s *Server) Run(ctx context.Context) error {
	if os.Getenv("GOGC") == "" {
		defer debug.SetGCPercent(debug.SetGCPercent(400))
	}
	failed := make(chan error, 2)
	var serving sync.WaitGroup
	serving.Go(func() { failed <- s.public.Serve(s.listener) })
	if s.metricsListener != nil {
		serving.Go(func() { failed <- s.metrics.Serve(s.metricsListener) })
	}
	s.logger.Info("serving", zap.Stringer("listen", s.listener.Addr()))
	var cause error
	select {
	case <-ctx.Done():
		s.logger.Info("draining", zap.Duration("timeout", s.drain))
	case err := <-failed:
		cause = fmt.Errorf("serving OCSP: %w", err)
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.drain)
	defer cancel()
	err := s.public.Shutdown(end)
	if errors.Is(err, context.DeadlineExceeded) {
		s.logger.Warn("requests cut off at the end of draining")
		err = s.public.Close()
	}
	// The metrics go last: they show the draining.
	err = errors.Join(cause, err, s.metrics.Close())
	serving.Wait()
	return err
}

// operations serves what operators ask for, on its own port.
type operations struct{ metrics, health http.Handler }

func (o operations) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/metrics":
		o.metrics.ServeHTTP(w, r)
	case "/healthz", "/readyz":
		o.health.ServeHTTP(w, r)
	default:
		http.NotFound(w, r)
	}
}
