package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"seihon/artifact"
)

// A private manifest that is lost can be had from a backup only: the log has its digest, and nobody else has its bytes.
// The room that has none says so on record, with a reason, and writes all records anew. From there on such a manifest
// is no fault any more. One that goes missing later is.

// EvidencePrivateLoss is the kind of the evidence by which the room says that private manifests are lost. Its name is
// the numbers of their entries, such as "3-812,900", its note the reason.
const EvidencePrivateLoss = "private-loss"

// ErrPrivateLost says that a private manifest which the log names is not here, in a master that has to have it.
var ErrPrivateLost = errors.New("the private part of the master, or a part of it, is missing")

// A span is entries from first to last.
type span struct{ first, last int64 }

func (s span) String() string {
	if s.first == s.last {
		return strconv.FormatInt(s.first, 10)
	}
	return fmt.Sprintf("%d-%d", s.first, s.last)
}

// parseSpans reads the name of an evidence of a loss. What cannot be read accepts nothing.
func parseSpans(name string) []span {
	var all []span
	for part := range strings.SplitSeq(name, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.ParseInt(first, 10, 64)
		to, err2 := strconv.ParseInt(last, 10, 64)
		if err1 != nil || err2 != nil || from > to {
			return nil
		}
		all = append(all, span{from, to})
	}
	return all
}

// accepts reports whether an entry, number at of the log, says that the private manifest of an earlier one is lost.
func (e *Entry) accepts(at, lost int64) bool {
	if e.Evidence == nil || e.Evidence.Kind != EvidencePrivateLoss || lost >= at {
		return false
	}
	for _, s := range parseSpans(e.Evidence.Name) {
		if s.first <= lost && lost <= s.last {
			return true
		}
	}
	return false
}

// NewestPrivate fails with ErrPrivateLost when the newest private manifest that the log names is not here. It reads the
// log back to that one only: nearly every commit of a room has one.
func (l *Log) NewestPrivate(ctx context.Context) error {
	for i := l.cp.Size - 1; i >= 0; i-- {
		e, err := l.Entry(ctx, i)
		if err != nil {
			return err
		}
		if e.Private == nil {
			continue
		}
		err = l.hasPrivate(e.Private)
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w: entry %d of the log names %q", ErrPrivateLost, i,
				privatePath(l.dir, e.Private.Manifest))
		}
		return err
	}
	return nil
}

// hasPrivate fails with fs.ErrNotExist when a private manifest is not here; in an archive it is plain text.
func (l *Log) hasPrivate(p *Private) error {
	path := privatePath(l.dir, p.Manifest)
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		_, err = os.Stat(strings.TrimSuffix(path, ".zst"))
	}
	if err != nil {
		err = fmt.Errorf("looking for private manifest %s: %w", p.Manifest, err)
	}
	return err
}

// LostOnRecord sorts the error of reading the private manifest of an entry: lost says that it is missing and that the
// log says so. Any other error stays one.
func (l *Log) LostOnRecord(ctx context.Context, at int64, err error) (lost bool, _ error) {
	if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	losses, err2 := l.privateLosses(ctx)
	if err2 != nil {
		return false, err2
	}
	if slices.ContainsFunc(losses, func(e numbered) bool { return e.accepts(e.i, at) }) {
		return true, nil
	}
	return false, err
}

// privateLosses are the entries that say what is lost.
func (l *Log) privateLosses(ctx context.Context) ([]numbered, error) {
	l.mu.Lock()
	known := l.losses
	l.mu.Unlock()
	if known != nil {
		return known, nil
	}
	found, i := []numbered{}, int64(0)
	for e, err := range l.Entries(ctx, 0, l.cp.Size) {
		if err != nil {
			return nil, err
		}
		if e.Evidence != nil && e.Evidence.Kind == EvidencePrivateLoss {
			found = append(found, numbered{i, e})
		}
		i++
	}
	l.mu.Lock()
	l.losses = found
	l.mu.Unlock()
	return found, nil
}

// PrivateLoss is the evidence that all private manifests are lost which the log names and which are neither here nor on
// record as lost; nil when there are none. It reads the whole log.
func (l *Log) PrivateLoss(ctx context.Context, reason string) (*Evidence, error) {
	var lost []span
	joined := false // no other private manifest came since the last span
	i := int64(-1)
	for e, err := range l.Entries(ctx, 0, l.cp.Size) {
		if err != nil {
			return nil, err
		}
		if i++; e.Private == nil {
			continue
		}
		err = l.hasPrivate(e.Private)
		onRecord, bad := l.LostOnRecord(ctx, i, err)
		switch {
		case err == nil || onRecord:
			joined = false
		case !errors.Is(bad, fs.ErrNotExist):
			return nil, bad
		case joined:
			lost[len(lost)-1].last = i
		default:
			lost, joined = append(lost, span{i, i}), true
		}
	}
	if len(lost) == 0 {
		return nil, nil
	}
	var names []string
	for _, s := range lost {
		names = append(names, s.String())
	}
	return &Evidence{Kind: EvidencePrivateLoss, Name: strings.Join(names, ","), Digest: artifact.Sum([]byte(reason)),
		Note: reason}, nil
}
