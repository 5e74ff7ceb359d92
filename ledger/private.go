package ledger

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"seihon/artifact"
)

// The private master is the part of a master that is never public: what is
// recorded of subscribers and their certificates. It lies in private/ beside
// the public part, and the log holds nothing of it but an entry of type private
// for each manifest: digest, length, number of records, Merkle root. A copy for
// the publishing host does not have it, and loses nothing that it needs.
//
// A private manifest is text like the public one. Its first line carries 32
// random octets, so that its digest, which is public, cannot be used to try out
// guesses of its content. Each further line is one record, whose content is the
// business of who writes it (package inventory).

const privateHeader = "seihon/private/v1 "

// maxRecord is the largest record of a private manifest, in bytes.
const maxRecord = 1 << 20

// AppendPrivate stages records of the private master and the entry for them.
// Without any it stages nothing and returns nil.
func (w *Writer) AppendPrivate(ctx context.Context, records iter.Seq2[[]byte, error]) (*Private, error) {
	p, err := w.StagePrivate(ctx, records)
	if err == nil && p != nil {
		err = w.Append(ctx, &Entry{Private: p})
	}
	if err != nil {
		return nil, fmt.Errorf("appending to the private master: %w", err)
	}
	return p, nil
}

// StagePrivate stages the manifest of records without its entry, which Append adds,
// or nobody: then only an unreferenced file is left. Without any records it stages
// nothing and returns nil. The writer must not be used for anything else meanwhile.
func (w *Writer) StagePrivate(ctx context.Context, records iter.Seq2[[]byte, error]) (*Private, error) {
	salt := make([]byte, 32)
	rand.Read(salt)
	var m *manifestWriter
	for record, err := range records {
		if err == nil {
			err = errors.Join(ctx.Err(), checkRecord(record))
		}
		if err == nil && m == nil {
			m, err = newManifestWriter(w.tx, privateHeader+hex.EncodeToString(salt)+"\n")
		}
		if err != nil {
			if m != nil {
				m.discard()
			}
			return nil, err
		}
		m.addText(record)
	}
	if m == nil {
		return nil, nil
	}
	if err := w.makePrivateDir(); err != nil {
		m.discard()
		return nil, err
	}
	b, err := m.finish(func(d artifact.Digest) string { return privatePath(w.dir, d) }, "")
	if err != nil {
		return nil, err
	}
	return &Private{Manifest: b.Manifest, Size: b.Size, Count: b.Count, Root: b.Root}, nil
}

func checkRecord(record []byte) error {
	if len(record) == 0 || len(record) > maxRecord || bytes.IndexByte(record, '\n') >= 0 {
		return fmt.Errorf("a record of %d bytes: it must have from 1 to %d and no line feed", len(record), maxRecord)
	}
	return nil
}

// makePrivateDir makes the folder of the private master, which only its owner may enter.
func (w *Writer) makePrivateDir() error {
	dir := filepath.Join(w.dir, privateDir)
	if err := w.tx.MkdirAll(filepath.Join(dir, manifestDir)); err != nil {
		return err
	}
	return os.Chmod(dir, 0o700)
}

// HasPrivate reports whether the private part of the master is here. A copy
// that was made for the publishing host has none.
func (l *Log) HasPrivate() bool {
	st, err := os.Stat(filepath.Join(l.dir, privateDir))
	return err == nil && st.IsDir()
}

// Records gives the records of a private manifest, checked against its entry
// before the first one is given. That the manifest is not here is an error of
// fs.ErrNotExist. The records share memory and must not be changed.
func (l *Log) Records(ctx context.Context, p *Private) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if err := ctx.Err(); err != nil {
			yield(nil, err)
			return
		}
		records, err := l.privateRecords(p)
		if err != nil {
			yield(nil, fmt.Errorf("reading private manifest %s: %w", p.Manifest, err))
			return
		}
		for _, r := range records {
			if !yield([]byte(r), nil) {
				return
			}
		}
	}
}

// privateText reads the text of a private manifest and checks it against its entry.
func (l *Log) privateText(p *Private) ([]byte, error) {
	return readManifest(privatePath(l.dir, p.Manifest), p.Manifest, p.Size)
}

func (l *Log) privateRecords(p *Private) ([]string, error) {
	text, err := l.privateText(p)
	if err != nil {
		return nil, err
	}
	records, err := parsePrivate(textString(text))
	if err != nil {
		return nil, err
	}
	var t tree
	for _, r := range records {
		t.add(leafHash([]byte(r)))
	}
	switch {
	case t.n != p.Count:
		return nil, fmt.Errorf("it has %d records, its entry says %d", t.n, p.Count)
	case t.root() != p.Root:
		return nil, fmt.Errorf("its Merkle root is %s, its entry says %s", t.root(), p.Root)
	}
	return records, nil
}

// parsePrivate splits the text of a private manifest into its records.
func parsePrivate(text string) ([]string, error) {
	head, rest, ok := strings.Cut(text, "\n")
	salt, isPrivate := strings.CutPrefix(head, privateHeader)
	if raw, err := hex.DecodeString(salt); !ok || !isPrivate || err != nil || len(raw) != 32 {
		return nil, fmt.Errorf("the first line is not %q and 32 octets in hex", privateHeader)
	}
	if rest == "" {
		return nil, errors.New("it has no record")
	}
	if !strings.HasSuffix(rest, "\n") {
		return nil, errors.New("the last line has no end")
	}
	records := strings.Split(rest[:len(rest)-1], "\n")
	for _, r := range records {
		if err := checkRecord([]byte(r)); err != nil {
			return nil, err
		}
	}
	return records, nil
}

func privatePath(dir string, d artifact.Digest) string {
	return filepath.Join(dir, privateDir, manifestDir, d.String()+".zst")
}

// privates checks the private manifests. Where the private part is not here at
// all, as on a publishing host, that is a note; where a part of it is here, or
// it has to be, the rest must be as well.
func (k *checker) privates(ctx context.Context) error {
	absent := 0
	for _, e := range k.entries {
		if e.Evidence != nil && e.Evidence.Kind == EvidencePrivateLoss {
			k.note(CodePrivateLost, filepath.Join(k.l.dir, privateDir),
				"look for a backup; the records of rows were written anew behind this entry",
				"entry %d: the private manifests of the entries %s are lost; that was accepted with the reason: %s",
				e.i, e.Evidence.Name, e.Evidence.Note)
		}
		if e.Private == nil {
			continue
		}
		_, err := k.l.privateRecords(e.Private)
		switch {
		case err == nil:
		case errors.Is(err, fs.ErrNotExist) && k.lossAccepted(e.i): // see losses
		case errors.Is(err, fs.ErrNotExist) && !k.l.HasPrivate() && !k.c.Private:
			absent++
		case errors.Is(err, fs.ErrNotExist):
			k.add(CodeManifestAbsent, privatePath(k.l.dir, e.Private.Manifest), hintRestore,
				"entry %d: the private manifest is missing", e.i)
		default:
			k.add(CodeManifest, privatePath(k.l.dir, e.Private.Manifest), hintRestore, "entry %d: %v", e.i, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if absent > 0 {
		k.note(CodePrivateAbsent, filepath.Join(k.l.dir, privateDir),
			"check the master in the signing room, or an export made with --private",
			"the private part of the master is not here: %d private manifests were not checked", absent)
	}
	return nil
}

// lossAccepted reports whether the log says that the private manifest of an entry is lost.
func (k *checker) lossAccepted(lost int64) bool {
	return slices.ContainsFunc(k.entries, func(e numbered) bool { return e.accepts(e.i, lost) })
}
