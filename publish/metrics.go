package publish

import (
	"bufio"
	"fmt"
	"io"
	"time"
)

// WriteMetrics writes the result in the text format of Prometheus, for the
// textfile collector of node_exporter: a cron job has no server to scrape.
func (r *Result) WriteMetrics(w io.Writer, now time.Time) error {
	b := bufio.NewWriter(w)
	for _, m := range []struct {
		name, help, kind string
		value            func(*TargetResult) float64
	}{
		{"complete", "Whether the target holds all of the master.", "gauge", func(t *TargetResult) float64 { return bit(t.Complete) }},
		{"failed", "Whether the last sync could not finish.", "gauge", func(t *TargetResult) float64 { return bit(t.Err != nil) }},
		{"log_size", "Size of the log that the target says it holds.", "gauge", func(t *TargetResult) float64 { return float64(t.Size) }},
		{"log_size_wanted", "Size of the master log.", "gauge", func(t *TargetResult) float64 { return float64(t.To) }},
		{"behind_seconds", "Age of the oldest entry that the target lacks.", "gauge", func(t *TargetResult) float64 { return t.Behind.Seconds() }},
		{"revocation_seconds", "Longest time from signing a CRL to its public copy in the last sync.", "gauge", func(t *TargetResult) float64 { return t.Revocation.Seconds() }},
		{"refused", "Artifacts that section A kept back.", "gauge", func(t *TargetResult) float64 { return float64(len(t.Refused)) }},
		{"findings", "Objects that were not as the publisher left them.", "gauge", func(t *TargetResult) float64 { return float64(len(t.Findings)) }},
		{"sent", "Objects written by the last sync.", "gauge", func(t *TargetResult) float64 { return float64(t.Counts.Sent) }},
		{"sent_bytes", "Bytes written by the last sync.", "gauge", func(t *TargetResult) float64 { return float64(t.Counts.Bytes) }},
		{"requests", "Requests of the last sync, retries included.", "gauge", func(t *TargetResult) float64 { return float64(t.Counts.Requests) }},
		{"retries", "Retries of the last sync.", "gauge", func(t *TargetResult) float64 { return float64(t.Counts.Retries) }},
		{"duration_seconds", "Duration of the last sync.", "gauge", func(t *TargetResult) float64 { return t.Elapsed.Seconds() }},
	} {
		fmt.Fprintf(b, "# HELP seihon_publish_%s %s\n# TYPE seihon_publish_%s %s\n", m.name, m.help, m.name, m.kind)
		for i := range r.Targets {
			t := &r.Targets[i]
			fmt.Fprintf(b, "seihon_publish_%s{target=%q} %g\n", m.name, t.Target, m.value(t))
		}
	}
	fmt.Fprintf(b, "# HELP seihon_publish_last_run_timestamp_seconds When the last sync ended.\n"+
		"# TYPE seihon_publish_last_run_timestamp_seconds gauge\nseihon_publish_last_run_timestamp_seconds %d\n", now.Unix())
	if err := b.Flush(); err != nil {
		return fmt.Errorf("writing metrics: %w", err)
	}
	return nil
}

func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
