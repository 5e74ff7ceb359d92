package publish_test

import (
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/internal/inputtest"
	"seihon/ledger"
	"seihon/override"
	"seihon/publish"
	"seihon/sectiona"
)

// TestForced: a list or a response that says what an RFC forbids and was forced past the room's door, into a good
// master, is not sent; what was right before it stays.
func TestForced(t *testing.T) {
	t.Parallel()
	refused := func(t *testing.T, name, says string, force func(w *world, ca *inputtest.CA, now time.Time)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, m := newWorld(t), newMemStore()
			log := w.signingRun(map[int64][]byte{}, 5)
			w.sync(w.config(log, target("t", publish.Bundle, m)))
			before := m.get("crl/sub.crl")
			force(w, inputtest.Of(w.ca, w.key), w.now)
			r := w.trySync(w.config(w.log(), target("t", publish.Bundle, m)))
			if r.Err != nil || r.Complete || len(r.Refused) != 1 {
				t.Fatalf("%v, complete %v, refused %+v", r.Err, r.Complete, r.Refused)
			}
			if got := r.Refused[0].Refusal.Reason; !strings.Contains(got, says) {
				t.Errorf("refused since %q, want %q", got, says)
			}
			if string(m.get("crl/sub.crl")) != string(before) {
				t.Error("the list in public is another one now")
			}
		})
	}
	for i, d := range inputtest.DeviantLists(inputtest.NewCA("x"), epoch) {
		refused(t, "list with "+d.Name, d.Says, func(w *world, ca *inputtest.CA, now time.Time) {
			w.commit(w.line("crl/sub.crl", artifact.CRL, inputtest.DeviantLists(ca, now)[i].DER, "7"))
		})
	}
	for i, d := range inputtest.DeviantResponses(inputtest.NewCA("x"), epoch, []byte{5}, true) {
		refused(t, "response with "+d.Name, d.Says, func(w *world, ca *inputtest.CA, now time.Time) {
			w.commit(w.bundles(2,
				2, map[int64][]byte{5: inputtest.DeviantResponses(ca, now, []byte{5}, true)[i].DER})...)
		})
	}
}

// TestExceptions: a list that deviates in a known way is sent with a signed exception for it in the log, and only with
// one that a pinned key signed, for this CA and this kind, before it expires.
func TestExceptions(t *testing.T) {
	t.Parallel()
	public, pinned, _ := ed25519.GenerateKey(nil)
	_, stranger, _ := ed25519.GenerateKey(nil)
	for i, d := range inputtest.DeviantLists(inputtest.NewCA("x"), epoch) {
		kind := ""
		for one := range sectiona.Deviations(artifact.Parse(d.DER), time.Time{}) {
			kind = one.Code
		}
		for name, c := range map[string]struct {
			key   ed25519.PrivateKey
			kind  string
			until time.Duration
			sent  bool
		}{
			"signed":          {pinned, kind, time.Hour, sectiona.Excusable(kind)},
			"by a stranger":   {stranger, kind, time.Hour, false},
			"of another kind": {pinned, sectiona.AnsweredLater, time.Hour, false},
			"expired":         {pinned, kind, -90 * time.Minute, false},
		} {
			t.Run(d.Name+" "+name, func(t *testing.T) {
				t.Parallel()
				w, m := newWorld(t), newMemStore()
				w.signingRun(map[int64][]byte{}, 5)
				e := override.Exception{Key: artifact.Sum(w.ca.RawSubjectPublicKeyInfo), Allow: []string{c.kind},
					Reason: "ticket 1", Expires: w.now.Add(c.until)}
				text, err := e.Sign(c.key)
				if err != nil {
					t.Fatal(err)
				}
				w.append(&ledger.Entry{Time: w.now.Add(-3 * time.Hour),
					Exception: &ledger.Exception{Issuer: "sub", Text: string(text)}})
				w.commit(w.line("crl/sub.crl", artifact.CRL,
					inputtest.DeviantLists(inputtest.Of(w.ca, w.key), w.now)[i].DER, "7"))
				conf := w.config(w.log(), target("t", publish.Bundle, m))
				conf.Policy.Excepted = publish.Exceptions(t.Context(), conf.Master, []ed25519.PublicKey{public})
				if r := w.sync(conf); (len(r.Refused) == 0) != c.sent {
					t.Errorf("refused: %+v, want sent %v", r.Refused, c.sent)
				}
			})
		}
	}
}
