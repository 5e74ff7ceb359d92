package verify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/verify"
	"seihon/verify/report"
)

// A keyVerdict is what the test's signing room says of a key.
type keyVerdict struct {
	by      *ca
	verdict string
}

// verdict enters what the signing room found out about its token; change edits the document.
func (r *repo) verdict(policy string, keys []keyVerdict, elsewhere []string, change func(doc map[string]any)) {
	all := []map[string]any{}
	for _, k := range keys {
		all = append(all, map[string]any{"label": k.by.cert.Subject.CommonName, "role": "issuing", "verdict": k.verdict,
			"spki_sha256": artifact.Sum(k.by.cert.RawSubjectPublicKeyInfo).String()})
	}
	doc := map[string]any{"schema": "seihon/hsm-verdict/v1", "policy": policy, "keys": all, "elsewhere": elsewhere}
	if change != nil {
		change(doc)
	}
	d, size, err := r.writer.PutBlob(context.Background(), artifact.Log, bytes.NewReader(must(json.Marshal(doc))))
	check(err)
	r.enter(&ledger.Entry{Evidence: &ledger.Evidence{Kind: ledger.EvidenceVerdict, Name: policy, Digest: d,
		Size: size}})
}

// approved are the keys of the test's signing room.
func (r *repo) approved() []keyVerdict {
	return []keyVerdict{{r.root, "accepted"}, {r.sub, "accepted"}, {r.delegate, "accepted"}}
}

// signedBy names the issuer in the lines of bundles, as the room does.
func (r *repo) signedBy() {
	issuers := map[string]string{"crl/root-arl.crl": "root", "crl/sub.crl": "sub", "cert/sub-ocsp.cer": "sub"}
	r.line = func(l *ledger.Line) { l.Issuer = issuers[l.Name] }
}

// hsmTampers are signatures that the verdict on the HSM does not allow, and verdicts that cannot be read.
func hsmTampers() (all []tamper) {
	add := func(name string, want []string, do func(r *repo)) {
		all = append(all, tamper{name: "hsm: " + name, want: want, only: true, passes: len(want) == 0,
			do: func(_ *testing.T, r *repo, _ *verify.Config) {
				r.signedBy()
				do(r)
				r.run()
				r.publish(r.public())
			}})
	}
	const list = "@crl/sub.crl#the verdict of entry"
	add("approved", nil, func(r *repo) { r.verdict("accredited", r.approved(), nil, nil) })
	add("on trial", nil, func(r *repo) {
		r.verdict("trial", []keyVerdict{{r.root, "trial"}, {r.sub, "trial"}, {r.delegate, "trial"}}, nil, nil)
	})
	add("a refused key signed", []string{"hsm-refused" + list}, func(r *repo) {
		r.verdict("accredited", []keyVerdict{{r.root, "accepted"}, {r.sub, "refused"}, {r.delegate, "accepted"}}, nil,
			nil)
	})
	add("refused since", []string{"hsm-refused" + list}, func(r *repo) {
		r.verdict("accredited", r.approved(), nil, nil)
		r.verdict("accredited", []keyVerdict{{r.root, "accepted"}, {r.sub, "refused"}, {r.delegate, "accepted"}}, nil,
			nil)
	})
	add("an unknown key signed", []string{"hsm-unjudged" + list}, func(r *repo) {
		r.verdict("accredited", []keyVerdict{{r.root, "accepted"}, {r.delegate, "accepted"}}, nil, nil)
	})
	add("software outside signs", nil, func(r *repo) {
		r.verdict("accredited", []keyVerdict{{r.root, "accepted"}, {r.delegate, "accepted"}}, []string{"sub"}, nil)
	})
	add("software outside signs for another issuer", []string{"hsm-unjudged" + list}, func(r *repo) {
		r.verdict("accredited", []keyVerdict{{r.root, "accepted"}, {r.delegate, "accepted"}}, []string{"other"}, nil)
	})
	add("a form that is not known", []string{"hsm-verdict@log entry#the document is in the form"}, func(r *repo) {
		r.verdict("accredited", r.approved(), nil, func(doc map[string]any) { doc["schema"] = "seihon/hsm-verdict/v9" })
	})
	add("another policy than the entry says",
		[]string{`hsm-verdict@log entry#the document says "trial", the log entry "accredited"`}, func(r *repo) {
			r.verdict("accredited", r.approved(), nil, func(doc map[string]any) { doc["policy"] = "trial" })
		})
	add("no list of keys", []string{"hsm-verdict@log entry#no JSON of the form"}, func(r *repo) {
		r.verdict("accredited", r.approved(), nil, func(doc map[string]any) { doc["keys"] = "all of them" })
	})
	return all
}

// TestBundleHeldAgainstVerdict: the responder's key is judged for the bundles of its issuer, whose names do not tell.
func TestBundleHeldAgainstVerdict(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.verdict("accredited", []keyVerdict{{r.root, "accepted"}, {r.sub, "accepted"}, {r.delegate, "refused"}}, nil, nil)
	r.signedBy()
	// with its issuer, as the room writes it
	r.put("cert/sub-ocsp.cer", artifact.OCSPSignerCertificate, r.delegate.cert.Raw)
	r.run()
	r.publish(r.public())
	checked := r.check(t)
	refused := slices.ContainsFunc(checked.Findings, func(f report.Finding) bool {
		return f.Code == "hsm-refused" && strings.Contains(f.Name, "bundle") && strings.Contains(f.Detail, "Test OCSP")
	})
	if !refused {
		t.Errorf("a bundle of a refused responder passes: %v", codesOf(checked))
	}
	if checked.HSM == nil || checked.HSM.Judged == 0 || checked.HSM.Earlier == 0 || !checked.Scope.HSM {
		t.Errorf("what was judged: %+v, in the scope %v", checked.HSM, checked.Scope.HSM)
	}
}

// TestHSMShown: who reads the report learns of a trial and of what no verdict speaks, in both languages.
func TestHSMShown(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.verdict("trial", []keyVerdict{{r.root, "trial"}, {r.sub, "trial"}, {r.delegate, "trial"}}, []string{"kept"}, nil)
	r.run()
	r.publish(r.public())
	checked := r.check(t)
	var text, page strings.Builder
	check(checked.WriteText(&text))
	check(checked.WriteHTML(&page))
	for _, want := range []string{"policy trial; ", "keys on trial signed ", "of before the first", "signs for kept",
		"on trial: the keys of the signing room", "試験運用"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text does not say %q:\n%s", want, text.String())
		}
	}
	for _, want := range []string{"試験運用：署名室の鍵は試験用", "On trial: the keys", "試験用", "on trial", "kept"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if h := checked.HSM; h.OnTrial == 0 || h.OnTrial != h.Judged || h.Earlier == 0 || h.Earlier >= int64(len(r.files)) {
		t.Errorf("%d on trial of %d that were judged, %d are earlier; the repository has %d names", h.OnTrial, h.Judged,
			h.Earlier, len(r.files))
	}
	if list := r.check(t, func(c *verify.Config) { c.Tier = report.TierList }); list.HSM != nil || list.Scope.HSM {
		t.Errorf("a check of names and sizes judges keys: %+v", list.HSM)
	}
	older := newRepo(t).check(t)
	if older.HSM != nil || older.Scope.HSM {
		t.Errorf("a log without a verdict has %+v", older.HSM)
	}
}
