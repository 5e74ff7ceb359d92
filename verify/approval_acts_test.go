package verify_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"seihon/approval"
	"seihon/artifact"
	"seihon/ledger"
)

// TestEveryKindOfActIsHeld: each way in which an act can look in the log has none of its own approval first, then one
// for something else of its kind, and then its own.
func TestEveryKindOfActIsHeld(t *testing.T) {
	t.Parallel()
	sum := func(b []byte) string { return artifact.Sum(b).String() }
	next := func(r *repo) *ca { return newCert("Next CA", 77, r.root, asCA) }
	var made *ca // by the case in hand
	for name, c := range map[string]struct {
		kind string
		what string // of the finding
		asks func(r *repo) []string
		do   func(r *repo)
	}{
		"issue": {approval.IssueCA, "certificate of a CA",
			func(r *repo) []string {
				return []string{"act", "issue", "name", "next", "key-sha256", sum(made.cert.RawSubjectPublicKeyInfo)}
			},
			func(r *repo) { r.put("cert/next.cer", artifact.CACertificate, made.cert.Raw) }},
		"adopt": {approval.IssueCA, "certificate of a CA",
			func(r *repo) []string { return []string{"act", "adopt", "certificate-sha256", sum(made.cert.Raw)} },
			func(r *repo) { r.put("cert/next.cer", artifact.CACertificate, made.cert.Raw) }},
		"cross": {approval.IssueCA, "certificate of a CA",
			func(r *repo) []string { return []string{"act", "cross", "id", "bridge"} },
			func(r *repo) { r.put("cert/cross/bridge.cer", artifact.CrossCertificate, made.cert.Raw) }},
		"link": {approval.IssueCA, "certificate of a CA",
			func(r *repo) []string { return []string{"act", "link", "name", "next"} },
			func(r *repo) { r.put("cert/next-link-2.cer", artifact.LinkCertificate, made.cert.Raw) }},
		"revoke": {approval.RevokeCA, "revocation of 2 by root",
			func(r *repo) []string { return []string{"issuer", "root", "serial", "02"} },
			func(r *repo) { r.revokeSub(r.now.Add(-time.Minute), r.now.Add(-time.Minute)) }},
		"rotate": {approval.LogRotate, "new keys of the log",
			func(r *repo) []string { return []string{"act", "rotate", "reason", "planned"} },
			func(r *repo) {
				_, second := mustKey()
				keys := []note.Signer{must(ledger.NewNoteSigner(origin, newKey())),
					must(ledger.NewNoteSigner(origin, second))}
				_ = must(r.writer.RotateKeys(context.Background(), keys, "planned"))
			}},
		"freeze": {approval.LogRotate, "end of the log",
			func(r *repo) []string {
				return []string{"act", "freeze", "reason", "the CA ends", "successor", "next.example"}
			},
			func(r *repo) {
				_ = must(r.writer.Freeze(context.Background(),
					ledger.Freeze{Reason: "the CA ends", Successor: "next.example"}))
			}},
		"override": {approval.Override, "use of the override",
			func(r *repo) []string { return []string{"override-sha256", sum([]byte("an override"))} },
			func(r *repo) {
				r.enter(&ledger.Entry{Override: &ledger.Override{Issuer: "sub", Text: "an override",
					Changes: []ledger.StatusChange{{Serial: "69", Was: "good", Now: "good"}}}})
			}},
	} {
		t.Run(name, func(t *testing.T) {
			for how, want := range map[string]bool{"none": true, "other": true, "own": false} {
				r := newRepo(t)
				issuers := map[string]string{"crl/root-arl.crl": "root", "crl/root.crl": "root", "crl/sub.crl": "sub",
					"cert/sub.cer": "root"}
				r.line = func(l *ledger.Line) { l.Issuer = issuers[l.Name] }
				r.put("cert/sub.cer", artifact.CACertificate, r.sub.cert.Raw)
				r.commit()
				made = next(r)
				p := newPeople(2)
				r.rule(p, 2, c.kind)
				if pairs := c.asks(r); how != "none" {
					if how == "other" {
						pairs[len(pairs)-1] += "0"
					}
					r.approve(r.asking(c.kind, pairs...), p...)
				}
				c.do(r)
				if name != "freeze" {
					r.commit()
				}
				report := r.check(t)
				got := []string{}
				for _, f := range report.Findings {
					if strings.HasPrefix(f.Code, "approval-") {
						got = append(got, f.Code+" "+f.Detail)
					}
				}
				missing := slices.ContainsFunc(got, func(s string) bool {
					return strings.HasPrefix(s, "approval-missing") && strings.Contains(s, c.what)
				})
				if missing != want || len(got) > 1 || report.Approval.Acts != 1 {
					t.Errorf("%s approval: %d acts, %q", how, report.Approval.Acts, got)
				}
			}
		})
	}
}
