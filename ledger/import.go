package ledger

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/internal/durable"

	"go.uber.org/zap"
)

// ImportConfig says whose export is let in and where.
type ImportConfig struct {
	Verifier *Verifier
	Private  bool             // let the private master in; else an export that holds it is refused
	DryRun   bool             // check every byte and let nothing in: the copy is left as it was, as after a refusal
	Now      func() time.Time // nil = time.Now
	Logger   *zap.Logger      // nil = none

	fs durable.FS
}

// Imported says what an import did.
type Imported struct {
	From, To  int64 // sizes of the copy before and after
	Artifacts int   // artifacts that were written; those that were there and good are not counted
}

// maxImportEntries caps the entries of one export that are held in memory.
const maxImportEntries = 1 << 30

// maxTokens caps the bytes of the time-stamps of one export.
const maxTokens = 256 << 20

// Import lets an export into the copy of the master in dir, which may be
// empty. Nothing is believed: the entries are hashed up to the signed
// checkpoint first, then each manifest and artifact must be one that an entry
// leads to, with its digest; the copy's checkpoint moves last, when all is
// there. An import that was interrupted is resumed by calling it again, and an
// export of old entries repairs what is missing or damaged of their artifacts.
func Import(ctx context.Context, r io.Reader, dir string, c ImportConfig) (*Imported, error) {
	done, err := importFile(ctx, r, dir, c)
	if err != nil {
		return nil, fmt.Errorf("importing into %s: %w", dir, err)
	}
	return done, nil
}

func importFile(ctx context.Context, r io.Reader, dir string, c ImportConfig) (done *Imported, err error) {
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	if c.fs == nil {
		c.fs = durable.OS{}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	fresh, err := notYet(dir)
	if err != nil {
		return nil, err
	}
	m := &importer{c: c, fresh: fresh, f: &frameReader{r: bufio.NewReaderSize(&ctxReader{ctx, r}, 1<<20)},
		blobs: map[string]int64{}, manifests: map[artifact.Digest]*Batch{}}
	if err := m.head(); err != nil {
		return nil, err
	}
	err = c.fs.Mkdir(dir)
	if err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	m.made = err == nil
	w, err := lockDir(dir, WriterConfig{Origin: m.origin, Verifier: c.Verifier, Logger: c.Logger, fs: c.fs, Now: c.Now})
	if err != nil {
		return nil, err
	}
	m.w = w
	w.tx.Within(dir) // what an import writes is this copy and nothing else
	defer func() {
		err = errors.Join(err, w.lock.Close())
		if err != nil && !interrupted(err) || c.DryRun {
			m.clean()
		}
	}()
	if err := m.local(ctx); err != nil {
		return nil, err
	}
	if err := m.entries(ctx); err != nil {
		return nil, err
	}
	if err := m.files(ctx); err != nil {
		return nil, err
	}
	if err := m.complete(); err != nil {
		return nil, err
	}
	if c.DryRun {
		return &Imported{From: m.from, To: max(m.from, m.to), Artifacts: m.count}, nil
	}
	if m.to <= m.from { // no entry is new, and that they fit was checked
		return &Imported{From: m.from, To: m.from, Artifacts: m.count}, m.putTokens()
	}
	if err := m.install(ctx); err != nil {
		return nil, err
	}
	c.Logger.Info("imported", zap.Int64("from", m.from), zap.Int64("to", m.to), zap.Int("artifacts", m.count))
	return &Imported{From: m.from, To: m.to, Artifacts: m.count}, nil
}

// An importer is one import.
type importer struct {
	c ImportConfig
	f *frameReader
	w *Writer

	origin      string
	start, to   int64 // of the export
	from        int64 // size of the copy
	staged      [][]byte
	parsed      []*Entry // of the new entries
	all         []*Entry // of all, also those the copy has
	checkpoints map[int64][]byte
	tokens      map[string][]byte
	manifests   map[artifact.Digest]*Batch
	blobs       map[string]int64 // path in the master: size, -1 = any
	optional    map[string]bool
	count       int

	fresh bool     // there was nothing in the folder
	made  bool     // there was no folder
	kept  []string // files that this import wrote before it was complete
}

// head reads the first frame.
func (m *importer) head() error {
	line, err := m.f.line()
	if err != nil || line+"\n" != exportHeader {
		return errors.Join(fmt.Errorf("the file is not an export of a master (its first line is not %q)",
			strings.TrimSpace(exportHeader)), err)
	}
	h, err := m.f.next()
	if err != nil {
		return err
	}
	b, err := m.f.bytes(4096)
	if err != nil {
		return err
	}
	f := strings.Split(string(b), "\n")
	if h.what != frameHead || len(f) != 4 || f[3] != "" {
		return errors.New("the file has no head")
	}
	var err1, err2 error
	m.origin = f[0]
	m.start, err1 = strconv.ParseInt(f[1], 10, 64)
	m.to, err2 = strconv.ParseInt(f[2], 10, 64)
	if err1 != nil || err2 != nil || m.start < 0 || m.start > m.to || m.to > maxInt {
		return errors.New("the file's head has no sizes")
	}
	if m.origin != m.c.Verifier.Origin() {
		return &OriginError{Want: m.c.Verifier.Origin(), Got: m.origin}
	}
	return nil
}

// local opens the copy as it is.
func (m *importer) local(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(m.w.dir, logDir, "checkpoint")); errors.Is(err, os.ErrNotExist) {
		// A first import that was interrupted leaves anything but a checkpoint
		// and, at most, the first one in the archive.
		sizes, err := archived(m.w.dir)
		if err != nil {
			return err
		}
		if n := len(sizes); n > 0 && sizes[n-1] > m.to {
			return &RollbackError{Have: m.to, Seen: sizes[n-1], Where: archivePath(m.w.dir, sizes[n-1])}
		}
		m.w.log = &Log{dir: m.w.dir, cp: Checkpoint{Origin: m.origin, Root: edgeRoot(nil)}, pinned: m.c.Verifier,
			keys: m.c.Verifier, tiles: &tiles{dir: filepath.Join(m.w.dir, logDir)}}
	} else {
		l, err := Open(ctx, m.w.dir, m.c.Verifier)
		if err != nil {
			return err
		}
		if m.w.log, err = m.w.rollForward(ctx, l); err != nil {
			return err
		}
		if err := m.w.sweep(ctx); err != nil {
			return err
		}
	}
	if m.from = m.w.log.cp.Size; m.start > m.from {
		return fmt.Errorf("the export begins at size %d, the copy has %d entries: export from %d", m.start, m.from,
			m.from)
	}
	return nil
}

// install writes the tiles and moves the checkpoint, in the order of a commit.
func (m *importer) install(ctx context.Context) error {
	g, err := m.w.grow(ctx)
	if err != nil {
		return err
	}
	if err := m.w.intend(m.to); err != nil {
		return err
	}
	for _, r := range m.staged {
		if err := g.add(r); err != nil {
			return err
		}
	}
	if err := g.finish(); err != nil {
		return err
	}
	if err := m.w.tx.Flush(); err != nil {
		return err
	}
	// One checkpoint after the other, as they were made: at no moment is there
	// more than one in the archive that log/checkpoint does not know.
	for _, size := range m.archiveOrder() {
		if err := m.w.publish(size, m.checkpoints[size]); err != nil {
			return err
		}
	}
	if err := m.putTokens(); err != nil {
		return err
	}
	m.w.prune(m.from, m.to)
	return nil
}

// putTokens stores the timestamps of checkpoints that the copy has. They are
// checked by who knows the authorities; one that is there is never replaced.
func (m *importer) putTokens() error {
	for name, b := range m.tokens {
		size, _, _ := strings.Cut(name, ".")
		path := filepath.Join(m.w.dir, checkpointDir, name)
		if exists(path, -1) || !exists(filepath.Join(m.w.dir, checkpointDir, size), -1) {
			continue
		}
		if err := m.w.tx.Write(path, b); err != nil {
			return err
		}
	}
	return m.w.tx.Flush()
}

// archiveOrder lists the sizes of the new checkpoints.
func (m *importer) archiveOrder() []int64 {
	var sizes []int64
	for size := range m.checkpoints {
		if size > m.from && size <= m.to {
			sizes = append(sizes, size)
		}
	}
	slices.Sort(sizes)
	return sizes
}
