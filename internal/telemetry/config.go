// Package telemetry pushes traces, figures and logs to an OpenTelemetry collector (OTLP over HTTP), from inside out:
// nothing listens, and nothing is asked of the host (report 3-4 C).
//
// It has no instruments of its own. Figures are those of the Prometheus registry or of the node_exporter textfile that
// the command writes anyway, logs are those of the zap logger, so that two ways of looking never disagree. Only traces
// are new; packages begin spans through the one that their context carries and need to know nothing of this package.
//
// A collector is a convenience and publishing is a duty. A nil *Telemetry is the one that is not configured: all its
// methods do nothing, no SDK is set up, no goroutine runs. A collector that is down, hangs or refuses costs one line of
// warning and at most [FlushTimeout] at the end; it changes no result and no exit code. What it did not take is lost:
// the journal, the textfile and the publication log are the record.
//
// The build with the tag nocloud (docs/adr/0007-a-publisher-without-clouds.md) has no exporters: there, Start refuses,
// and the command goes on without.
package telemetry

import (
	"time"

	"go.uber.org/zap"
)

// FlushTimeout bounds each export, and all of what is left at the end.
const FlushTimeout = 3 * time.Second

// Config says what goes where.
type Config struct {
	Endpoint string            // base address; /v1/traces and so on are appended
	Signals  []string          // of traces, metrics, logs
	Headers  map[string]string // secret
	Interval time.Duration     // between two pushes of figures

	Service, Version, Repository string

	Logger *zap.Logger // receives the warning, and is the logger whose lines are pushed
	Now    func() time.Time
}
