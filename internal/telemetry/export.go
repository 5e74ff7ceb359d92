//go:build !nocloud

package telemetry

import (
	"context"
	"net/http"
	"time"

	prombridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"seihon/internal/redirect"
)

// newClient makes the client of all exporters. It follows no redirect: the headers are for the configured host only.
// Nothing is tried twice: at the end of a cron job there is no time for it.
func newClient() *http.Client {
	return &http.Client{
		Timeout: FlushTimeout,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 4, IdleConnTimeout: 2 * time.Minute,
			TLSHandshakeTimeout: FlushTimeout, ForceAttemptHTTP2: true,
		},
		CheckRedirect: redirect.None,
	}
}

func (t *Telemetry) startTraces(ctx context.Context, c Config, about *resource.Resource) error {
	exporter, err := otlptracehttp.New(ctx,
		otlptracehttp.WithEndpointURL(c.Endpoint+"/v1/traces"), otlptracehttp.WithHeaders(c.Headers),
		otlptracehttp.WithHTTPClient(t.client), otlptracehttp.WithRetry(otlptracehttp.RetryConfig{}))
	if err != nil {
		return err
	}
	t.traces = sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithSampler(ownSpans{}),
		sdktrace.WithBatcher(exporter, sdktrace.WithExportTimeout(FlushTimeout)))
	return nil
}

func (t *Telemetry) startMetrics(ctx context.Context, c Config, about *resource.Resource) error {
	exporter, err := otlpmetrichttp.New(ctx,
		otlpmetrichttp.WithEndpointURL(c.Endpoint+"/v1/metrics"), otlpmetrichttp.WithHeaders(c.Headers),
		otlpmetrichttp.WithHTTPClient(t.client), otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{}))
	if err != nil {
		return err
	}
	reader := sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithInterval(c.Interval),
		sdkmetric.WithTimeout(FlushTimeout),
		sdkmetric.WithProducer(prombridge.NewMetricProducer(prombridge.WithGatherer(&t.figures))))
	t.meters = sdkmetric.NewMeterProvider(sdkmetric.WithResource(about), sdkmetric.WithReader(reader))
	return nil
}

func (t *Telemetry) startLogs(ctx context.Context, c Config, about *resource.Resource) error {
	exporter, err := otlploghttp.New(ctx,
		otlploghttp.WithEndpointURL(c.Endpoint+"/v1/logs"), otlploghttp.WithHeaders(c.Headers),
		otlploghttp.WithHTTPClient(t.client), otlploghttp.WithRetry(otlploghttp.RetryConfig{}))
	if err != nil {
		return err
	}
	t.logs = sdklog.NewLoggerProvider(sdklog.WithResource(about),
		sdklog.WithProcessor(sdklog.NewBatchProcessor(exporter, sdklog.WithExportTimeout(FlushTimeout))))
	return nil
}

// ownSpans keeps the spans of this module. Those that cloud SDKs begin, one for each request, are as many as there are
// objects.
type ownSpans struct{}

func (ownSpans) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	decision := sdktrace.RecordAndSample
	if p.Kind == trace.SpanKindClient {
		decision = sdktrace.Drop
	}
	return sdktrace.SamplingResult{Decision: decision,
		Tracestate: trace.SpanContextFromContext(p.ParentContext).TraceState()}
}

func (ownSpans) Description() string { return "spans of seihon, none for each request" }
