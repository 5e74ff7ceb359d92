package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"os"
	"strings"
	"unsafe"

	"seihon/artifact"
	"seihon/internal/durable"
	"seihon/internal/regular"

	"github.com/klauspost/compress/zstd"
)

// The first line of a manifest: of those that are written today, and of older ones, whose lines have no
// field for history. Both have the same length.
const (
	manifestHeader   = "seihon/manifest/v2\n"
	manifestHeaderV1 = "seihon/manifest/v1\n"
)

// maxManifest caps what a reader decompresses; an entry cannot make it take more.
const maxManifest = 4 << 30

// manifestChunk is how much text is handed on at once.
const manifestChunk = 128 << 10

// manifestWindow is how far back compression looks. Lines are sorted: what is alike stands close together.
const manifestWindow = 512 << 10

// A manifestWriter streams lines into a compressed file, while it computes the
// digest of the text and the Merkle root over the lines. Hashing and
// compression run beside the formatting.
type manifestWriter struct {
	file  *durable.Staged
	zw    *zstd.Encoder
	sum   hash.Hash
	tree  tree
	size  int64
	last  string
	chunk []byte
	line  []byte
	work  chan []byte
	done  chan error
}

func newManifestWriter(tx *durable.Tx, header string) (*manifestWriter, error) {
	f, err := tx.Stage()
	if err != nil {
		return nil, fmt.Errorf("writing a manifest: %w", err)
	}
	zw, err := zstd.NewWriter(f, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2),
		zstd.WithWindowSize(manifestWindow))
	if err != nil {
		f.Discard()
		return nil, fmt.Errorf("writing a manifest: %w", err)
	}
	m := &manifestWriter{file: f, zw: zw, sum: sha256.New(), work: make(chan []byte, 2), done: make(chan error, 1)}
	m.chunk = append(make([]byte, 0, manifestChunk), header...)
	go m.run()
	return m, nil
}

// run hashes and compresses what add hands over.
func (m *manifestWriter) run() {
	var err error
	for c := range m.work {
		m.sum.Write(c)
		if err == nil {
			_, err = m.zw.Write(c)
		}
	}
	// Close also after an error: it ends the encoder's goroutines.
	m.done <- errors.Join(err, m.zw.Close())
}

func (m *manifestWriter) add(l *Line) error {
	if l.Name <= m.last {
		return fmt.Errorf("writing a manifest: %q comes after %q: names must be sorted and unique", l.Name, m.last)
	}
	line, err := appendLine(m.line[:0], l)
	if err != nil {
		return fmt.Errorf("writing a manifest: %w", err)
	}
	m.line, m.last = line, l.Name
	m.addText(line)
	return nil
}

// addText adds a line of any content that has no line feed.
func (m *manifestWriter) addText(line []byte) {
	m.tree.add(leafHash(line))
	if len(m.chunk)+len(line)+1 > cap(m.chunk) {
		m.hand(make([]byte, 0, max(manifestChunk, len(line)+1)))
	}
	m.chunk = append(append(m.chunk, line...), '\n')
}

func (m *manifestWriter) hand(next []byte) {
	m.size += int64(len(m.chunk))
	m.work <- m.chunk
	m.chunk = next
}

// finish names the file by its digest.
func (m *manifestWriter) finish(path func(artifact.Digest) string, note string) (*Batch, error) {
	m.hand(nil)
	close(m.work)
	if err := <-m.done; err != nil {
		m.file.Discard()
		return nil, fmt.Errorf("writing a manifest: %w", err)
	}
	b := &Batch{Manifest: artifact.Digest(m.sum.Sum(nil)), Size: m.size, Count: m.tree.n, Root: m.tree.root(),
		Note: note}
	if err := m.file.Keep(path(b.Manifest)); err != nil {
		return nil, fmt.Errorf("writing a manifest: %w", err)
	}
	return b, nil
}

func (m *manifestWriter) discard() {
	close(m.work)
	<-m.done
	m.file.Discard()
}

// Manifest reads the text of a batch's manifest and checks it against the
// batch's size and digest.
func (l *Log) Manifest(ctx context.Context, b *Batch) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return readManifest(l.manifestPath(b.Manifest), b.Manifest, b.Size)
}

// readManifest reads the text of a manifest, public or private, and checks size and digest.
func readManifest(path string, want artifact.Digest, size int64) ([]byte, error) {
	if size < int64(len(manifestHeader)) || size > maxManifest {
		return nil, fmt.Errorf("reading manifest %s: its entry gives it %d bytes", want, size)
	}
	f, err := regular.Open(path)
	plain := false
	if errors.Is(err, os.ErrNotExist) { // in an archive it is plain text
		var err2 error
		if f, err2 = regular.Open(strings.TrimSuffix(path, ".zst")); err2 == nil {
			path, plain, err = f.Name(), true, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("reading manifest %s: %w", want, err)
	}
	defer f.Close()
	var text []byte
	if plain {
		text, err = readExactly(f, size)
	} else {
		text, err = inflate(f, size)
	}
	if err != nil {
		return nil, &CorruptError{Path: path, Err: fmt.Errorf("reading manifest: %w", err)}
	}
	if got := artifact.Sum(text); got != want {
		return nil, &CorruptError{Path: path, Err: fmt.Errorf("the manifest's SHA-256 is %s", got)}
	}
	return text, nil
}

// inflate decompresses exactly size bytes.
func inflate(r io.Reader, size int64) ([]byte, error) {
	zr, err := zstd.NewReader(&oneFrame{r: r}, zstd.WithDecoderMaxMemory(maxManifest),
		zstd.WithDecoderMaxWindow(64<<20))
	if err != nil {
		return nil, err
	}
	defer zr.Close()
	return readExactly(zr, size)
}

// inflatedSum decompresses exactly size bytes and keeps none of them.
func inflatedSum(r io.Reader, size int64) (artifact.Digest, error) {
	zr, err := zstd.NewReader(&oneFrame{r: r}, zstd.WithDecoderMaxMemory(maxManifest),
		zstd.WithDecoderMaxWindow(64<<20), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return artifact.Digest{}, err
	}
	defer zr.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(zr, size+1))
	if err == nil {
		err = exactly(n, size)
	}
	return artifact.Digest(h.Sum(nil)), err
}

// readExactly reads a stream that must have size bytes. The size is the log's
// word, not the file's: memory is taken for what has been read, and half of it again.
func readExactly(r io.Reader, size int64) ([]byte, error) {
	text := make([]byte, 0, min(size, 1<<20)+1) // room for one byte too many
	for {
		n, err := r.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
		if err != nil && err != io.EOF {
			return nil, err
		}
		if err == io.EOF || int64(len(text)) > size {
			return text, exactly(int64(len(text)), size)
		}
		if len(text) == cap(text) {
			text = append(make([]byte, 0, min(int64(cap(text))*3/2, size)+1), text...)
		}
	}
}

func exactly(n, size int64) error {
	switch {
	case n < size:
		return fmt.Errorf("it has %d bytes, its entry says %d", n, size)
	case n > size:
		return fmt.Errorf("it has more bytes than the %d its entry says", size)
	}
	return nil
}

// Lines reads the manifest of a batch. The text has been checked against its
// digest before the first line is given; a last error tells of lines that are
// out of order or malformed, or do not have the root or count of the entry,
// which only a writer that breaks its own rules can bring about. Act on the
// lines once the iteration has ended without one.
func (l *Log) Lines(ctx context.Context, b *Batch) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		text, err := l.Manifest(ctx, b)
		if err != nil {
			yield(Line{}, err)
			return
		}
		for line, err := range parseManifest(text, b) {
			if !yield(line, err) || err != nil {
				return
			}
		}
	}
}

// parseManifest checks and gives the lines of a manifest's text. The lines'
// strings share its memory.
func parseManifest(text []byte, b *Batch) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		bad := func(format string, args ...any) {
			yield(Line{}, fmt.Errorf("parsing manifest %s: %w", b.Manifest, fmt.Errorf(format, args...)))
		}
		var t tree
		last, fields := "", manifestFields(text)
		for raw, err := range manifestLines(text) {
			if err != nil {
				bad("%w", err)
				return
			}
			line, err := parseFields(raw, fields)
			if err != nil {
				bad("line %d: %w", t.n+1, err)
				return
			}
			if line.Name <= last {
				bad("line %d: %q after %q: names must be sorted and unique", t.n+1, line.Name, last)
				return
			}
			last = line.Name
			t.add(leafHash([]byte(raw)))
			if !yield(line, nil) {
				return
			}
		}
		if t.n != b.Count {
			bad("it has %d lines, its entry says %d", t.n, b.Count)
		} else if root := t.root(); root != b.Root {
			bad("its Merkle root is %s, its entry says %s", root, b.Root)
		}
	}
}

// manifestFields is the number of fields that the lines of a manifest's text have.
func manifestFields(text []byte) int {
	if bytes.HasPrefix(text, []byte(manifestHeaderV1)) {
		return fieldsV1
	}
	return fieldsV2
}

// manifestLines splits a manifest's text into lines without their ends.
func manifestLines(text []byte) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		rest, ok := strings.CutPrefix(textString(text), manifestHeader)
		if !ok {
			rest, ok = strings.CutPrefix(textString(text), manifestHeaderV1)
		}
		if !ok {
			yield("", fmt.Errorf("the first line is neither %q nor %q: a newer program wrote it, or it is no manifest",
				strings.TrimSpace(manifestHeader), strings.TrimSpace(manifestHeaderV1)))
			return
		}
		for rest != "" {
			line, after, ok := strings.Cut(rest, "\n")
			if !ok {
				yield("", errors.New("the last line has no end"))
				return
			}
			if !yield(line, nil) {
				return
			}
			rest = after
		}
	}
}

// textString shares the memory of a manifest's text, which is never written
// again: a manifest of a million lines would otherwise be copied line by line.
func textString(text []byte) string { return unsafe.String(unsafe.SliceData(text), len(text)) }
