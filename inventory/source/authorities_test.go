package source

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"seihon/artifact"
	"seihon/inventory"
)

// TestOtherAuthorities imports what other CAs have published: names in their scripts, serials with a leading zero,
// roots that issued themselves, one of them with serial 0, which RFC 5280 4.1.2.2 forbids and which exists all the
// same.
func TestOtherAuthorities(t *testing.T) {
	roots, err := filepath.Glob("testdata/authorities/*/0.pem")
	if err != nil || len(roots) != 6 {
		t.Fatalf("authorities are %v, %v", roots, err)
	}
	now := at("2026-11-24T06:00:00Z")
	db, err := inventory.Open(t.Context(),
		inventory.Config{DSN: "sqlite:" + t.TempDir() + "/inventory.db", Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	imported := 0
	for _, root := range roots {
		dir := filepath.Dir(root)
		issuer := readPEM(t, root)
		for n := 0; ; n++ {
			file := filepath.Join(dir, fmt.Sprintf("%d.pem", n))
			text, err := os.ReadFile(file)
			if os.IsNotExist(err) {
				break
			}
			c := readPEM(t, file)
			name := fmt.Sprintf("%s-%d", filepath.Base(dir), max(0, n-1))
			if err := db.AddIssuer(t.Context(),
				inventory.Issuer{Name: name, Key: artifact.Sum(issuer.RawSubjectPublicKeyInfo)}); err != nil {
				t.Fatal(err)
			}
			_, err = db.Import(t.Context(),
				inventory.Import{Issuer: name, Source: Folder(fstest.MapFS{"a.pem": {Data: text}}, issuer, Options{})})
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			imported++
			e, err := db.Get(t.Context(), name, artifact.SerialBytes(c))
			if err != nil || e.State != inventory.Issued || string(e.DER) != string(c.Raw) ||
				!e.NotAfter.Equal(c.NotAfter) || e.Subject == "" {
				t.Errorf("%s reads back as %+v, %v", file, e, err)
			} else if (e.Kind == artifact.CACertificate) != c.IsCA {
				t.Errorf("%s is recorded as %s", file, e.Kind)
			}
			issuer = c
		}
	}
	if imported != 15 {
		t.Errorf("%d certificates were imported, want 15", imported)
	}
}

func readPEM(t *testing.T, file string) *x509.Certificate {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
