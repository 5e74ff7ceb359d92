package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/verify/observe"
)

func UnixOrZero(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.Unix())
}

// ObservationSchema names the version of the JSON form of an Observation.
const ObservationSchema = "seihon/observe-report/v1"

// An Observation is what `publisher observe` saw of some CAs from outside, with the findings in words.
type Observation struct {
	Schema string `json:"schema"`
	OK     bool   `json:"ok"` // no finding above a note
	*observe.Result
	NotLooked []Saying  `json:"not_looked_at"`
	Findings  []Finding `json:"findings"`
	Omitted   []Omitted `json:"omitted,omitempty"`
}

// A Saying is one sentence in both languages.
type Saying struct {
	JA string `json:"ja"`
	EN string `json:"en"`
}

// NewObservation puts into words what was seen of some CAs. found are findings of the list of them.
func NewObservation(c observe.Config, res *observe.Result, found []observe.Finding) *Observation {
	var all Collector
	for _, f := range append(found, res.Findings...) {
		all.Found(Finding{Code: f.Code, Severity: Severity(f.Severity), Source: f.Source, Name: f.Name, Want: f.Want,
			Got: f.Got, Detail: f.Detail})
	}
	o := &Observation{Schema: ObservationSchema, Result: res, Findings: all.Sorted(), Omitted: all.Omitted(),
		NotLooked: notLooked(c, res)}
	if o.Findings == nil {
		o.Findings = []Finding{}
	}
	o.OK = !Failed(o.Findings)
	return o
}

// notLooked says what the run could not see, so that nobody takes silence for a good sign.
func notLooked(c observe.Config, res *observe.Result) []Saying {
	all := []Saying{}
	not := func(is bool, ja, en string) {
		if is {
			all = append(all, Saying{ja, en})
		}
	}
	certificates := 0
	for _, g := range c.Groups {
		certificates += len(g.Certificates)
	}
	not(len(res.Lists) == 0, "CRL（アドレスが与えられていない）", "revocation lists (no address was given)")
	not(len(res.Responders) == 0, "OCSP の応答及び CRL との一致（アドレスが与えられていない）",
		"OCSP answers and their agreement with the lists (no address was given)")
	not(len(res.Responders) > 0 && res.Compared == 0, "CRL と OCSP の一致（照合できる記載がない）",
		"agreement of lists and OCSP (there was nothing to compare)")
	not(certificates == 0, "有効な証明書についての OCSP の応答（--certificate で与えることができる）",
		"OCSP answers about certificates that are good (--certificate names some)")
	not(!res.Remembers, "前回からの変化（--state で保存場所を与える）", "what changed since an earlier run (--state names a folder)")
	not(res.Remembers && res.Earlier == 0, "前回からの変化（初回である）", "what changed since an earlier run (this is the first)")
	return append(all,
		Saying{"発行された全ての証明書の状態（外部からは知り得ない）",
			"the status of every certificate that was issued (nobody outside knows them)"})
}

// report has what the writers of reports share.
func (o *Observation) report() *Report {
	return &Report{Made: o.Made, OK: o.OK, Findings: o.Findings, Omitted: o.Omitted}
}

// FirstExpiry is when the first list stops to hold; zero when none has an end.
func (o *Observation) FirstExpiry() (first time.Time) {
	for _, l := range o.Lists {
		if l.Verified && !l.NextUpdate.IsZero() && !artifact.Final(l.NextUpdate) &&
			(first.IsZero() || l.NextUpdate.Before(first)) {
			first = l.NextUpdate
		}
	}
	return first
}

// Summary is the observation in one line, in the manner of monitoring plug-ins.
func (o *Observation) Summary() string {
	r := o.report()
	s := fmt.Sprintf("%s - %d critical, %d errors, %d warnings, %d notes; %d CAs, %d lists, %d responders", r.state(),
		r.Count(Critical), r.Count(Error),
		r.Count(Warning), r.Count(Note), len(o.Issuers), len(o.Lists), len(o.Responders))
	if t := o.FirstExpiry(); !t.IsZero() {
		s += fmt.Sprintf("; first expiry %s (in %v)", Stamp(t), t.Sub(o.Made).Truncate(time.Minute))
	}
	return s
}

// WriteJSON writes the observation as JSON.
func (o *Observation) WriteJSON(w io.Writer) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	err := e.Encode(o)
	if err == nil {
		_, err = w.Write(escapeJSON(b.Bytes()))
	}
	if err != nil {
		return fmt.Errorf("writing the observation: %w", err)
	}
	return nil
}

// WriteText writes the observation for people.
func (o *Observation) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", o.Summary())
	var ja, en []string
	for _, n := range o.NotLooked {
		ja, en = append(ja, n.JA), append(en, n.EN)
	}
	fmt.Fprintf(&b, "not looked at: %s\n調べていないもの：%s\n\n", strings.Join(en, "; "), strings.Join(ja, "、"))
	for _, l := range o.Lists {
		b.WriteString(listLine(l) + "\n")
	}
	for _, r := range o.Responders {
		b.WriteString(responderLine(r) + "\n")
	}
	for _, k := range o.report().kinds() {
		for _, f := range k.findings {
			f.text(&b)
		}
		if k.more > 0 {
			fmt.Fprintf(&b, "\n%s %s: %d more at %s\n", k.findings[0].Severity, k.findings[0].Code, k.more,
				Shown(k.findings[0].Source))
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing the observation: %w", err)
	}
	return nil
}

func listLine(l observe.List) string {
	switch {
	case l.Kind == "":
		return fmt.Sprintf("list %s: none, HTTP status %d", Shown(l.Address), l.Status)
	case !l.Verified:
		return fmt.Sprintf("list %s: %s, %d bytes, not believed", Shown(l.Address), l.Kind, l.Bytes)
	}
	s := fmt.Sprintf("list %s: %s of %s", Shown(l.Address), l.Kind, Shown(l.Issuer))
	if l.Number != "" {
		s += " number " + l.Number
	}
	if l.Base != "" {
		s += " to " + l.Base
	}
	s += fmt.Sprintf(", %d entries, from %s", l.Entries, Stamp(l.ThisUpdate))
	if !l.NextUpdate.IsZero() {
		s += fmt.Sprintf(" until %s (%.0f %% used)", Stamp(l.NextUpdate), 100*l.LifeUsed)
	}
	return s + fmt.Sprintf(", %s, %d bytes in %d ms", l.Algorithm, l.Bytes, l.Millisecond)
}

func responderLine(r observe.Responder) string {
	s := fmt.Sprintf("OCSP %s about %s: %d questions, %d good, %d revoked, %d unknown or never issued, %d without an "+
		"answer, %d failed", Shown(r.Address),
		Shown(r.Issuer), r.Questions, r.Good, r.Revoked, r.Unknown, r.None, r.Failed)
	if r.Signer != "" {
		s += fmt.Sprintf("; signed by %s, %d to %d bytes, half of them within %d ms, all within %d ms", Shown(r.Signer),
			r.MinBytes, r.MaxBytes, r.Median, r.Slowest)
	}
	if r.Nonce != "" {
		s += "; nonce " + r.Nonce
	}
	return s
}

// WritePrometheus writes the figures as a node_exporter textfile.
func (o *Observation) WritePrometheus(w io.Writer) error {
	var b strings.Builder
	gauge := func(name, help string) {
		fmt.Fprintf(&b, "# HELP seihon_observe_%s %s\n# TYPE seihon_observe_%s gauge\n", name, help, name)
	}
	list := func(name, help string, of func(observe.List) float64) {
		gauge(name, help)
		for i, l := range o.Lists {
			if i == 0 || o.Lists[i-1].Address != l.Address { // one list may be that of several groups
				fmt.Fprintf(&b, "seihon_observe_%s{address=%q} %g\n", name, label(l.Address), of(l))
			}
		}
	}
	responder := func(name, help string, of func(observe.Responder) float64) {
		gauge(name, help)
		for i, r := range o.Responders {
			if i > 0 && o.Responders[i-1].Address == r.Address && o.Responders[i-1].Issuer == r.Issuer {
				continue
			}
			fmt.Fprintf(&b, "seihon_observe_%s{address=%q,issuer=%q} %g\n", name, label(r.Address), label(r.Issuer),
				of(r))
		}
	}
	yes := map[bool]float64{true: 1}
	list("list_good", "1 when a list arrived that its CA signed.",
		func(l observe.List) float64 { return yes[l.Verified] })
	list("list_this_update_seconds", "When a list was made.",
		func(l observe.List) float64 { return float64(UnixOrZero(l.ThisUpdate)) })
	list("list_next_update_seconds", "When a list ends.",
		func(l observe.List) float64 { return float64(UnixOrZero(l.NextUpdate)) })
	list("list_life_used_ratio", "Share of a list's life that has passed.",
		func(l observe.List) float64 { return l.LifeUsed })
	list("list_entries", "Entries of a list.", func(l observe.List) float64 { return float64(l.Entries) })
	list("list_bytes", "Size of a list.", func(l observe.List) float64 { return float64(l.Bytes) })
	list("list_fetch_seconds", "How long a list took to arrive.",
		func(l observe.List) float64 { return float64(l.Millisecond) / 1000 })
	responder("ocsp_questions", "Questions to a responder.",
		func(r observe.Responder) float64 { return float64(r.Questions) })
	responder("ocsp_failed", "Questions without an answer that can be used.",
		func(r observe.Responder) float64 { return float64(r.Failed) })
	responder("ocsp_next_update_seconds", "When the first answer of a responder ends.",
		func(r observe.Responder) float64 { return float64(UnixOrZero(r.NextUpdate)) })
	responder("ocsp_slowest_seconds", "The slowest answer of a responder.",
		func(r observe.Responder) float64 { return float64(r.Slowest) / 1000 })
	gauge("findings", "Findings by severity.")
	for _, s := range []Severity{Critical, Error, Warning, Note} {
		fmt.Fprintf(&b, "seihon_observe_findings{severity=%q} %d\n", s, o.report().Count(s))
	}
	gauge("run_seconds", "When this was observed.")
	fmt.Fprintf(&b, "seihon_observe_run_seconds %d\n", o.Made.Unix())
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing the observation: %w", err)
	}
	return nil
}

// label is a text from outside as a label's value: what Go would escape in a way that Prometheus does not know becomes
// a question mark.
func label(s string) string {
	return strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r > 0xffff ||
			fmt.Sprintf("%q", string(r)) != `"`+string(r)+`"` && r != '"' && r != '\\' {
			return '?'
		}
		return r
	}, s), "?")
}
