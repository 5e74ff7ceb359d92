package uptime

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/verify/report"
)

// A Row is one round of samples, what was expected of one target, or a time in which nobody
// asked it. The slots of a target's rounds that count, each taken once, are those that it has taken;
// with those of its gaps they are all that were expected.
type Row struct {
	What    string `json:"what"` // "round", "expected" or "gap"
	Target  string `json:"target"`
	Vantage string `json:"vantage,omitempty"`
	From    string `json:"from"`            // of a round: its first sample; else the first slot begins
	Until   string `json:"until,omitempty"` // the last slot ends
	Slot    int64  `json:"slot"`            // in which the round or the first slot is, counted from 1970
	Slots   int64  `json:"slots"`           // of a round: 1, or 0 when none of its samples counts
	Taken   int64  `json:"taken"`           // of the slots, those with a round

	Place   string `json:"place,omitempty"`  // of a round: "publication log", or the file that was signed
	Entry   int64  `json:"entry"`            // of the publication log; -1 elsewhere
	SHA256  string `json:"sha256,omitempty"` // of the entry that holds the samples, in the log or in the file
	Samples int64  `json:"samples"`          // that it holds
	Counted int64  `json:"counted"`          // of them, samples of the public address at the time that they claim
	Bad     int64  `json:"bad"`              // of these
}

// columns are the members of Row, in the order of the CSV.
var columns = []string{
	"what", "target", "vantage", "from", "until", "slot", "slots", "taken",
	"place", "entry", "sha256", "samples", "counted", "bad",
}

// What a Row is about.
const (
	rowRound    = "round"
	rowExpected = "expected"
	rowGap      = "gap"
)

func (r *Row) cells() []string {
	return []string{
		r.What, r.Target, r.Vantage, r.From, r.Until, strconv.FormatInt(r.Slot, 10), strconv.FormatInt(r.Slots, 10),
		strconv.FormatInt(r.Taken, 10),
		r.Place, strconv.FormatInt(r.Entry, 10), r.SHA256, strconv.FormatInt(r.Samples, 10),
		strconv.FormatInt(r.Counted, 10), strconv.FormatInt(r.Bad, 10),
	}
}

// An Annex writes the rows as the publication log is walked; nil: nobody wants them.
type Annex struct {
	*report.Sheet
	s report.UptimeAnnex
}

// NewAnnex begins the two files: the rows as CSV, and the same as JSON Lines.
func NewAnnex(rows, lines report.Output) *Annex {
	return &Annex{Sheet: report.NewSheet(rows, lines, columns)}
}

// A roundSource says where a round of samples was read, for the annex.
type roundSource struct {
	place string
	entry int64
	sum   string
}

// published is the source of an entry of the publication log.
func (w *Annex) published(ctx context.Context, log *ledger.Log, i int64, e *ledger.Entry) (s roundSource, err error) {
	if w == nil || e.Probe == nil && e.Rounds == nil {
		return s, nil
	}
	raw, err := log.Raw(ctx, i)
	return roundSource{report.SourcePublication, i, artifact.Sum(raw).String()}, err
}

// signed is the source of a round that an outside vantage has signed.
func (w *Annex) signed(files map[*ledger.Entry]string, e *ledger.Entry) (s roundSource) {
	if w == nil {
		return s
	}
	raw, err := e.Encode()
	if err != nil {
		return roundSource{place: files[e], entry: -1} // what was read can be written
	}
	return roundSource{files[e], -1, artifact.Sum(raw).String()}
}

// round writes one round, of which some samples count.
func (w *Annex) round(p *ledger.Probe, s roundSource, at time.Time, slot int64, counted, bad int) {
	if w == nil {
		return
	}
	row := Row{
		What: rowRound, Target: p.Target, Vantage: p.Vantage, From: report.Stamp(at), Slot: slot,
		Place: s.place, Entry: s.entry, SHA256: s.sum, Samples: int64(len(p.Samples)), Counted: int64(counted),
		Bad: int64(bad),
	}
	if counted > 0 {
		row.Slots, row.Taken = 1, 1
	}
	w.s.Rounds++
	w.Write(row.cells(), row)
}

// stretch writes slots of a target: all that were expected, or a gap.
func (w *Annex) stretch(what, target string, from, to, taken int64, every time.Duration) {
	if w == nil {
		return
	}
	if what == rowGap {
		w.s.Gaps++
	}
	row := Row{
		What: what, Target: target, From: report.Stamp(slotTime(from, every)), Until: report.Stamp(slotTime(to, every)),
		Slot: from, Slots: to - from, Taken: taken, Entry: -1,
	}
	w.Write(row.cells(), row)
}

// Finish ends both files.
func (w *Annex) Finish() (_ *report.UptimeAnnex, err error) {
	if w == nil {
		return nil, nil
	}
	if w.s.CSV, w.s.Lines, err = w.Sheet.Finish(); err != nil {
		return nil, fmt.Errorf("writing the annex: %w", err)
	}
	return &w.s, nil
}
