//go:build !nocloud

package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/contrib/bridges/otelzap"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// warnEvery is the least time between two lines about a collector that does not take what it is sent.
const warnEvery = time.Hour

// Telemetry is what one process pushes. See the package comment for nil.
type Telemetry struct {
	traces  *sdktrace.TracerProvider
	meters  *sdkmetric.MeterProvider
	logs    *sdklog.LoggerProvider
	figures figures
	client  *http.Client

	endpoint string
	secrets  []string
	logger   *zap.Logger
	now      func() time.Time

	mu     sync.Mutex
	warned time.Time
}

// Start sets up the SDK. It connects to nobody yet.
func Start(ctx context.Context, c Config) (*Telemetry, error) {
	t := &Telemetry{endpoint: c.Endpoint, logger: c.Logger, now: c.Now, client: newClient()}
	for _, secret := range c.Headers {
		t.secrets = append(t.secrets, secret)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(t.warn))
	about := about(c)
	for _, signal := range c.Signals {
		var err error
		switch signal {
		case "traces":
			err = t.startTraces(ctx, c, about)
		case "metrics":
			err = t.startMetrics(ctx, c, about)
		case "logs":
			err = t.startLogs(ctx, c, about)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("setting up telemetry for %s: %w", signal, err), t.shutdown(ctx))
		}
	}
	return t, nil
}

// about describes this process to the collector.
func about(c Config) *resource.Resource {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return resource.NewSchemaless(
		attribute.String("service.name", c.Service), attribute.String("service.version", c.Version),
		attribute.String("service.namespace", c.Repository), attribute.String("service.instance.id", host),
		attribute.String("host.name", host),
	)
}

// Tracer begins the span that others are begun below.
func (t *Telemetry) Tracer() trace.Tracer {
	if t == nil || t.traces == nil {
		return noop.NewTracerProvider().Tracer("")
	}
	return t.traces.Tracer("seihon")
}

// Log returns the configured logger with a second way for each of its lines: to the collector, under the span that ctx
// carries.
func (t *Telemetry) Log(ctx context.Context, base *zap.Logger) *zap.Logger {
	if t == nil || t.logs == nil {
		return base
	}
	// The bridge takes a context from a field and does not write it.
	carried := zapcore.Field{Key: "context", Type: zapcore.SkipType, Interface: ctx}
	bridge := otelzap.NewCore("seihon", otelzap.WithLoggerProvider(t.logs)).With([]zapcore.Field{carried})
	return base.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		pushed, err := zapcore.NewIncreaseLevelCore(bridge, core)
		if err != nil { // the bridge takes every level, so core cannot ask for less
			return core
		}
		return zapcore.NewTee(core, pushed)
	}))
}

// Stop pushes what is left, all signals at once, and ends. It takes [FlushTimeout] at most.
func (t *Telemetry) Stop(ctx context.Context) {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), FlushTimeout)
	defer cancel()
	if err := t.shutdown(ctx); err != nil {
		t.warn(err)
	}
}

func (t *Telemetry) shutdown(ctx context.Context) error {
	var providers []interface{ Shutdown(context.Context) error }
	if t.traces != nil {
		providers = append(providers, t.traces)
	}
	if t.meters != nil {
		providers = append(providers, t.meters)
	}
	if t.logs != nil {
		providers = append(providers, t.logs)
	}
	errs := make([]error, len(providers))
	var wg sync.WaitGroup
	for i, p := range providers {
		wg.Go(func() { errs[i] = p.Shutdown(ctx) })
	}
	wg.Wait()
	t.client.CloseIdleConnections()
	return errors.Join(errs...)
}

// warn says that something was not delivered, once an hour at most. It goes to the local log alone: the collector is
// what is broken. A collector may repeat the request in its answer, so that the headers are taken out of it.
func (t *Telemetry) warn(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := t.now(); t.warned.IsZero() || now.Sub(t.warned) >= warnEvery {
		t.warned = now
		t.logger.Warn("telemetry was not delivered; the work goes on without it", zap.String("endpoint", t.endpoint),
			zap.String("err", t.redact(err)))
	}
}

// maxWarning bounds what a collector can write into the log.
const maxWarning = 300

func (t *Telemetry) redact(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	for _, secret := range slices.Backward(slices.SortedFunc(slices.Values(t.secrets),
		func(a, b string) int { return len(a) - len(b) })) {
		text = strings.ReplaceAll(text, strings.Join(strings.Fields(secret), " "), "[header]")
	}
	if len(text) > maxWarning {
		text = strings.ToValidUTF8(text[:maxWarning], "") + "…"
	}
	return text
}
