package sectiona

import (
	"crypto/x509"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/internal/inputtest"
)

// TestInputs puts every list and response of the corpus before section A.
func TestInputs(t *testing.T) {
	ca := inputtest.NewCA("Example CA One")
	p := &Policy{Trust: artifact.NewTrust([]*x509.Certificate{ca.Cert}, nil),
		Now: func() time.Time { return inputtest.Now }}
	judge := func(c inputtest.Case) {
		a := artifact.Parse(c.DER)
		refusal := p.Admit(a, Evidence{InLedger: true})
		switch {
		case c.Accept && refusal != nil:
			t.Errorf("%s: refused by %s: %s (%s)", c.Name, refusal.Rule, refusal.Reason, c.Why)
		case !c.Accept && refusal == nil:
			t.Errorf("%s: admitted as %s, against %s", c.Name, a.Kind, c.Why)
		}
	}
	for _, c := range inputtest.Lists(ca) {
		judge(c.Case)
	}
	for _, c := range inputtest.Responses(ca) {
		judge(c)
	}
	for _, c := range inputtest.Documents() {
		judge(c)
	}
}

// TestMisissued: a serial that the operator has named may be listed and answered for.
func TestMisissued(t *testing.T) {
	ca := inputtest.NewCA("Example CA One")
	p := &Policy{Trust: artifact.NewTrust([]*x509.Certificate{ca.Cert}, nil),
		Now:       func() time.Time { return inputtest.Now },
		Misissued: func(serial []byte) bool { return string(serial) == "\x00" }}
	for content, want := range map[string]bool{"\x00": true, "\xff": false} {
		entry := inputtest.Entry{Serial: inputtest.Integer([]byte(content))}
		got := p.Admit(artifact.Parse(ca.List(inputtest.List{Entries: []inputtest.Entry{entry}})),
			Evidence{InLedger: true})
		if (got == nil) != want {
			t.Errorf("a list with serial %x: %v", content, got)
		}
		single := inputtest.Single{Serial: inputtest.Integer([]byte(content))}
		got = p.Admit(artifact.Parse(ca.Response(inputtest.Response{Singles: []inputtest.Single{single}})),
			Evidence{InLedger: true})
		if (got == nil) != want {
			t.Errorf("a response for serial %x: %v", content, got)
		}
	}
}
