package ledger

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"seihon/artifact"

	"golang.org/x/mod/sumdb/tlog"
)

var errSkeleton = errors.New("not built yet")

// A Log reads a master or publication log. It is safe for concurrent use.
type Log struct{}

// A Checkpoint is the content of a checkpoint, verified or not.
type Checkpoint struct {
	Origin string
	Size   int64
	Root   tlog.Hash
	Note   []byte // the whole signed note
}

// A File is one file of the log as it is published.
type File struct {
	Name   string // "log/tile/…" or "log/manifests/<sha256>"
	Kind   artifact.Kind
	Digest artifact.Digest
	Size   int64
	open   func() (io.ReadSeekCloser, error)
}

// Open opens the bytes of the file, uncompressed.
func (f *File) Open() (io.ReadSeekCloser, error) { return f.open() }

// A State is the set of current lines at one tree size.
type State struct{}

// Size is the tree size the state was taken at.
func (s *State) Size() int64 { return 0 }

// Len is the number of current names.
func (s *State) Len() int { return 0 }

// Get returns the current line of a name.
func (s *State) Get(name string) (Line, bool) { return Line{}, false }

// All gives the current lines in the order of their names.
func (s *State) All() iter.Seq[Line] { return nil }

// Open opens the log in dir for reading and verifies its checkpoint with v.
func Open(ctx context.Context, dir string, v *Verifier) (*Log, error) { return nil, errSkeleton }

// Dir is the directory the log was opened in.
func (l *Log) Dir() string { return "" }

// Origin is the log's name.
func (l *Log) Origin() string { return "" }

// Size is the number of entries.
func (l *Log) Size() int64 { return 0 }

// Root is the Merkle tree hash over them.
func (l *Log) Root() tlog.Hash { return tlog.Hash{} }

// Checkpoint is the signed note that says so.
func (l *Log) Checkpoint() []byte { return nil }

// Time is the time of the newest entry; zero for an empty log.
func (l *Log) Time() time.Time { return time.Time{} }

// Entry reads entry i.
func (l *Log) Entry(ctx context.Context, i int64) (*Entry, error) { return nil, errSkeleton }

// Entries reads the entries from ≤ i < to.
func (l *Log) Entries(ctx context.Context, from, to int64) iter.Seq2[*Entry, error] { return nil }

// Lines reads the manifest of a batch.
func (l *Log) Lines(ctx context.Context, b *Batch) iter.Seq2[Line, error] { return nil }

// Changes gives what the entries from ≤ i < to did to the state, in log order.
func (l *Log) Changes(ctx context.Context, from, to int64) iter.Seq2[Change, error] { return nil }

// State gives the current lines at a tree size.
func (l *Log) State(ctx context.Context, size int64) (*State, error) { return nil, errSkeleton }

// Lookup finds the current line of one name and the entry that made it current.
func (l *Log) Lookup(ctx context.Context, name string) (line Line, index int64, ok bool, err error) {
	return Line{}, 0, false, errSkeleton
}

// BlobPath is where the bytes of a line are kept.
func (l *Log) BlobPath(line Line) string { return "" }

// OpenBlob opens the bytes of a line without checking them.
func (l *Log) OpenBlob(line Line) (io.ReadSeekCloser, error) { return nil, errSkeleton }

// ReadBlob reads the bytes of a line and checks them against its digest.
func (l *Log) ReadBlob(ctx context.Context, line Line) ([]byte, error) { return nil, errSkeleton }

// CheckBlob reads the bytes of a line and checks length and digest without keeping them.
func (l *Log) CheckBlob(ctx context.Context, line Line) error { return errSkeleton }

// Consistent reports as an error when the tree of an older signed checkpoint is
// not a prefix of this log: see ForkError, RollbackError.
func (l *Log) Consistent(ctx context.Context, checkpoint []byte) error { return errSkeleton }

// ConsistentTree is Consistent for a tree whose signature the caller has
// checked, or does not need.
func (l *Log) ConsistentTree(ctx context.Context, size int64, root tlog.Hash) error {
	return errSkeleton
}

// Prove makes the .tlog-proof of the current line of a name.
func (l *Log) Prove(ctx context.Context, name string) ([]byte, error) { return nil, errSkeleton }

// VerifyProof checks a proof made by Prove.
func VerifyProof(proof []byte, v *Verifier) (*Line, Checkpoint, error) {
	return nil, Checkpoint{}, errSkeleton
}

// PublicFiles gives the log's files that a complete copy at size from lacks at
// size to: tiles, entry bundles and manifests, not the checkpoint.
func (l *Log) PublicFiles(ctx context.Context, from, to int64) iter.Seq2[File, error] { return nil }
