package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"seihon/internal/durable"
	"seihon/internal/regular"
	"seihon/internal/secret"
	"seihon/ledger"
)

// publication opens the publication log for writing. On a new host, where
// neither key nor log exist, it makes both; a host that lost one of them is
// told so instead of being given a new past.
func (h *host) publication(ctx context.Context) (*ledger.Writer, error) {
	p := h.conf.Publication
	hasKey, hasLog := exists(string(p.Key)), exists(filepath.Join(string(p.Directory), "log", "checkpoint"))
	if hasLog && !hasKey {
		return nil, fmt.Errorf("opening the publication log: its key %q is missing; restore it from the backup", p.Key)
	}
	if !hasLog && exists(string(p.VKey)) && hasKey {
		return nil, fmt.Errorf("opening the publication log: %q is missing but its key exists; restore the log, or move key and vkey away to begin a new one on purpose", p.Directory)
	}
	if !hasLog {
		h.logger.Info("beginning a new publication log")
		if err := newNoteKey(string(p.Key), string(p.VKey), p.Origin); err != nil {
			return nil, err
		}
	}
	signer, err := readNoteKey(string(p.Key), p.Origin)
	if err != nil {
		return nil, err
	}
	conf := ledger.WriterConfig{Origin: p.Origin, Signers: []note.Signer{signer}, Now: h.now, Logger: h.logger}
	if hasLog {
		return ledger.OpenWriter(ctx, string(p.Directory), conf)
	}
	return ledger.Create(ctx, string(p.Directory), conf)
}

// publicationVerifier believes the pinned key of the publication log.
func (h *host) publicationVerifier() (*ledger.Verifier, error) {
	p := h.conf.Publication
	raw, err := regular.ReadFile(string(p.VKey))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("reading the publication log's key: %q is missing; `publisher sync` begins the log and writes it", p.VKey)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the publication log's key: %w", err)
	}
	return ledger.NewVerifier(p.Origin, strings.TrimSpace(string(raw)))
}

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
	if err := durable.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		return err
	}
	return durable.WriteFile(vkeyFile, []byte(vkey+"\n"), 0o644)
}

func readNoteKey(file, origin string) (note.Signer, error) {
	raw, err := secret.File(file, 64<<10)
	if err != nil {
		return nil, fmt.Errorf("reading the publication log's key: %w", err)
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, fmt.Errorf("reading the publication log's key %q: it is not PEM", file)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parsing the publication log's key %q: %w", file, err)
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("parsing the publication log's key %q: it is %T, must be an Ed25519 key", file, parsed)
	}
	return ledger.NewNoteSigner(origin, key)
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
