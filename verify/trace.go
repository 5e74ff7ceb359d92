package verify

import (
	"context"

	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// step makes one step of a check under a span of its own, below the one that ctx carries. Where it carries none, that
// costs nothing.
func step(ctx context.Context, name string, do func(context.Context) error) error {
	ctx, span := trace.SpanFromContext(ctx).TracerProvider().Tracer("seihon/verify").Start(ctx, name)
	defer span.End()
	err := do(ctx)
	if err != nil {
		span.SetStatus(otelcodes.Error, err.Error())
	}
	return err
}
