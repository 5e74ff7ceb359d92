package purge

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxToken bounds a token; no server takes a longer header.
const maxToken = 4096

// A Token is where the value of a header comes from; one of the two.
type Token struct {
	File       string // mode 0600
	Credential string // name of a systemd credential
}

// read returns the token. Its text is in no error.
func (t Token) read() (string, error) {
	if t.Credential == "" {
		return readToken(t.File, true)
	}
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return "", fmt.Errorf("reading the CDN's token: $CREDENTIALS_DIRECTORY is not set; start this from a systemd unit with LoadCredential=%s:…", t.Credential)
	}
	if t.Credential != filepath.Base(t.Credential) || t.Credential == "." || t.Credential == ".." {
		return "", fmt.Errorf("reading the CDN's token: %q is not the name of a credential", t.Credential)
	}
	return readToken(filepath.Join(dir, t.Credential), false)
}

func readToken(file string, private bool) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("reading the CDN's token: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("reading the CDN's token: %w", err)
	}
	if private && info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		return "", fmt.Errorf("reading the CDN's token: %q has mode %04o; make it 0600", file, info.Mode().Perm())
	}
	b, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	if err != nil {
		return "", fmt.Errorf("reading the CDN's token: %w", err)
	}
	token := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if err := checkToken(token); err != nil {
		return "", fmt.Errorf("reading the CDN's token %q: %w", file, err)
	}
	return token, nil
}

// checkToken refuses what cannot be the value of a header: the client's own error would show it.
func checkToken(token string) error {
	if token == "" || len(token) > maxToken {
		return fmt.Errorf("its length is %d, must be 1 to %d", len(token), maxToken)
	}
	for i := range len(token) {
		if token[i] < ' ' || token[i] > '~' {
			return errors.New("it holds a character that no header can carry; keep one line of printable ASCII")
		}
	}
	return nil
}
