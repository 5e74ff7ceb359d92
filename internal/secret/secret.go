// Package secret reads what nobody else on a machine may read: PINs, tokens,
// private keys. A secret is a file of mode 0600, or a credential that systemd
// hands to one unit; it is never in the command line, the configuration or a log.
//
// What is judged is the file that was opened, so that it cannot be exchanged
// between the check and the reading. No error repeats a part of a secret.
package secret

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"seihon/internal/regular"
)

// File reads a regular file of at most max bytes that its owner alone may read.
// Windows has no such modes and is not asked for them.
func File(path string, max int64) ([]byte, error) { return read(path, max, os.PathSeparator == '/') }

// Credential reads the systemd credential name (LoadCredential= or
// LoadCredentialEncrypted= in the unit) of at most max bytes.
func Credential(name string, max int64) ([]byte, error) {
	if name == "" || name != filepath.Base(name) || name == "." || name == ".." {
		return nil, fmt.Errorf("%q is not the name of a credential", name)
	}
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return nil,
			fmt.Errorf("credential %q: $CREDENTIALS_DIRECTORY is not set; start this from a systemd unit with "+
				"LoadCredential=%s:…, or configure a file", name, name)
	}
	return read(filepath.Join(dir, name), max, false)
}

func read(path string, max int64, private bool) ([]byte, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%q is not a regular file", path)
	}
	if private && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%q may be read by others: it has mode %04o; make it 0600", path, info.Mode().Perm())
	}
	b, err := io.ReadAll(io.LimitReader(f, max+1))
	if err == nil && int64(len(b)) > max {
		err = fmt.Errorf("%q is longer than %d bytes", path, max)
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}
