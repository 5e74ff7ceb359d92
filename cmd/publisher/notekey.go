package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"

	"seihon/internal/durable"
	"seihon/internal/secret"
	"seihon/ledger"
)

// newNoteKey makes the host's own Ed25519 key. It signs only the publication
// log: neither certificates nor CRLs nor OCSP responses.
func newNoteKey(keyFile, vkeyFile, origin string) error {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("making the publication log's key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encoding the publication log's key: %w", err)
	}
	vkey, err := ledger.VKey(origin, pub)
	if err != nil {
		return err
	}
	for _, dir := range []struct {
		name string
		perm os.FileMode
	}{{filepath.Dir(keyFile), 0o700}, {filepath.Dir(vkeyFile), 0o755}} {
		if err := os.MkdirAll(dir.name, dir.perm); err != nil {
			return fmt.Errorf("making the folder of the publication log's key: %w", err)
		}
	}
	if err := durable.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		0o600); err != nil {
		return err
	}
	return durable.WriteFile(vkeyFile, []byte(vkey+"\n"), 0o644)
}

func readNoteKey(file, origin string) (note.Signer, error) {
	raw, err := secret.File(file, 64<<10)
	if err != nil {
		return nil, fmt.Errorf("reading a note key: %w", err)
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, fmt.Errorf("reading a note key %q: it is not PEM", file)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parsing a note key %q: %w", file, err)
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("parsing a note key %q: it is %T, must be an Ed25519 key", file, parsed)
	}
	return ledger.NewNoteSigner(origin, key)
}
