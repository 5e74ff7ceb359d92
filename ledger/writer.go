package ledger

import (
	"context"
	"io"
	"iter"
	"time"

	"seihon/artifact"

	"go.uber.org/zap"
	"golang.org/x/mod/sumdb/note"
)

// WriterConfig says who writes a log and how.
type WriterConfig struct {
	Origin  string
	Signers []note.Signer    // all sign every checkpoint; ECDSA P-256 first, Ed25519 second
	Known   [][]byte         // signed checkpoints seen elsewhere that the log must contain
	Now     func() time.Time // nil = time.Now
	Logger  *zap.Logger      // nil = none
}

// A Writer appends to a log. One process at a time; safe for concurrent use.
type Writer struct{}

// Create starts an empty log in dir and refuses one that is there.
func Create(ctx context.Context, dir string, c WriterConfig) (*Writer, error) {
	return nil, errSkeleton
}

// OpenWriter opens the log in dir for appending.
func OpenWriter(ctx context.Context, dir string, c WriterConfig) (*Writer, error) {
	return nil, errSkeleton
}

// PutBlob stores the bytes of an artifact.
func (w *Writer) PutBlob(ctx context.Context, kind artifact.Kind, r io.Reader) (artifact.Digest, int64, error) {
	return artifact.Digest{}, 0, errSkeleton
}

// AppendBatch stages one signing run; lines come in any order.
func (w *Writer) AppendBatch(ctx context.Context, lines []Line, note string) (*Batch, error) {
	return nil, errSkeleton
}

// AppendSorted is AppendBatch for lines that already come sorted by name.
func (w *Writer) AppendSorted(ctx context.Context, lines iter.Seq2[Line, error], note string) (*Batch, error) {
	return nil, errSkeleton
}

// Append stages an entry.
func (w *Writer) Append(ctx context.Context, e *Entry) error { return errSkeleton }

// Commit makes everything staged durable and signs one checkpoint over it.
func (w *Writer) Commit(ctx context.Context) (checkpoint []byte, err error) { return nil, errSkeleton }

// Log reads the log as of the last commit.
func (w *Writer) Log() *Log { return nil }

// Close releases the lock. What was staged and not committed is forgotten.
func (w *Writer) Close() error { return nil }
