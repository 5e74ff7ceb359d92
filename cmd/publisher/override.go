package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"seihon/internal/regular"
)

// overrideKeys reads the keys that the configuration pins for overrides.
func (h *host) overrideKeys() ([]ed25519.PublicKey, error) {
	var keys []ed25519.PublicKey
	for _, file := range h.conf.Trust.OverrideKeys {
		raw, err := regular.ReadFile(string(file))
		if err != nil {
			return nil, fmt.Errorf("reading the pinned key for overrides: %w", err)
		}
		key, err := parseOverrideKey(raw)
		if err != nil {
			return nil, fmt.Errorf("reading the pinned key for overrides %q: %w", file, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func parseOverrideKey(raw []byte) (ed25519.PublicKey, error) {
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, errors.New("it is no PEM file")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("it is not an Ed25519 public key")
	}
	return key, nil
}
