package purge

import (
	"errors"
	"fmt"
	"strings"

	"seihon/internal/secret"
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
	read, name := secret.File, t.File
	if t.Credential != "" {
		read, name = secret.Credential, t.Credential
	}
	b, err := read(name, maxToken+2) // and the end of the line
	if err != nil {
		return "", fmt.Errorf("reading the CDN's token: %w", err)
	}
	token := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if err := checkToken(token); err != nil {
		return "", fmt.Errorf("reading the CDN's token %q: %w", name, err)
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
