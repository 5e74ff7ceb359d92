package ledger

import (
	"bufio"
	"context"
	"crypto/sha256"
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
	Now      func() time.Time // nil = time.Now
	Logger   *zap.Logger      // nil = none

	fs durable.FS
}

// Imported says what an import did.
type Imported struct {
	From, To  int64 // sizes of the copy before and after
	Artifacts int   // files that were let in; those of an interrupted import are not counted again
}

// maxImportEntries caps the entries of one export that are held in memory.
const maxImportEntries = 1 << 30

// Import lets an export into the copy of the master in dir, which may be
// empty. Nothing is believed: the entries are hashed up to the signed
// checkpoint first, then each manifest and artifact must be one that an entry
// leads to, with its digest; the copy's checkpoint moves last, when all is
// there. An import that was interrupted is resumed by calling it again.
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
	m := &importer{c: c, f: &frameReader{r: bufio.NewReaderSize(&ctxReader{ctx, r}, 1<<20)}, blobs: map[string]int64{}, manifests: map[artifact.Digest]*Batch{}}
	if err := m.head(); err != nil {
		return nil, err
	}
	if err := c.fs.Mkdir(dir); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	w, err := lockDir(dir, WriterConfig{Origin: m.origin, Verifier: c.Verifier, Logger: c.Logger, fs: c.fs, Now: c.Now})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.lock.Close()) }()
	m.w = w
	if err := m.local(ctx); err != nil {
		return nil, err
	}
	if err := m.entries(ctx); err != nil {
		return nil, err
	}
	if m.to <= m.from { // no entry is new, and that they fit was checked
		return &Imported{From: m.from, To: m.from}, errors.Join(m.rest(), m.putTokens())
	}
	if err := m.files(ctx); err != nil {
		return nil, err
	}
	if err := m.complete(ctx); err != nil {
		return nil, err
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

	origin       string
	start, to    int64 // of the export
	from         int64 // size of the copy
	staged       [][]byte
	parsed       []*Entry // of the new entries
	all          []*Entry // of all, also those the copy has
	checkpoints  map[int64][]byte
	tokens       map[string][]byte
	manifests    map[artifact.Digest]*Batch
	blobs        map[string]int64 // path in the master: size, -1 = any
	optional     map[string]bool
	count        int
	pendingWhat  string // the frame that ended a run of others
	pendingSize  int64
	pendingName  string
	pendingValid bool
}

// head reads the first frame.
func (m *importer) head() error {
	line, err := m.f.line()
	if err != nil || line+"\n" != exportHeader {
		return errors.Join(fmt.Errorf("the file is not an export of a master (its first line is not %q)", strings.TrimSpace(exportHeader)), err)
	}
	what, _, _, err := m.f.next()
	if err != nil {
		return err
	}
	b, err := m.f.bytes(4096)
	if err != nil {
		return err
	}
	f := strings.Split(string(b), "\n")
	if what != frameHead || len(f) != 4 || f[3] != "" {
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
		m.w.log = &Log{dir: m.w.dir, cp: Checkpoint{Origin: m.origin, Root: edgeRoot(nil)}, pinned: m.c.Verifier, keys: m.c.Verifier, tiles: &tiles{dir: filepath.Join(m.w.dir, logDir)}}
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
		return fmt.Errorf("the export begins at size %d, the copy has %d entries: export from %d", m.start, m.from, m.from)
	}
	return nil
}

// next gives the next frame, or the one that a loop did not want.
func (m *importer) next() (string, int64, string, error) {
	if m.pendingValid {
		m.pendingValid = false
		return m.pendingWhat, m.pendingSize, m.pendingName, nil
	}
	return m.f.next()
}

func (m *importer) unread(what string, size int64, name string) {
	m.pendingWhat, m.pendingSize, m.pendingName, m.pendingValid = what, size, name, true
}

// entries reads entries and checkpoints and checks that they belong together
// and go on from the copy.
func (m *importer) entries(ctx context.Context) error {
	total := int64(0)
	for i := m.start; i < m.to; i++ {
		what, size, _, err := m.next()
		if err != nil {
			return err
		}
		if total += size; what != frameEntry || total > maxImportEntries {
			return fmt.Errorf("want entry %d, not a frame %q", i, what)
		}
		raw, err := m.f.bytes(MaxEntry)
		if err != nil {
			return err
		}
		if i < m.from { // the copy has it; it must be the same
			have, err := m.w.log.Raw(ctx, i)
			if err != nil {
				return err
			}
			if string(have) != string(raw) {
				return fmt.Errorf("entry %d is not the one the copy has: %w", i, ErrFork)
			}
		}
		e, err := ParseEntry(raw)
		if err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
		if m.all = append(m.all, e); i < m.from {
			continue
		}
		m.staged, m.parsed = append(m.staged, raw), append(m.parsed, e)
	}
	if err := m.readCheckpoints(); err != nil {
		return err
	}
	return m.checkTree(ctx)
}

func (m *importer) readCheckpoints() error {
	m.checkpoints, m.tokens = map[int64][]byte{}, map[string][]byte{}
	for {
		what, size, name, err := m.next()
		if err != nil {
			return err
		}
		switch what {
		case frameCheckpoint:
			n, err := strconv.ParseInt(name, 10, 64)
			b, err2 := m.f.bytes(maxCheckpoint)
			if err := errors.Join(err, err2); err != nil {
				return err
			}
			m.checkpoints[n] = b
		case frameToken:
			b, err := m.f.bytes(maxToken)
			if err != nil {
				return err
			}
			n, rest, ok := strings.Cut(name, ".")
			if _, err := strconv.ParseUint(n, 10, 53); !ok || err != nil || !tokenName.MatchString(rest) || !strings.HasSuffix(rest, ".tsr") {
				return fmt.Errorf("%q is not the name of a timestamp", name)
			}
			m.tokens[name] = b
		default:
			m.unread(what, size, name)
			return nil
		}
	}
}

// checkTree hashes the new entries onto the copy's tree and compares with
// every checkpoint, whose keys follow the rotations among the entries.
func (m *importer) checkTree(ctx context.Context) error {
	final, ok := m.checkpoints[m.to]
	if !ok {
		return fmt.Errorf("the export has no checkpoint of size %d", m.to)
	}
	if m.to <= m.from {
		return m.w.log.Consistent(ctx, final)
	}
	eras, err := m.eras(ctx)
	if err != nil {
		return err
	}
	g := edgeOf(m.w.log)
	for i, raw := range m.staged {
		g.push(leafHash(raw), nil)
		size := m.from + int64(i) + 1
		b, ok := m.checkpoints[size]
		if !ok {
			continue
		}
		k := slices.IndexFunc(eras, func(e era) bool { return size <= e.upTo })
		cp, err := eras[k].keys.Open(b)
		if err != nil {
			return err
		}
		if cp.Size != size {
			return fmt.Errorf("the checkpoint of size %d stands at %d", cp.Size, size)
		}
		if root := edgeRoot(g.edge); root != cp.Root {
			return &ForkError{Size: size, Here: root, Seen: cp.Root, Where: "the export's checkpoint"}
		}
	}
	return nil
}

// eras finds out which keys sign which sizes. The chain of rotations must go
// through the keys the copy was read with, or, of a new copy, the pinned ones.
func (m *importer) eras(context.Context) ([]era, error) {
	keys, trusted := m.w.log.keys, false
	if l := m.w.log.last; l != nil && l.KeyRotation != nil {
		next, err := l.KeyRotation.check(keys)
		if err != nil {
			return nil, err
		}
		keys = next
	}
	var eras []era
	if first := slices.IndexFunc(m.parsed, func(e *Entry) bool { return e.KeyRotation != nil }); first >= 0 && m.from == 0 {
		// The pin may be one of a later era: begin with the oldest.
		old, err := NewVerifier(m.origin, m.parsed[first].KeyRotation.Old...)
		if err != nil {
			return nil, err
		}
		keys = old
	}
	pinned := func(v *Verifier) bool { return m.from > 0 || slices.Equal(v.Keys(), m.c.Verifier.Keys()) }
	trusted = pinned(keys)
	for i, e := range m.parsed {
		if e.KeyRotation == nil {
			continue
		}
		next, err := e.KeyRotation.check(keys)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", m.from+int64(i), err)
		}
		eras = append(eras, era{upTo: m.from + int64(i) + 1, keys: keys})
		keys = next
		trusted = trusted || pinned(keys)
	}
	if !trusted {
		return nil, &KeyError{Origin: m.origin, Size: m.to, Err: errors.New("the pinned keys are not among those of the log")}
	}
	return append(eras, era{upTo: maxInt, keys: keys}), nil
}

// files reads manifests and artifacts and stores those that entries lead to.
func (m *importer) files(ctx context.Context) error {
	m.optional = map[string]bool{}
	for _, e := range m.all {
		if e.Batch != nil {
			m.manifests[e.Batch.Manifest] = e.Batch
		}
		if d := e.attachment(); !d.IsZero() {
			p := m.rel(blobPath("", artifact.Document, d))
			m.blobs[p], m.optional[p] = -1, true
		}
	}
	collected := false
	for {
		what, size, name, err := m.next()
		if err != nil {
			return err
		}
		if what != frameManifest && !collected {
			if err := m.collect(ctx); err != nil {
				return err
			}
			collected = true
		}
		switch what {
		case frameManifest:
			err = m.manifest(ctx, name)
		case frameBlob:
			err = m.blob(name, size)
		case frameEnd:
			return m.end()
		default:
			err = fmt.Errorf("a frame %q is out of place", what)
		}
		if err != nil {
			return err
		}
	}
}

func (m *importer) rel(path string) string { return filepath.ToSlash(path) }

// end checks the last frame.
func (m *importer) end() error {
	n := m.f.frames - 1
	b, err := m.f.bytes(20)
	if err != nil {
		return err
	}
	if string(b) != strconv.FormatInt(n, 10) {
		return fmt.Errorf("the file has %d frames, its end says %.20q", n, b)
	}
	return m.f.skip()
}

// rest reads on to the end, so that a damaged medium is noticed.
func (m *importer) rest() error {
	for {
		what, _, _, err := m.next()
		if err != nil {
			return err
		}
		if what == frameEnd {
			return m.end()
		}
	}
}

// manifest stores one manifest, after a look at its text.
func (m *importer) manifest(ctx context.Context, name string) error {
	d, err := artifact.ParseDigest(name)
	if err != nil {
		return err
	}
	b := m.manifests[d]
	if b == nil {
		return fmt.Errorf("no entry leads to the manifest %s", d)
	}
	path := manifestPath(m.w.dir, d)
	if _, err := m.w.log.Manifest(ctx, b); err == nil {
		return nil // from an import that was interrupted
	}
	s, err := m.w.tx.Stage()
	if err != nil {
		return err
	}
	pr, pw := io.Pipe()
	go func() {
		_, err := io.Copy(s, io.TeeReader(m.f, pw))
		pw.CloseWithError(err)
	}()
	text, err := inflate(pr, b.Size)
	if err == nil && artifact.Sum(text) != d {
		err = fmt.Errorf("its SHA-256 is %s", artifact.Sum(text))
	}
	// The decompressor may stop early; the writer must have seen all.
	if _, err2 := io.Copy(io.Discard, pr); err == nil {
		err = err2
	}
	if err != nil {
		s.Discard()
		return fmt.Errorf("manifest %s: %w", d, err)
	}
	return s.Keep(path)
}

// collect gathers the artifacts that the new manifests lead to.
func (m *importer) collect(ctx context.Context) error {
	for _, e := range m.all {
		if e.Batch == nil {
			continue
		}
		for line, err := range m.w.log.Lines(ctx, e.Batch) {
			if err != nil {
				return fmt.Errorf("the export is incomplete: %w", err)
			}
			if ownBlob(line.Kind) {
				p := m.rel(blobPath("", line.Kind, line.Digest))
				m.blobs[p] = line.Size
				delete(m.optional, p)
			}
		}
	}
	return nil
}

// blob stores one artifact.
func (m *importer) blob(name string, size int64) error {
	want, ok := m.blobs[name]
	if !ok || want >= 0 && want != size {
		return fmt.Errorf("no entry leads to a file %q of %d bytes", name, size)
	}
	path := filepath.Join(m.w.dir, filepath.FromSlash(name))
	if exists(path, size) {
		return nil
	}
	s, err := m.w.tx.Stage()
	if err != nil {
		return err
	}
	h := sha256.New()
	if _, err = io.Copy(io.MultiWriter(s, h), m.f); err == nil && artifact.Digest(h.Sum(nil)).String() != filepath.Base(path) {
		err = fmt.Errorf("its SHA-256 is %x", h.Sum(nil))
	}
	if err != nil {
		s.Discard()
		return fmt.Errorf("%s: %w", name, err)
	}
	m.count++
	return s.Keep(path)
}

// complete makes sure that every artifact is there.
func (m *importer) complete(context.Context) error {
	missing := 0
	for p, size := range m.blobs {
		if !m.optional[p] && !exists(filepath.Join(m.w.dir, filepath.FromSlash(p)), size) {
			missing++
		}
	}
	if missing > 0 {
		return fmt.Errorf("the export is incomplete: %d artifacts are missing; make it again", missing)
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
