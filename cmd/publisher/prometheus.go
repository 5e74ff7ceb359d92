package main

import (
	"bytes"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/internal/durable"
	"seihon/publish"
)

// measured hands figures to whoever is configured: node_exporter's textfile collector, an OpenTelemetry collector. Both
// get the same bytes.
func (h *host) measured(c *cli.Context, figures []byte) error {
	if err := h.telemetry.Textfile(figures); err != nil {
		return err
	}
	if file := c.String("prometheus"); file != "" {
		return durable.WriteFile(file, figures, 0o644)
	}
	return nil
}

// syncFigures writes the result of a sync in Prometheus' text format.
func syncFigures(res *publish.Result, now time.Time) []byte {
	var b bytes.Buffer
	gauge := func(name, help string, value func(*publish.TargetResult) float64) {
		fmt.Fprintf(&b, "# HELP seihon_publisher_%s %s\n# TYPE seihon_publisher_%s gauge\n", name, help, name)
		for i := range res.Targets {
			fmt.Fprintf(&b, "seihon_publisher_%s{target=%q} %g\n", name, res.Targets[i].Target, value(&res.Targets[i]))
		}
	}
	gauge("complete", "1 when the target has everything that the master has.", func(t *publish.TargetResult) float64 {
		if t.Complete && t.Err == nil {
			return 1
		}
		return 0
	})
	gauge("tree_size", "Size of the log that the target says it has.",
		func(t *publish.TargetResult) float64 { return float64(t.Size) })
	gauge("behind_seconds", "Age of the oldest entry that the target lacks.",
		func(t *publish.TargetResult) float64 { return t.Behind.Seconds() })
	gauge("revocation_seconds", "Longest time from signing to public copy in this sync.",
		func(t *publish.TargetResult) float64 { return t.Revocation.Seconds() })
	gauge("sent_objects", "Objects written in this sync.",
		func(t *publish.TargetResult) float64 { return float64(t.Counts.Sent) })
	gauge("requests", "Requests of this sync, retries included.",
		func(t *publish.TargetResult) float64 { return float64(t.Counts.Requests) })
	gauge("refused", "Artifacts that section A refused.",
		func(t *publish.TargetResult) float64 { return float64(len(t.Refused)) })
	gauge("findings", "Objects that somebody other than the publisher changed.",
		func(t *publish.TargetResult) float64 { return float64(len(t.Findings)) })
	fmt.Fprintf(&b,
		"# HELP seihon_publisher_sync_seconds When this sync ended.\n# TYPE seihon_publisher_sync_seconds "+
			"gauge\nseihon_publisher_sync_seconds %d\n", now.Unix())
	return b.Bytes()
}
