package verify_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
	"golang.org/x/mod/sumdb/note"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/ocspcache"
	"seihon/verify/probe"
	"seihon/verify/report"
	"seihon/verify/status"
	"seihon/verify/uptime"
)

// publicationLog makes a publication log beside the repository.
func publicationLog(t *testing.T, r *repo) *ledger.Writer {
	t.Helper()
	w := must(ledger.Create(t.Context(), filepath.Join(r.dir, "publication"), ledger.WriterConfig{
		Origin:  "publication.example/log",
		Signers: []note.Signer{must(ledger.NewNoteSigner("publication.example/log", newKey()))}, Now: r.clock,
	}))
	t.Cleanup(func() { w.Close() })
	return w
}

// responder answers OCSP by GET and POST from the bundles of sub and root, and everything else from the public copy.
func responder(t *testing.T, r *repo, broken *bool) *httptest.Server {
	t.Helper()
	answers := map[string][]byte{}
	for _, p := range bundleNames(r.public()) {
		b := must(ocspcache.OpenBundle(p))
		for k, der := range b.All() {
			key := k.Hash.String() + string(k.Serial)
			if old := answers[key]; old == nil || this(der).After(this(old)) {
				answers[key] = bytes.Clone(der)
			}
		}
		b.Close()
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if *broken {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		if enc, ok := strings.CutPrefix(req.URL.EscapedPath(), "/ocsp/"); ok && !strings.Contains(enc, ".") {
			der := must(io.ReadAll(req.Body))
			if req.Method == http.MethodGet {
				der = must(base64.StdEncoding.DecodeString(must(url.QueryUnescape(enc))))
			}
			q := must(ocsp.ParseRequest(der))
			answer, ok := answers[q.HashAlgorithm.String()+string(q.SerialNumber.Bytes())]
			if !ok {
				answer = unauthorized
			}
			_, _ = w.Write(answer)
			return
		}
		b, err := readFile(r.public(), req.URL.Path)
		if err != nil {
			http.NotFound(w, req)
			return
		}
		_, _ = w.Write(b)
	}))
	t.Cleanup(s.Close)
	return s
}

func TestProbeAndUptime(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	broken := false
	s := responder(t, r, &broken)
	trust := r.config().Policy.Trust
	if err := trust.Add(r.sub.cert); err != nil {
		t.Fatal(err)
	}
	conf := probe.Config{Target: "public", BaseURL: s.URL + "/", Master: r.writer.Log(), Trust: trust,
		OCSPPath: "/ocsp", Now: r.clock}
	log := publicationLog(t, r)
	round := func() *ledger.Probe {
		p, err := probe.Round(t.Context(), conf)
		if err != nil {
			t.Fatal(err)
		}
		check(log.Append(t.Context(), &ledger.Entry{Probe: p}))
		_ = must(log.Commit(t.Context()))
		return p
	}
	p := round()
	ocspSamples := 0
	for _, sample := range p.Samples {
		if !sample.OK {
			t.Errorf("bad sample: %+v", sample)
		}
		if strings.Contains(sample.URL, "/ocsp/") {
			ocspSamples++
		}
	}
	if len(p.Samples) < 8 || ocspSamples != 20 {
		t.Errorf("%d samples, %d of OCSP", len(p.Samples), ocspSamples)
	}
	start := r.now
	flip(r.public(), "crl/sub.crl")
	r.now = r.now.Add(time.Hour)
	if bad := badSamples(round()); len(bad) != 1 || !strings.Contains(bad[0].Error, "not the master's") {
		t.Errorf("bad samples with a changed list: %+v", bad)
	}
	write(r.public(), "crl/sub.crl", r.files["crl/sub.crl"])
	broken = true
	r.now = r.now.Add(time.Hour)
	if bad := badSamples(round()); len(bad) != len(p.Samples) || bad[0].Status != http.StatusBadGateway {
		t.Errorf("bad samples of a broken server: %+v", bad)
	}
	broken = false
	r.now = r.now.Add(time.Hour)
	round()
	line, _ := must(r.writer.Log().Replay(t.Context(), r.writer.Log().Size())).Get("crl/sub.crl")
	check(log.Append(t.Context(), &ledger.Entry{Publish: &ledger.Publish{Target: "public", MasterSize: 2,
		MasterRoot: r.writer.Log().Root(), Receipts: []ledger.Receipt{
			{Op: "put", Name: line.Name, Kind: line.Kind, Digest: line.Digest, Size: line.Size, ETag: "x",
				Time: line.NotBefore.Add(90 * time.Second)},
			{Op: "put", Name: "log/checkpoint", Kind: artifact.Checkpoint,
				Digest: artifact.Sum(r.writer.Log().Checkpoint()), ETag: "x",
				Time: line.NotBefore.Add(90 * time.Second)}}}}))
	_ = must(log.Commit(t.Context()))
	checkUptime(t, r, log, start, len(p.Samples))
	checkStatusLine(t, r, log)
}

func badSamples(p *ledger.Probe) []ledger.Sample {
	var bad []ledger.Sample
	for _, s := range p.Samples {
		if !s.OK {
			bad = append(bad, s)
		}
	}
	return bad
}

func checkUptime(t *testing.T, r *repo, log *ledger.Writer, start time.Time, n int) {
	t.Helper()
	conf := uptime.Config{Publication: log.Log(), Master: r.writer.Log(), From: start, To: r.now.Add(time.Hour),
		Now: r.now.Add(time.Second), Every: time.Hour}
	u, err := uptime.Measure(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	if u.Total.Samples != int64(4*n) || u.Total.Good != int64(3*n-1) || u.Total.Observed != u.Total.Expected ||
		u.Rounds != (report.Rounds{Expected: 4, Taken: 4}) || len(u.Names) != n || len(u.Days) != 1 ||
		len(u.Incidents) != n || u.Syncs != 1 {
		t.Errorf("uptime %+v", u)
	}
	if u.Slowest == nil || u.Slowest.Took != 90*time.Second || u.Median != 90*time.Second {
		t.Errorf("slowest publication %+v", u.Slowest)
	}
	for _, in := range u.Incidents {
		want := 1
		if strings.HasSuffix(in.Name, "crl/sub.crl") {
			want = 2
		}
		if in.Samples != want || in.To.IsZero() {
			t.Errorf("incident %+v", in)
		}
	}
	var text, js bytes.Buffer
	if u.WriteText(&text) != nil || u.WriteJSON(&js) != nil || !json.Valid(js.Bytes()) ||
		!strings.Contains(text.String(), "稼働実績") {
		t.Errorf("%s\n%s", text.String(), js.String())
	}
	var page bytes.Buffer
	if u.WriteHTML(&page) != nil || !strings.Contains(page.String(), "稼働実績") ||
		!strings.Contains(page.String(), "<svg") {
		t.Errorf("the page of the month:\n%s", page.String())
	}
	checkBalanced(t, page.String())
	conf.Master, conf.From, conf.To = nil, start.AddDate(-1, 0, 0), start.AddDate(0, -1, 0)
	if none := must(uptime.Measure(t.Context(), conf)); none.Total.Samples != 0 || none.Total.Ratio != nil {
		t.Errorf("uptime of a time without samples: %+v", none.Total)
	} else {
		text.Reset()
		page.Reset()
		check(none.WriteText(&text))
		check(none.WriteHTML(&page))
		for form, out := range map[string]string{"text": text.String(), "HTML": page.String()} {
			if strings.Contains(out, "%") && form == "text" || strings.Contains(out, "100.0000%") ||
				!strings.Contains(out, "observation was made") {
				t.Errorf("of a time without samples the %s says\n%s", form, out)
			}
		}
	}
}

func checkStatusLine(t *testing.T, r *repo, log *ledger.Writer) {
	t.Helper()
	at := func(now time.Time) *status.Status {
		return must(status.New(t.Context(),
			status.Config{Master: r.writer.Log(), Publication: log.Log(), Now: func() time.Time { return now }}))
	}
	s := at(r.now)
	if s.Warn || s.Critical || !strings.HasPrefix(s.Line(), "OK - 2 entries") || len(s.Targets) != 1 ||
		s.Targets[0].Behind != 0 || s.Targets[0].Good != s.Targets[0].Samples {
		t.Errorf("status %+v: %s", s, s.Line())
	}
	s.Targets[0].Samples, s.Targets[0].Good = 0, 0
	if line := s.Line(); !strings.HasSuffix(line, "0 behind, no samples were taken") {
		t.Errorf("without samples: %s", line)
	}
	if s := at(r.now.Add(50 * time.Hour)); !s.Warn || s.Critical {
		t.Errorf("a day before the first expiry: %s", s.Line())
	}
	if s := at(r.now.Add(80 * time.Hour)); !s.Critical || s.Expired == 0 {
		t.Errorf("after the first expiry: %s", s.Line())
	}
	var js, prom bytes.Buffer
	if s.WriteJSON(&js) != nil || !json.Valid(js.Bytes()) || s.WritePrometheus(&prom) != nil ||
		!strings.Contains(prom.String(), `seihon_next_update_seconds{name="crl/sub.crl",kind="crl"}`) {
		t.Errorf("%s\n%s", js.String(), prom.String())
	}
	r.run()
	if s := at(r.now); s.Targets[0].Behind != 1 || !s.Warn {
		t.Errorf("a target that is behind: %s", s.Line())
	}
}

func TestProbeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := probe.Round(ctx,
		probe.Config{BaseURL: "http://127.0.0.1:1", Master: r.writer.Log(), Now: r.clock}); err == nil {
		t.Error("a cancelled probe returns samples")
	}
}
