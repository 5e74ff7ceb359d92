package config

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"seihon/internal/regular"
)

// Consents are the records in which subscribers agreed that their certificates become
// public: consent id by serial, in hex without leading zeros.
type Consents map[string]string

// ReadConsents reads the file of section_a.subscriber_certificates.consents: a line per
// certificate, its serial in hex, one space, the consent record's id; # begins a comment.
// A file that is not there has no consents.
func ReadConsents(file string) (Consents, error) {
	raw, err := regular.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return Consents{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the consents to publication: %w", err)
	}
	ids := Consents{}
	for i, line := range strings.Split(string(raw), "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		serial, id, ok := strings.Cut(line, " ")
		if id = strings.TrimSpace(id); !ok || id == "" ||
			strings.Trim(strings.ToLower(serial), "0123456789abcdef") != "" {
			return nil,
				fmt.Errorf("reading the consents to publication %q: line %d must be a serial in hex, one space and "+
					"the consent's id", file, i+1)
		}
		ids[strings.TrimLeft(strings.ToLower(serial), "0")] = id
	}
	return ids, nil
}

// Of returns the consent id of a serial (content octets of the DER INTEGER).
func (c Consents) Of(serial []byte) (id string, ok bool) {
	id, ok = c[strings.TrimLeft(fmt.Sprintf("%x", serial), "0")]
	return id, ok
}

// ConsentLine is the line of the file for one certificate.
func ConsentLine(serial []byte, id string) string {
	return fmt.Sprintf("%x %s\n", serial, id)
}
