package telemetry

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/net/http/httpguts"
)

const maxHeaders = 64 << 10

// FileHeaders reads the headers that a collector wants from a file that only its owner may read.
func FileHeaders(file string) (map[string]string, error) { return readHeaders(file, true) }

// CredentialHeaders reads them from the systemd credential name.
func CredentialHeaders(name string) (map[string]string, error) {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return nil, fmt.Errorf("reading telemetry credential %q: $CREDENTIALS_DIRECTORY is not set; start this from a systemd unit with LoadCredential=%s:…, or use headers_file", name, name)
	}
	return readHeaders(filepath.Join(dir, filepath.Base(name)), false)
}

// readHeaders reads lines "Name: value". No message repeats what a line says: it is a secret.
func readHeaders(file string, guard bool) (map[string]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("reading telemetry headers: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading telemetry headers: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("reading telemetry headers: %q is not a regular file", file)
	}
	if guard && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("reading telemetry headers: %q may be read by others (mode %04o); run chmod 600 on it", file, info.Mode().Perm())
	}
	headers := map[string]string{}
	lines := bufio.NewScanner(io.LimitReader(f, maxHeaders))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if !ok || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) || value == "" {
			return nil, fmt.Errorf("reading telemetry headers: line %d of %q is not of the form \"Name: value\"", n, file)
		}
		headers[name] = value
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading telemetry headers: %w", err)
	}
	return headers, nil
}
