package publish_test

import (
	"os"
	"path/filepath"
	"testing"

	"seihon/publish"
)

// TestRemembered looks into state directories, one of them with a name that would be a pattern.
func TestRemembered(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "repo [1]")
	look := func(want string) {
		t.Helper()
		if got, err := publish.Remembered(dir); err != nil || got != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	look("")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"public.lock", "record.memory"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	look("")
	file := filepath.Join(dir, "public.json")
	if err := os.WriteFile(file, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	look(file)
}
