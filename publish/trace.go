package publish

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// begin begins a span below the one that ctx carries. Where it carries none,
// the span is nothing and costs nothing. There is a span for each target, plan
// and stage, never for an object.
func begin(ctx context.Context, name string, about ...attribute.KeyValue) (context.Context, trace.Span) {
	tracer := trace.SpanFromContext(ctx).TracerProvider().Tracer("seihon/publish")
	return tracer.Start(ctx, name, trace.WithAttributes(about...))
}

// end ends a span with the error that stands in err by then.
func end(span trace.Span, err *error) {
	if *err != nil {
		span.SetStatus(codes.Error, (*err).Error())
	}
	span.End()
}

// endTarget ends the span of a target with what became of it.
func (s *session) endTarget(span trace.Span) {
	r := s.result
	span.SetAttributes(
		attribute.Int64("from", r.From), attribute.Int64("size", r.Size), attribute.Bool("complete", r.Complete),
		attribute.Int("sent", r.Counts.Sent), attribute.Int64("bytes", r.Counts.Bytes),
		attribute.Int64("requests", r.Counts.Requests),
		attribute.Int("refused", len(r.Refused)), attribute.Int("findings", len(r.Findings)),
	)
	end(span, &r.Err)
}
