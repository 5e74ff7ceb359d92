package verify_test

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

func write(dir, name string, b []byte) {
	p := filepath.Join(dir, filepath.FromSlash(name))
	check(os.MkdirAll(filepath.Dir(p), 0o755))
	check(os.WriteFile(p, b, 0o644))
}

func read(dir, name string) []byte {
	return must(os.ReadFile(filepath.Join(dir, filepath.FromSlash(name))))
}

func flip(dir, name string) {
	b := read(dir, name)
	b[len(b)/2] ^= 0x20
	write(dir, name, b)
}

// copyTree copies a directory.
func copyTree(from, to string) {
	check(filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel := must(filepath.Rel(from, p))
		in := must(os.Open(p))
		defer in.Close()
		check(os.MkdirAll(filepath.Dir(filepath.Join(to, rel)), 0o755))
		out := must(os.Create(filepath.Join(to, rel)))
		_ = must(io.Copy(out, in))
		return out.Close()
	}))
}

func readFile(dir, name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
}
