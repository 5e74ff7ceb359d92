package witness

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"seihon/ledger"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const origin = "ca.example.jp/master"

// newLog makes a log of n entries with one Ed25519 key.
func newLog(t *testing.T, n int) *ledger.Writer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ledger.NewNoteSigner(origin, key)
	if err != nil {
		t.Fatal(err)
	}
	w, err := ledger.Create(t.Context(), t.TempDir(), ledger.WriterConfig{Origin: origin, Signers: []note.Signer{s}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	grow(t, w, n)
	return w
}

func grow(t *testing.T, w *ledger.Writer, n int) {
	t.Helper()
	for range n {
		if err := w.Append(t.Context(), &ledger.Entry{Evidence: &ledger.Evidence{Kind: "k"}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A peer is a witness made of torchwood's signer and x/mod's proof checker.
type peer struct {
	mu     sync.Mutex
	signer *torchwood.CosignatureSigner
	log    note.Verifier
	seen   tlog.Tree
	mangle func(status int, body string) (int, string)
	calls  int
}

func newPeer(t *testing.T, name string, l *ledger.Log) (*peer, Witness) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{}
	if p.signer, err = torchwood.NewCosignatureSigner(name, key); err != nil {
		t.Fatal(err)
	}
	if p.log, err = ledger.ParseKey(l.Keys()[0]); err != nil {
		t.Fatal(err)
	}
	k, err := ParseKey(p.signer.Verifier().String())
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	return p, Witness{Key: k, URL: srv.URL + "/w/"}
}

func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	b, err := io.ReadAll(r.Body)
	status, body := http.StatusBadRequest, fmt.Sprint(err)
	if err == nil && r.URL.Path == "/w/add-checkpoint" {
		status, body = p.add(string(b))
	}
	if p.mangle != nil {
		status, body = p.mangle(status, body)
	}
	w.WriteHeader(status)
	io.WriteString(w, body)
}

func (p *peer) add(request string) (int, string) {
	head, checkpoint, _ := strings.Cut(request, "\n\n")
	var old int64
	lines := strings.Split(head, "\n")
	if _, err := fmt.Sscanf(lines[0], "old %d", &old); err != nil {
		return 400, err.Error()
	}
	cp, _, err := torchwood.VerifyCheckpoint([]byte(checkpoint),
		torchwood.ThresholdPolicy(2, torchwood.OriginPolicy(origin), torchwood.SingleVerifierPolicy(p.log)))
	if err != nil {
		return 403, err.Error()
	}
	if old != p.seen.N {
		return 409, fmt.Sprintln(p.seen.N)
	}
	var proof tlog.TreeProof
	for _, l := range lines[1:] {
		h, err := base64.StdEncoding.DecodeString(l)
		if err != nil {
			return 400, err.Error()
		}
		proof = append(proof, tlog.Hash(h))
	}
	if old > 0 && old < cp.N {
		if err := tlog.CheckTree(proof, cp.N, cp.Hash, old, p.seen.Hash); err != nil {
			return 422, err.Error()
		}
	} else if len(proof) > 0 || old == cp.N && cp.Hash != p.seen.Hash && old > 0 {
		return 422, "no proof was due, or the tree is another one"
	}
	p.seen = cp.Tree
	signed, err := note.Sign(&note.Note{Text: cp.String()}, p.signer)
	if err != nil {
		return 500, err.Error()
	}
	_, line, _ := strings.Cut(string(signed), "\n\n")
	return 200, line
}

func TestCosign(t *testing.T) {
	w := newLog(t, 3)
	a, wa := newPeer(t, "witness.example/a", w.Log())
	_, wb := newPeer(t, "witness.example/b", w.Log())
	keys := []*Key{wa.Key, wb.Key}
	for _, more := range []int{0, 300, 1} {
		if more > 0 {
			grow(t, w, more)
		}
		cp, err := Cosign(t.Context(), w.Log(), []Witness{wa, wb}, 2, Config{})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.AddSignatures(t.Context(), cp); err != nil {
			t.Fatal(err)
		}
		v, err := ledger.NewVerifier(origin, w.Log().Keys()...)
		if err != nil {
			t.Fatal(err)
		}
		l, err := ledger.Open(t.Context(), w.Log().Dir(), v)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Verify(l.Checkpoint(), keys, 2)
		if err != nil || len(got) != 2 {
			t.Errorf("%v %v", got, err)
		}
		// The oracle.
		if _, _, err := torchwood.VerifyCheckpoint(l.Checkpoint(),
			torchwood.ThresholdPolicy(2, torchwood.OriginPolicy(origin),
				torchwood.SingleVerifierPolicy(wa.Key))); err != nil {
			t.Error(err)
		}
		if got, err := ledger.Check(t.Context(), l.Dir(), v, ledger.CheckConfig{}); err != nil || len(got) > 0 {
			t.Errorf("%v %v", got, err)
		}
	}
	if a.calls != 1+2*2 {
		t.Errorf("%d requests", a.calls)
	}
	// Asked again about the same tree, it is no new signature line.
	before := w.Log().Checkpoint()
	again, err := Cosign(t.Context(), w.Log(), []Witness{wa}, 1, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again, before) {
		t.Errorf("the checkpoint is now\n%s", again)
	}
}

// TestWitnessHasSeenMore puts the log back; a witness notices.
func TestWitnessHasSeenMore(t *testing.T) {
	w := newLog(t, 3)
	p, wit := newPeer(t, "witness.example/a", w.Log())
	p.seen.N = 100
	if _, err := Cosign(t.Context(), w.Log(), []Witness{wit}, 1, Config{}); !errors.Is(err, ledger.ErrRollback) {
		t.Errorf("%v", err)
	}
	p.seen = tlog.Tree{N: 2}
	if _, err := Cosign(t.Context(), w.Log(), []Witness{wit}, 1, Config{}); err == nil ||
		!strings.Contains(err.Error(), "422") {
		t.Errorf("a fork: %v", err)
	}
}

// TestWitnessElsewhere: a witness that names another address is one that has not signed, and nobody is asked there.
func TestWitnessElsewhere(t *testing.T) {
	w := newLog(t, 3)
	other, wit := newPeer(t, "witness.example/a", w.Log())
	s := httptest.NewServer(http.RedirectHandler(wit.URL+"/add-checkpoint", http.StatusTemporaryRedirect))
	t.Cleanup(s.Close)
	wit.URL = s.URL
	if _, err := Cosign(t.Context(), w.Log(), []Witness{wit}, 1, Config{}); err == nil ||
		!strings.Contains(err.Error(), "it is redirected, http://127.0.0.1:") {
		t.Errorf("got %v, want that it is redirected", err)
	}
	if other.calls != 0 {
		t.Errorf("the other address was asked %d times", other.calls)
	}
}

func TestBadWitnesses(t *testing.T) {
	w := newLog(t, 3)
	_, good := newPeer(t, "witness.example/good", w.Log())
	for name, mangle := range map[string]func(int, string) (int, string){
		"server error":        func(int, string) (int, string) { return 500, "x" },
		"no signature":        func(int, string) (int, string) { return 200, "" },
		"garbage":             func(int, string) (int, string) { return 200, "<html>\n" },
		"another's signature": func(n int, b string) (int, string) { return n, strings.ReplaceAll(b, "/bad", "/god") },
		"changed signature": func(n int, b string) (int, string) {
			if n != 200 {
				return n, b
			}
			return n, b[:len(b)-12] + "AAAA" + b[len(b)-8:]
		},
		"conflict without size": func(int, string) (int, string) { return 409, "later" },
		"conflict for ever":     func(int, string) (int, string) { return 409, "2\n" },
		"negative size":         func(int, string) (int, string) { return 409, "-2\n" },
		"unknown log":           func(int, string) (int, string) { return 404, "" },
	} {
		t.Run(name, func(t *testing.T) {
			p, bad := newPeer(t, "witness.example/bad", w.Log())
			p.mangle = mangle
			cp, err := Cosign(t.Context(), w.Log(), []Witness{bad, good}, 2, Config{})
			if err == nil {
				t.Error("accepted")
			}
			if got, err := Verify(cp, []*Key{bad.Key, good.Key}, 1); err != nil || len(got) != 1 ||
				got[0].Witness != "witness.example/good" {
				t.Errorf("the good one's is lost: %v %v", got, err)
			}
			if _, err := Cosign(t.Context(), w.Log(), []Witness{bad, good}, 1, Config{}); err != nil {
				t.Errorf("with a quorum of one: %v", err)
			}
		})
	}
	_, late := newPeer(t, "witness.example/late", w.Log())
	if _, err := Cosign(t.Context(), w.Log(), []Witness{late}, 1,
		Config{Now: func() time.Time { return time.Now().Add(time.Hour) }}); err == nil {
		t.Error("a cosignature of an hour ago: accepted")
	}
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	t.Cleanup(silent.Close)
	if _, err := Cosign(t.Context(), w.Log(), []Witness{{Key: good.Key, URL: silent.URL}}, 1,
		Config{Timeout: 50 * time.Millisecond}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a silent witness: %v", err)
	}
}

func FuzzParseKey(f *testing.F) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	s, err := torchwood.NewCosignatureSigner("w", key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s.Verifier().String())
	f.Fuzz(func(t *testing.T, v string) {
		if k, err := ParseKey(v); err == nil && (k.Name() == "" || len(k.pub) != ed25519.PublicKeySize) {
			t.Fatalf("%q is read as %+v", v, k)
		}
	})
}
