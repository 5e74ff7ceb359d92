package publish_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/public"
	"seihon/publish"
)

// The paths by which the certificates of an older time point at the CA's artifacts.
var oldNames = public.NewAliases([]public.Alias{
	{Name: "CertEnroll/Sub CA+.crl", Artifact: "crl/sub.crl"}, {Name: "pki/SubCA.crl", Artifact: "crl/sub.crl"},
	{Name: "pki/SubCA.crt", Artifact: "cert/sub.cer"},
})

// aliased is the configuration of a sync with aliases, and with a memory.
func (w *world) aliased(log *ledger.Log, s publish.Store, state string, names public.Aliases) publish.Config {
	t := target("t", publish.Bundle, s)
	t.Aliases = names
	c := w.config(log, t)
	c.StateDir = state
	return c
}

// checkAliases wants every alias to hold the bytes of its artifact.
func checkAliases(m *memStore, names public.Aliases) error {
	for _, a := range names {
		if got := m.get(a.Name); got == nil || !bytes.Equal(got, m.get(a.Artifact)) {
			return fmt.Errorf("%s is not %s: %d and %d bytes", a.Name, a.Artifact, len(got), len(m.get(a.Artifact)))
		}
	}
	return nil
}

func (m *memStore) header(name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.objects[name].header
}

func TestAliases(t *testing.T) {
	w, m, responses, state := newWorld(t), newMemStore(), map[int64][]byte{}, t.TempDir()
	for range 3 {
		log := w.signingRun(responses, 5, 6)
		r := w.sync(w.aliased(log, m, state, oldNames))
		if err := checkAliases(m, oldNames); err != nil || !r.Complete || len(r.Findings) > 0 {
			t.Fatalf("%v, %+v", err, r)
		}
		requests := m.took()
		for _, a := range oldNames {
			of, at := slices.Index(requests, "PUT "+a.Artifact), slices.Index(requests, "PUT "+a.Name)
			if at >= 0 && of > at {
				t.Errorf("%s was written before %s: %q", a.Name, a.Artifact, requests)
			}
		}
		if r := w.sync(w.aliased(log, m, state, oldNames)); !r.Unchanged() || len(m.took()) != 1 {
			t.Errorf("nothing changed, and this was done: %+v", r)
		}
	}
	for alias, of := range map[string]string{"pki/SubCA.crl": "crl/sub.crl", "pki/SubCA.crt": "cert/sub.cer"} {
		if got := m.header(alias); got == "" || got != m.header(of) {
			t.Errorf("%s has the headers %q, %s has %q", alias, got, of, m.header(of))
		}
	}
}

// TestAliasesChange names aliases after the fact, gives one to another artifact, and loses the memory of the host.
func TestAliasesChange(t *testing.T) {
	w, m, responses, state := newWorld(t), newMemStore(), map[int64][]byte{}, t.TempDir()
	w.sync(w.aliased(w.signingRun(responses, 5), m, state, nil))
	log := w.signingRun(responses, 5)
	w.sync(w.aliased(log, m, state, nil))
	for _, step := range []struct {
		why   string
		names public.Aliases
		puts  int
		state string
	}{
		{"new aliases", oldNames, 3, state},
		{"one less", oldNames[:2], 0, state},
		{"it is back", oldNames, 0, state},
		{"another artifact", public.NewAliases([]public.Alias{{Name: "pki/SubCA.crl", Artifact: "cert/sub.cer"}}), 1,
			state},
		{"as before", oldNames, 1, state},
		{"a host that remembers nothing", oldNames, 0, t.TempDir()},
	} {
		m.took()
		r := w.sync(w.aliased(log, m, step.state, step.names))
		if err := checkAliases(m, step.names); err != nil || r.Counts.Sent != step.puts || len(r.Findings) > 0 ||
			!r.Complete {
			t.Errorf("%s: %v, %+v, %q", step.why, err, r, m.took())
		}
	}
	// An alias that was left alone while its list was renewed holds what the log once had there.
	w.sync(w.aliased(w.signingRun(responses, 5), m, state, nil))
	log = w.signingRun(responses, 5)
	if r := w.sync(w.aliased(log, m, state, oldNames)); checkAliases(m, oldNames) != nil || len(r.Findings) > 0 {
		t.Errorf("%v, %+v", checkAliases(m, oldNames), r)
	}
}

// TestAliasesFaults ends a sync at each of its requests, and lets another go on. An alias is never missing once it was
// there, never older than it was, and equal to its artifact in the end.
func TestAliasesFaults(t *testing.T) {
	w, m, responses, state := newWorld(t), newMemStore(), map[int64][]byte{}, t.TempDir()
	w.sync(w.aliased(w.signingRun(responses, 5), m, state, oldNames))
	log := w.signingRun(responses, 5)
	for _, x := range []fault{before, after, conflict, busy, kill, killAfter} {
		for at := 1; ; at++ {
			now, n := m.clone(), 0
			ctx, cancel := context.WithCancel(t.Context())
			f := &faultStore{memStore: now, crash: cancel, choose: func(op, name string) fault {
				if n++; n == at {
					return x
				}
				return healthy
			}}
			own := t.TempDir()
			_, err := publish.Sync(ctx, w.aliased(log, f, own, oldNames))
			cancel()
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range oldNames[:2] {
				if got, last := number(now.get(a.Name)), number(m.get(a.Name)); got == nil || got.Cmp(last) < 0 ||
					got.Cmp(number(now.get(a.Artifact))) > 0 {
					t.Fatalf("%s at request %d: %s has number %v, had %v, and %s has %v", x, at, a.Name, got, last,
						a.Artifact, number(now.get(a.Artifact)))
				}
			}
			if r := w.sync(w.aliased(log, now, own, oldNames)); checkAliases(now, oldNames) != nil ||
				len(r.Findings) > 0 || !r.Complete {
				t.Fatalf("%s at request %d: %v, %+v", x, at, checkAliases(now, oldNames), r)
			}
			if n < at {
				break
			}
		}
	}
}

func number(b []byte) *big.Int {
	if l, err := artifact.ParseRevocationList(b); err == nil {
		return l.Number
	}
	return nil
}

func TestAliasesAreWithdrawnFirst(t *testing.T) {
	w, m, responses, state := newWorld(t), newMemStore(), map[int64][]byte{}, t.TempDir()
	w.signingRun(responses, 5)
	log := w.commit(w.line("cert/old.cer", artifact.CACertificate, w.ca.Raw, ""))
	names := public.NewAliases([]public.Alias{{Name: "pki/old.crt", Artifact: "cert/old.cer"}})
	w.sync(w.aliased(log, m, state, names))
	w.withdraw(ledger.WithdrawnName{Name: "cert/old.cer", Digest: artifact.Sum(w.ca.Raw), Reason: "test"})
	log = w.commit()
	if r := w.sync(w.aliased(log, m, state, names)); r.Counts.Kept != 2 || m.get("pki/old.crt") == nil {
		t.Errorf("without prune: %+v", r)
	}
	m.took()
	c := w.aliased(log, m, state, names)
	c.Prune = true
	r := w.sync(c)
	var gone []string
	for _, q := range m.took() {
		if name, ok := strings.CutPrefix(q, "DELETE "); ok {
			gone = append(gone, name)
		}
	}
	if !slices.Equal(gone, []string{"pki/old.crt", "cert/old.cer"}) || len(r.Findings) > 0 {
		t.Errorf("with prune: removed %q, %+v", gone, r)
	}
}

// TestAliasOfTheMastersName refuses an alias that is a name of the master.
func TestAliasOfTheMastersName(t *testing.T) {
	w, m, responses := newWorld(t), newMemStore(), map[int64][]byte{}
	log := w.signingRun(responses, 5)
	names := public.NewAliases([]public.Alias{{Name: "crl/sub/history/1.crl", Artifact: "crl/sub.crl"}})
	r := w.trySync(w.aliased(log, m, t.TempDir(), names))
	if r.Err == nil || !strings.Contains(r.Err.Error(), "a name of the master itself") || len(m.names()) > 0 {
		t.Errorf("%v, %q", r.Err, m.names())
	}
}

// TestFound takes over a target with an older list and another document: what was recorded is replaced, what changed
// since, or was not recorded, is left alone.
func TestFound(t *testing.T) {
	for _, c := range []struct {
		why               string
		recorded, touched bool
		want              []publish.FindingCode
	}{
		{"not recorded", false, false, []publish.FindingCode{publish.Before, publish.Before, publish.Drift}},
		{"recorded", true, false, nil},
		{"changed since", true, true, []publish.FindingCode{publish.Drift}},
	} {
		w, m, responses, state := newWorld(t), newMemStore(), map[int64][]byte{}, t.TempDir()
		older := w.crl(0)
		m.set("crl/sub.crl", older)
		m.set("pki/SubCA.crl", older)
		m.set("pki/SubCA.crt", []byte("something else"))
		m.set("cert/sub.cer", w.ca.Raw) // without headers
		publication := must(ledger.Create(t.Context(), t.TempDir()+"/publication", w.writerConfig()))(t)
		defer publication.Close()
		if c.recorded {
			e := &ledger.Publish{Target: "t"}
			for _, name := range m.names() {
				e.Receipts = append(e.Receipts,
					ledger.Receipt{Op: ledger.OpFound, Name: name, Digest: artifact.Sum(m.get(name)), Time: w.now})
			}
			if err := errors.Join(publication.Append(t.Context(), &ledger.Entry{Publish: e}),
				second(publication.Commit(t.Context()))); err != nil {
				t.Fatal(err)
			}
		}
		if c.touched {
			m.set("pki/SubCA.crt", []byte("something new"))
		}
		conf := w.aliased(w.signingRun(responses, 5), m, state, oldNames)
		conf.Publication = publication
		r := w.sync(conf)
		var got []publish.FindingCode
		for _, f := range r.Findings {
			got = append(got, f.Code)
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) || (checkAliases(m, oldNames) == nil) != (c.want == nil) ||
			r.Complete != (c.want == nil) {
			t.Errorf("%s: %v, %+v", c.why, checkAliases(m, oldNames), r)
		}
		if c.want != nil {
			continue
		}
		if got := m.header("cert/sub.cer"); got == "" {
			t.Error("what had the right bytes has no headers")
		}
		// What was found counts once: put back later, it is a rollback.
		m.set("crl/sub.crl", older)
		conf = w.aliased(w.signingRun(responses, 5), m, state, oldNames)
		conf.Publication = publication
		if r := w.sync(conf); len(r.Findings) != 1 || r.Findings[0].Code != publish.Rollback {
			t.Errorf("put back: %+v", r)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestAliasOfATakenName: an alias that the configuration gives later takes no artifact's place, also where nothing else
// is to be sent.
func TestAliasOfATakenName(t *testing.T) {
	w, m, state := newWorld(t), newMemStore(), t.TempDir()
	log := w.signingRun(map[int64][]byte{}, 5)
	w.sync(w.aliased(log, m, state, nil))
	before := m.get("cert/sub.cer")
	r := w.trySync(w.aliased(log, m, state,
		public.NewAliases([]public.Alias{{Name: "cert/sub.cer", Artifact: "crl/sub.crl"}})))
	if r.Err == nil || !strings.Contains(r.Err.Error(), "cert/sub.cer") || !bytes.Equal(m.get("cert/sub.cer"), before) {
		t.Errorf("%v; the certificate is now %d bytes, was %d", r.Err, len(m.get("cert/sub.cer")), len(before))
	}
}
