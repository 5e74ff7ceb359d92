package ledger

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"seihon/artifact"
	"seihon/internal/regular"
)

// BlobPath is where the bytes of a line are kept.
func (l *Log) BlobPath(line Line) string { return blobPath(l.dir, line.Kind, line.Digest) }

// OpenBlob opens the bytes of a line without checking them.
func (l *Log) OpenBlob(line Line) (io.ReadSeekCloser, error) {
	f, err := l.openBlob(line)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (l *Log) openBlob(line Line) (*os.File, error) {
	if !ownBlob(line.Kind) {
		return nil, fmt.Errorf("reading %s: an artifact of kind %s has no file of its own; it is a member of a bundle",
			line.Name, line.Kind)
	}
	f, err := regular.Open(l.BlobPath(line))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &CorruptError{Path: l.BlobPath(line), Err: fmt.Errorf("the bytes of %s are missing", line.Name)}
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", line.Name, err)
	}
	return f, nil
}

// ReadBlob reads the bytes of a line and checks them against its digest.
func (l *Log) ReadBlob(ctx context.Context, line Line) ([]byte, error) {
	f, err := l.openBlob(line)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := l.sized(f, line); err != nil {
		return nil, err
	}
	b := make([]byte, line.Size)
	if _, err := io.ReadFull(&ctxReader{ctx, f}, b); err != nil {
		return nil, fmt.Errorf("reading %s: %w", line.Name, err)
	}
	if got := artifact.Sum(b); got != line.Digest {
		return nil, l.badBlob(line, got)
	}
	return b, nil
}

// CheckBlob checks length and digest of the bytes of a line without keeping them.
func (l *Log) CheckBlob(ctx context.Context, line Line) error {
	f, err := l.openBlob(line)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := l.sized(f, line); err != nil {
		return err
	}
	h := sha256.New()
	if _, err := io.Copy(h, &ctxReader{ctx, f}); err != nil {
		return fmt.Errorf("reading %s: %w", line.Name, err)
	}
	if got := artifact.Digest(h.Sum(nil)); got != line.Digest {
		return l.badBlob(line, got)
	}
	return nil
}

func (l *Log) sized(f *os.File, line Line) error {
	st, err := f.Stat()
	if err != nil {
		return fmt.Errorf("reading %s: %w", line.Name, err)
	}
	if st.Size() != line.Size {
		return &CorruptError{Path: f.Name(),
			Err: fmt.Errorf("the bytes of %s have the length %d, the log says %d", line.Name, st.Size(), line.Size)}
	}
	return nil
}

func (l *Log) badBlob(line Line, got artifact.Digest) error {
	return &CorruptError{Path: l.BlobPath(line),
		Err: fmt.Errorf("the bytes of %s have the SHA-256 %s, the log says %s", line.Name, got, line.Digest)}
}

// A ctxReader stops reading when its context is done.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
