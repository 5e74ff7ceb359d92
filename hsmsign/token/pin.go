package token

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/term"

	"seihon/internal/secret"
)

// PINSource yields the user PIN. Open calls it once; the answer is kept in memory until Close so that a token that
// comes back after an outage can be logged in to again, and is wiped then.
type PINSource func(ctx context.Context) ([]byte, error)

// maxPIN bounds a PIN; PKCS#11 tokens take 255 bytes at most.
const maxPIN = 255

// CredentialPIN reads the systemd credential name (LoadCredential= or LoadCredentialEncrypted= in the unit).
func CredentialPIN(name string) PINSource {
	return func(ctx context.Context) ([]byte, error) { return readPIN(secret.Credential, name) }
}

// FilePIN reads a file that only its owner may read. One trailing newline is dropped.
func FilePIN(path string) PINSource {
	return func(ctx context.Context) ([]byte, error) { return readPIN(secret.File, path) }
}

// taken holds the PINs that EnvPIN has taken out of the environment.
var taken sync.Map

// EnvPIN reads the environment variable name and removes it from the environment, so that children do not inherit it;
// the process itself can ask again. Other users of the machine cannot see it, but root, crash dumps and
// /proc/PID/environ can: that is why it has to be opted into.
func EnvPIN(name string) PINSource {
	return func(ctx context.Context) ([]byte, error) {
		pin, ok := os.LookupEnv(name)
		if !ok {
			kept, ok := taken.Load(name)
			if !ok {
				return nil, fmt.Errorf("reading PIN: environment variable %s is not set", name)
			}
			return []byte(kept.(string)), nil
		}
		err := os.Unsetenv(name)
		if err != nil {
			return nil, fmt.Errorf("removing environment variable %s: %w", name, err)
		}
		taken.Store(name, pin)
		return checkPIN([]byte(pin), "environment variable "+name)
	}
}

// PromptPIN asks on the terminal without echo.
func PromptPIN(prompt string) PINSource {
	return func(ctx context.Context) ([]byte, error) {
		tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
		if err != nil {
			return nil,
				fmt.Errorf("asking for the PIN: there is no terminal; configure a PIN file or a systemd credential: %w",
					err)
		}
		defer tty.Close()
		return promptPIN(ctx, tty, prompt)
	}
}

func promptPIN(ctx context.Context, tty *os.File, prompt string) ([]byte, error) {
	fd := int(tty.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, fmt.Errorf("asking for the PIN: %w", err)
	}
	_, err = fmt.Fprintf(tty, "%s: ", prompt)
	if err != nil {
		return nil, fmt.Errorf("asking for the PIN: %w", err)
	}
	type answer struct {
		pin []byte
		err error
	}
	answers := make(chan answer, 1)
	go func() {
		pin, err := term.ReadPassword(fd)
		answers <- answer{pin, err}
	}()
	select {
	case <-ctx.Done():
		// The read goes on until the process ends; the terminal must get its echo back now.
		return nil, errors.Join(ctx.Err(), term.Restore(fd, before))
	case a := <-answers:
		fmt.Fprintln(tty)
		if a.err != nil {
			return nil, fmt.Errorf("asking for the PIN: %w", a.err)
		}
		return checkPIN(a.pin, "the prompt")
	}
}

// StaticPIN yields pin itself, for callers that have it already.
func StaticPIN(pin []byte) PINSource {
	return func(ctx context.Context) ([]byte, error) { return bytes.Clone(pin), nil }
}

// readPIN reads a PIN without the end of its line.
func readPIN(read func(name string, max int64) ([]byte, error), path string) ([]byte, error) {
	pin, err := read(path, maxPIN+2)
	if err != nil {
		return nil, fmt.Errorf("reading PIN: %w", err)
	}
	pin = bytes.TrimSuffix(pin, []byte("\n"))
	pin = bytes.TrimSuffix(pin, []byte("\r"))
	return checkPIN(pin, path)
}

// checkPIN refuses what no token takes, before a token counts it as a wrong try.
func checkPIN(pin []byte, source string) ([]byte, error) {
	switch {
	case len(pin) == 0:
		return nil, fmt.Errorf("reading PIN: %s is empty", source)
	case len(pin) > maxPIN:
		return nil, fmt.Errorf("reading PIN: %s is longer than %d bytes", source, maxPIN)
	case bytes.ContainsAny(pin, "\x00\r\n"):
		return nil, fmt.Errorf("reading PIN: %s contains a line break or a zero byte", source)
	}
	return pin, nil
}
