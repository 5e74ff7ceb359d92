package timestamp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"seihon/artifact"
	"seihon/internal/regular"
	"seihon/ledger"
)

// A Result is what became of one authority.
type Result struct {
	Authority string
	Size      int64
	Path      string // of the stored response; empty when none was needed or had
	Stamp     *Stamp
	Err       error
	Due       bool // of a plan: a token would be asked for
}

// Due reports whether the newest checkpoint of a log lacks a good token of an
// authority, or has only ones whose certificate ends within renew. Without
// one it returns the reason.
func Due(l *ledger.Log, a Authority, now time.Time, renew time.Duration) (due bool, why string, err error) {
	paths, err := l.Tokens(l.Size())
	if err != nil {
		return false, "", fmt.Errorf("looking for time-stamps: %w", err)
	}
	why = "it has no token of this authority"
	for _, p := range paths {
		b, err := regular.ReadFile(p)
		if err != nil {
			return false, "", fmt.Errorf("looking for time-stamps: %w", err)
		}
		s, err := Verify(b, l.Checkpoint(), []Authority{a})
		if err != nil {
			continue // of another authority, or not good: then it is due
		}
		if s.Expires.After(now.Add(renew)) {
			return false, "", nil
		}
		why = fmt.Sprintf("the certificate of its token ends at %s", s.Expires.Format(time.RFC3339))
	}
	return true, why, nil
}

// Checkpoint gets a token for the newest checkpoint from every authority where one
// is due and stores it beside the checkpoint. One authority that fails does
// not keep the others from being asked; the error is theirs joined.
func Checkpoint(ctx context.Context, w *ledger.Writer, authorities []Authority, renew time.Duration,
	c Config) ([]Result, error) {
	c.complete()
	l := w.Log()
	var results []Result
	var errs []error
	for _, a := range authorities {
		r := Result{Authority: a.Name, Size: l.Size()}
		due, _, err := Due(l, a, c.Now(), renew)
		if err == nil && due {
			var b []byte
			if b, r.Stamp, err = Ask(ctx, a, l.Checkpoint(), c); err == nil {
				r.Path, err = w.PutToken(l.Size(), a.Name, b)
			}
		}
		if r.Err = err; err != nil {
			errs = append(errs, err)
		}
		results = append(results, r)
	}
	return results, errors.Join(errs...)
}

// Plan says which authorities Checkpoint would ask: those whose result is due.
func Plan(l *ledger.Log, authorities []Authority, now time.Time, renew time.Duration) ([]Result, error) {
	var results []Result
	for _, a := range authorities {
		due, _, err := Due(l, a, now, renew)
		if err != nil {
			return results, err
		}
		results = append(results, Result{Authority: a.Name, Size: l.Size(), Due: due})
	}
	return results, nil
}

// Record appends an anchor entry for each token that was stored, so that the
// tokens themselves come under the next checkpoint. It does not commit.
func Record(ctx context.Context, w *ledger.Writer, results []Result) error {
	l := w.Log()
	for _, r := range results {
		if r.Path == "" {
			continue
		}
		b, err := regular.ReadFile(r.Path)
		if err != nil {
			return fmt.Errorf("recording a time-stamp: %w", err)
		}
		root, err := l.RootAt(r.Size)
		if err != nil {
			return fmt.Errorf("recording a time-stamp: %w", err)
		}
		e := &ledger.Entry{Anchor: &ledger.Anchor{Kind: "rfc3161", Where: r.Authority, Size: r.Size, Root: root,
			Digest: artifact.Sum(b),
			Note:   "genTime " + r.Stamp.Time.Format(time.RFC3339)}}
		if err := w.Append(ctx, e); err != nil {
			return fmt.Errorf("recording a time-stamp: %w", err)
		}
	}
	return nil
}

// Verifier is the check that ledger.Check asks for.
func Verifier(authorities []Authority) func(ctx context.Context, checkpoint, token []byte) error {
	return func(_ context.Context, checkpoint, token []byte) error {
		_, err := Verify(token, checkpoint, authorities)
		return err
	}
}
