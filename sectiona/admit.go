package sectiona

import "seihon/artifact"

// Admit returns nil when section A allows a to be published, and the refusal otherwise.
func (p *Policy) Admit(a *artifact.Artifact, ev Evidence) *Refusal {
	return &Refusal{Rule: "unrecognised", Kind: string(a.Kind), Reason: a.Problem}
}

// Warnings returns what is allowed but should be known, such as an unsigned document.
func (p *Policy) Warnings(a *artifact.Artifact, ev Evidence) []string { return nil }

// A Rule is one line of the table, for documentation and explanation.
type Rule struct {
	ID      string
	Kinds   []artifact.Kind
	Quote   string // Japanese
	Gloss   string // English
	Verdict string // "allow" or "deny"
	Hint    string
}

// Rules returns the table.
func Rules() []Rule { return nil }
