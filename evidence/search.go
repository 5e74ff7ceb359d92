package evidence

import (
	"context"
	"crypto/x509"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/ocspcache"
)

// A search looks for what a question needs.
type search struct {
	log    *ledger.Log
	q      Question
	trust  *artifact.Trust
	issuer *x509.Certificate
	looked int  // entries read, for tests of the cost
	named  bool // the log has a CA of the name asked for
}

// entry reads an entry.
func (s *search) entry(ctx context.Context, i int64) (*ledger.Entry, error) {
	s.looked++
	return s.log.Entry(ctx, i)
}

// entriesBy is the number of entries that were in the log at t.
func (s *search) entriesBy(ctx context.Context, t time.Time) (int64, error) {
	var failed error
	n := sort.Search(int(s.log.Size()), func(i int) bool {
		if failed != nil {
			return true
		}
		e, err := s.entry(ctx, int64(i))
		if err != nil {
			failed = err
			return true
		}
		return e.Time.After(t)
	})
	return int64(n), failed
}

// lines gives the lines of a batch that wanted picks; none of another entry.
func (s *search) lines(ctx context.Context, e *ledger.Entry, wanted func(*ledger.Line) bool) ([]ledger.Line, error) {
	if e.Batch == nil {
		return nil, nil
	}
	var out []ledger.Line
	for line, err := range s.log.Lines(ctx, e.Batch) {
		if err != nil {
			return nil, err
		}
		if wanted(&line) {
			out = append(out, line)
		}
	}
	return out, nil
}

func (s *search) isList(l *ledger.Line) bool {
	return l.Issuer == s.q.Issuer && l.Kind.IsRevocationList() && !l.History
}

// slack is how long a list may stand in the log before the time asked about
// and still be in force, beyond twice the validity of those that were found.
const slack = 30 * 24 * time.Hour

// A past is what was in force at one time.
type past struct {
	sources []*Source
	ended   *ledger.Line // the newest list that had ended by then, when none was in force
	seen    bool         // a list or generation of the issuer was there at all
	answers bool         // there were responses in force
}

// inForceAt walks back from an entry to what was in force at a time. With
// ended, the newest of each name counts although it has ended.
func (s *search) inForceAt(ctx context.Context, from int64, at time.Time, ended bool) (*past, error) {
	w := &walk{search: s, at: at, ended: ended, past: &past{}, names: map[string]bool{},
		withdrawn: map[string]artifact.Digest{}}
	for i := from - 1; i >= 0; i-- {
		e, err := s.entry(ctx, i)
		if err != nil {
			return nil, err
		}
		if w.done(e.Time) {
			break
		}
		if err := w.step(ctx, i, e); err != nil {
			return nil, err
		}
	}
	w.shards()
	return w.past, nil
}

// A walk goes from a time backwards.
type walk struct {
	*search
	at    time.Time
	ended bool
	past  *past

	names     map[string]bool // a newer line had this name
	withdrawn map[string]artifact.Digest
	longest   time.Duration // validity of what was found
	whole     bool          // a list for all certificates was found
	bundle    artifact.Digest
	responses bool // nothing more is to be found about responses
}

// done reports whether nothing older can be in force.
func (w *walk) done(t time.Time) bool {
	if !w.past.seen || !w.bundle.IsZero() {
		return false
	}
	return w.whole && w.responses || t.Before(w.at.Add(-2*w.longest-slack))
}

func (w *walk) step(ctx context.Context, i int64, e *ledger.Entry) error {
	if e.Withdraw != nil {
		for _, n := range e.Withdraw.Names {
			w.withdrawn[n.Name] = n.Digest
		}
	}
	found, err := w.lines(ctx, e, func(l *ledger.Line) bool {
		return w.isList(l) ||
			l.Issuer == w.q.Issuer && (l.Kind == artifact.OCSPGeneration || l.Kind == artifact.OCSPBundle)
	})
	if err != nil {
		return err
	}
	for _, line := range found {
		if line.Kind != artifact.OCSPBundle {
			if err := w.line(ctx, i, e, line); err != nil {
				return err
			}
		}
	}
	for _, line := range found { // the generation of a batch says which of its bundles
		if line.Kind == artifact.OCSPBundle && line.Digest == w.bundle {
			if err := w.found(ctx, line, i, e.Time); err != nil {
				return err
			}
		}
	}
	return nil
}

// line takes up a list or a generation, the newest of its name.
func (w *walk) line(ctx context.Context, i int64, e *ledger.Entry, line ledger.Line) error {
	if w.names[line.Name] || line.NotBefore.After(w.at) {
		return nil
	}
	w.names[line.Name], w.past.seen = true, true
	if !line.NotAfter.IsZero() {
		w.longest = max(w.longest, line.NotAfter.Sub(line.NotBefore))
	}
	if w.withdrawn[line.Name] == line.Digest {
		return nil
	}
	if line.Kind == artifact.OCSPGeneration {
		return w.generation(ctx, line)
	}
	if !w.ended && !inForce(line.NotBefore, line.NotAfter, w.at) {
		if w.past.ended == nil || line.NotAfter.After(w.past.ended.NotAfter) {
			w.past.ended = &line
		}
		return nil
	}
	src, err := w.readList(ctx, line, i, e.Time)
	if err != nil {
		return err
	}
	w.past.sources = append(w.past.sources, src)
	w.whole = w.whole || src.Covers && shardOf(line.Name) < 0
	return nil
}

// generation finds out which bundle holds the response.
func (w *walk) generation(ctx context.Context, line ledger.Line) error {
	w.responses = true
	body, err := w.log.ReadBlob(ctx, line)
	if err != nil {
		return err
	}
	g, _, err := ocspcache.ParseGeneration(body)
	if err != nil {
		return fmt.Errorf("reading %s: %w", line.Name, err)
	}
	w.bundle = g.Bundles[ocspcache.ShardOf(w.q.Serial, len(g.Bundles))].Digest
	return nil
}

// found takes the response out of the bundle.
func (w *walk) found(ctx context.Context, line ledger.Line, entry int64, recorded time.Time) error {
	w.bundle = artifact.Digest{}
	src, err := w.readResponse(ctx, line, entry, recorded)
	if err != nil {
		return err
	}
	if src == nil {
		w.past.answers = inForce(line.NotBefore, time.Time{}, w.at)
		return nil
	}
	var next time.Time
	if src.NextUpdate != nil {
		next = *src.NextUpdate
	}
	if w.ended || inForce(src.ThisUpdate, next, w.at) {
		w.past.sources, w.past.answers = append(w.past.sources, src), true
	}
	return nil
}

var shardName = regexp.MustCompile(`^crl/[^/]+/([0-9]+)\.crl$`)

// shardOf is the shard that a list's name has; -1 for a whole list.
func shardOf(name string) int {
	m := shardName.FindStringSubmatch(name)
	if m == nil {
		return -1
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return -1
	}
	return n
}

// shards leaves of the lists those that speak of the certificate: of several
// shards the one that its serial belongs to.
func (w *walk) shards() {
	n := 0
	for _, s := range w.past.sources {
		n = max(n, shardOf(s.Name)+1)
	}
	w.past.sources = slices.DeleteFunc(w.past.sources, func(s *Source) bool {
		delta := s.list != nil && s.list.BaseNumber != nil
		shard := shardOf(s.Name)
		covers := s.Covers && (shard < 0 || shard == ocspcache.ShardOf(w.q.Serial, n))
		return !covers && !delta && s.Says.Status == NotListed
	})
}
