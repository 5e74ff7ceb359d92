package ledger

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"seihon/artifact"
	"seihon/internal/durable"

	"go.uber.org/zap"
	"golang.org/x/mod/sumdb/note"
)

// WriterConfig says who writes a log and how.
type WriterConfig struct {
	Origin string
	// Signers all sign every checkpoint: ECDSA P-256 first, Ed25519 second, so
	// that tools that know only one of them are served.
	Signers []note.Signer
	// Verifier verifies what is already in the log. It may be nil when the
	// signers are made by NewNoteSigner and the log's keys were never rotated.
	Verifier *Verifier
	// Known are signed checkpoints seen elsewhere (a public copy, a timestamp, a
	// witness) that the log must contain. Only they can tell that a whole
	// directory was put back to an older state.
	Known [][]byte
	// Folders has the archive of checkpoints keep a folder for each thousand tree sizes, for a log
	// of so many commits that one folder would become too large. Readers find both.
	Folders bool
	// Index has Close bring index.db up to the log when a batch or a withdrawal
	// was committed, and lets Log believe it. That the file cannot be written is
	// logged and no error: it is disposable.
	Index bool
	// Committed is told each new checkpoint once it is durable, to remember it
	// outside of the log. Its error is the commit's, which has happened all the same.
	Committed func(checkpoint []byte) error
	Now       func() time.Time // nil = time.Now
	Logger    *zap.Logger      // nil = none

	fs durable.FS // nil = the machine's; tests put faults in here
}

func (c *WriterConfig) complete() error {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	if c.fs == nil {
		c.fs = durable.OS{}
	}
	if c.Origin == "" || len(c.Signers) == 0 {
		return errors.New("a log needs an origin and at least one signer")
	}
	var vkeys []string
	for _, s := range c.Signers {
		if s.Name() != c.Origin {
			return fmt.Errorf("the key %08x is of %q, the log is %q", s.KeyHash(), s.Name(), c.Origin)
		}
		if k, ok := s.(fmt.Stringer); ok {
			vkeys = append(vkeys, k.String())
		}
	}
	if c.Verifier == nil {
		if len(vkeys) != len(c.Signers) {
			return errors.New("a signer does not tell its public key; set the verifier")
		}
		v, err := NewVerifier(c.Origin, vkeys...)
		if err != nil {
			return err
		}
		c.Verifier = v
	}
	return nil
}

// A Writer appends to a log. There is one at a time for a directory, held by
// a file lock; within the process it is safe for concurrent use.
//
// Blobs, batches and entries are staged; Commit makes them part of the log all
// together. What was staged and not committed leaves no trace but unreferenced
// files.
type Writer struct {
	dir  string
	c    WriterConfig
	tx   *durable.Tx
	lock io.Closer

	mu     sync.Mutex
	log    *Log
	keys   *Verifier // of the checkpoint to come
	staged [][]byte
	newest time.Time     // of the last entry that was staged
	stale  bool          // the index is, by what was committed
	next   *WriterConfig // the new signers, while a key rotation waits for its commit
	freeze bool
	err    error // set once a commit failed half-way
}

// PutBlob stores the bytes of an artifact. They are durable once a Commit that
// follows has returned.
func (w *Writer) PutBlob(ctx context.Context, kind artifact.Kind, r io.Reader) (artifact.Digest, int64, error) {
	if !ownBlob(kind) {
		return artifact.Digest{}, 0, fmt.Errorf("storing an artifact: one of kind %s belongs into a bundle", kind)
	}
	f, err := w.tx.Stage()
	if err != nil {
		return artifact.Digest{}, 0, fmt.Errorf("storing an artifact of kind %s: %w", kind, err)
	}
	h := sha256.New()
	size, err := io.Copy(io.MultiWriter(f, h), &ctxReader{ctx, r})
	if err != nil {
		f.Discard()
		return artifact.Digest{}, 0, fmt.Errorf("storing an artifact of kind %s: %w", kind, err)
	}
	d := artifact.Digest(h.Sum(nil))
	path := blobPath(w.dir, kind, d)
	// Keep even when a file of that name is there: it may be damaged, and this
	// one is not.
	if err := f.Keep(path); err != nil {
		return artifact.Digest{}, 0, fmt.Errorf("storing an artifact of kind %s: %w", kind, err)
	}
	return d, size, nil
}

// AppendBatch stages one signing run; lines come in any order.
func (w *Writer) AppendBatch(ctx context.Context, lines []Line, note string) (*Batch, error) {
	lines = slices.Clone(lines)
	slices.SortFunc(lines, func(a, b Line) int { return strings.Compare(a.Name, b.Name) })
	return w.AppendSorted(ctx, func(yield func(Line, error) bool) {
		for _, l := range lines {
			if !yield(l, nil) {
				return
			}
		}
	}, note)
}

// AppendSorted is AppendBatch for lines that come sorted by name. Every
// artifact that has a file of its own must have been put before.
func (w *Writer) AppendSorted(ctx context.Context, lines iter.Seq2[Line, error], note string) (*Batch, error) {
	m, err := newManifestWriter(w.tx, manifestHeader)
	if err != nil {
		return nil, fmt.Errorf("appending a batch: %w", err)
	}
	if err := w.fill(ctx, m, lines); err != nil {
		m.discard()
		return nil, fmt.Errorf("appending a batch: %w", err)
	}
	b, err := m.finish(func(d artifact.Digest) string { return manifestPath(w.dir, d) }, note)
	if err != nil {
		return nil, fmt.Errorf("appending a batch: %w", err)
	}
	if b.Count == 0 {
		return nil, errors.New("appending a batch: it has no artifact")
	}
	return b, w.Append(ctx, &Entry{Batch: b})
}

func (w *Writer) fill(ctx context.Context, m *manifestWriter, lines iter.Seq2[Line, error]) error {
	for line, err := range lines {
		if err != nil {
			return err
		}
		if m.tree.n%1024 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		if ownBlob(line.Kind) {
			st, err := os.Stat(blobPath(w.dir, line.Kind, line.Digest))
			if err != nil {
				return fmt.Errorf("%s: its bytes are not stored: %w", line.Name, err)
			}
			if st.Size() != line.Size {
				return fmt.Errorf("%s: its stored bytes have the length %d, not %d", line.Name, st.Size(), line.Size)
			}
		}
		if err := m.add(&line); err != nil {
			return err
		}
	}
	return nil
}

// Append stages an entry. Version, type and, when zero, time are filled in.
// A key rotation or a freeze has its own method.
func (w *Writer) Append(ctx context.Context, e *Entry) error {
	if e.KeyRotation != nil || e.Freeze != nil {
		return errors.New("appending an entry: use RotateKeys or Freeze")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.append(ctx, e)
}

func (w *Writer) append(ctx context.Context, e *Entry) error {
	if err := errors.Join(ctx.Err(), w.writable()); err != nil {
		return fmt.Errorf("appending an entry: %w", err)
	}
	e.V = EntryVersion
	if e.Time.IsZero() {
		e.Time = w.now()
	}
	e.Time = e.Time.UTC().Truncate(time.Second)
	if e.Type == "" {
		e.Type = e.typ()
	}
	raw, err := e.Encode()
	if err != nil {
		return err
	}
	w.staged, w.newest = append(w.staged, raw), e.Time
	w.stale = w.stale || e.Batch != nil || e.Withdraw != nil
	return nil
}

// now is the time of the next entry: by the clock, and where that was put right by less than clocks may differ, the
// time of the entry before, so that the log tells of clocks that are wrong and not of those that are kept right.
func (w *Writer) now() time.Time {
	now, last := w.c.Now(), w.newest
	if last.IsZero() {
		last = w.log.Time()
	}
	if last.After(now) && last.Sub(now) <= maxSkew {
		return last
	}
	return now
}

// writable says why nothing can be appended; the caller holds the lock.
func (w *Writer) writable() error {
	switch {
	case w.err != nil:
		return errors.Join(ErrBroken, w.err)
	case w.log == nil:
		return os.ErrClosed
	case w.freeze || w.log.Frozen() != nil:
		return ErrFrozen
	case w.next != nil:
		return errors.New("a key rotation waits for its commit")
	}
	return nil
}

// Freeze appends the last entry of the log and commits. Nothing can be
// appended afterwards, by anybody.
func (w *Writer) Freeze(ctx context.Context, f Freeze) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.append(ctx, &Entry{Freeze: &f}); err != nil {
		return nil, fmt.Errorf("freezing the log: %w", err)
	}
	w.freeze = true
	return w.commit(ctx)
}

// RotateKeys hands the log over to new keys: it appends a key-rotation entry,
// accepted by every new key, and commits it with the old ones. The Writer goes
// on with the new keys.
func (w *Writer) RotateKeys(ctx context.Context, signers []note.Signer, reason string) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	next := WriterConfig{Origin: w.c.Origin, Signers: signers}
	if err := next.complete(); err != nil {
		return nil, fmt.Errorf("rotating keys: %w", err)
	}
	if err := w.writable(); err != nil {
		return nil, fmt.Errorf("rotating keys: %w", err)
	}
	k := &KeyRotation{Old: w.keys.Keys(), New: next.Verifier.Keys(), Reason: reason}
	if slices.Equal(k.Old, k.New) {
		return nil, errors.New("rotating keys: the new keys are the old ones")
	}
	accepted, err := note.Sign(&note.Note{Text: RotationText(w.c.Origin, k.Old, k.New)}, signers...)
	if err != nil {
		return nil, fmt.Errorf("rotating keys: %w", err)
	}
	k.Acceptance = string(accepted)
	if _, err := k.check(w.keys); err != nil {
		return nil, fmt.Errorf("rotating keys: %w", err)
	}
	if err := w.append(ctx, &Entry{KeyRotation: k}); err != nil {
		return nil, fmt.Errorf("rotating keys: %w", err)
	}
	w.next = &next
	cp, err := w.commit(ctx)
	if err != nil {
		return nil, fmt.Errorf("rotating keys: %w", err)
	}
	return cp, nil
}

// Staged is how many entries wait for Commit.
func (w *Writer) Staged() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.staged)
}

// Log reads the log as of the last commit.
func (w *Writer) Log() *Log {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.c.Index && w.log != nil {
		return w.log.UseIndex()
	}
	return w.log
}

// Close releases the lock. What was staged and not committed is forgotten.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.log == nil {
		return nil
	}
	if w.c.Index && w.stale {
		if err := w.log.UpdateIndex(context.Background()); err != nil {
			w.c.Logger.Warn("index not updated", zap.Error(err))
		}
	}
	w.log = nil
	if err := w.lock.Close(); err != nil {
		return fmt.Errorf("unlocking %s: %w", filepath.Join(w.dir, lockFile), err)
	}
	return nil
}
