package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// maxToken caps an RFC 3161 token file.
const maxToken = 1 << 20

// A token's name tells the authority and, because tokens are stamped again
// before their certificates expire, counts.
var tokenName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// Tokens lists the files of the RFC 3161 tokens for the archived checkpoint of
// a size, sorted.
func (l *Log) Tokens(size int64) ([]string, error) {
	dir := filepath.Dir(archivePath(l.dir, size))
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing timestamps: %w", err)
	}
	var paths []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), strconv.FormatInt(size, 10)+".") && strings.HasSuffix(e.Name(), ".tsr") {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths, nil
}

// PutToken stores a token for the archived checkpoint of a size, as
// <size>.<name>.tsr, and never over another one: a second token of the same
// authority gets a number.
func (w *Writer) PutToken(size int64, name string, token []byte) (path string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !tokenName.MatchString(name) {
		return "", fmt.Errorf("storing a timestamp: %q cannot be the name of an authority", name)
	}
	if _, err := os.Stat(archivePath(w.dir, size)); err != nil {
		return "", fmt.Errorf("storing a timestamp of size %d: %w", size, err)
	}
	path = fmt.Sprintf("%s.%s.tsr", archivePath(w.dir, size), name)
	for n := 2; ; n++ {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			break
		}
		path = fmt.Sprintf("%s.%s.%d.tsr", archivePath(w.dir, size), name, n)
	}
	if err := w.tx.Write(path, token); err != nil {
		return "", fmt.Errorf("storing a timestamp: %w", err)
	}
	if err := w.tx.Flush(); err != nil {
		return "", fmt.Errorf("storing a timestamp: %w", err)
	}
	return path, nil
}
