package main

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"seihon/internal/config"
	"seihon/internal/inputtest"
)

// TestInventoryLinesHaveOneReading refuses what encoding/json lets pass.
func TestInventoryLinesHaveOneReading(t *testing.T) {
	t.Parallel()
	good := `{"issuer":"sub","serial":"01","state":"issued","not_after":"2026-12-01T00:00:00Z","subject":"CN=a"}`
	if _, issued, err := parseInventoryLine([]byte(good)); err != nil || !issued {
		t.Fatalf("%v %v", issued, err)
	}
	for name, line := range map[string]string{
		"unknown member":     strings.Replace(good, `"subject"`, `"comment"`, 1),
		"member twice":       strings.Replace(good, `"state":"issued"`, `"state":"issued","state":"revoked"`, 1),
		"in other letters":   strings.Replace(good, `"state"`, `"State"`, 1),
		"both spellings":     strings.Replace(good, `"state":"issued"`, `"state":"issued","STATE":"revoked"`, 1),
		"second object":      good + good,
		"word behind it":     good + " x",
		"array around it":    "[" + good + "]",
		"no object":          `"sub"`,
		"nothing":            "",
		"not of the room":    strings.Replace(good, `"issuer":"sub",`, "", 1),
		"state that is none": strings.Replace(good, `"issued"`, `"good"`, 1),
	} {
		if _, _, err := parseInventoryLine([]byte(line)); err == nil {
			t.Errorf("%s: accepted %s", name, line)
		}
	}
}

// TestCertificateFiles counts what stands around PEM blocks, and takes one certificate from a file.
func TestCertificateFiles(t *testing.T) {
	t.Parallel()
	der := inputtest.NewCA("root").Cert.Raw
	block := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	for _, c := range []struct {
		name, content string
		certs, text   int
	}{
		{"PEM", block, 1, 0},
		{"DER", string(der), 1, 0},
		{"blank lines", "\n\n" + block + "\n\n", 1, 0},
		{"text before", "Certificate:\n" + block, 1, len("Certificate:")},
		{"text behind", block + "the root\n", 1, len("the root")},
		{"text between", block + "x\n" + block, 2, 1},
		{"a damaged block", block + strings.Replace(block, "\n", "\n!", 1), 1, len(block)},
		{"DER with a byte behind it", string(der) + "\n", 0, 0},
		{"a damaged block alone", strings.Replace(block, "\n", "\n!", 1), 0, 0},
		{"text alone", "hello", 0, 0},
		{"nothing", "", 0, 0},
	} {
		file := filepath.Join(t.TempDir(), "root.pem")
		if err := os.WriteFile(file, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		certs, text, err := readCertificates(file)
		if len(certs) != c.certs || text != c.text || (err == nil) != (c.certs > 0) {
			t.Errorf("%s: %d certificates, %d bytes of text, %v", c.name, len(certs), text, err)
		}
		if certs, err := certificates([]config.Path{config.Path(file)}); (err == nil) != (c.certs == 1) {
			t.Errorf("%s as an anchor: %d certificates, %v", c.name, len(certs), err)
		}
	}
}
