package ocspcache

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"seihon/artifact"
	"seihon/internal/regular"
)

// ErrRollback is the refusal of a generation that is older than the one in use.
var ErrRollback = errors.New("generation goes backwards")

// A shelf holds the generations in use. Both sources put what they found on it:
// it verifies a generation, opens its bundles and swaps the view, or refuses the
// generation and keeps what it has.
type shelf struct {
	verify  func(body, proof []byte) error
	metrics *Metrics
	now     func() time.Time
	logger  *zap.Logger

	mu      sync.Mutex // guards the rest, not the view
	current map[string]*issuerSet
	view    atomic.Pointer[View]
	audits  sync.WaitGroup
	ctx     context.Context // of the audits in the background
	cancel  context.CancelFunc
}

func newShelf(verify func(body, proof []byte) error, m *Metrics, now func() time.Time, logger *zap.Logger) *shelf {
	s := &shelf{verify: verify, metrics: m, now: now, logger: logger, current: make(map[string]*issuerSet)}
	if s.now == nil {
		s.now = time.Now
	}
	if s.logger == nil {
		s.logger = zap.NewNop()
	}
	if s.metrics == nil {
		s.metrics = NewMetrics(nil)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.view.Store(newView(nil))
	return s
}

// Acquire implements [Source].
func (s *shelf) Acquire() *View {
	for {
		if v := s.view.Load(); v.acquire() {
			return v
		}
	}
}

// syncAudit is how many bytes of new bundles are checked against their digests
// before they are used. Those beyond are used at once, since each answer is signed
// anyway, and checked in the background: reading 10 million responses takes
// seconds.
const syncAudit = 16 << 20

// read checks the public copy of a generation without using it.
func (s *shelf) read(issuer string, public []byte) (*Generation, error) {
	g, proof, err := ParseGeneration(public)
	if err != nil {
		return nil, err
	}
	if g.Issuer != issuer {
		return nil, fmt.Errorf("generation %q speaks of issuer %q", issuer, g.Issuer)
	}
	if s.verify != nil {
		if err := s.verify(g.Body(), proof); err != nil {
			return nil, fmt.Errorf("verifying generation %d of %q: %w", g.Number, issuer, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return g, s.checkOrder(g)
}

// errCurrent says that a generation is the one in use.
var errCurrent = errors.New("generation is in use")

func (s *shelf) checkOrder(g *Generation) error {
	set := s.current[g.Issuer]
	switch {
	case set == nil || set.generation.Number < g.Number:
		return nil
	case set.generation.Number > g.Number:
		return fmt.Errorf("%w: %q is at %d, offered is %d", ErrRollback, g.Issuer, set.generation.Number, g.Number)
	case bytes.Equal(set.generation.Body(), g.Body()):
		return errCurrent
	}
	return fmt.Errorf("%w: there are two different generations %d of %q", ErrRollback, g.Number, g.Issuer)
}

// use opens the bundles of a generation and makes it the current one. Bundles
// whose content was checked already are named by verified.
func (s *shelf) use(g *Generation, path func(artifact.Digest) string, verified bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.checkOrder(g); err != nil {
		return err
	}
	set := &issuerSet{generation: g}
	var fresh []*sharedBundle
	fail := func(err error) error {
		for _, b := range fresh {
			_ = b.Close() // the reason to refuse the generation is the error that counts
		}
		return fmt.Errorf("using generation %d of %q: %w", g.Number, g.Issuer, err)
	}
	open := make(map[artifact.Digest]*sharedBundle)
	if old := s.current[g.Issuer]; old != nil {
		for _, b := range old.bundles {
			if !b.bad.Load() {
				open[b.digest] = b
			}
		}
	}
	for _, u := range g.Bundles {
		b := open[u.Digest]
		if b == nil {
			b = &sharedBundle{digest: u.Digest, path: path(u.Digest)}
			var err error
			if b.Bundle, err = OpenBundle(b.path); err != nil {
				return fail(err)
			}
			fresh = append(fresh, b)
		}
		if err := u.matches(b.Bundle, g.Issuer); err != nil {
			return fail(err)
		}
		set.bundles = append(set.bundles, b)
	}
	if !verified {
		if err := s.audit(fresh); err != nil {
			return fail(err)
		}
	}
	s.current[g.Issuer] = set
	s.swap()
	s.logger.Info("using ocsp generation", zap.String("issuer", g.Issuer), zap.Uint64("number", g.Number),
		zap.Int("bundles", len(g.Bundles)), zap.Int("new_bundles", len(fresh)), zap.Time("next_update", g.NextUpdate))
	return nil
}

// matches reports whether an open bundle is the one that the generation lists.
func (u GenerationBundle) matches(b *Bundle, issuer string) error {
	if b.Issuer() != issuer || b.Shard() != u.Shard || b.Len() != u.Count || int64(len(b.data)) != u.Size ||
		!b.MinNextUpdate().Equal(u.NextUpdate) {
		return fmt.Errorf("bundle %s is of %s, shard %d, %d responses, %d bytes; the generation says %s, shard %d, "+
			"%d responses, %d bytes",
			u.Digest, b.Issuer(), b.Shard(), b.Len(), len(b.data), issuer, u.Shard, u.Count, u.Size)
	}
	return nil
}

// audit checks the digests of newly opened bundles, of large ones later.
func (s *shelf) audit(fresh []*sharedBundle) error {
	var later []*sharedBundle
	budget := syncAudit
	for _, b := range fresh {
		if budget -= len(b.data); budget < 0 {
			later = append(later, b)
			continue
		}
		if err := auditFile(s.ctx, b.path, b.digest); err != nil {
			return err
		}
	}
	if len(later) == 0 {
		return nil
	}
	s.audits.Go(func() {
		for _, b := range later {
			err := auditFile(s.ctx, b.path, b.digest)
			if err == nil || s.ctx.Err() != nil {
				continue
			}
			b.bad.Store(true)
			s.metrics.damaged.Inc()
			s.logger.Error("bundle is damaged, its answers are withheld", zap.String("issuer", b.issuer),
				zap.Uint16("shard", b.shard), zap.Stringer("sha256", b.digest), zap.Error(err))
		}
	})
	return nil
}

// auditFile reports whether the file at path has that digest.
func auditFile(ctx context.Context, path string, want artifact.Digest) error {
	f, err := regular.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	for ctx.Err() == nil {
		n, err := io.CopyN(sum, f, 16<<20)
		if n == 0 && err == io.EOF {
			break
		}
		if err != nil && err != io.EOF {
			return err
		}
	}
	if got := artifact.Digest(sum.Sum(nil)); got != want && ctx.Err() == nil {
		return fmt.Errorf("content of %q has SHA-256 %s", path, got)
	}
	return ctx.Err()
}

// swap makes the current generations the view. Requests that began before keep
// the old one, which ends with the last of them.
func (s *shelf) swap() {
	sets := slices.SortedFunc(maps.Values(s.current), func(a, b *issuerSet) int {
		return cmp.Compare(a.generation.Issuer, b.generation.Issuer)
	})
	old := s.view.Swap(newView(sets))
	old.Release()
	s.metrics.observe(s.view.Load(), s.now())
}

// digests returns the digests of all bundles in use.
func (s *shelf) digests() map[artifact.Digest]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	used := make(map[artifact.Digest]bool)
	for _, set := range s.current {
		for _, b := range set.bundles {
			used[b.digest] = true
		}
	}
	return used
}

// close ends the audits and empties the shelf.
func (s *shelf) close() {
	s.cancel()
	s.audits.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.current)
	s.view.Swap(newView(nil)).Release()
}
