package main

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"seihon/internal/cliexit"
	"seihon/internal/telemetry"
)

// observed makes a command's action of what it does on the host, and lets a collector see it where the configuration
// names one.
func observed(now func() time.Time, do func(*host, *cli.Context) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		h, err := open(c, now)
		if err != nil {
			return err
		}
		if h.conf.Telemetry == nil || c.Bool("offline") {
			return do(h, c)
		}
		h.telemetry = h.startTelemetry(c)
		defer h.telemetry.Stop(c.Context)
		ctx, span := h.telemetry.Tracer().Start(c.Context, "publisher "+c.Command.Name)
		defer span.End()
		c.Context, h.logger = ctx, h.telemetry.Log(ctx, h.logger)
		err = do(h, c)
		span.SetAttributes(attribute.Int("exit_code", cliexit.Code(err)))
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		return err
	}
}

// startTelemetry goes on without when it cannot: to publish comes before to tell of it.
func (h *host) startTelemetry(c *cli.Context) *telemetry.Telemetry {
	conf := h.conf.Telemetry
	var headers map[string]string
	var err error
	switch {
	case conf.HeadersFile != "":
		headers, err = telemetry.FileHeaders(string(conf.HeadersFile))
	case conf.HeadersCredential != "":
		headers, err = telemetry.CredentialHeaders(conf.HeadersCredential)
	}
	var t *telemetry.Telemetry
	if err == nil {
		t, err = telemetry.Start(c.Context, telemetry.Config{
			Endpoint: conf.Endpoint, Signals: conf.Signals, Headers: headers, Interval: conf.Interval.Std(),
			Service: c.App.Name, Version: c.App.Version, Repository: h.conf.Repository.Name, Logger: h.logger,
			Now: h.now,
		})
	}
	if err != nil {
		h.logger.Warn("going on without telemetry", zap.Error(err))
		return nil
	}
	return t
}

// span begins a span below the one that ctx carries.
func span(ctx context.Context, name string, about ...attribute.KeyValue) (context.Context, trace.Span) {
	return trace.SpanFromContext(ctx).TracerProvider().Tracer("seihon/publisher").Start(ctx, name,
		trace.WithAttributes(about...))
}
