package verify_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/verify"
	"seihon/verify/uptime"
)

// A vantage signs samples with a key of its own.
type vantage struct {
	name string
	key  *ledger.NoteSigner
	dir  string // of the samples
	n    int
}

// newVantage is an outside vantage whose key the auditor has pinned.
func newVantage(r *repo, c *verify.Config, name string) *vantage {
	v := &vantage{name: name, key: must(ledger.NewNoteSigner(name, newKey())),
		dir: filepath.Join(r.dir, "samples-"+name)}
	check(os.MkdirAll(v.dir, 0o755))
	c.Vantages = append(c.Vantages, &v.key.NoteVerifier)
	c.Samples = append(c.Samples, v.dir)
	return v
}

// write keeps a file of samples.
func (v *vantage) write(signed []byte) string {
	v.n++
	file := filepath.Join(v.dir, strings.Repeat("x", v.n)+".note")
	check(os.WriteFile(file, signed, 0o644))
	return file
}

// takes signs one round.
func (v *vantage) takes(samples ...ledger.Sample) string {
	at := samples[0].Time
	return v.write(must(uptime.SignSamples([]*ledger.Probe{{Target: "public", Samples: samples}}, at, v.key)))
}

// got is a good sample of a list.
func got(at time.Time, version, content string) ledger.Sample {
	return ledger.Sample{URL: baseURL + "/crl/sub.crl", Time: at, OK: true, Status: 200, Version: version,
		Digest: artifact.Sum([]byte(content))}
}

func bad(s ledger.Sample, err string) ledger.Sample {
	s.OK, s.Error = false, err
	return s
}

// told is a sample of a responder.
func told(at time.Time, says string) ledger.Sample {
	return ledger.Sample{URL: baseURL + "/ocsp/#sub/revoked/sha256/get", Time: at, OK: true, Status: 200, Says: says}
}

func sampleTampers() []tamper {
	const list, ocsp = "@http://repository.example/crl/sub.crl", "@http://repository.example/ocsp/"
	two := func(name, want string, do func(tokyo, osaka *vantage, at time.Time)) tamper {
		c := tamper{name: "samples: " + name, only: true, do: func(_ *testing.T, r *repo, c *verify.Config) {
			do(newVantage(r, c, "Tokyo"), newVantage(r, c, "Osaka"), r.now.Add(-20*time.Hour))
		}}
		if want == "" {
			return c.passing()
		}
		c.want = []string{want}
		return c
	}
	signed := func(name, want, text string) tamper {
		return two(name, want, func(tokyo, _ *vantage, _ time.Time) {
			tokyo.write(must(note.Sign(&note.Note{Text: text}, tokyo.key)))
		})
	}
	entry := func(e *ledger.Entry) string { return string(must(e.Encode())) + "\n" }
	head := uptime.SamplesSchema + "\nTokyo\n"
	return []tamper{
		two("two vantages agree", "", func(tokyo, osaka *vantage, at time.Time) {
			for i := range 3 {
				tokyo.takes(got(at.Add(time.Duration(i)*time.Minute), "12", "a"), told(at, "revoked"))
				osaka.takes(got(at.Add(time.Duration(i)*time.Minute), "12", "a"), told(at, "revoked"))
			}
		}),
		two("a cache is behind for an hour", "", func(tokyo, osaka *vantage, at time.Time) {
			osaka.takes(got(at, "12", "a"))
			tokyo.takes(got(at.Add(time.Minute), "13", "b"))
			osaka.takes(got(at.Add(time.Hour), "12", "a"))
			osaka.takes(got(at.Add(2*time.Hour), "13", "b"))
		}),
		two("a list older than what another vantage got long ago", "samples-older"+list+"#Osaka got it",
			func(tokyo, osaka *vantage, at time.Time) {
				tokyo.takes(got(at, "13", "b"))
				osaka.takes(got(at.Add(2*time.Hour), "12", "a"))
			}),
		two("a list that went back at one vantage", "samples-older"+list+"#2 times",
			func(tokyo, _ *vantage, at time.Time) {
				tokyo.takes(got(at, "9", "a"))
				tokyo.takes(got(at.Add(time.Minute), "10", "b"))
				tokyo.takes(got(at.Add(3*time.Hour), "9", "a"))
				tokyo.takes(got(at.Add(4*time.Hour), "9", "a"))
			}),
		two("a checkpoint that went back", "samples-older@log/checkpoint", func(tokyo, osaka *vantage, at time.Time) {
			cp := func(at time.Time, size string) ledger.Sample {
				s := got(at, size, size)
				s.URL = baseURL + "/log/checkpoint"
				return s
			}
			tokyo.takes(cp(at, "100"))
			osaka.takes(cp(at.Add(10*time.Minute), "99"))
		}),
		two("a page that went back", "samples-older@index.html", func(tokyo, _ *vantage, at time.Time) {
			page := func(at time.Time, content string) ledger.Sample {
				s := got(at, "", content)
				s.URL = baseURL + "/index.html"
				return s
			}
			tokyo.takes(page(at, "a"))
			tokyo.takes(page(at.Add(time.Minute), "b"))
			tokyo.takes(page(at.Add(3*time.Hour), "a"))
		}),
		two("two lists of one number", "samples-differ"+list+"#Osaka got it",
			func(tokyo, osaka *vantage, at time.Time) {
				tokyo.takes(got(at, "12", "a"))
				osaka.takes(got(at.Add(5*time.Hour), "12", "b"))
			}),
		two("revoked here, good there", "samples-differ"+ocsp, func(tokyo, osaka *vantage, at time.Time) {
			tokyo.takes(told(at, "revoked"))
			osaka.takes(bad(told(at.Add(time.Minute), "good"), "responder-differs: yesterday's"))
		}),
		two("good there first, revoked here", "samples-differ"+ocsp, func(tokyo, osaka *vantage, at time.Time) {
			osaka.takes(bad(told(at, "good, revoked"), "responder-differs: yesterday's"))
			tokyo.takes(told(at.Add(time.Minute), "revoked"))
		}),
		two("a forged list at one vantage", "samples-differ"+list+"#Osaka got it",
			func(tokyo, osaka *vantage, at time.Time) {
				tokyo.takes(got(at, "12", "a"))
				osaka.takes(bad(got(at.Add(time.Minute), "13", "forged"), "the content is not the master's"))
				tokyo.takes(got(at.Add(2*time.Minute), "12", "a"))
			}),
		{name: "samples: the publishing host saw another list than an outside vantage",
			want: []string{"samples-differ" + list + "#a vantage without a name"},
			do: func(t *testing.T, r *repo, c *verify.Config) {
				w := publicationLog(t, r)
				at := r.now.Add(-3 * time.Hour)
				check(w.Append(t.Context(),
					&ledger.Entry{Time: at,
						Probe: &ledger.Probe{Target: "public", Samples: []ledger.Sample{got(at, "12", "a")}}}))
				_ = must(w.Commit(t.Context()))
				c.Publication, c.PublicationVerifier = filepath.Join(r.dir, "publication"),
					must(ledger.NewVerifier(w.Log().Origin(), w.Log().Keys()...))
				newVantage(r, c, "Osaka").takes(got(at.Add(time.Minute), "12", "b"))
			}},
		two("a key that nobody pinned", "samples-unpinned@Tokyo", func(tokyo, _ *vantage, at time.Time) {
			tokyo.key = must(ledger.NewNoteSigner("Tokyo", newKey()))
			tokyo.takes(got(at, "12", "a"))
		}),
		two("altered", "samples-invalid@Tokyo#invalid signature", func(tokyo, _ *vantage, at time.Time) {
			file := tokyo.takes(bad(got(at, "12", "a"), "the list is stale"))
			raw := must(os.ReadFile(file))
			check(os.WriteFile(file, bytes.Replace(raw, []byte(`"ok":false`), []byte(`"ok":true`), 1), 0o644))
		}),
		two("cut off", "samples-invalid#malformed", func(tokyo, _ *vantage, at time.Time) {
			file := tokyo.takes(got(at, "12", "a"))
			raw := must(os.ReadFile(file))
			check(os.WriteFile(file, raw[:len(raw)/2], 0o644))
		}),
		two("under the name of another vantage", "samples-invalid#whose key has not signed",
			func(tokyo, osaka *vantage, at time.Time) {
				signed := must(uptime.SignSamples([]*ledger.Probe{{Target: "public",
					Samples: []ledger.Sample{got(at, "12", "a")}}}, at, osaka.key))
				text, _, _ := strings.Cut(string(signed), "\n\n")
				tokyo.write(must(note.Sign(&note.Note{Text: strings.ReplaceAll(text, "Osaka", "Tokyo") + "\n"},
					osaka.key)))
			}),
		signed("another document of the same key", "samples-invalid#first line", "seihon/other/v1\nTokyo\n"),
		signed("a round of somebody else", "samples-invalid#round 1",
			head+
				entry(&ledger.Entry{V: 1, Type: "probe", Time: start,
					Probe: &ledger.Probe{Target: "public", Vantage: "Osaka"}})),
		signed("what is no round", "samples-invalid#round 1",
			head+entry(&ledger.Entry{V: 1, Type: "evidence", Time: start, Evidence: &ledger.Evidence{Kind: "k"}})),
		signed("what is no entry", "samples-invalid#round 1", head+"{}\n"),
		two("a file without an end", "samples-invalid#longer",
			func(tokyo, _ *vantage, _ time.Time) { tokyo.write(make([]byte, 5<<20)) }),
		two("an empty file", "samples-invalid#malformed", func(tokyo, _ *vantage, _ time.Time) { tokyo.write(nil) }),
	}
}

// TestSignedSamplesCount: the rounds of an outside vantage are its own, the same file counts once, and a host that
// takes its name gets none of them.
func TestSignedSamplesCount(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	c := r.config()
	osaka := newVantage(r, &c, "Osaka")
	w := publicationLog(t, r)
	at := r.now.Add(-time.Hour).Truncate(time.Minute)
	for i := range 10 {
		when := at.Add(time.Duration(i) * time.Minute)
		check(w.Append(t.Context(), &ledger.Entry{Time: when, Probe: &ledger.Probe{Target: "public", Vantage: "Osaka",
			Samples: []ledger.Sample{got(when, "12", "a")}}}))
		file := osaka.takes(bad(got(when, "12", "a"), "older-copy: x"))
		if i == 3 {
			check(os.WriteFile(file+".copy", must(os.ReadFile(file)), 0o644))
		}
	}
	_ = must(w.Commit(t.Context()))
	c.Publication, c.PublicationVerifier = filepath.Join(r.dir, "publication"),
		must(ledger.NewVerifier(w.Log().Origin(), w.Log().Keys()...))
	report := must(verify.Check(t.Context(), c))
	conforms(t, report)
	rec := report.Record
	if len(rec.Signed) != 1 || rec.Signed[0].Rounds != 10 || rec.Signed[0].Files != 10 || rec.Signed[0].Samples != 10 ||
		report.Scope.Vantages != 1 {
		t.Errorf("signed samples %+v, scope %+v", rec.Signed, report.Scope)
	}
	u := rec.Uptime
	if len(u.Vantages) != 2 || u.Vantages[0].Name != "Osaka" || u.Vantages[0].Good != 0 ||
		u.Vantages[1].Name != "Osaka (publication log)" || u.Vantages[1].Good != 10 {
		t.Errorf("vantages %+v", u.Vantages)
	}
	// bad at one vantage is bad; the rest of the hour was not observed
	if u.Total.Observed != 10 || u.Total.Good != 0 || len(u.Gaps) != 1 {
		t.Errorf("total %+v, gaps %+v", u.Total, u.Gaps)
	}
	var b bytes.Buffer
	check(report.WriteHTML(&b))
	check(report.WriteText(&b))
	for _, want := range []string{"Samples that outside vantages have signed", "外部の観測者が署名した観測",
		"samples signed by Osaka: 10 rounds in 10 files", "key of an outside vantage"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the report lacks %q", want)
		}
	}
}

// TestSamplesWithoutAPublicationLog are an auditor's own.
func TestSamplesWithoutAPublicationLog(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	c := r.config()
	newVantage(r, &c, "Osaka").takes(got(r.now.Add(-time.Hour), "12", "a"))
	if report := must(verify.Check(t.Context(), c)); report.Record.Uptime == nil ||
		report.Record.Uptime.Rounds.Taken != 1 || !report.OK {
		t.Errorf("%+v, findings %v", report.Record.Uptime, codesOf(report))
	}
}
