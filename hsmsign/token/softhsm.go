package token

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/miekg/pkcs11"

	"seihon/internal/regular"
)

// softHSMConf is the file that UseSoftHSM named: what SoftHSM itself is given may be a copy.
var softHSMConf string

// UseSoftHSM has SoftHSM, when it is loaded in this process, use a configuration file. A folder of tokens that the file
// names without a leading / is beside the file: a room that is copied has its own token. SoftHSM by itself would look
// for it in the folder in which the process was started.
func UseSoftHSM(file string) error {
	softHSMConf = file
	use := file
	if raw, err := regular.ReadFile(file); err == nil { // if not, SoftHSM says so, and whySoftHSM why
		if resolved := besideFile(file, raw); resolved != nil {
			if use, err = inMemory(resolved); err != nil {
				return fmt.Errorf("handing its configuration to SoftHSM: %w", err)
			}
		}
	}
	if err := os.Setenv("SOFTHSM2_CONF", use); err != nil {
		return fmt.Errorf("setting SOFTHSM2_CONF: %w", err)
	}
	return nil
}

// besideFile returns a configuration in which the folder of tokens is absolute; nil when it is already.
func besideFile(file string, raw []byte) []byte {
	dir := tokenFolder(raw)
	if dir == "" || filepath.IsAbs(dir) {
		return nil
	}
	var out bytes.Buffer
	for line := range strings.Lines(string(raw)) {
		if key, _, _ := strings.Cut(line, "="); strings.TrimSpace(key) == tokenDirKey {
			line = tokenDirKey + " = " + filepath.Join(filepath.Dir(file), dir) + "\n"
		}
		out.WriteString(line)
	}
	return out.Bytes()
}

const tokenDirKey = "directories.tokendir"

// tokenFolder returns the folder of tokens as a configuration names it; "" when it names none.
func tokenFolder(raw []byte) string {
	for lines := bufio.NewScanner(bytes.NewReader(raw)); lines.Scan(); {
		if key, dir, _ := strings.Cut(lines.Text(), "="); strings.TrimSpace(key) == tokenDirKey {
			return strings.TrimSpace(dir)
		}
	}
	return ""
}

// SoftHSMTokens returns the folder in which a configuration of SoftHSM keeps its tokens; "" when it names none.
func SoftHSMTokens(file string) (string, error) {
	raw, err := regular.ReadFile(file)
	if err != nil {
		return "", err
	}
	dir := tokenFolder(raw)
	if dir != "" && !filepath.IsAbs(dir) {
		dir = filepath.Join(filepath.Dir(file), dir)
	}
	return dir, nil
}

// whySoftHSM says what SoftHSM only calls a general error: its configuration, or the folder of its tokens, is
// not there or cannot be used. nil when both can, or when the module is another one.
func whySoftHSM(err error) error {
	var code pkcs11.Error
	conf := softHSMConf
	if conf == "" {
		conf = os.Getenv("SOFTHSM2_CONF")
	}
	if conf == "" || !errors.As(err, &code) || code != pkcs11.CKR_GENERAL_ERROR {
		return nil
	}
	dir, err := SoftHSMTokens(conf)
	if err != nil {
		return fmt.Errorf("SoftHSM's configuration cannot be read: %w", err)
	}
	if dir == "" {
		return fmt.Errorf("SoftHSM's configuration %q has no %s", conf, tokenDirKey)
	}
	if _, err := os.ReadDir(dir); err != nil {
		return fmt.Errorf("the folder of SoftHSM's tokens, which %s of %q names, cannot be used: %w", tokenDirKey, conf,
			err)
	}
	return nil
}
