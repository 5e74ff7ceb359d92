package ocspcache

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

var errOutline = errors.New("not written yet")

// ServerConfig is everything that [Server] needs. Zero durations and sizes mean
// the documented defaults.
type ServerConfig struct {
	Listen          string       // address, ignored when Listener is set
	Listener        net.Listener // nil: systemd's socket when there is one, else Listen
	MetricsListen   string       // address of /metrics, /healthz, /readyz; "" for none
	Gatherer        prometheus.Gatherer
	Handler         http.Handler
	CertFile        string // with KeyFile: TLS
	KeyFile         string
	MaxConnections  int
	DrainTimeout    time.Duration
	AccessLogSample int // log one request in n; 0 for none
	Logger          *zap.Logger
}

// A Server runs a handler with the limits that an open port needs.
type Server struct{ cfg ServerConfig }

// NewServer checks cfg and opens the listeners.
func NewServer(cfg ServerConfig) (*Server, error) { return nil, errOutline }

// Addr returns the address that the server listens on.
func (s *Server) Addr() net.Addr { return nil }

// Run serves until ctx ends, then drains the open requests.
func (s *Server) Run(ctx context.Context) error { return errOutline }

// RemoteConfig says where a [Remote] finds its objects.
type RemoteConfig struct {
	BaseURL          string   // of the bucket or CDN
	Issuers          []string // names of the generations to follow
	CacheDir         string
	VerifyGeneration func(body, proof []byte) error
	Poll             time.Duration
	Client           *http.Client
	Metrics          *Metrics
	Now              func() time.Time
	Logger           *zap.Logger
}

// A Remote is the source that follows an HTTP base URL.
type Remote struct{ Source }

// OpenRemote opens the cache and starts to follow the base URL.
func OpenRemote(ctx context.Context, cfg RemoteConfig) (*Remote, error) { return nil, errOutline }
