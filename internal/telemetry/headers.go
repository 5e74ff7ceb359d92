package telemetry

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/net/http/httpguts"

	"seihon/internal/secret"
)

const maxHeaders = 64 << 10

// FileHeaders reads the headers that a collector wants from a file that only its owner may read.
func FileHeaders(file string) (map[string]string, error) { return readHeaders(secret.File, file) }

// CredentialHeaders reads them from the systemd credential name.
func CredentialHeaders(name string) (map[string]string, error) {
	return readHeaders(secret.Credential, name)
}

// readHeaders reads lines "Name: value". No message repeats what a line says: it is a secret.
func readHeaders(read func(name string, max int64) ([]byte, error), file string) (map[string]string, error) {
	b, err := read(file, maxHeaders)
	if err != nil {
		return nil, fmt.Errorf("reading telemetry headers: %w", err)
	}
	headers := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(b))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if !ok || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) || value == "" {
			return nil, fmt.Errorf("reading telemetry headers: line %d of %q is not of the form \"Name: value\"", n,
				file)
		}
		headers[name] = value
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading telemetry headers: %w", err)
	}
	return headers, nil
}
