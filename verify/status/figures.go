package status

import (
	"fmt"
	"io"
	"strings"

	"seihon/ledger"
	"seihon/verify/report"
)

// A Figure is one number of a status, under the name that it has in Prometheus' text format.
type Figure struct {
	Name   string // without the prefix seihon_
	Labels string // such as target="tokyo"
	Value  float64
}

// figureHelp says what each figure is, in the order in which they are written.
var figureHelp = [][2]string{
	{"log_entries", "Entries of the master log."},
	{"log_newest_seconds", "Time of the newest entry."},
	{"trial", "1 when the keys of the signing room are on trial, not those of an accredited CA."},
	{"first_expiry_seconds", "When the first list or response expires if nothing is signed any more."},
	{"expired", "Current artifacts that have expired."},
	{"verified_seconds", "Last verification without findings."},
	{"verification_seconds", "Last verification, whatever it found."},
	{"verification_findings", "Findings of the last verification."},
	{"next_update_seconds", "When an artifact expires."},
	{"target_behind_entries", "Log entries that a target lacks."},
	{"target_unfinished", "1 when the last sync of a target by this host did not finish."},
	{"target_synced_seconds", "Last sync that wrote something to a target."},
	{"target_refused", "Current artifacts that section A keeps away from a target."},
	{"target_probed_seconds", "Last probe of a target."},
	{"target_good_samples_ratio", "Share of good samples of the last probe."},
	{"target_day_samples", "Samples of a target in the last 24 hours."},
	{"target_day_good_samples", "Good samples of a target in the last 24 hours."},
	{"review_due_seconds", "When a document is to be reviewed."},
	{"concerns", "Reasons why the status is not all well, by severity."},
}

// Figures are the numbers of the status. The text format and the page both take them from here.
func (s *Status) Figures() []Figure {
	all := []Figure{
		{"log_entries", "", float64(s.Size)},
		{"log_newest_seconds", "", report.UnixOrZero(s.Newest)},
		{"trial", "", oneIf(s.Trial)},
		{"first_expiry_seconds", "", report.UnixOrZero(s.First)},
		{"expired", "", float64(s.Expired)},
		{"verified_seconds", "", report.UnixOrZero(s.Verified)},
	}
	put := func(name, labels string, value float64) { all = append(all, Figure{name, labels, value}) }
	if v := s.Verification; v != nil {
		put("verification_seconds", "", report.UnixOrZero(v.At))
		for _, f := range v.Findings {
			put("verification_findings", fmt.Sprintf("code=%q,severity=%q", f.Code, f.Severity), float64(f.Count))
		}
	}
	for _, l := range s.ShelfLife {
		put("next_update_seconds", l.Labels(), report.UnixOrZero(l.NextUpdate))
	}
	for i := range s.Targets {
		t := &s.Targets[i]
		labels := t.Labels()
		put("target_behind_entries", labels, float64(t.Behind))
		put("target_unfinished", labels, oneIf(t.Last != nil && !t.Last.Finished))
		put("target_synced_seconds", labels, report.UnixOrZero(t.Synced))
		put("target_refused", labels, float64(len(t.Refused)))
		put("target_probed_seconds", labels, report.UnixOrZero(t.Probed))
		if t.Samples > 0 {
			put("target_good_samples_ratio", labels, float64(t.Good)/float64(t.Samples))
		}
		tried, good := t.Day()
		put("target_day_samples", labels, float64(tried))
		put("target_day_good_samples", labels, float64(good))
	}
	for _, r := range s.Reviews {
		if !r.Due.IsZero() {
			put("review_due_seconds", ReviewLabels(r), report.UnixOrZero(r.Due))
		}
	}
	counts := map[report.Severity]int{}
	for _, c := range s.Concerns {
		counts[c.Severity]++
	}
	for _, severity := range []report.Severity{report.Critical, report.Error, report.Warning, report.Note} {
		put("concerns", fmt.Sprintf("severity=%q", severity), float64(counts[severity]))
	}
	return all
}

// Labels are those of the figures of a target.
func (t *TargetStatus) Labels() string { return fmt.Sprintf("target=%q", t.Name) }

// Day counts the samples of the last 24 hours, and the good ones.
func (t *TargetStatus) Day() (tried, good int) { return sums(t.Probes) }

// ReviewLabels are those of the figures of a review.
func ReviewLabels(r ledger.Review) string { return fmt.Sprintf("kind=%q", r.Kind) }

// WritePrometheus writes the figures as a node_exporter textfile.
func (s *Status) WritePrometheus(w io.Writer) error {
	var b strings.Builder
	all := s.Figures()
	for _, h := range figureHelp {
		fmt.Fprintf(&b, "# HELP seihon_%s %s\n# TYPE seihon_%s gauge\n", h[0], h[1], h[0])
		for _, f := range all {
			if f.Name != h[0] {
				continue
			}
			labels := f.Labels
			if labels != "" {
				labels = "{" + labels + "}"
			}
			fmt.Fprintf(&b, "seihon_%s%s %s\n", f.Name, labels, f.Text())
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing the status: %w", err)
	}
	return nil
}

// Text is the value as it is written everywhere: whole numbers in full, a share as short as it is exact.
func (f Figure) Text() string {
	if f.Value == float64(int64(f.Value)) {
		return fmt.Sprintf("%d", int64(f.Value))
	}
	return fmt.Sprintf("%g", f.Value)
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
