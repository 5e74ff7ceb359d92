package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"

	"seihon/artifact"
	"seihon/internal/durable"
	"seihon/internal/regular"
)

// files reads manifests and artifacts and stores those that entries lead to.
func (m *importer) files(ctx context.Context) error {
	m.optional = map[string]bool{}
	for _, e := range m.all {
		if e.Batch != nil {
			m.manifests[e.Batch.Manifest] = e.Batch
		}
		if d := e.attachment(); !d.IsZero() {
			p := filepath.ToSlash(blobPath("", artifact.Document, d))
			m.blobs[p], m.optional[p] = -1, true
		}
	}
	collected := false
	for {
		h, err := m.f.next()
		if err != nil {
			return err
		}
		if h.what != frameManifest && !collected {
			if err := m.collect(ctx); err != nil {
				return err
			}
			collected = true
		}
		switch h.what {
		case frameManifest:
			err = m.manifest(ctx, h.name)
		case frameBlob:
			err = m.blob(h.name, h.size)
		case framePrivate:
			err = m.private(h.name)
		case frameEnd:
			return m.end()
		default:
			err = fmt.Errorf("a frame %q is out of place", h.what)
		}
		if err != nil {
			return err
		}
	}
}

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
	if err := m.f.skip(); err != nil {
		return err
	}
	switch _, err := m.f.r.ReadByte(); {
	case err == nil:
		return errors.New("bytes follow the end of the export")
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
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
	if _, err := m.w.log.Manifest(ctx, b); err == nil {
		return nil // from an import that was interrupted
	}
	return m.storeManifest(manifestPath(m.w.dir, d), d, b.Size)
}

// private stores one private manifest, if this copy may have it.
func (m *importer) private(name string) error {
	if !m.c.Private {
		return errors.New("the export holds the private master (subscribers' certificates), which is not for the " +
			"publishing host; " +
			"make it without --private, or import it with --private where the private master belongs")
	}
	d, err := artifact.ParseDigest(name)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(m.all, func(e *Entry) bool { return e.Private != nil && e.Private.Manifest == d })
	if i < 0 {
		return fmt.Errorf("no entry leads to the private manifest %s", d)
	}
	p := m.all[i].Private
	if _, err := m.w.log.privateRecords(p); err == nil {
		return nil
	}
	if err := m.w.makePrivateDir(); err != nil {
		return err
	}
	if err := m.storeManifest(privatePath(m.w.dir, d), d, p.Size); err != nil {
		return err
	}
	_, err = m.w.log.privateRecords(p)
	return err
}

// storeManifest stores the compressed text of the current frame, whose digest and size are known.
func (m *importer) storeManifest(path string, d artifact.Digest, size int64) error {
	s, err := m.w.tx.Stage()
	if err != nil {
		return err
	}
	pr, pw := io.Pipe()
	go func() {
		_, err := io.Copy(s, io.TeeReader(m.f, pw))
		pw.CloseWithError(err)
	}()
	got, err := inflatedSum(pr, size)
	if err == nil && got != d {
		err = fmt.Errorf("its SHA-256 is %s", got)
	}
	// The decompressor may stop early; the writer must have seen all.
	if _, err2 := io.Copy(io.Discard, pr); err == nil {
		err = err2
	}
	if err != nil {
		s.Discard()
		return fmt.Errorf("manifest %s: %w", d, err)
	}
	return m.keep(s, path)
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
				p := filepath.ToSlash(blobPath("", line.Kind, line.Digest))
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
	if good(path, size) {
		return nil
	}
	s, err := m.w.tx.Stage()
	if err != nil {
		return err
	}
	h := sha256.New()
	if _, err = io.Copy(io.MultiWriter(s, h), m.f); err == nil &&
		artifact.Digest(h.Sum(nil)).String() != filepath.Base(path) {
		err = fmt.Errorf("its SHA-256 is %x", h.Sum(nil))
	}
	if err != nil {
		s.Discard()
		return fmt.Errorf("%s: %w", name, err)
	}
	m.count++
	return m.keep(s, path)
}

// keep puts a file where it belongs.
func (m *importer) keep(s *durable.Staged, path string) error {
	there := exists(path, -1) // damaged, and put right: that stays
	if there && m.c.DryRun {
		s.Discard()
		return m.w.tx.Inside(filepath.Dir(path))
	}
	if err := s.Keep(path); err != nil {
		return err
	}
	if !there {
		m.kept = append(m.kept, path)
	}
	return nil
}

// good reports whether a file has a size and the digest that is its name.
func good(path string, size int64) bool {
	f, err := regular.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return err == nil && n == size && hex.EncodeToString(h.Sum(nil)) == filepath.Base(path)
}

// complete makes sure that every artifact is there.
func (m *importer) complete() error {
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
