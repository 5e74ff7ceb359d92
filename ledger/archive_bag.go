package ledger

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/internal/durable"
	"seihon/internal/regular"
)

// An archive is a BagIt bag (RFC 8493): the master as plain files with their
// SHA-256 digests in a text file, for a medium that is to be read when nothing
// of this program runs any more. Its payload data/ has the layout of a master,
// except that manifests are stored as text, under the name of their digest,
// and everything is there that `sha256sum`, `openssl` and a text editor need.
// Open and Check read the bag as it is.

// ArchiveConfig says what goes into an archive.
type ArchiveConfig struct {
	From      int64             // only artifacts of entries from here on; the log is always whole
	MaxBytes  int64             // split into bags of at most so many payload bytes; 0 = one bag
	Documents map[string][]byte // further tag files by name
	Info      map[string]string // further lines of bag-info.txt, such as Source-Organization
	Now       func() time.Time  // nil = time.Now
}

// Archive writes the log to a new directory, or several with the suffixes
// -1, -2, … when it has to be split, and returns their paths.
func (l *Log) Archive(ctx context.Context, dir string, c ArchiveConfig) ([]string, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if err := l.within(c.From, l.cp.Size); err != nil {
		return nil, fmt.Errorf("archiving: %w", err)
	}
	files, err := l.payload(ctx, c.From)
	if err != nil {
		return nil, fmt.Errorf("archiving: %w", err)
	}
	volumes, err := split(files, c.MaxBytes)
	if err != nil {
		return nil, fmt.Errorf("archiving: %w", err)
	}
	var dirs []string
	for i, v := range volumes {
		b := &bag{l: l, c: c, dir: dir, n: i + 1, of: len(volumes), digests: map[string]artifact.Digest{}}
		if b.of > 1 {
			b.dir = fmt.Sprintf("%s-%d", dir, b.n)
		}
		if err := b.write(ctx, v); err != nil {
			return nil, fmt.Errorf("archiving to %s: %w", b.dir, err)
		}
		dirs = append(dirs, b.dir)
	}
	return dirs, nil
}

// A member is one payload file: where it comes from and what it must be.
type member struct {
	path   string // below data/
	size   int64
	digest artifact.Digest // zero = not known beforehand
	text   func() ([]byte, error)
}

// payload lists the files of the log, then those of the artifacts.
func (l *Log) payload(ctx context.Context, from int64) ([]member, error) {
	var files []member
	add := func(p string, b []byte) {
		files = append(files,
			member{path: p, size: int64(len(b)), digest: artifact.Sum(b),
				text: func() ([]byte, error) { return b, nil }})
	}
	add("log/checkpoint", l.cp.Note)
	sizes, err := l.Archived()
	if err != nil {
		return nil, err
	}
	for _, size := range sizes {
		if size > l.cp.Size {
			continue
		}
		b, err := l.ArchivedCheckpoint(ctx, size)
		if err != nil {
			return nil, err
		}
		add(fmt.Sprintf("%s/%d", checkpointDir, size), b)
		tokens, err := l.Tokens(size)
		if err != nil {
			return nil, err
		}
		for _, t := range tokens {
			b, err := readSmall(t, maxToken)
			if err != nil {
				return nil, err
			}
			add(path.Join(checkpointDir, filepath.Base(t)), b)
		}
	}
	for p := range newPaths(0, l.cp.Size) {
		b, err := l.publicTile(ctx, p)
		if err != nil {
			return nil, err
		}
		add(path.Join(logDir, p), b)
	}
	return l.payloadArtifacts(ctx, from, files)
}

func (l *Log) payloadArtifacts(ctx context.Context, from int64, files []member) ([]member, error) {
	seen := map[string]bool{}
	add := func(m member) {
		if !seen[m.path] {
			seen[m.path] = true
			files = append(files, m)
		}
	}
	i := int64(-1)
	for e, err := range l.Entries(ctx, 0, l.cp.Size) {
		if err != nil {
			return nil, err
		}
		if d := e.attachment(); !d.IsZero() && i+1 >= from {
			if st, err := os.Stat(blobPath(l.dir, artifact.Document, d)); err == nil {
				add(member{path: filepath.ToSlash(blobPath("", artifact.Document, d)), size: st.Size(), digest: d})
			}
		}
		if p := e.Private; p != nil && l.HasPrivate() && i+1 >= from {
			lost, err := l.LostOnRecord(ctx, i+1, l.hasPrivate(p))
			if err != nil {
				return nil, err
			}
			if !lost {
				add(member{path: path.Join(privateDir, manifestDir, p.Manifest.String()), size: p.Size,
					digest: p.Manifest,
					text:   func() ([]byte, error) { return l.privateText(p) }})
			}
		}
		if i++; e.Batch == nil {
			continue
		}
		add(member{path: path.Join(manifestDir, e.Batch.Manifest.String()), size: e.Batch.Size,
			digest: e.Batch.Manifest,
			text:   func() ([]byte, error) { return l.Manifest(ctx, e.Batch) }})
		if i < from {
			continue
		}
		for line, err := range l.Lines(ctx, e.Batch) {
			if err != nil {
				return nil, err
			}
			if ownBlob(line.Kind) {
				add(member{path: filepath.ToSlash(blobPath("", line.Kind, line.Digest)), size: line.Size,
					digest: line.Digest})
			}
		}
	}
	return files, nil
}

// split deals files out to volumes in order.
func split(files []member, most int64) ([][]member, error) {
	if most <= 0 {
		return [][]member{files}, nil
	}
	var volumes [][]member
	room := int64(0)
	for _, f := range files {
		if f.size > most {
			return nil, fmt.Errorf("%s has %d bytes and does not fit into a bag of %d", f.path, f.size, most)
		}
		if len(volumes) == 0 || f.size > room {
			volumes, room = append(volumes, nil), most
		}
		volumes[len(volumes)-1] = append(volumes[len(volumes)-1], f)
		room -= f.size
	}
	return volumes, nil
}

// A bag is one bag being written, under a name of its own until it is whole.
type bag struct {
	l       *Log
	c       ArchiveConfig
	dir     string
	n, of   int
	bytes   int64
	digests map[string]artifact.Digest // of payload files
}

func (b *bag) write(ctx context.Context, files []member) error {
	if _, err := os.Lstat(b.dir); !errors.Is(err, os.ErrNotExist) {
		return errors.Join(os.ErrExist, err)
	}
	part := b.dir + ".partial"
	if err := os.RemoveAll(part); err != nil { // of an archive that was interrupted
		return err
	}
	tx := durable.NewTx(durable.OS{}, filepath.Join(part, tmpDir))
	for _, f := range files {
		if err := b.add(ctx, tx, part, f); err != nil {
			return fmt.Errorf("%s: %w", f.path, err)
		}
	}
	if err := b.tags(ctx, tx, part); err != nil {
		return err
	}
	if err := tx.Flush(); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(part, tmpDir)); err != nil {
		return err
	}
	if err := os.Rename(part, b.dir); err != nil {
		return err
	}
	return durable.OS{}.SyncDir(filepath.Dir(b.dir))
}

// add copies one payload file and compares it with what the log says of it.
func (b *bag) add(ctx context.Context, tx *durable.Tx, part string, f member) error {
	var r io.Reader
	if f.text != nil {
		text, err := f.text()
		if err != nil {
			return err
		}
		r = strings.NewReader(textString(text))
	} else {
		file, err := regular.Open(filepath.Join(b.l.dir, filepath.FromSlash(f.path)))
		if err != nil {
			return corrupt(filepath.Join(b.l.dir, filepath.FromSlash(f.path)), err)
		}
		defer file.Close()
		r = file
	}
	s, err := tx.Stage()
	if err != nil {
		return err
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(s, h), &ctxReader{ctx, r})
	d := artifact.Digest(h.Sum(nil))
	if err == nil && (n != f.size || d != f.digest) {
		err = &CorruptError{Path: f.path,
			Err: fmt.Errorf("it has %d bytes with the SHA-256 %s, the log says %d and %s", n, d, f.size, f.digest)}
	}
	if err != nil {
		s.Discard()
		return err
	}
	b.bytes += n
	b.digests["data/"+f.path] = d
	return s.Keep(filepath.Join(part, "data", filepath.FromSlash(f.path)))
}

// tags writes what is around the payload.
func (b *bag) tags(ctx context.Context, tx *durable.Tx, part string) error {
	tags := map[string][]byte{
		"bagit.txt":           []byte("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"),
		"bag-info.txt":        []byte(b.info()),
		"manifest-sha256.txt": []byte(sums(b.digests)),
		"HOW-TO-CHECK.txt":    []byte(howToCheck),
		"formats.md":          []byte(formats),
	}
	for name, doc := range b.c.Documents {
		if name != path.Base(name) || tags[name] != nil || strings.HasPrefix(name, "tagmanifest") {
			return fmt.Errorf("%q cannot be the name of a document", name)
		}
		tags[name] = doc
	}
	if b.n == 1 {
		if err := b.openSSL(tags); err != nil {
			return err
		}
		if err := b.readable(ctx, tags); err != nil {
			return err
		}
	}
	digests := map[string]artifact.Digest{}
	for name, text := range tags {
		digests[name] = artifact.Sum(text)
		if err := tx.Write(filepath.Join(part, filepath.FromSlash(name)), text); err != nil {
			return err
		}
	}
	return tx.Write(filepath.Join(part, "tagmanifest-sha256.txt"), []byte(sums(digests)))
}

func (b *bag) info() string {
	lines := []string{
		"Bagging-Date: " + b.c.Now().UTC().Format(time.DateOnly),
		fmt.Sprintf("Payload-Oxum: %d.%d", b.bytes, len(b.digests)),
		fmt.Sprintf("External-Identifier: %s at size %d", b.l.cp.Origin, b.l.cp.Size),
		fmt.Sprintf("Bag-Group-Identifier: %s at size %d, artifacts from entry %d", b.l.cp.Origin, b.l.cp.Size,
			b.c.From),
		fmt.Sprintf("Bag-Count: %d of %d", b.n, b.of),
	}
	for k, v := range b.c.Info {
		lines = append(lines, k+": "+strings.Join(strings.Fields(v), " "))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

// sums is the text that sha256sum -c reads.
func sums(m map[string]artifact.Digest) string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	var s strings.Builder
	for _, n := range names {
		fmt.Fprintf(&s, "%s  %s\n", m[n], n)
	}
	return s.String()
}

// openSSL takes the checkpoint apart into files that openssl reads: what is
// signed, the signatures, the public keys.
func (b *bag) openSSL(tags map[string][]byte) error {
	body, sigs, _ := strings.Cut(string(b.l.cp.Note), "\n\n")
	tags["checkpoint/signed.txt"] = []byte(body + "\n")
	for _, k := range b.l.keys.keys {
		spki, err := x509.MarshalPKIXPublicKey(k.pub)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("checkpoint/%08x", k.hash)
		tags[name+".pem"] = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})
		tags[name+".vkey"] = []byte(k.vkey + "\n")
		for _, line := range strings.Split(strings.TrimSpace(sigs), "\n") {
			sig, err := base64.StdEncoding.DecodeString(line[strings.LastIndexByte(line, ' ')+1:])
			// A signature line begins with the key's hash, c2sp.org/signed-note.
			if err == nil && len(sig) > 4 && fmt.Sprintf("%08x", sig[:4]) == fmt.Sprintf("%08x", k.hash) {
				tags[name+".sig"] = sig[4:]
			}
		}
	}
	return nil
}

// readable writes the entries and the current state as text.
func (b *bag) readable(ctx context.Context, tags map[string][]byte) error {
	var entries, state strings.Builder
	for i := range b.l.cp.Size {
		raw, err := b.l.Raw(ctx, i)
		if err != nil {
			return err
		}
		entries.Write(raw)
		entries.WriteByte('\n')
	}
	s, err := b.l.Replay(ctx, b.l.cp.Size)
	if err != nil {
		return err
	}
	for _, line := range s.lines {
		state.WriteString(line.raw + "\n")
	}
	tags["readable/entries.jsonl"] = []byte(entries.String())
	tags["readable/state.txt"] = []byte(state.String())
	return nil
}
