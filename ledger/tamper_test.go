package ledger

import (
	"bytes"
	"encoding/base64"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"seihon/artifact"

	"golang.org/x/mod/sumdb/note"
)

// A tampering changes a good log; want is the code of the finding it must give.
type tampering struct {
	name string
	want string
	do   func(t *testing.T, f *fixture)
}

// A fixture is a log of 261 entries: batches around a run of probes, so that
// there are full and partial tiles on two levels, and four archived checkpoints.
type fixture struct {
	*room
	dir   string
	known [][]byte // what the checker is given
	check CheckConfig
}

func newFixture(t *testing.T) *fixture {
	f := &fixture{room: newRoom(t, testOrigin), dir: filepath.Join(t.TempDir(), "master")}
	w := f.create(t, f.dir)
	batch(t, w, 1, "crl/a.crl", "crl/b.crl", "crl/c.crl")
	d, n, err := w.PutBlob(t.Context(), artifact.Log, strings.NewReader("attestation"))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(t.Context(), &Entry{Evidence: &Evidence{Kind: "attestation", Digest: d, Size: n}}); err != nil {
		t.Fatal(err)
	}
	probes(t, w, 256)
	batch(t, w, 2, "crl/a.crl")
	batch(t, w, 3, "crl/b.crl", "crl/c.crl")
	batch(t, w, 4, "crl/a.crl")
	if err := w.Log().UpdateIndex(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) path(rel string) string { return filepath.Join(f.dir, rel) }

func (f *fixture) read(t *testing.T, rel string) []byte {
	t.Helper()
	b, err := os.ReadFile(f.path(rel))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (f *fixture) write(t *testing.T, rel string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(f.path(rel)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.path(rel), b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// edit changes the bytes of a file.
func edit(rel string, change func([]byte) []byte) func(*testing.T, *fixture) {
	return func(t *testing.T, f *fixture) { f.write(t, rel, change(f.read(t, rel))) }
}

func flip(at int) func([]byte) []byte {
	return func(b []byte) []byte { b[(at+len(b))%len(b)] ^= 1; return b }
}

func cut(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:len(b)-n] } }

func grow(b []byte) []byte { return append(b, 0) }

func remove(rel string) func(*testing.T, *fixture) {
	return func(t *testing.T, f *fixture) {
		if err := os.Remove(f.path(rel)); err != nil {
			t.Fatal(err)
		}
	}
}

func swap(a, b string) func(*testing.T, *fixture) {
	return func(t *testing.T, f *fixture) {
		x, y := f.read(t, a), f.read(t, b)
		f.write(t, a, y)
		f.write(t, b, x)
	}
}

// glob finds the only, or the first, file of a pattern.
func (f *fixture) glob(t *testing.T, pattern string) string {
	t.Helper()
	m, err := filepath.Glob(f.path(pattern))
	if err != nil || len(m) == 0 {
		t.Fatalf("%s: %v", pattern, err)
	}
	rel, err := filepath.Rel(f.dir, m[0])
	if err != nil {
		t.Fatal(err)
	}
	return rel
}

// evidence is where the file of the evidence entry is.
func (f *fixture) evidence() string {
	return filepath.ToSlash(blobPath("", artifact.Log, artifact.Sum([]byte("attestation"))))
}

// sign makes a checkpoint of any content with the log's keys.
func (f *fixture) sign(t *testing.T, text string, signers ...note.Signer) []byte {
	t.Helper()
	if signers == nil {
		signers = f.signers
	}
	b, err := note.Sign(&note.Note{Text: text}, signers...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// rewrite makes a log, signed by the true keys, whose entries are these raw
// bytes: what only a thief of the keys or a broken writer can bring about.
func (f *fixture) rewrite(t *testing.T, entries ...string) {
	t.Helper()
	manifests := f.path("manifests")
	keep := filepath.Join(t.TempDir(), "manifests")
	if err := os.Rename(manifests, keep); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"log", "index.db"} {
		if err := os.RemoveAll(f.path(p)); err != nil {
			t.Fatal(err)
		}
	}
	w := f.create(t, f.dir)
	for _, e := range entries {
		w.staged = append(w.staged, []byte(e))
	}
	next, signed, err := w.prepare(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.publish(next.Size, signed); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if err := os.Rename(keep, manifests); err != nil {
		t.Fatal(err)
	}
}

// manifest stores a manifest with any text and returns a batch entry of it.
func (f *fixture) manifest(t *testing.T, text string, change func(*Batch)) string {
	t.Helper()
	b := &Batch{Manifest: artifact.Sum([]byte(text)), Size: int64(len(text))}
	var tr tree
	for _, line := range strings.Split(strings.TrimSuffix(text[len(manifestHeader):], "\n"), "\n") {
		tr.add(leafHash([]byte(line)))
	}
	b.Count, b.Root = tr.n, tr.root()
	if change != nil {
		change(b)
	}
	f.write(t, "manifests/"+b.Manifest.String()+".zst", deflate(t, text))
	e := &Entry{V: 1, Type: TypeBatch, Time: f.now, Batch: b}
	raw, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// skippable is a zstd frame that decoders pass over (RFC 8878 section 3.1.2).
const skippable = "\x50\x2a\x4d\x18\x06\x00\x00\x00hidden"

const okEntry = `{"body":{"reason":"r"},"time":"2026-11-24T06:00:00Z","type":"freeze","v":1}`

const lineA = "x/a ocsp-response 0000000000000000000000000000000000000000000000000000000000000000 1 - - - - -\n"
const lineB = "x/b ocsp-response 0000000000000000000000000000000000000000000000000000000000000000 1 - - - - -\n"

// listLine is the line of a list with number 3.
func listLine(name, history string) string {
	return strings.Replace(lineA, "x/a ocsp-response", name+" crl", 1)[:len(name)+len(" crl ")+64] +
		" 1 20261124T060000Z 20261124T070000Z ca 3 " + history + "\n"
}

func entries(raw ...string) func(*testing.T, *fixture) {
	return func(t *testing.T, f *fixture) { f.rewrite(t, raw...) }
}

func manifestText(text string, change func(*Batch)) func(*testing.T, *fixture) {
	return func(t *testing.T, f *fixture) { f.rewrite(t, f.manifest(t, text, change)) }
}

var tamperings = []tampering{
	// The checkpoint.
	{"checkpoint: no file", CodeCheckpoint, remove("log/checkpoint")},
	{"checkpoint: empty", CodeCheckpoint, edit("log/checkpoint", func([]byte) []byte { return nil })},
	{"checkpoint: first byte", CodeOrigin, edit("log/checkpoint", flip(0))},
	{"checkpoint: size", CodeKey, edit("log/checkpoint", func(b []byte) []byte {
		return bytes.Replace(b,
			[]byte("\n261\n"), []byte("\n260\n"), 1)
	})},
	{"checkpoint: size with a zero before", CodeCheckpoint,
		edit("log/checkpoint",
			func(b []byte) []byte { return bytes.Replace(b, []byte("\n261\n"), []byte("\n0261\n"), 1) })},
	{"checkpoint: a signature", CodeKey, edit("log/checkpoint", flip(-10))},
	{"checkpoint: cut in the signature", CodeKey, edit("log/checkpoint", cut(5))},
	{"checkpoint: without its second signature", CodeKey,
		edit("log/checkpoint", func(b []byte) []byte { return b[:bytes.LastIndex(b, []byte("\n—"))+1] })},
	{"checkpoint: signed by a stranger", CodeKey, func(t *testing.T, f *fixture) {
		text, _, _ := strings.Cut(string(f.read(t, "log/checkpoint")), "\n\n")
		f.write(t, "log/checkpoint", f.sign(t, text+"\n", newRoom(t, testOrigin).signers...))
	}},
	{"checkpoint: of another log", CodeOrigin, func(t *testing.T, f *fixture) {
		o := newRoom(t, "other")
		w := o.create(t, filepath.Join(t.TempDir(), "other"))
		f.write(t, "log/checkpoint", w.Log().Checkpoint())
	}},
	{"checkpoint: the first one replayed", CodeRollback,
		func(t *testing.T, f *fixture) { f.write(t, "log/checkpoint", f.read(t, "log/checkpoints/1")) }},
	{"checkpoint: the last but one replayed", CodeBehind,
		func(t *testing.T, f *fixture) { f.write(t, "log/checkpoint", f.read(t, "log/checkpoints/260")) }},
	{"checkpoint: re-signed with another root", CodeTree, func(t *testing.T, f *fixture) {
		f.write(t,
			"log/checkpoint", f.sign(t, testOrigin+"\n261\n"+base64.StdEncoding.EncodeToString(make([]byte, 32))+"\n"))
	}},
	{"checkpoint: re-signed larger than the log", CodeTree, func(t *testing.T, f *fixture) {
		f.write(t,
			"log/checkpoint", f.sign(t, testOrigin+"\n262\n"+base64.StdEncoding.EncodeToString(make([]byte, 32))+"\n"))
	}},
	// The archive.
	{"archive: a signature", CodeArchiveKey, edit("log/checkpoints/258", flip(-10))},
	{"archive: garbage", CodeArchive, edit("log/checkpoints/258", func([]byte) []byte { return []byte("x") })},
	{"archive: two exchanged", CodeArchive, swap("log/checkpoints/1", "log/checkpoints/258")},
	{"archive: the newest removed", CodeArchive, remove("log/checkpoints/261")},
	{"archive: an old one signed over another tree", CodeArchiveFork, func(t *testing.T, f *fixture) {
		f.write(t, "log/checkpoints/258",
			f.sign(t, testOrigin+"\n258\n"+base64.StdEncoding.EncodeToString(make([]byte, 32))+"\n"))
	}},
	{"archive: the newest signed over another tree", CodeFork, func(t *testing.T, f *fixture) {
		f.write(t, "log/checkpoints/261",
			f.sign(t, testOrigin+"\n261\n"+base64.StdEncoding.EncodeToString(make([]byte, 32))+"\n"))
	}},
	// Tiles and bundles.
	{"tile: first byte of a full one", CodeTree, edit("log/tile/0/000", flip(0))},
	{"tile: last byte of a full one", CodeTree, edit("log/tile/0/000", flip(-1))},
	{"tile: a byte at the right edge", CodeTree, edit("log/tile/0/001.p/5", flip(40))},
	{"tile: a byte of level 1", CodeTree, edit("log/tile/1/000.p/1", flip(3))},
	{"tile: truncated", CodeTree, edit("log/tile/0/000", cut(32))},
	{"tile: too long", CodeTree, edit("log/tile/0/000", grow)},
	{"tile: missing", CodeTree, remove("log/tile/0/000")},
	{"tile: edge missing", CodeTree, remove("log/tile/0/001.p/5")},
	{"tile: two exchanged", CodeTree, swap("log/tile/0/001.p/5", "log/tile/1/000.p/1")},
	{"tile: an older partial one changed", CodeExtraFile, edit("log/tile/0/001.p/3", flip(0))},
	{"tile: one beyond the end", CodeExtraFile,
		func(t *testing.T, f *fixture) { f.write(t, "log/tile/0/001.p/6", make([]byte, 6*32)) }},
	{"tile: a stray file", CodeExtraFile, func(t *testing.T, f *fixture) { f.write(t, "log/tile/0/note.txt", nil) }},
	{"bundle: a byte of an entry", CodeTree, edit("log/tile/entries/000", flip(100))},
	{"bundle: a length", CodeTree, edit("log/tile/entries/000", flip(1))},
	{"bundle: truncated", CodeTree, edit("log/tile/entries/000", cut(3))},
	{"bundle: a byte after the end", CodeTree, edit("log/tile/entries/001.p/5", grow)},
	{"bundle: missing", CodeTree, remove("log/tile/entries/000")},
	{"bundle: exchanged", CodeTree, swap("log/tile/entries/000", "log/tile/entries/001.p/5")},
	{"bundle: an older partial one changed", CodeExtraFile, edit("log/tile/entries/001.p/3", flip(9))},
	// Entries that the true keys signed and that break the rules.
	{"entry: duplicate key",
		CodeEntry, entries(strings.Replace(okEntry, `"reason":"r"`, `"reason":"r","reason":"r"`, 1))},
	{"entry: space", CodeEntry, entries(strings.Replace(okEntry, `:`, `: `, 1))},
	{"entry: keys out of order", CodeEntry,
		entries(`{"time":"2026-11-24T06:00:00Z","body":{"reason":"r"},"type":"freeze","v":1}`)},
	{"entry: unknown field", CodeEntry, entries(strings.Replace(okEntry, `"v":1`, `"u":1,"v":1`, 1))},
	{"entry: unknown version", CodeEntry, entries(strings.Replace(okEntry, `"v":1`, `"v":2`, 1))},
	{"entry: unknown type", CodeEntry, entries(strings.Replace(okEntry, `freeze`, `thaw`, 1))},
	{"entry: number as 1.0", CodeEntry, entries(strings.Replace(okEntry, `"v":1`, `"v":1.0`, 1))},
	{"entry: unneeded escape", CodeEntry, entries(strings.Replace(okEntry, `"r"`, `"\u0072"`, 1))},
	{"entry: not UTF-8", CodeEntry, entries(strings.Replace(okEntry, `"r"`, "\"\xff\"", 1))},
	{"entry: time with an offset", CodeEntry, entries(strings.Replace(okEntry, `06:00:00Z`, `15:00:00+09:00`, 1))},
	{"entry: bytes after the end", CodeEntry, entries(okEntry + "\n")},
	{"entry: empty", CodeEntry, entries("")},
	{"entry: in the future", CodeFuture, entries(strings.Replace(okEntry, `06:00`, `07:00`, 1))},
	{"entry: time goes backwards", CodeBackwards,
		entries(strings.Replace(okEntry, `06:00`, `05:00`, 1), strings.Replace(okEntry, `06:00`, `04:00`, 1))},
	{"entry: something after a freeze", CodeAfterFreeze, entries(okEntry, okEntry)},
	{"entry: rotation without acceptance", CodeRotation,
		entries(`{"body":{"acceptance":"","new":[],"old":[]},"time":"2026-11-24T06:00:00Z","type":"key-rotation","v":1}`)},
	// Manifests.
	{"manifest: missing", CodeManifestAbsent,
		func(t *testing.T, f *fixture) { remove(f.glob(t, "manifests/*"))(t, f) }},
	{"manifest: a byte behind it", CodeManifest,
		func(t *testing.T, f *fixture) { edit(f.glob(t, "manifests/*"), grow)(t, f) }},
	{"manifest: a second frame behind it, of nothing", CodeManifest, func(t *testing.T, f *fixture) {
		edit(f.glob(t, "manifests/*"), func(b []byte) []byte { return append(b, deflate(t, "")...) })(t, f)
	}},
	{"manifest: a frame to skip behind it", CodeManifest, func(t *testing.T, f *fixture) {
		edit(f.glob(t, "manifests/*"), func(b []byte) []byte { return append(b, skippable...) })(t, f)
	}},
	{"manifest: a frame to skip before it", CodeManifest, func(t *testing.T, f *fixture) {
		edit(f.glob(t, "manifests/*"), func(b []byte) []byte { return append([]byte(skippable), b...) })(t, f)
	}},
	{"manifest: a byte",
		CodeManifest, func(t *testing.T, f *fixture) { edit(f.glob(t, "manifests/*"), flip(30))(t, f) }},
	{"manifest: truncated", CodeManifest,
		func(t *testing.T, f *fixture) { edit(f.glob(t, "manifests/*"), cut(4))(t, f) }},
	{"manifest: another one in its place", CodeManifest, func(t *testing.T, f *fixture) {
		f.write(t, f.glob(t, "manifests/*"), deflate(t, manifestHeader+lineA))
	}},
	{"manifest: a bomb in its place", CodeManifest, func(t *testing.T, f *fixture) {
		f.write(t, f.glob(t, "manifests/*"), deflate(t, strings.Repeat("0", 8<<20)))
	}},
	{"manifest: unsorted", CodeManifest, manifestText(manifestHeader+lineB+lineA, nil)},
	{"manifest: a name twice", CodeManifest, manifestText(manifestHeader+lineA+lineA, nil)},
	{"manifest: another count", CodeManifest, manifestText(manifestHeader+lineA+lineB, func(b *Batch) { b.Count = 3 })},
	{"manifest: another root", CodeManifest,
		manifestText(manifestHeader+lineA+lineB, func(b *Batch) { b.Root[0] ^= 1 })},
	{"manifest: another size", CodeManifest, manifestText(manifestHeader+lineA+lineB, func(b *Batch) { b.Size-- })},
	{"manifest: no header", CodeManifest, manifestText("seihon/manifest/v3\n"+lineA, nil)},
	{"manifest: no end of line", CodeManifest, manifestText(manifestHeader+strings.TrimSuffix(lineA, "\n"), nil)},
	{"manifest: a name with dots", CodeManifest,
		manifestText(manifestHeader+strings.Replace(lineA, "x/a", "x/../a", 1), nil)},
	{"manifest: a line of an older version", CodeManifest,
		manifestText(manifestHeader+strings.Replace(lineA, " - -\n", " -\n", 1), nil)},
	{"manifest: a line of a newer version", CodeManifest, manifestText(manifestHeaderV1+lineA, nil)},
	{"manifest: a response for history", CodeManifest,
		manifestText(manifestHeader+strings.Replace(lineA, " - -\n", " - history\n", 1), nil)},
	{"manifest: a live list called history", CodeManifest,
		manifestText(manifestHeader+listLine("crl/ca.crl", "history"), nil)},
	{"manifest: a live part called history", CodeManifest,
		manifestText(manifestHeader+listLine("crl/ca/3.crl", "history"), nil)},
	{"manifest: an archived list not called history", CodeManifest,
		manifestText(manifestHeader+listLine("crl/ca/history/3.crl", "-"), nil)},
	{"manifest: history of another word", CodeManifest,
		manifestText(manifestHeader+listLine("crl/ca/history/3.crl", "archive"), nil)},
	{"manifest: two spaces", CodeManifest, manifestText(manifestHeader+strings.Replace(lineA, " 1 ", "  1 ", 1), nil)},
	// Artifacts.
	{"artifact: a byte", CodeBlob, func(t *testing.T, f *fixture) { edit(f.glob(t, "blobs/*/*"), flip(0))(t, f) }},
	{"artifact: longer", CodeBlob, func(t *testing.T, f *fixture) { edit(f.glob(t, "blobs/*/*"), grow)(t, f) }},
	{"artifact: missing", CodeBlobAbsent, func(t *testing.T, f *fixture) { remove(f.glob(t, "blobs/*/*"))(t, f) }},
	{"artifact: a foreign file", CodeUnreferenced,
		func(t *testing.T, f *fixture) { f.write(t, "blobs/00/key.pem", []byte("x")) }},
	{"directory: a file that the format does not have", CodeUnreferenced,
		func(t *testing.T, f *fixture) { f.write(t, "notes.txt", []byte("x")) }},
	{"directory: a folder that the format does not have", CodeUnreferenced,
		func(t *testing.T, f *fixture) { f.write(t, "old/log/checkpoint", []byte("x")) }},
	{"directory: a file beside the checkpoint", CodeUnreferenced,
		func(t *testing.T, f *fixture) { f.write(t, "log/checkpoint.bak", []byte("x")) }},
	{"directory: a file among the archived checkpoints", CodeUnreferenced,
		func(t *testing.T, f *fixture) { f.write(t, "log/checkpoints/258.bak", []byte("x")) }},
	{"evidence: a byte", CodeBlob, func(t *testing.T, f *fixture) { edit(f.evidence(), flip(0))(t, f) }},
	{"evidence: missing", CodeBlobAbsent, func(t *testing.T, f *fixture) { remove(f.evidence())(t, f) }},
	// The index.
	{"index: another line", CodeIndexDiffers, func(t *testing.T, f *fixture) {
		f.sql(t, `UPDATE current SET line = replace(line, ' 4', ' 5')`)
	}},
	{"index: a name less", CodeIndexDiffers,
		func(t *testing.T, f *fixture) { f.sql(t, `DELETE FROM current WHERE name = 'crl/b.crl'`) }},
	{"index: ahead",
		CodeIndexAhead, func(t *testing.T, f *fixture) { f.sql(t, `UPDATE meta SET v = '262' WHERE k = 'size'`) }},
	{"index: of another tree", CodeIndexAhead, func(t *testing.T, f *fixture) {
		f.sql(t, `UPDATE meta SET v = '`+base64.StdEncoding.EncodeToString(make([]byte, 32))+`' WHERE k = 'root'`)
	}},
	// What only somebody else's memory can tell.
	{"known: the log is older", CodeRollback, func(t *testing.T, f *fixture) {
		f.known = append(f.known,
			f.sign(t, testOrigin+"\n300\n"+base64.StdEncoding.EncodeToString(make([]byte, 32))+"\n"))
	}},
	{"known: the log is another", CodeFork, func(t *testing.T, f *fixture) {
		f.known = append(f.known,
			f.sign(t, testOrigin+"\n200\n"+base64.StdEncoding.EncodeToString(make([]byte, 32))+"\n"))
	}},
	{"known: foreign", CodeOrigin, func(t *testing.T, f *fixture) {
		f.known = append(f.known, newRoom(t, "other").create(t, t.TempDir()).Log().Checkpoint())
	}},
	{"known: not signed", CodeKey, func(t *testing.T, f *fixture) {
		f.known = append(f.known, newRoom(t, testOrigin).create(t, t.TempDir()).Log().Checkpoint())
	}},
	{"known: garbage", CodeCheckpoint, func(t *testing.T, f *fixture) { f.known = append(f.known, []byte("x")) }},
	{"all put back to an older state", CodeRollback, func(t *testing.T, f *fixture) {
		f.known = append(f.known, f.read(t, "log/checkpoint"))
		f.write(t, "log/checkpoint", f.read(t, "log/checkpoints/260"))
		remove("log/checkpoints/261")(t, f)
	}},
	{"another verifier", CodeKey, func(t *testing.T, f *fixture) { f.v = newRoom(t, testOrigin).v }},
	{"no directory", CodeNoLog, func(t *testing.T, f *fixture) { f.dir += "x" }},
}

func TestTamperings(t *testing.T) {
	good := newFixture(t)
	clean := func(t *testing.T, f *fixture) []Finding {
		t.Helper()
		f.check.Known, f.check.Now = f.known, func() time.Time { return f.now }
		got, err := Check(t.Context(), f.dir, f.v, f.check)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	good.known = [][]byte{good.read(t, "log/checkpoints/1"), good.read(t, "log/checkpoints/261")}
	if got := clean(t, good); len(got) > 0 {
		t.Fatalf("the untouched log gives %v", got)
	}
	names := map[string]bool{}
	for _, c := range tamperings {
		if names[c.name] {
			t.Fatalf("two cases %q", c.name)
		}
		names[c.name] = true
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := &fixture{room: &room{now: good.now, signers: good.signers, v: good.v},
				dir: filepath.Join(t.TempDir(), "copy"), known: good.known}
			if err := os.CopyFS(f.dir, os.DirFS(good.dir)); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(c.name, "entry:") || strings.HasPrefix(c.name, "manifest:") {
				f.known = nil // a log that is written anew
			}
			c.do(t, f)
			got := clean(t, f)
			if !slices.ContainsFunc(got, func(g Finding) bool { return g.Code == c.want }) {
				t.Errorf("want %s, got %v", c.want, got)
			}
			for _, g := range got {
				if g.Detail == "" || g.Where == "" || g.Hint == "" {
					t.Errorf("incomplete finding %+v", g)
				}
			}
		})
	}
}

// TestAnyByte flips one byte of every file of a log, at the start, in the
// middle and at the end; the check must notice each.
func TestAnyByte(t *testing.T) {
	good := newFixture(t)
	err := filepath.WalkDir(good.dir, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(good.dir, path)
		if err != nil || d.IsDir() || strings.HasPrefix(rel, "lock") || strings.HasPrefix(rel, tmpDir) ||
			rel == indexFile {
			return err // not part of the record
		}
		b := good.read(t, rel)
		for _, at := range []int{0, len(b) / 2, len(b) - 1} {
			good.write(t, rel, flip(at)(bytes.Clone(b)))
			got, err := Check(t.Context(), good.dir, good.v, CheckConfig{Now: func() time.Time { return good.now }})
			if err != nil || len(got) == 0 {
				t.Errorf("%s, byte %d of %d: no finding, error %v", rel, at, len(b), err)
			}
		}
		good.write(t, rel, b)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
