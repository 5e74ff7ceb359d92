package verify_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha512"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"seihon/approval"
	"seihon/artifact"
	"seihon/ledger"
	"seihon/verify"
)

// people are those who approve in the test's signing room.
type people []ssh.Signer

func newPeople(n int) (all people) {
	for range n {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		check(err)
		all = append(all, must(ssh.NewSignerFromKey(key)))
	}
	return all
}

// rule records a rule of approvals by people named a, b, c …; without people one suffices.
func (r *repo) rule(p people, quorum int, kinds ...string) {
	var all []approval.Person
	for i, s := range p {
		all = append(all, approval.Person{Name: string(rune('a' + i)), Key: s.PublicKey()})
	}
	r.evidence(ledger.EvidenceApprovalRule, must(approval.NewRule("test", origin, quorum, kinds, all)).Text())
}

func (r *repo) evidence(kind string, doc []byte) {
	d, size, err := r.writer.PutBlob(context.Background(), artifact.Log, bytes.NewReader(doc))
	check(err)
	note := ""
	if kind == ledger.EvidenceKeys {
		note = "use: key-state-changing"
	}
	r.enter(&ledger.Entry{Evidence: &ledger.Evidence{Kind: kind, Name: "test", Digest: d, Size: size, Note: note}})
}

// asking is a request of the test's signing room for an act.
func (r *repo) asking(kind string, pairs ...string) *approval.Request {
	log := r.writer.Log()
	q := &approval.Request{Repository: "test", Log: origin, Size: log.Size(), Root: log.Root(),
		Made: r.now.UTC().Truncate(time.Second), Act: approval.Act{Kind: kind}}
	q.Expires = q.Made.AddDate(0, 0, 7)
	for i := 0; i < len(pairs); i += 2 {
		q.Params = append(q.Params, approval.Param{Name: pairs[i], Value: pairs[i+1]})
	}
	return q
}

// approve records a request with signatures of people.
func (r *repo) approve(q *approval.Request, by ...ssh.Signer) {
	papers := approval.Papers{Request: q.Text()}
	for _, s := range by {
		papers.Signatures = append(papers.Signatures, sshSignature(s, q.Text()))
	}
	r.evidence(ledger.EvidenceApproval, papers.Document())
}

func sshSignature(s ssh.Signer, message []byte) []byte {
	sum := sha512.Sum512(message)
	inner := must(s.Sign(rand.Reader, append([]byte("SSHSIG"), ssh.Marshal(struct {
		Namespace, Reserved, Hash,
		Digest string
	}{approval.Namespace, "", "sha512", string(sum[:])})...)))
	return pem.EncodeToMemory(&pem.Block{Type: "SSH SIGNATURE", Bytes: append([]byte("SSHSIG"), ssh.Marshal(struct {
		Version                             uint32
		Key, Namespace, Reserved, Hash, Sig string
	}{1, string(s.PublicKey().Marshal()), approval.Namespace, "", "sha512", string(ssh.Marshal(inner))})...)})
}

// withdraw takes a name out of the state of the log.
func (r *repo) withdraw(name string) {
	line, _, err := r.writer.Log().Lookup(context.Background(), name)
	check(err)
	r.enter(&ledger.Entry{Withdraw: &ledger.Withdraw{Names: []ledger.WithdrawnName{{Name: name, Digest: line.Digest,
		Reason: "test"}}}})
	delete(r.files, name)
}

// approvalTampers are acts without approval, approvals that do not hold, and rules that somebody weakened alone.
func approvalTampers() (all []tamper) {
	doc := []string{"docs/cps-0.9.pdf.p7s", "docs/cps-0.9.pdf"} // not published yet
	add := func(name string, want []string, do func(r *repo, p people)) {
		all = append(all, tamper{name: "approval: " + name, want: want, only: true, passes: len(want) == 0,
			do: func(_ *testing.T, r *repo, _ *verify.Config) {
				r.signedBy()
				r.put(doc[0], artifact.DocumentSignature, r.files["docs/cps-1.0.pdf.p7s"])
				r.put(doc[1], artifact.Document, r.files["docs/cps-1.0.pdf"])
				r.commit()
				p := newPeople(3)
				r.rule(p, 2, approval.FinalCRL, approval.IssueCA, approval.Keygen, approval.LogRotate,
					approval.Override,
					approval.RevokeCA, approval.Withdraw)
				do(r, p)
				r.run()
				r.publish(r.public())
			}})
	}
	missing := func(what string) []string { return []string{"approval-missing@#" + what} }
	invalid := func(why string) []string { return []string{"approval-invalid@log entry#" + why} }
	withdrawal := func(r *repo, name string) *approval.Request {
		line, _, err := r.writer.Log().Lookup(context.Background(), name)
		check(err)
		return r.asking(approval.Withdraw, "name", name, "sha256", line.Digest.String(), "reason", "test")
	}
	add("withdrawn with approval", nil, func(r *repo, p people) {
		for _, name := range doc {
			r.approve(withdrawal(r, name), p[0], p[2])
			r.withdraw(name)
		}
	})
	add("withdrawn without", missing("withdrawal of docs/cps-0.9.pdf "), func(r *repo, p people) {
		r.approve(withdrawal(r, doc[0]), p[0], p[1])
		r.withdraw(doc[0])
		r.withdraw(doc[1])
	})
	add("approved afterwards", missing("withdrawal of docs/cps-0.9.pdf.p7s"), func(r *repo, p people) {
		first, second := withdrawal(r, doc[0]), withdrawal(r, doc[1])
		r.withdraw(doc[0])
		r.approve(first, p[0], p[1])
		r.approve(second, p[0], p[1])
		r.withdraw(doc[1])
	})
	add("keys with approval", nil, func(r *repo, p people) {
		r.approve(r.asking(approval.Keygen, "key", "next p256 for next", "key", "other p256 for other"), p[0], p[1])
		r.evidence(ledger.EvidenceKeys, []byte(`{"keys": [{"label": "next"}]}`))
	})
	add("other keys than approved", missing("making of the key more"), func(r *repo, p people) {
		r.approve(r.asking(approval.Keygen, "key", "next p256 for next"), p[0], p[1])
		r.evidence(ledger.EvidenceKeys, []byte(`{"keys": [{"label": "next"}, {"label": "more"}]}`))
	})
	add("keys in two tokens with one approval", nil, func(r *repo, p people) {
		r.approve(r.asking(approval.Keygen, "key", "next p256 for next in token old", "key",
			"other p256 for other in token new"), p[0], p[1])
		r.evidence(ledger.EvidenceKeys, []byte(`{"keys": [{"label": "next"}]}`))
		r.evidence(ledger.EvidenceKeys, []byte(`{"keys": [{"label": "other"}]}`))
	})
	add("keys of one label in two tokens with one approval", nil, func(r *repo, p people) {
		r.approve(r.asking(approval.Keygen, "key", "next p256 for next in token old", "key",
			"next p256 for other in token new"), p[0], p[1])
		r.evidence(ledger.EvidenceKeys, []byte(`{"keys": [{"label": "next"}]}`))
		r.evidence(ledger.EvidenceKeys, []byte(`{"keys": [{"label": "next"}]}`))
	})
	add("a third key of a label that was approved twice", missing("making of the key next"), func(r *repo, p people) {
		r.approve(r.asking(approval.Keygen, "key", "next p256 for next in token old", "key",
			"next p256 for other in token new"), p[0], p[1])
		for range 3 {
			r.evidence(ledger.EvidenceKeys, []byte(`{"keys": [{"label": "next"}]}`))
		}
	})
	add("a key twice with one approval", missing("making of the key next"), func(r *repo, p people) {
		r.approve(r.asking(approval.Keygen, "key", "next p256 for next"), p[0], p[1])
		r.evidence(ledger.EvidenceKeys, []byte(`{"keys": [{"label": "next"}]}`))
		r.evidence(ledger.EvidenceKeys, []byte(`{"keys": [{"label": "next"}]}`))
	})
	add("keys that nobody can tell", missing("making of the key ?"), func(r *repo, p people) {
		r.approve(r.asking(approval.Keygen, "key", "next p256 for next"), p[0], p[1])
		r.evidence(ledger.EvidenceKeys, []byte(`{"keys": []}`))
	})
	add("a last list with approval", nil, func(r *repo, p people) {
		r.approve(r.asking(approval.FinalCRL, "issuer", "sub"), p[0], p[1])
		r.subList = func(l *list) { l.next = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC) }
	})
	add("a last list without", missing("last list of sub"), func(r *repo, p people) {
		r.approve(r.asking(approval.FinalCRL, "issuer", "root"), p[0], p[1])
		r.subList = func(l *list) { l.next = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC) }
	})
	for name, by := range map[string]func(r *repo, p people, q *approval.Request){
		"1 of the 2 people": func(r *repo, p people, q *approval.Request) { r.approve(q, p[0]) },
		"SSH signature":     func(r *repo, _ people, q *approval.Request) { r.approve(q) },
		"a key that the rule does not have": func(r *repo, p people,
			q *approval.Request) {
			r.approve(q, p[0], newPeople(1)[0])
		},
		"a has approved already": func(r *repo, p people, q *approval.Request) { r.approve(q, p[0], p[0]) },
		"expired at": func(r *repo, p people, q *approval.Request) {
			q.Made, q.Expires = q.Made.AddDate(0, 0, -9), q.Expires.AddDate(0, 0, -9)
			r.approve(q, p[0], p[1])
		},
		"in the future": func(r *repo, p people, q *approval.Request) {
			q.Made, q.Expires = q.Made.AddDate(0, 0, 9), q.Expires.AddDate(0, 0, 9)
			r.approve(q, p[0], p[1])
		},
		"it is for repository": func(r *repo, p people, q *approval.Request) {
			q.Repository = "other"
			r.approve(q,
				p[0], p[1])
		},
		"and the log \"other\"": func(r *repo, p people, q *approval.Request) {
			q.Log = "other"
			r.approve(q, p[0],
				p[1])
		},
		"it is for a log of": func(r *repo, p people, q *approval.Request) { q.Size += 9; r.approve(q, p[0], p[1]) },
		"it is for another log": func(r *repo, p people,
			q *approval.Request) {
			q.Root[0] ^= 1
			r.approve(q, p[0], p[1])
		},
		"it has no signature": func(r *repo, _ people,
			q *approval.Request) {
			r.evidence(ledger.EvidenceApproval, q.Text())
		},
		"parsing the SSH signature": func(r *repo, p people, q *approval.Request) {
			r.evidence(ledger.EvidenceApproval,
				append(q.Text(), "-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAA\n-----END SSH SIGNATURE-----\n"...))
		},
	} {
		want := append(invalid(map[bool]string{true: "it has no signature", false: name}[name == "SSH signature"]),
			missing("withdrawal of docs/cps-0.9.pdf.p7s")...)
		add("an approval that does not hold, "+name, want, func(r *repo, p people) {
			by(r, p, withdrawal(r, doc[0]))
			r.withdraw(doc[0])
			q := withdrawal(r, doc[1])
			r.approve(q, p[0], p[1])
			r.withdraw(doc[1])
		})
	}
	add("a request used twice", append(invalid("the same request was used before"), missing("end of")...)[:1],
		func(r *repo, p people) {
			q := r.asking(approval.Withdraw, "name", "docs/x.pdf", "sha256", artifact.Sum(nil).String(), "reason",
				"test")
			r.approve(q, p[0], p[1])
			r.approve(q, p[0], p[1])
		})
	add("a weaker rule that the old quorum approved", nil, func(r *repo, p people) {
		next := must(approval.NewRule("test", origin, 0, nil, nil))
		r.approve(r.asking(approval.ChangeRule, "rule-sha256", artifact.Sum(next.Text()).String()), p[1], p[2])
		r.rule(nil, 0)
		for _, name := range doc {
			r.withdraw(name)
		}
	})
	add("a weaker rule that nobody approved",
		append([]string{"approval-rule@log entry#its quorum is 1 instead of 2"},
			missing("withdrawal of docs/cps-0.9.pdf.p7s")...), func(r *repo, p people) {
			r.rule(p, 1, approval.Kinds...)
			r.approve(withdrawal(r, doc[1]), p[1], p[2])
			r.withdraw(doc[0])
			r.withdraw(doc[1])
		})
	add("the rule switched off alone", []string{"approval-rule@log entry#it is not for final-crl any more"},
		func(r *repo, _ people) { r.rule(nil, 0) })
	add("a stricter rule", nil, func(r *repo, p people) { r.rule(p, 3, approval.Kinds...) })
	add("a rule that cannot be read", []string{"approval-rule@log entry#parsing the rule of approvals"},
		func(r *repo, _ people) { r.evidence(ledger.EvidenceApprovalRule, []byte("none")) })
	add("the rule of another log", []string{`approval-rule@log entry#the rule is of the log "other"`},
		func(r *repo, p people) {
			r.evidence(ledger.EvidenceApprovalRule, must(approval.NewRule("test", "other", 0, nil, nil)).Text())
		})
	return all
}

// TestApprovalsShown: who reads the report learns whose approval is needed, or that one person suffices.
func TestApprovalsShown(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	text := func() string {
		r.publish(r.public())
		report := r.check(t)
		var b strings.Builder
		check(report.WriteText(&b))
		check(report.WriteHTML(&b))
		return b.String() + fmt.Sprintf("%+v", *report.Approval)
	}
	if got := text(); !strings.Contains(got, "one person suffices for everything") ||
		!strings.Contains(got, "すべて一人で") || !strings.Contains(got, "one person suffices for everything.</span></p>") ||
		!strings.Contains(got, "Entry:-1") {
		t.Errorf("without a rule the report does not say so:\n%s", got)
	}
	p := newPeople(3)
	r.rule(p, 2, approval.Withdraw)
	r.approve(r.asking(approval.Withdraw, "name", "x", "sha256", "y", "reason", "z"), p[0], p[1])
	r.run()
	if got := text(); !strings.Contains(got, "2 of a, b, c for withdraw; 0 acts held against 1 approvals") ||
		!strings.Contains(got, "2 of a, b, c must approve withdraw. 0 acts") {
		t.Errorf("the rule is not shown:\n%s", got)
	}
	r.rule(nil, 0)
	r.run()
	if got := text(); !strings.Contains(got, "2 of a, b, c for withdraw") {
		t.Errorf("a rule that one person switched off is off:\n%s", got)
	}
}
