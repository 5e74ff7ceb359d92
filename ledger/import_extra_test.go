package ledger

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"seihon/artifact"
)

// another returns an export with one more frame at its end, which no entry of the log leads to, and with the
// number of frames that its last frame says.
func another(t *testing.T, export []byte, frame string, more int64) []byte {
	t.Helper()
	at := bytes.LastIndex(export, []byte("\n"+frameEnd+" ")) + 1
	last := strings.Split(string(export[at:]), "\n")
	n, err := strconv.ParseInt(last[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	count := strconv.FormatInt(n+more, 10)
	return fmt.Appendf(bytes.Clone(export[:at]), "%s%s %d\n%s\n", frame, frameEnd, len(count), count)
}

// TestImportTakesOnlyWhatEntriesLeadTo puts into a good export, whose signatures and proofs are all there,
// a file that the log says nothing of: under a name of its own, or under a name that the log has with
// another size. Nothing of it comes into the copy.
func TestImportTakesOnlyWhatEntriesLeadTo(t *testing.T) {
	f := newFixture(t)
	good := f.export(t, 0)
	body := "not of this log"
	stranger := filepath.ToSlash(blobPath("", artifact.Document, artifact.Sum([]byte(body))))
	for name, bad := range map[string][]byte{
		"a file of no entry": another(t, good, fmt.Sprintf("%s %d %s\n%s\n", frameBlob, len(body), stranger, body),
			1),
		"a frame more than are": another(t, good, "", 1),
		"a frame less than are": another(t, good, "", -1),
	} {
		parent := t.TempDir()
		was := everything(t, parent)
		got, err := Import(t.Context(), bytes.NewReader(bad), filepath.Join(parent, "copy"),
			ImportConfig{Verifier: f.v})
		if err == nil {
			t.Errorf("%s: imported %+v", name, got)
			continue
		}
		unchanged(t, was, everything(t, parent))
	}
	// The same without a change is let in: the test would prove nothing else.
	dir := filepath.Join(t.TempDir(), "copy")
	if _, err := Import(t.Context(), bytes.NewReader(another(t, good, "", 0)), dir,
		ImportConfig{Verifier: f.v}); err != nil {
		t.Fatal(err)
	}
}

// TestFirstImportIsNotOfALessLog: a first import that was interrupted can leave nothing but a checkpoint in the
// archive. An export that is smaller than that one is a log rolled back.
func TestFirstImportIsNotOfALessLog(t *testing.T) {
	f := newFixture(t)
	small := f.export(t, 0)
	f.more(t, 5, "crl/a.crl")
	cp, err := os.ReadFile(filepath.Join(f.dir, logDir, "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "copy")
	path := archivePath(dir, f.open(t, f.dir).Size())
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, cp, 0o644); err != nil {
		t.Fatal(err)
	}
	var back *RollbackError
	if _, err := Import(t.Context(), bytes.NewReader(small), dir, ImportConfig{Verifier: f.v}); !errors.As(err, &back) {
		t.Errorf("a smaller log after an interrupted import: %v", err)
	}
}

// TestExportOfAFileCutShort: a file of the master that is shorter than the log says makes no export that seems whole.
func TestExportOfAFileCutShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	x := &exporter{w: bufio.NewWriter(&b)}
	var corrupt *CorruptError
	if err := x.file(t.Context(), frameBlob, "blobs/x", path, 6); !errors.As(err, &corrupt) {
		t.Errorf("five bytes as six: %v", err)
	}
	if err := x.file(t.Context(), frameBlob, "blobs/x", path, 5); err != nil {
		t.Errorf("five bytes as five: %v", err)
	}
}

// TestVerifierOfAnotherLog: a key that is named like another log is no key of this one.
func TestVerifierOfAnotherLog(t *testing.T) {
	other := newRoom(t, "other").v
	if v, err := NewVerifier(testOrigin, other.Keys()...); err == nil {
		t.Errorf("the keys of %q verify %q", other.Origin(), v.Origin())
	}
}

// TestImportStaysInItsCopy: a folder of the copy that is a link to somewhere else gets nothing.
func TestImportStaysInItsCopy(t *testing.T) {
	f := newFixture(t)
	good := f.export(t, 0)
	for _, name := range []string{"blobs", "manifests", "bundles", "log", "log/tile", "log/checkpoints", "log/tile/0",
		tmpDir} {
		parent := t.TempDir()
		dir, outside := filepath.Join(parent, "copy"), filepath.Join(parent, "outside")
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755),
			os.Mkdir(outside, 0o755)); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(outside, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		_, err := Import(t.Context(), bytes.NewReader(good), dir, ImportConfig{Verifier: f.v})
		left, readErr := os.ReadDir(outside)
		if readErr != nil || len(left) > 0 {
			t.Errorf("%s: outside of the copy there is %v, %v", name, left, readErr)
		}
		if name != "bundles" &&
			(err == nil || !strings.Contains(err.Error(), "put a folder in the place of the link")) {
			t.Errorf("%s is a link out of the copy, and the import says %v", name, err)
		}
	}
}
