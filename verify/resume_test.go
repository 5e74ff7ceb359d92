package verify_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seihon/artifact"
	"seihon/internal/jsonschema"
	"seihon/verify"
	"seihon/verify/report"
)

// A counted copy is served over HTTP; it counts what is asked and may stop the check after some requests.
type counted struct {
	t      *testing.T
	r      *repo
	source verify.Source
	file   string

	mu    sync.Mutex
	asked map[string]int
	after int // requests until stop is called; 0: never
	stop  func()
	plain string // a path that is served as text/plain
	down  bool   // whatever comes is dropped
}

func newCounted(t *testing.T, r *repo) *counted {
	c := &counted{t: t, r: r, file: filepath.Join(r.dir, "progress"), asked: map[string]int{}}
	c.source = serve(t, r, func(w http.ResponseWriter, req *http.Request) bool {
		if b, err := readFile(r.public(), req.URL.Path); err == nil {
			w.Header().Set("ETag", `"`+artifact.Sum(b).String()[:32]+`"`)
		}
		if strings.Count(req.URL.Path, "/") == 4 && strings.HasPrefix(req.URL.Path, "/ocsp/") {
			w.Header().Set("Content-Type", "application/ocsp-response")
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.asked[req.URL.Path[1:]]++
		if c.after--; c.after == 0 {
			c.stop()
		}
		if c.down {
			panic(http.ErrAbortHandler)
		}
		if c.plain == req.URL.Path[1:] {
			w.Header().Set("Content-Type", "text/plain")
		}
		return false
	})
	return c
}

// forget begins a new count, with the server up.
func (c *counted) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.asked)
	c.down = false
}

// asks is a copy of the counts.
func (c *counted) asks() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.asked)
}

// listing tells the tags that the server answers with.
func (c *counted) listing() iter.Seq2[verify.Listed, error] {
	return func(yield func(verify.Listed, error) bool) {
		for l, err := range listing(c.r.public()) {
			l.Tag = l.Digest.String()[:32]
			if !yield(l, err) {
				return
			}
		}
	}
}

func (c *counted) config(source verify.Source) verify.Config {
	conf := c.r.config()
	conf.Workers, conf.Resume, conf.Copies = 1, c.file, []verify.Copy{{Source: source}}
	return conf
}

// interrupt runs the check until so many requests were made, and returns the names that need not be asked for again.
func (c *counted) interrupt(source verify.Source, after int) []string {
	c.t.Helper()
	ctx, cancel := context.WithCancel(c.t.Context())
	defer cancel()
	c.after, c.stop = after, cancel
	if _, err := verify.Check(ctx, c.config(source)); !errors.Is(err, context.Canceled) {
		c.t.Fatalf("the check was not interrupted: %v", err)
	}
	c.forget()
	return recorded(c.file)
}

// recorded lists the names in a progress file.
func recorded(file string) []string {
	var names []string
	for line := range strings.Lines(string(must(os.ReadFile(file)))) {
		if f := strings.Fields(line); f[0] == "ok" {
			names = append(names, f[4])
		}
	}
	slices.Sort(names)
	return names
}

func (c *counted) check(source verify.Source) *report.Report {
	c.t.Helper()
	return must(verify.Check(c.t.Context(), c.config(source)))
}

// promised are all names of the copy.
func (c *counted) promised() []string {
	var names []string
	for l := range listing(c.r.public()) {
		names = append(names, l.Name)
	}
	return names
}

func TestInterruptedCheckGoesOn(t *testing.T) {
	t.Parallel()
	for layout, after := range map[string][2]int{verify.LayoutBundle: {14, 10}, verify.LayoutObjects: {24, 30}} {
		t.Run(layout, func(t *testing.T) {
			t.Parallel()
			r := newRepo(t)
			if layout == verify.LayoutObjects {
				r.publishObjects(r.public())
			}
			c := newCounted(t, r)
			whole := must(verify.Check(t.Context(),
				func() verify.Config { conf := c.config(c.source); conf.Resume = ""; return conf }()))
			if !whole.OK {
				t.Fatalf("findings %v", codesOf(whole))
			}
			first := c.interrupt(c.source, after[0])
			r.now = r.now.Add(time.Minute)
			second := c.interrupt(c.source, after[1])
			if len(first) < 5 || len(second) <= len(first) {
				t.Fatalf("the interrupted runs recorded %v and %v", first, second)
			}
			r.now = r.now.Add(-time.Minute)
			checked := c.check(c.source)
			probe := layoutProbe(c.promised())
			for _, name := range c.promised() {
				if n := c.asks()[name]; (n == 0) != slices.Contains(second, name) && name != "log/checkpoint" &&
					name != probe && !strings.HasSuffix(name, ".generation") {
					t.Errorf("%s was asked for %d times; the file: %v", name, n, second)
				}
			}
			sum := int64(0)
			for _, run := range checked.Resumed.Runs {
				sum += run.Objects
			}
			if len(checked.Resumed.Runs) != 2 || sum != int64(len(second)) ||
				checked.Estimate[0].Requests > int64(len(c.asks()))+1 {
				t.Errorf("resumed %+v, estimate %+v, %d names asked", checked.Resumed, checked.Estimate, len(c.asks()))
			}
			conforms(t, checked)
			var text bytes.Buffer
			if check(checked.WriteText(&text)); strings.Count(text.String(),
				"taken from a run that was interrupted: ") != 2 {
				t.Errorf("the report does not say what it took:\n%s", text.String())
			}
			checked.Resumed, checked.Estimate, whole.Estimate = nil, nil, nil
			if d := cmp.Diff(whole, checked); d != "" {
				t.Errorf("the resumed report differs from the uninterrupted one:\n%s", d)
			}
			if _, err := os.Stat(c.file); err == nil {
				t.Error("the progress file outlives the clean check it was for")
			}
		})
	}
}

// layoutProbe is the name that is opened to find out the layout: the first bundle, or the first response of the root.
func layoutProbe(names []string) string {
	i := slices.IndexFunc(names, func(n string) bool {
		return strings.HasPrefix(n, "ocsp/bundles/") || strings.HasPrefix(n, "ocsp/s1/") && strings.HasSuffix(n, "/02")
	})
	return names[i]
}

// conforms checks a report against the schema.
func conforms(t *testing.T, r *report.Report) {
	t.Helper()
	var b bytes.Buffer
	check(r.WriteJSON(&b))
	if err := jsonschema.Validate(report.JSONSchema, b.Bytes()); err != nil {
		t.Error(err)
	}
}

// TestFindingsAreNotTakenOver checks that whatever gave a finding is read again, and that the file is kept for that.
func TestFindingsAreNotTakenOver(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	good := read(r.public(), "cert/sub.cer")
	flip(r.public(), "cert/sub.cer")
	check(os.Remove(filepath.Join(r.public(), "crl/sub.crl")))
	c := newCounted(t, r)
	c.plain = "cert/root.cer"
	if checked := c.check(c.source); checked.OK {
		t.Fatalf("findings %v", codesOf(checked))
	}
	c.forget()
	found := []string{"error copy-different cert/sub.cer", "error copy-missing crl/sub.crl",
		"error header-type cert/root.cer", "note copy-unlisted "}
	if checked := c.check(c.source); !slices.Equal(codesOf(checked), found) {
		t.Errorf("the second run finds %v", codesOf(checked))
	}
	c.plain = ""
	want := []string{"cert/root.cer", "cert/sub.cer", "crl/sub.crl", "log/checkpoint", layoutProbe(c.promised()),
		"ocsp/root.generation", "ocsp/sub.generation"}
	if got := slices.Sorted(maps.Keys(c.asks())); !slices.Equal(got, want) {
		t.Errorf("asked again for %v, want %v", got, want)
	}
	write(r.public(), "cert/sub.cer", good)
	write(r.public(), "crl/sub.crl", r.files["crl/sub.crl"])
	if checked := c.check(c.source); !checked.OK {
		t.Errorf("after the repair: %v", codesOf(checked))
	}
}

// TestResponseWithFindingIsNotTakenOver is the same for a single response.
func TestResponseWithFindingIsNotTakenOver(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.publishObjects(r.public())
	c := newCounted(t, r)
	c.plain = matches(r.public(), "ocsp/s2/*/67")[0][len(r.public())+1:]
	for range 2 {
		if checked := c.check(c.source); !slices.Contains(codesOf(checked), "error header-type "+c.plain) {
			t.Errorf("findings %v", codesOf(checked))
		}
	}
}

// TestLostNetwork lets the server go away in the middle: that run ends with findings about what could not be read, the
// next one reads only that.
func TestLostNetwork(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	c := newCounted(t, r)
	c.after, c.stop = 12, func() { c.down = true }
	if checked := c.check(c.source); checked.OK ||
		!slices.Contains(codesOf(checked), "warning copy-unreadable ocsp/sub.generation") {
		t.Fatalf("findings %v", codesOf(checked))
	}
	read := recorded(c.file)
	c.forget()
	if checked := c.check(c.source); !checked.OK || len(read) < 5 || len(checked.Resumed.Runs) != 1 ||
		checked.Resumed.Runs[0].Objects != int64(len(read)) {
		t.Errorf("findings %v; resumed %+v", codesOf(checked), checked.Resumed)
	}
	for _, name := range read {
		if c.asks()[name] > 0 && name != layoutProbe(c.promised()) {
			t.Errorf("%s was read again", name)
		}
	}
}

// TestTags covers how stores call the versions of an object.
func TestTags(t *testing.T) {
	t.Parallel()
	for want, h := range map[string]http.Header{
		"":             {},
		"abc":          {"Etag": {`"abc"`}, "Last-Modified": {"then"}},
		"abc-2":        {"Etag": {`W/"abc-2"`}},
		"1700000000":   {"X-Goog-Generation": {"1700000000"}, "Etag": {`"abc"`}},
		"a date, then": {"Last-Modified": {"a date, then"}},
	} {
		if got := verify.TagOf(h); got != want {
			t.Errorf("%v: %q, want %q", h, got, want)
		}
	}
}

// TestTamperingBetweenRuns shows what is noticed of a change to an object that an earlier run had read: with a listing
// that tells tags, at once; without one, not before the next check, as in one long run.
func TestTamperingBetweenRuns(t *testing.T) {
	t.Parallel()
	for _, listed := range []bool{true, false} {
		r := newRepo(t)
		c := newCounted(t, r)
		source := c.source
		if listed {
			source = verify.WithListing(source, c.listing())
		}
		if read := c.interrupt(source, 14); !slices.Contains(read, "cert/sub.cer") {
			t.Fatalf("read before: %v", read)
		}
		flip(r.public(), "cert/sub.cer")
		checked := c.check(source)
		if found := slices.Contains(codesOf(checked), "error copy-different cert/sub.cer"); found != listed {
			t.Errorf("with a listing: %v; findings %v", listed, codesOf(checked))
		}
		if again := int64(len(c.asks())); listed && (checked.Resumed.Again != 1 || again == int64(len(c.promised()))) {
			t.Errorf("resumed %+v, %d names asked", checked.Resumed, again)
		}
		if checked := must(verify.Check(t.Context(),
			func() verify.Config { conf := c.config(source); conf.Resume = ""; return conf }())); checked.OK {
			t.Error("the next check does not find the change")
		}
	}
}

// TestProgressOfAnotherCheck covers files that do not fit: nothing of them is believed, and foreign files are left
// alone.
func TestProgressOfAnotherCheck(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	c := newCounted(t, r)
	c.interrupt(c.source, 14)
	good := must(os.ReadFile(c.file))
	head, _, _ := strings.Cut(string(good), "\n")
	for name, x := range map[string]struct {
		content string
		ignored string
		some    bool // something is taken over
	}{
		"torn":            {content: string(good) + "ok 0 12", some: true},
		"torn first line": {content: string(good[:40])},
		"damaged lines": {content: strings.ReplaceAll(string(good), "ok 0 ", "ok 9 ") +
			"ok\nok 0 x y z \"t\nxx\n\n"},
		"without times": {content: strings.ReplaceAll(string(good), "at ", "ta ")},
		"other checkpoint": {content: strings.ReplaceAll(string(good), `"size":`, `"size":1`),
			ignored: "entries, this one is " + origin},
		"other rules": {content: strings.ReplaceAll(string(good), `"strict":false`, `"strict":true`),
			ignored: "other keys, rules"},
		"damaged head": {content: head[:len(head)-9] + "\n", ignored: "damaged"},
	} {
		check(os.WriteFile(c.file, []byte(x.content), 0o600))
		c.forget()
		checked := c.check(c.source)
		if !checked.OK || !strings.Contains(checked.Resumed.Ignored, x.ignored) ||
			x.ignored == "" && checked.Resumed.Ignored != "" || x.some != (len(checked.Resumed.Runs) > 0) {
			t.Errorf("%s: %v, %+v", name, codesOf(checked), checked.Resumed)
		}
	}
	check(os.WriteFile(c.file, []byte("shopping: milk\n"), 0o600))
	if _, err := verify.Check(t.Context(), c.config(c.source)); err == nil ||
		string(must(os.ReadFile(c.file))) != "shopping: milk\n" {
		t.Errorf("a foreign file: %v", err)
	}
	check(os.WriteFile(c.file, good, 0o600))
	r.now = r.now.Add(25 * time.Hour)
	if checked := c.check(c.source); len(checked.Resumed.Runs) > 0 ||
		checked.Resumed.Again != int64(len(recordedIn(good))) {
		t.Errorf("a day later: %+v", checked.Resumed)
	}
	check(os.WriteFile(c.file, good, 0o600))
	r.now = r.now.Add(-26 * time.Hour)
	if checked := c.check(c.source); len(checked.Resumed.Runs) > 0 {
		t.Errorf("an hour before: %+v", checked.Resumed)
	}
	conf := c.config(c.source)
	conf.Tier = report.TierSample
	if _, err := verify.Check(t.Context(), conf); err == nil {
		t.Error("tier sample is resumed")
	}
}

func recordedIn(b []byte) [][]byte {
	return slices.Collect(func(yield func([]byte) bool) {
		for l := range bytes.Lines(b) {
			if bytes.HasPrefix(l, []byte("ok ")) && !yield(l) {
				return
			}
		}
	})
}

// TestProgressThatCannotBeOpened is an error before anything is asked.
func TestProgressThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	c := newCounted(t, r)
	c.file = r.dir
	if _, err := verify.Check(t.Context(), c.config(c.source)); err == nil ||
		!strings.Contains(err.Error(), "progress file") {
		t.Errorf("a folder as progress file: %v", err)
	}
}
