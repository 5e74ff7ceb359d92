package ocspcache

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// Metrics counts what the responder does.
type Metrics struct{}

// NewMetrics registers the metrics with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics { return &Metrics{} }

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
