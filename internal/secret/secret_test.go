package secret_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"seihon/internal/secret"
)

func TestFile(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("1234"), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, mode := range []os.FileMode{0o600, 0o400} {
		if got, err := secret.File(file(mode.String(), mode), 4); err != nil || string(got) != "1234" {
			t.Errorf("mode %v: %q, %v", mode, got, err)
		}
	}
	for name, c := range map[string]struct {
		path string
		max  int64
		says string
	}{
		"group":     {file("group", 0o640), 4, "mode 0640; make it 0600"},
		"others":    {file("others", 0o604), 4, "mode 0604; make it 0600"},
		"long":      {file("long", 0o600), 3, "longer than 3 bytes"},
		"missing":   {filepath.Join(dir, "missing"), 4, "no such file"},
		"directory": {dir, 4, "not a regular file"},
	} {
		if _, err := secret.File(c.path, c.max); err == nil || !strings.Contains(err.Error(), c.says) ||
			strings.Contains(err.Error(), "1234") {
			t.Errorf("%s: %v, must say %q", name, err, c.says)
		}
	}
}

func TestCredential(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if _, err := secret.Credential("pin", 4); err == nil || !strings.Contains(err.Error(), "LoadCredential=pin") {
		t.Errorf("without systemd: %v", err)
	}
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	if err := os.WriteFile(filepath.Join(dir, "pin"), []byte("1234"), 0o644); err != nil { // systemd guards the folder
		t.Fatal(err)
	}
	if got, err := secret.Credential("pin", 4); err != nil || string(got) != "1234" {
		t.Errorf("%q, %v", got, err)
	}
	for _, name := range []string{"", ".", "..", "../pin", "/pin"} {
		if _, err := secret.Credential(name, 4); err == nil ||
			!strings.Contains(err.Error(), "not the name of a credential") {
			t.Errorf("%q: %v", name, err)
		}
	}
}
