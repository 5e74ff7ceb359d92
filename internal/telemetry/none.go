//go:build nocloud

package telemetry

import (
	"context"
	"errors"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
)

// Telemetry is always nil in this build: nothing is pushed anywhere.
type Telemetry struct{}

// Start refuses: the exporters were left out, since their gRPC stubs are a fifth of the binary.
func Start(context.Context, Config) (*Telemetry, error) {
	return nil, errors.New("this publisher was built without exporters (nocloud)")
}

// Tracer begins spans that nobody sees.
func (*Telemetry) Tracer() trace.Tracer { return noop.NewTracerProvider().Tracer("") }

// Log returns the configured logger.
func (*Telemetry) Log(_ context.Context, base *zap.Logger) *zap.Logger { return base }

// Stop has nothing to push.
func (*Telemetry) Stop(context.Context) {}

// Gather forgets the registry: Prometheus asks it itself.
func (*Telemetry) Gather(prometheus.Gatherer) {}

// Textfile forgets the figures: node_exporter reads them.
func (*Telemetry) Textfile([]byte) error { return nil }

// Requests traces none.
func (*Telemetry) Requests(next http.Handler, _ int) http.Handler { return next }
