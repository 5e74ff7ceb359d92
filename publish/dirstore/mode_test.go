//go:build unix

package dirstore_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"seihon/publish"
	"seihon/publish/dirstore"
	"seihon/publish/storetest"
)

// TestLooseFolders lets others write to the target and to folders of it: who may do so can put an older list back.
// Those at the top are refused when the target is opened, those further down when something is written there.
func TestLooseFolders(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "public")
	list := storetest.Object("crl/sub/1.crl", []byte("list"))
	if _, err := open(t, dir).Put(t.Context(), list, publish.Condition{IfAbsent: true}); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o757, 0o775, 0o1777} {
		for _, folder := range []string{".", "crl", ".tmp"} {
			path := filepath.Join(dir, folder)
			loosen(t, path, mode)
			_, err := dirstore.Open(dir, nil)
			if want := "others may write to \"" + path + "\""; !errors.Is(err, publish.ErrInvalid) ||
				!strings.Contains(err.Error(), want) {
				t.Errorf("%s with mode %o: %v", folder, mode, err)
			}
			loosen(t, path, 0o755)
		}
		path := filepath.Join(dir, "crl/sub")
		loosen(t, path, mode)
		s := open(t, dir)
		_, err := s.Put(t.Context(), storetest.Object("crl/sub/2.crl", []byte("list")),
			publish.Condition{IfAbsent: true})
		if !errors.Is(err, publish.ErrInvalid) || !strings.Contains(err.Error(), "chmod go-w") {
			t.Errorf("writing below a folder with mode %o: %v", mode, err)
		}
		if _, err := os.Stat(filepath.Join(path, "2.crl")); err == nil {
			t.Errorf("mode %o: it was written", mode)
		}
		loosen(t, path, 0o755)
	}
	if _, err := open(t, dir).Put(t.Context(), storetest.Object("crl/sub/2.crl", []byte("list")),
		publish.Condition{IfAbsent: true}); err != nil {
		t.Error(err)
	}
}

func loosen(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	special := os.FileMode(0)
	if mode&0o1000 != 0 {
		special = os.ModeSticky
	}
	if err := os.Chmod(path, mode&0o777|special); err != nil {
		t.Fatal(err)
	}
}
