package verify_test

import (
	"crypto"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/public"
	"seihon/verify/probe"
)

// TestProbeSeesAnOlderCopy serves the list before the current one, which is valid still: what caches may do for an hour
// after the newer one was sent, and nobody after that.
func TestProbeSeesAnOlderCopy(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	broken := false
	s := responder(t, r, &broken)
	old := before(r, "crl/sub.crl")
	if artifact.Sum(old) == artifact.Sum(r.files["crl/sub.crl"]) {
		t.Fatal("there is no older list")
	}
	write(r.public(), "crl/sub.crl", old)
	newest := artifact.Sum(r.files["crl/sub.crl"])
	for name, test := range map[string]struct {
		sent map[artifact.Digest]time.Time
		bad  int
	}{
		"nobody knows what was sent": {nil, 0},
		"not sent yet":               {map[artifact.Digest]time.Time{artifact.Sum(old): r.now.Add(-48 * time.Hour)}, 0},
		"a cache may have it":        {map[artifact.Digest]time.Time{newest: r.now.Add(-59 * time.Minute)}, 0},
		"no cache may have it":       {map[artifact.Digest]time.Time{newest: r.now.Add(-61 * time.Minute)}, 1},
	} {
		conf := probe.Config{Target: "public", BaseURL: s.URL, Master: r.writer.Log(), Now: r.clock, Sent: test.sent}
		bad := badSamples(must(probe.Round(t.Context(), conf)))
		if len(bad) != test.bad ||
			test.bad > 0 &&
				(!strings.HasPrefix(bad[0].Error, "older-copy: ") || !strings.HasSuffix(bad[0].URL, "crl/sub.crl")) {
			t.Errorf("%s: %+v", name, bad)
		}
	}
}

// TestProbeSeesAnOlderCheckpoint serves the checkpoint before the current one. It is of this log, and a cache may have
// it for a minute after the newer one was sent.
func TestProbeSeesAnOlderCheckpoint(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	broken := false
	s := responder(t, r, &broken)
	log := r.writer.Log()
	sizes := must(log.Archived())
	older := sizes[len(sizes)-2]
	write(r.public(), public.Checkpoint, must(log.ArchivedCheckpoint(t.Context(), older)))
	for name, test := range map[string]struct {
		sent map[int64]time.Time
		bad  bool
	}{
		"nobody knows what was sent": {nil, false},
		"not sent yet":               {map[int64]time.Time{older: r.now.Add(-48 * time.Hour)}, false},
		"a cache may have it":        {map[int64]time.Time{log.Size(): r.now.Add(-59 * time.Second)}, false},
		"no cache may have it":       {map[int64]time.Time{log.Size(): r.now.Add(-61 * time.Second)}, true},
	} {
		conf := probe.Config{Target: "public", BaseURL: s.URL, Master: log, Now: r.clock, Promised: test.sent}
		bad := badSamples(must(probe.Round(t.Context(), conf)))
		if (len(bad) == 1) != test.bad || len(bad) > 1 ||
			test.bad &&
				(!strings.HasPrefix(bad[0].Error, "older-copy: ") ||
					!strings.HasSuffix(bad[0].URL, public.Checkpoint)) {
			t.Errorf("%s: %+v", name, bad)
		}
	}
}

// TestProbeStaysAtTheHost: what another host says is no sample of this one.
func TestProbeStaysAtTheHost(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	broken := false
	good := responder(t, r, &broken)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		http.Redirect(w, q, good.URL+q.URL.Path, http.StatusFound)
	}))
	t.Cleanup(s.Close)
	conf := probe.Config{Target: "public", BaseURL: s.URL, Master: r.writer.Log(), Now: r.clock}
	samples := must(probe.Round(t.Context(), conf)).Samples
	for _, sample := range samples {
		if sample.OK || sample.Status != http.StatusFound ||
			!strings.HasPrefix(sample.Error, "it is redirected to another host, "+good.URL) {
			t.Errorf("%+v", sample)
		}
	}
	if len(samples) < 5 {
		t.Errorf("only %d samples", len(samples))
	}
}

// TestProbeKnowsTheMastersAnswer lets the responder say what it said yesterday, well signed and not expired: the sample
// of the issuer's revoked certificates is bad, and no other is.
func TestProbeKnowsTheMastersAnswer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		tell func(r *repo) lie
		bad  string // what a bad sample is about; empty: there is none
		code string
	}{
		"as the master says": {func(*repo) lie { return truthful }, "", ""},
		"yesterday's good for a certificate revoked since": {of(105, func(r *repo, h crypto.Hash) []byte {
			return respond(r.sub, r.delegate, h, 105, time.Time{}, r.now.Add(-25*time.Hour), r.now.Add(48*time.Hour))
		}), "#sub/revoked/", "responder-differs: "},
		"a new good for it": {of(105, func(r *repo, h crypto.Hash) []byte {
			return respond(r.sub, r.delegate, h, 105, time.Time{}, r.now.Add(-time.Minute), r.now.Add(48*time.Hour))
		}), "#sub/revoked/", "responder-differs: "},
		"tryLater for it": {of(105, func(*repo, crypto.Hash) []byte { return []byte{0x30, 3, 0x0a, 1, 3} }),
			"#sub/revoked/", "responder-fails: "},
		"always 500": {func(*repo) lie { return func(question) ([]byte, int) { return []byte("no"), 500 } }, "#",
			"responder-fails: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepo(t)
			r.now = r.now.Add(2 * time.Hour)
			trust := r.config().Policy.Trust
			check(trust.Add(r.sub.cert))
			address := answering(t, r, test.tell(r))
			conf := probe.Config{Target: "public", BaseURL: strings.TrimSuffix(address, "/ocsp"),
				Master: r.writer.Log(), Trust: trust, OCSPPath: "/ocsp", Now: r.clock}
			n := 0
			for _, s := range must(probe.Round(t.Context(), conf)).Samples {
				if !strings.Contains(s.URL, "/ocsp/#") {
					continue // that server has no files
				}
				n++
				about := test.bad != "" && strings.Contains(s.URL, test.bad)
				if s.OK == about || about && !strings.HasPrefix(s.Error, test.code) {
					t.Errorf("%+v", s)
				}
				if strings.HasSuffix(test.code, "differs: ") && about && s.Says != "good, revoked" {
					t.Errorf("%s says %q", s.URL, s.Says)
				}
			}
			if n != 20 {
				t.Errorf("%d samples of the responder", n)
			}
		})
	}
}

// TestOutsideVantageWithAnOldMaster takes no samples that it could not judge.
func TestOutsideVantageWithAnOldMaster(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	broken := false
	s := responder(t, r, &broken)
	old := must(ledger.Create(t.Context(), filepath.Join(t.TempDir(), "old"), ledger.WriterConfig{
		Origin: origin, Signers: []note.Signer{must(ledger.NewNoteSigner(origin, r.ecdsa)),
			must(ledger.NewNoteSigner(origin, r.ed25519))}, Now: r.clock,
	}))
	defer old.Close()
	check(old.Append(t.Context(), must(r.writer.Log().Entry(t.Context(), 0))))
	_ = must(old.Commit(t.Context()))
	copyTree(filepath.Join(r.config().Master, "manifests"), filepath.Join(old.Log().Dir(), "manifests"))
	conf := probe.Config{Target: "public", BaseURL: s.URL, Master: old.Log(), Now: r.clock}
	if bad := badSamples(must(probe.Round(t.Context(), conf))); len(bad) == 0 {
		t.Error("to the publishing host, a public copy that has more than the master is bad")
	}
	conf.Outside = true
	if _, err := probe.Round(t.Context(), conf); !errors.Is(err, probe.ErrBehind) {
		t.Errorf("an outside vantage: %v", err)
	}
	conf.Master = r.writer.Log()
	p := must(probe.Round(t.Context(), conf))
	if len(badSamples(p)) > 0 {
		t.Errorf("with the whole master: %+v", badSamples(p))
	}
	for _, s := range p.Samples {
		if s.Digest.IsZero() || strings.HasSuffix(s.URL, ".crl") && s.Version == "" ||
			strings.HasSuffix(s.URL, "checkpoint") && s.Version != "2" {
			t.Errorf("what was answered is missing: %+v", s)
		}
	}
}
