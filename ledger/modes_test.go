package ledger

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLooseFoldersAreRefused: a log is not gone on with where others may exchange what is in it.
func TestLooseFoldersAreRefused(t *testing.T) {
	r := newRoom(t, "modes")
	c, dir := r.config(), t.TempDir()
	w, err := Create(t.Context(), dir, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{".", "log", "log/checkpoints", "blobs"} {
		path := filepath.Join(dir, folder)
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, mode := range []os.FileMode{0o777, 0o775, 0o757} {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			w, err := OpenWriter(t.Context(), dir, c)
			if err == nil {
				w.Close()
			}
			if err == nil || !strings.Contains(err.Error(), "others may write to") ||
				!strings.Contains(err.Error(), path) {
				t.Errorf("%s with mode %o: %v", folder, mode, err)
			}
		}
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if w, err = OpenWriter(t.Context(), dir, c); err != nil {
		t.Fatal(err)
	}
	w.Close()
}

// TestNoNewLogBesideAnArchive: an archived checkpoint is what remains of a log, even where nothing else does.
func TestNoNewLogBesideAnArchive(t *testing.T) {
	r := newRoom(t, "archive")
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, checkpointDir), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, checkpointDir, "5"), []byte("archive\n5\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	w, err := Create(t.Context(), dir, r.config())
	if err == nil {
		w.Close()
	}
	if !errors.Is(err, ErrExist) || !strings.Contains(err.Error(), "whose checkpoint is lost") {
		t.Errorf("%v", err)
	}
}
