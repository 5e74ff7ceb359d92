package token

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/miekg/pkcs11"

	"seihon/internal/regular"
)

// whySoftHSM says what SoftHSM only calls a general error: its configuration, or the folder of its tokens, is
// not there or cannot be used. nil when both can, or when the module is another one.
func whySoftHSM(err error) error {
	var code pkcs11.Error
	conf := os.Getenv("SOFTHSM2_CONF")
	if conf == "" || !errors.As(err, &code) || code != pkcs11.CKR_GENERAL_ERROR {
		return nil
	}
	raw, err := regular.ReadFile(conf)
	if err != nil {
		return fmt.Errorf("SoftHSM's configuration cannot be read: %w", err)
	}
	for lines := bufio.NewScanner(strings.NewReader(string(raw))); lines.Scan(); {
		key, dir, ok := strings.Cut(lines.Text(), "=")
		if !ok || strings.TrimSpace(key) != "directories.tokendir" {
			continue
		}
		dir = strings.TrimSpace(dir)
		if _, err := os.ReadDir(dir); err != nil {
			return fmt.Errorf("the folder of SoftHSM's tokens, which directories.tokendir of %q names, cannot be used: %w", conf, err)
		}
		return nil
	}
	return fmt.Errorf("SoftHSM's configuration %q has no directories.tokendir", conf)
}
