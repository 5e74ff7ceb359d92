package main

import (
	"fmt"
	"os"
	"strings"
)

// consents reads the file of section_a.subscriber_certificates.consents: a line
// per certificate, its serial in hex, one space, the consent record's id.
func consents(file string) (func(serial []byte) (string, bool), error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the consents to publication: %w", err)
	}
	ids := map[string]string{}
	for i, line := range strings.Split(string(raw), "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		serial, id, ok := strings.Cut(line, " ")
		if !ok || strings.TrimSpace(id) == "" {
			return nil, fmt.Errorf("reading the consents to publication %q: line %d must be a serial in hex, one space and the consent's id", file, i+1)
		}
		ids[strings.TrimLeft(strings.ToLower(serial), "0")] = strings.TrimSpace(id)
	}
	return func(serial []byte) (string, bool) {
		id, ok := ids[strings.TrimLeft(fmt.Sprintf("%x", serial), "0")]
		return id, ok
	}, nil
}
