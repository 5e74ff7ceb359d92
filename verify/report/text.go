package report

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

func Stamp(t time.Time) string {
	if t.IsZero() {
		return "none"
	}
	return t.UTC().Format(time.RFC3339)
}

// WriteJSON writes the report as JSON, indented, in the form that schema.json describes.
func (r *Report) WriteJSON(w io.Writer) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	err := e.Encode(r)
	if err == nil {
		_, err = w.Write(escapeJSON(b.Bytes()))
	}
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// state is the word for the worst finding.
func (r *Report) state() string {
	switch {
	case r.Count(Critical) > 0:
		return "CRITICAL"
	case r.Count(Error) > 0:
		return "ERROR"
	case r.Count(Warning) > 0:
		return "WARNING"
	}
	return "OK"
}

// Summary is the report in one line, in the manner of monitoring plug-ins.
func (r *Report) Summary() string {
	s := fmt.Sprintf("%s - %d critical, %d errors, %d warnings, %d notes; tier %s; log %s at %d entries", r.state(),
		r.Count(Critical), r.Count(Error),
		r.Count(Warning), r.Count(Note), r.Tier, r.Log.Origin, r.Log.Size)
	if t := r.FirstExpiry(); !t.IsZero() {
		s += fmt.Sprintf("; first expiry %s (in %v)", Stamp(t), t.Sub(r.Made).Truncate(time.Minute))
	}
	return s
}

// WriteText writes the report for people.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", r.Summary())
	r.Verdict.text(&b)
	b.WriteByte('\n')
	fmt.Fprintf(&b, "made %s, tier %s, rules %s\n", Stamp(r.Made), r.depth(), r.RulePack)
	for _, p := range r.Pins {
		if p.Kind == PinFile {
			fmt.Fprintf(&b, "held against the auditor's pins file with SHA-256 %s\n", p.SHA256)
		}
	}
	n := r.Counts
	fmt.Fprintf(&b, "master log %s: %d entries, root %s, newest entry %s\n", r.Log.Origin, r.Log.Size, r.Log.Root,
		Stamp(r.Log.Time))
	switch r.Scope.Master {
	case MasterBytes:
		fmt.Fprintf(&b,
			"master: %d artifacts (%d bytes), %d current names, %d lists with %d revocations, %d OCSP responses, %d "+
				"signatures\n",
			n.Artifacts, n.ArtifactBytes, n.Current, n.RevocationLists, n.Revocations, n.Responses, n.Signatures)
	case ContentSizes:
		fmt.Fprintf(&b, "master: %d artifacts by their size, %d current names\n", n.Artifacts, n.Current)
	}
	if n.Inventory > 0 {
		fmt.Fprintf(&b, "inventory: %d certificates, %d commitments of the log opened\n", n.Inventory, n.Commitments)
	}
	for _, c := range r.Copies {
		fmt.Fprintf(&b, "copy %s: promises %d entries, %d objects read (%d bytes)", c.Source, c.Size, c.Objects,
			c.Bytes)
		if c.Layout != "" {
			fmt.Fprintf(&b, ", layout %s", c.Layout)
		}
		if c.Listed {
			fmt.Fprintf(&b, ", %d extra\n", c.Extra)
		} else {
			b.WriteString(", not listed\n")
		}
	}
	for _, p := range r.Responders {
		for _, n := range p.Issuers {
			fmt.Fprintf(&b,
				"OCSP responder %s asked by %s about %d good, %d revoked and %d never issued certificates of %s, by "+
					"SHA-1 and SHA-256\n",
				p.Address, strings.Join(p.Methods, " and "), n.Good, n.Revoked, n.NeverIssued, n.Issuer)
		}
		if p.OneRead > 0 {
			fmt.Fprintf(&b,
				"OCSP responder %s: %d answers were read by one reader only, the algorithm of their signatures is "+
					"unknown to the other\n", p.Address, p.OneRead)
		}
	}
	if r.Record != nil {
		r.Record.Uptime.line(&b)
		for _, s := range r.Record.Signed {
			s.line(&b)
		}
	}
	r.Memory.text(&b)
	exceptionText(&b, r.Exceptions)
	r.HSM.text(&b)
	r.Approval.text(&b)
	r.Resumed.text(&b)
	for _, k := range r.kinds() {
		for _, f := range k.findings {
			f.text(&b)
		}
		if k.more > 0 {
			f := k.findings[0]
			fmt.Fprintf(&b, "\n%s %s: %d more at %s (--json has the first %d)\n", f.Severity, f.Code, k.more,
				Shown(f.Source), PerCode)
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

func (f *Finding) text(b *strings.Builder) {
	fmt.Fprintf(b, "\n%s %s", f.Severity, f.Code)
	if f.Rule != "" {
		fmt.Fprintf(b, " (rule %s)", f.Rule)
	}
	fmt.Fprintf(b, ": %s", f.TextEN)
	if f.Name != "" {
		fmt.Fprintf(b, "\n  where  %s: %s", Shown(f.Source), Shown(f.Name))
	} else {
		fmt.Fprintf(b, "\n  where  %s", Shown(f.Source))
	}
	for _, l := range []struct{ label, text string }{{"want", f.Want}, {"got", f.Got}, {"detail", f.Detail},
		{"hint", f.Hint}, {"", f.TextJA}} {
		if l.text != "" {
			fmt.Fprintf(b, "\n  %-6s %s", l.label, Shown(l.text))
		}
	}
	b.WriteByte('\n')
}

// JSONSchema is the JSON Schema of the report.
//
//go:embed schema.json
var JSONSchema []byte
