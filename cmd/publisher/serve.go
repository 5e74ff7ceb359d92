package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/urfave/cli/v2"
	"go.opentelemetry.io/otel/trace"

	"seihon/internal/cliexit"
	"seihon/internal/sdnotify"
	"seihon/ledger"
	"seihon/ocspcache"
)

func serveCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "serve",
		Usage: "answer OCSP from pre-signed responses and serve every public name; holds no key",
		Flags: cliexit.Flags(
			&cli.StringFlag{Name: "listen", Usage: "the public `ADDRESS`; default: serve.listen"},
			&cli.StringFlag{Name: "metrics",
				Usage: "the `ADDRESS` of /metrics, /healthz and /readyz; default: serve.metrics"},
			&cli.StringFlag{Name: "tls-cert", Usage: "serve TLS with this certificate chain `FILE`"},
			&cli.StringFlag{Name: "tls-key", Usage: "and this key `FILE`"},
			&cli.IntFlag{Name: "access-log", Usage: "log one request in `N`; 0: none"},
		),
		Action: observed(now, (*host).serve),
	}
}

func (h *host) serve(c *cli.Context) error {
	if h.conf.SectionA.Strict {
		return cliexit.UsageError("section_a.strict admits static objects only; publish with layout objects instead " +
			"of running a responder")
	}
	if h.conf.Serve.Source == "" {
		return cliexit.UsageError("serve.source is empty and there is no directory target to serve")
	}
	verifier, err := h.verifier()
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	h.telemetry.Gather(registry)
	metrics := ocspcache.NewMetrics(registry)
	source, closeSource, err := h.source(c.Context, verifier, metrics)
	if err != nil {
		return err
	}
	defer closeSource()
	handler, err := ocspcache.NewHandler(ocspcache.HandlerConfig{
		Source: source, OCSPPrefix: h.conf.Serve.OCSPPath, Readiness: ocspcache.Readiness{Issuers: h.ocspIssuers()},
		CRLCadence: h.cadence(), Metrics: metrics, Now: h.now, Logger: h.logger,
	})
	if err != nil {
		return err
	}
	listen, metricsAddr := h.conf.Serve.Listen, h.conf.Serve.Metrics
	if v := c.String("listen"); v != "" {
		listen = v
	}
	if v := c.String("metrics"); v != "" {
		metricsAddr = v
	}
	server, err := ocspcache.NewServer(ocspcache.ServerConfig{
		Listen: listen, MetricsListen: metricsAddr, Gatherer: registry, Handler: h.traced(handler),
		CertFile: c.String("tls-cert"), KeyFile: c.String("tls-key"), AccessLogSample: c.Int("access-log"),
		Logger: h.logger,
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(c.App.Writer, "serving http://%s (OCSP at %s); SIGTERM or Ctrl-C ends it\n", server.Addr(),
		h.conf.Serve.OCSPPath)
	if err := sdnotify.Send(sdnotify.Ready); err != nil {
		return err
	}
	trace.SpanFromContext(c.Context).End() // the trace is of the start; the server runs for months
	go sdnotify.Watch(c.Context, func() bool { return true })
	return server.Run(c.Context)
}

// traced gives some requests a trace, where the configuration wants it.
func (h *host) traced(handler http.Handler) http.Handler {
	if h.conf.Telemetry == nil {
		return handler
	}
	return h.telemetry.Requests(handler, h.conf.Telemetry.Requests)
}

// source opens what the configuration serves: a folder, or a bucket or CDN by its URL.
func (h *host) source(ctx context.Context, v *ledger.Verifier, m *ocspcache.Metrics) (ocspcache.Source, func(), error) {
	ctx, span := span(ctx, "source")
	defer span.End()
	s := h.conf.Serve
	if s.Source.IsURL() {
		r, err := ocspcache.OpenRemote(ctx, ocspcache.RemoteConfig{
			BaseURL: string(s.Source), Issuers: h.ocspIssuers(), CacheDir: string(s.Cache),
			VerifyGeneration: verifyGeneration(v),
			Poll:             s.Poll.Std(), Aliases: h.conf.Aliases(), Metrics: m, Now: h.now, Logger: h.logger,
		})
		if err != nil {
			return nil, nil, err
		}
		return r, func() { _ = r.Close() }, nil
	}
	d, err := ocspcache.OpenDirectory(ctx, ocspcache.DirectoryConfig{
		Root: string(s.Source), VerifyGeneration: verifyGeneration(v), Poll: s.Poll.Std(), Aliases: h.conf.Aliases(),
		Metrics: m, Now: h.now, Logger: h.logger,
	})
	if err != nil {
		return nil, nil, err
	}
	return d, func() { _ = d.Close() }, nil
}

func (h *host) ocspIssuers() []string {
	var names []string
	for _, i := range h.conf.Issuers {
		if i.OCSP != nil {
			names = append(names, i.Name)
		}
	}
	return names
}
