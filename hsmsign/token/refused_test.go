package token

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRefusals: what is remembered survives the process, belongs to one token and one PIN, and tells nothing.
func TestRefusals(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	now := time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)
	use := func(f func(r *refusals)) {
		t.Helper()
		r := newRefusals(dir)
		unlock, err := r.lock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer unlock()
		f(r)
	}
	known := func(token, pin string) (found bool) {
		t.Helper()
		use(func(r *refusals) {
			at, refused, err := r.check(token, []byte(pin))
			if err != nil || refused && !at.Equal(now) {
				t.Errorf("check: %v, %v", at, err)
			}
			found = refused
		})
		return found
	}
	if known("a/1", "2222") {
		t.Error("a PIN is refused before any was tried")
	}
	use(func(r *refusals) {
		_, _, err := r.check("a/1", []byte("2222"))
		if err != nil {
			t.Error(err)
		}
		err = r.add("a/1", []byte("2222"), now)
		if err != nil {
			t.Error(err)
		}
	})
	if !known("a/1", "2222") || known("a/1", "2223") || known("b/1", "2222") {
		t.Error("the refusal is not bound to its token and its PIN")
	}
	path := filepath.Join(dir, "refused-pins.json")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || strings.Contains(string(b), "2222") {
		t.Errorf("the file has mode %v, or tells the PIN: %s", info.Mode(), b)
	}
	use(func(r *refusals) {
		_, _, err := r.check("a/1", []byte("3333"))
		if err != nil {
			t.Error(err)
		}
		err = r.clear("a/1")
		if err != nil {
			t.Error(err)
		}
	})
	if known("a/1", "2222") {
		t.Error("a login did not clear the refusals of its token")
	}
	err = os.WriteFile(path, []byte("{}"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	use(func(r *refusals) {
		_, _, err := r.check("a/1", []byte("2222"))
		if err == nil || !strings.Contains(err.Error(), "is not a seihon/refused-pins/v1 file") {
			t.Errorf("a foreign file: %v", err)
		}
	})
}
