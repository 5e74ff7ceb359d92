package token

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Severity says what a finding asks for.
type Severity string

// The severities.
const (
	Error   Severity = "error"   // do not sign with this token
	Warning Severity = "warning" // something to plan or to look into
	Note    Severity = "note"    // something to know
)

// Finding is one thing that Decide has found.
type Finding struct {
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	Rule     string   `json:"rule"` // section of the report
	Subject  string   `json:"subject"`
	Want     string   `json:"want"`
	Got      string   `json:"got"`
	Hint     string   `json:"hint"`
	Quote    string   `json:"quote"` // the sentence of the report that it rests on, Japanese
	Gloss    string   `json:"gloss"` // the same in English
}

const (
	fips1402 = "fips-140-2"
	fips1403 = "fips-140-3"
	minLevel = 3 // report 3-2: FIPS 140-2 level 3 or better for now, FIPS 140-3 level 3 later
)

// The dates of the report's section 3-2. It is a draft, and the second is a target (2028年中を目途): from then on a
// FIPS 140-2 certificate is warned of, and refused from the day that the operator's list names.
var (
	historical = time.Date(2026, 9, 22, 0, 0, 0, 0, time.UTC) // FIPS 140-2 certificates move to the historical list
	due1403    = time.Date(2029, 1, 1, 0, 0, 0, 0, time.UTC)  // the end of 2028
)

// judgeToken judges the device and the list itself, and returns the list's entry of the device, if it has one. Without
// a list (nil) nothing is known but that it is missing.
func (a *Approvals) judgeToken(e *Evidence, now time.Time) (findings []Finding, entry *HSM) {
	add := adderTo(&findings)
	token := fmt.Sprintf("%s %s %s", e.Token.Manufacturer, e.Token.Model, e.Token.Serial)
	if a == nil {
		add(Error, "hsm-list-missing", "3-3", token, "an operator-signed list of approved HSMs", "none",
			"write one, sign it and name it in signer.modules; a token for trials needs signer.policy: trial instead")
		return findings, nil
	}
	if now.Before(a.Issued.Time) {
		add(Error, "hsm-list-future", "3-3", "list", "issued by today", a.Issued.Format(time.DateOnly),
			"correct the date or this machine's clock")
	}
	if !now.Before(a.Review.Time) {
		add(Warning, "hsm-list-stale", "3-3", "list", "reviewed by "+a.Review.Format(time.DateOnly), "not reviewed",
			"review the list, date it and sign it again")
	}
	i := slices.IndexFunc(a.HSMs, func(h HSM) bool { return h.is(e.Token) })
	if i < 0 {
		add(Error, "hsm-not-listed", "3-3", token, "a token on the list", "not on it",
			"list the device if it is approved, or use the approved one")
		return findings, nil
	}
	h := &a.HSMs[i]
	h.judgePlace(e, add)
	h.judgeCertificate(e, a.Only1403, now, add)
	return findings, h
}

// adderTo returns what appends to findings, each with the sentence of the report that its code rests on.
func adderTo(findings *[]Finding) adder {
	return func(severity Severity, code, rule, subject, want, got, hint string) {
		quote, gloss := sentence(code)
		*findings = append(*findings, Finding{code, severity, rule, subject, want, got, hint, quote, gloss})
	}
}

type adder func(severity Severity, code, rule, subject, want, got, hint string)

// is reports whether the entry is about this token.
func (h HSM) is(t Info) bool {
	return h.Manufacturer == t.Manufacturer && h.Model == t.Model && slices.Contains(h.Serials, t.Serial)
}

// judgePlace is about where the HSM stands and what reaches it (report 3-3).
func (h HSM) judgePlace(e *Evidence, add adder) {
	switch h.Location {
	case Cloud:
		add(Error, "hsm-cloud", "3-3", h.Name, OnPremises, h.Location,
			"a cloud HSM is not accepted for a CA key at present; move the key's role to an HSM in the guarded room")
	case Shared:
		add(Error, "hsm-shared", "3-3", h.Name, OnPremises, h.Location,
			"a shared HSM is not accepted for a CA key at present; move the key's role to an HSM of your own")
	}
	if h.Network {
		add(Note, "hsm-network", "3-3", h.Name, "its use recorded", string(e.Use),
			"keep the way to the HSM inside the guarded room, and keep this record")
	}
	if len(h.Libraries) > 0 && !slices.Contains(h.Libraries, e.Token.ModuleSHA256) {
		add(Error, "hsm-library", "3-3", h.Name, strings.Join(h.Libraries, " or "), e.Token.ModuleSHA256,
			"find out who changed the PKCS#11 library; list the new digest if it was you")
	}
}

// judgeCertificate is about the certificate of the HSM (report 3-2).
func (h HSM) judgeCertificate(e *Evidence, only1403 Date, now time.Time, add adder) {
	if h.Standard == "" {
		add(Error, "fips-none", "3-2", h.Name, "FIPS 140 level 3 or better", "no certificate listed",
			"use a certified HSM; for a demonstration say signer.policy: trial")
		return
	}
	certificate := fmt.Sprintf("CMVP certificate %d, %s level %d", h.Certificate, h.Standard, h.Level)
	if h.Level < minLevel {
		add(Error, "fips-level", "3-2", h.Name, fmt.Sprintf("level %d or better", minLevel), certificate,
			"use an HSM that is certified at level 3")
	}
	if len(h.Firmware) > 0 && !slices.Contains(h.Firmware, e.Token.FirmwareVersion) {
		add(Warning, "fips-firmware", "3-2", h.Name, "firmware "+strings.Join(h.Firmware, " or "),
			e.Token.FirmwareVersion, "the certificate covers other firmware; look it up, and update list or HSM")
	}
	// The certificates of FIPS 140-2 end together, the day before they became historical, and the report accepts them
	// until 2028 all the same. One that ended earlier was withdrawn for a reason of its own.
	own := h.Standard == fips1403 || h.ValidUntil.Before(historical.AddDate(0, 0, -1))
	if own && !h.ValidUntil.IsZero() && !now.Before(h.ValidUntil.AddDate(0, 0, 1)) {
		add(Error, "fips-expired", "3-2", h.Name, "valid today",
			certificate+", valid until "+h.ValidUntil.Format(time.DateOnly),
			"use an HSM whose certificate is valid; if this one was renewed, list its new date")
	}
	if h.Standard != fips1402 {
		return
	}
	const plan = "plan the move to an HSM with FIPS 140-3 level 3 by the end of 2028"
	switch {
	case !only1403.IsZero() && !now.Before(only1403.Time):
		add(Error, "fips-140-3-due", "3-2", h.Name, "FIPS 140-3 level 3 since "+only1403.Format(time.DateOnly),
			certificate,
			"use the HSM with FIPS 140-3; the day stands in the operator's list (fips_140_3_from)")
	case !now.Before(due1403):
		add(Warning, "fips-140-3-due", "3-2", h.Name, "FIPS 140-3 level 3 since the end of 2028", certificate,
			"replace the HSM, or have the survey body confirm that it may stay")
	case !now.Before(historical):
		add(Warning, "fips-140-2-historical", "3-2", h.Name, "FIPS 140-3 level 3 by the end of 2028",
			certificate+", on the historical list since 2026-09-22", plan)
	default:
		add(Note, "fips-140-2", "3-2", h.Name, "FIPS 140-3 level 3 by the end of 2028", certificate, plan)
	}
}

// judgeKey is about what the token claims of a private key.
func judgeKey(k KeyEvidence) (findings []Finding) {
	add := adderTo(&findings)
	for _, c := range []struct {
		attribute, want string
		wrong           Severity
		hint            string
	}{
		{"TOKEN", "true", Error, "the key would be lost with the session; make a key that is kept"},
		{"PRIVATE", "true", Warning, "the key can be seen without a login; make a new key"},
		{"SENSITIVE", "true", Error, "the key can be read in the clear; make a new key in the HSM and retire this one"},
		{"EXTRACTABLE", "false", Error, "the key can leave the HSM; make a new key in the HSM and retire this one"},
		{"ALWAYS_SENSITIVE", "true", Warning, "the key was readable once, or was imported; have its history on record"},
		{"NEVER_EXTRACTABLE", "true", Warning,
			"the key could leave the HSM once, or was imported; have its history on record"},
		{"LOCAL", "true", Warning, "the key was not generated in this HSM; have its history on record"},
		{"SIGN", "true", Error, "the key cannot sign"},
		{"DECRYPT", "false", Warning, "a signing key should do nothing else"},
		{"UNWRAP", "false", Warning, "a signing key should do nothing else"},
		{"DERIVE", "false", Warning, "a signing key should do nothing else"},
	} {
		got := k.Attributes[c.attribute]
		switch {
		case got == c.want, got == "unknown" &&
			(c.attribute == "DERIVE" || c.attribute == "UNWRAP" || c.attribute == "DECRYPT"):
		case got == "unknown" || got == "":
			add(Warning, "key-"+code(c.attribute), "3-2", k.Label, c.want, "unknown",
				"the token does not tell; look for the maker's own evidence")
		default:
			add(c.wrong, "key-"+code(c.attribute), "3-2", k.Label, c.want, got, c.hint)
		}
	}
	return findings
}

func code(attribute string) string { return strings.ReplaceAll(strings.ToLower(attribute), "_", "-") }
