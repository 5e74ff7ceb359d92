package sectiona

import (
	"bytes"
	"fmt"

	"seihon/artifact"
)

// found refuses whatever it is asked about: the kind alone decides.
func found(_ *Policy, a *artifact.Artifact, _ Evidence) string {
	if a.Problem == "" {
		return "its content is of a kind that is never published"
	}
	return a.Problem
}

// The first bytes of programs.
var programMagics = [][]byte{
	[]byte("\x7fELF"), []byte("MZ"), []byte("\xcf\xfa\xed\xfe"), []byte("\xca\xfe\xba\xbe"), []byte("\x00asm"),
	[]byte("#!"),
}

func program(_ *Policy, a *artifact.Artifact, _ Evidence) string {
	for _, m := range programMagics {
		if bytes.HasPrefix(a.Bytes, m) {
			return "its content is a program"
		}
	}
	return ""
}

func trailing(_ *Policy, a *artifact.Artifact, _ Evidence) string {
	if a.Trailing == 0 {
		return ""
	}
	return a.Problem
}

func inLedger(_ *Policy, _ *artifact.Artifact, ev Evidence) string {
	if ev.InLedger {
		return ""
	}
	return "its bytes are not those of any master in the ledger"
}

func claimed(_ *Policy, a *artifact.Artifact, ev Evidence) string {
	if ev.Claimed == "" || a.Kind.Agrees(ev.Claimed) {
		return ""
	}
	return fmt.Sprintf("the ledger calls it a %s, but its content is a %s", ev.Claimed, a.Kind)
}

func static(p *Policy, a *artifact.Artifact, _ Evidence) string {
	if !p.Strict {
		return ""
	}
	return fmt.Sprintf("a %s is of use only to a responder", a.Kind)
}

// responses asks the whole table about every response of a bundle. The bundle's place in the ledger covers its members.
func responses(_ *Policy, a *artifact.Artifact, ev Evidence) string {
	if a.Members == nil {
		return "its responses were not laid open"
	}
	n := 0
	for m, err := range a.Members {
		if err != nil {
			return err.Error()
		}
		if m.Kind != artifact.OCSPResponse {
			return fmt.Sprintf("member %d is a %s", n, m.Kind)
		}
		if r := ev.admit(m, Evidence{InLedger: true, Recorded: ev.Recorded}); r != nil {
			return fmt.Sprintf("member %d: %s (rule %s)", n, r.Reason, r.Rule)
		}
		n++
	}
	return ""
}
