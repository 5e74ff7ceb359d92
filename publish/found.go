package publish

import (
	"context"
	"fmt"
	"sync"

	"seihon/artifact"
	"seihon/ledger"
)

// Found returns what a publication log says was found under each name of a target when it was taken over, and was not
// written by the publisher since: a sync may put the master's bytes in the place of exactly these. A name that was
// written or removed once is the publisher's own, and what lay there before is then as strange as anything else.
func Found(ctx context.Context, log *ledger.Log, target string) (map[string]artifact.Digest, error) {
	found := map[string]artifact.Digest{}
	for e, err := range log.Entries(ctx, 0, log.Size()) {
		if err != nil {
			return nil, fmt.Errorf("reading what was found on target %q: %w", target, err)
		}
		if e.Publish == nil || e.Publish.Target != target {
			continue
		}
		for _, r := range e.Publish.Receipts {
			switch r.Op {
			case ledger.OpFound:
				found[r.Name] = r.Digest
			case "purge":
			default:
				delete(found, r.Name)
			}
		}
	}
	return found, nil
}

// adopted reports whether bytes under a name were found there when the target was taken over. The log is read when this
// is first asked, which needs an object that is neither ours nor older ours.
func (s *session) adopted(ctx context.Context, name string, d artifact.Digest) (bool, error) {
	if s.config.Publication == nil {
		return false, nil
	}
	s.mu.Lock()
	if s.found == nil {
		s.found = sync.OnceValues(func() (map[string]artifact.Digest, error) {
			return Found(ctx, s.config.Publication.Log(), s.result.Target)
		})
	}
	read := s.found
	s.mu.Unlock()
	found, err := read()
	return err == nil && !d.IsZero() && found[name] == d, err
}
