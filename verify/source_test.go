package verify_test

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"seihon/artifact"
	"seihon/verify"
	"seihon/verify/report"
)

// listing is the listing of a directory as a bucket's API gives it.
func listing(dir string) iter.Seq2[verify.Listed, error] {
	return func(yield func(verify.Listed, error) bool) {
		for l, err := range must(verify.Dir(dir)).(verify.Lister).List(context.Background()) {
			check(err)
			b := read(dir, l.Name)
			if !yield(verify.Listed{Name: l.Name, Size: int64(len(b)), Digest: artifact.Sum(b)}, nil) {
				return
			}
		}
	}
}

// TestListingReplacesReading checks a bucket by its listing alone: not one object is opened except the checkpoint.
func TestListingReplacesReading(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	listed := func(c *verify.Config) {
		c.Tier = report.TierList
		c.Copies = []verify.Copy{{Source: verify.WithListing(must(verify.Dir(r.public())), listing(r.public()))}}
	}
	if checked := r.check(t, listed); len(checked.Findings) > 0 || checked.Copies[0].Bytes > 1000 ||
		!checked.Copies[0].Listed {
		t.Errorf("clean: %v, %+v", codesOf(checked), checked.Copies[0])
	}
	flip(r.public(), "cert/sub.cer")
	check(os.Remove(filepath.Join(r.public(), "crl/sub.crl")))
	write(r.public(), "logo.png", pkcs8(r))
	got := strings.Join(codesOf(r.check(t, listed)), "\n")
	for _, want := range []string{"copy-different cert/sub.cer", "copy-missing crl/sub.crl", "private-key logo.png"} {
		if !strings.Contains(got, want) {
			t.Errorf("no finding %q among\n%s", want, got)
		}
	}
}

// TestBrokenListing must not pass for an empty one.
func TestBrokenListing(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	checked := r.check(t, func(c *verify.Config) {
		c.Copies = []verify.Copy{{Source: verify.WithListing(must(verify.Dir(r.public())),
			func(yield func(verify.Listed, error) bool) {
				yield(verify.Listed{}, errors.New("access denied"))
			})}}
	})
	if checked.OK || checked.Findings[0].Code != "copy-unreadable" {
		t.Errorf("findings %v", codesOf(checked))
	}
}

// opaque is a source that can only be opened.
type opaque struct{ verify.Source }

func TestListTierNeedsSizes(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	checked := r.check(t, func(c *verify.Config) {
		c.Tier = report.TierList
		c.Copies = []verify.Copy{{Source: opaque{must(verify.Dir(r.public()))}}}
	})
	if checked.OK || checked.Count(report.Warning) == 0 {
		t.Errorf("a source that tells nothing passes: %v", codesOf(checked))
	}
}

func TestTiers(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	tier := func(tier report.Tier) *report.Report {
		return r.check(t, func(c *verify.Config) { c.Tier, c.Sample, c.Seed = tier, 2, 7 })
	}
	for _, x := range []report.Tier{report.TierLog, report.TierList, report.TierSample, report.TierFull} {
		checked := tier(x)
		if !checked.OK || len(checked.Findings) > 0 {
			t.Errorf("tier %s: %v", x, codesOf(checked))
		}
		t.Logf("tier %s: %+v", x, checked.Copies)
	}
	if log := tier(report.TierLog); len(log.Copies) != 0 || log.Counts.Artifacts != 0 {
		t.Errorf("tier log looks at copies: %+v", log)
	}
	if s, f := tier(report.TierSample).Copies[0], tier(report.TierFull).Copies[0]; s.Objects >= f.Objects ||
		s.Bytes == 0 {
		t.Errorf("sample %+v, full %+v", s, f)
	}
	if _, err := verify.Check(t.Context(), verify.Config{Tier: "deep"}); err == nil {
		t.Error("an empty configuration is accepted")
	}
}

// TestEstimate compares the estimate with what the check really asked.
func TestEstimate(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	e, err := verify.EstimateCopy(t.Context(), r.writer.Log(), report.TierFull, verify.LayoutBundle, 0,
		verify.Price{PerRequest: 1})
	if err != nil {
		t.Fatal(err)
	}
	got := r.check(t).Copies[0]
	// one more to find out the layout
	if got.Requests-e.Requests > 1 || e.Requests > got.Requests || e.USD != float64(e.Requests) {
		t.Errorf("estimated %+v, asked %+v", e, got)
	}
	r.publishObjects(r.public())
	o := must(verify.EstimateCopy(t.Context(), r.writer.Log(), report.TierFull, verify.LayoutObjects, 0,
		verify.Price{}))
	if c := r.check(t).Copies[0]; o.Requests > c.Requests || c.Requests-o.Requests > 20 {
		t.Errorf("estimated %+v, asked %+v", o, c)
	}
}

// TestEstimateIsAnnounced before the first request, and stands in the report.
func TestEstimateIsAnnounced(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	var asked, before atomic.Int64
	var told []report.Estimate
	change := func(c *verify.Config) {
		web := serve(t, r, func(http.ResponseWriter, *http.Request) bool { asked.Add(1); return false })
		c.Copies = append(c.Copies, verify.Copy{Source: web, Likely: verify.LayoutBundle})
		c.Price = verify.Price{PerRequest: 1, PerByte: 1}
		c.Announce = func(e []report.Estimate) { told = e; before.Store(asked.Load()) }
	}
	checked := r.check(t, change)
	if before.Load() != 0 || len(told) != 1 { // the folder costs nothing
		t.Fatalf("%d requests before %+v was told", before.Load(), told)
	}
	e, c := told[0], checked.Copies[1]
	if e.Source != c.Source || c.Requests-e.Requests > 1 || e.Requests > c.Requests || e.Bytes == 0 ||
		e.USD != float64(e.Requests+e.Bytes) || !slices.Equal(told, checked.Estimate) {
		t.Errorf("told %+v, read %+v, reported %+v", e, c, checked.Estimate)
	}
	config := r.config()
	change(&config)
	config.Announce = nil
	if again := must(verify.Estimates(t.Context(), config)); len(again) != 1 || again[0].Requests != e.Requests {
		t.Errorf("the dry run tells %+v", again)
	}
	for tier, want := range map[report.Tier]int64{report.TierList: 0, report.TierLog: -1} {
		config.Tier = tier
		again := must(verify.Estimates(t.Context(), config))
		if want < 0 && len(again) > 0 || want >= 0 && (len(again) != 1 || again[0].Bytes != want) {
			t.Errorf("tier %s: %+v", tier, again)
		}
	}
	config.Tier = report.TierList
	config.Copies = []verify.Copy{{Source: verify.WithListing(config.Copies[1].Source, listing(r.public()))}}
	if again := must(verify.Estimates(t.Context(), config)); again[0].Requests != 1 {
		t.Errorf("sizes come from the listing, not from %+v", again)
	}
}

func TestCheckEndsWithItsContext(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if checked, err := verify.Check(ctx, r.config()); err == nil {
		t.Errorf("a cancelled check reports %v", codesOf(checked))
	}
}
