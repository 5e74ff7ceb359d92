package hsmsign

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"seihon/internal/config"
	"seihon/inventory"
)

// Books is the inventory without the HSM: for commands that only read or
// record, such as a revocation at an hour when nobody with a PIN is there.
type Books struct {
	*inventory.DB
	conf *config.Config
	now  func() time.Time
}

// OpenBooks opens the inventory alone.
func OpenBooks(ctx context.Context, conf *config.Config, now func() time.Time, logger *zap.Logger) (*Books, error) {
	if conf.Signer == nil {
		return nil, fmt.Errorf("opening the inventory: %q has no section signer", conf.File)
	}
	keys, err := overrideKeys(conf.Signer.OverrideKeys)
	if err != nil {
		return nil, err
	}
	db, err := inventory.Open(ctx, inventory.Config{DSN: InventoryDSN(conf.Signer), OverrideKeys: keys, Now: now, Logger: logger})
	if err != nil {
		return nil, err
	}
	return &Books{DB: db, conf: conf, now: now}, nil
}

// Revoke records a revocation. The next [Room.Run] signs it first of all.
func (b *Books) Revoke(ctx context.Context, issuer, serialHex, reason string, at time.Time, o inventory.RevokeOptions) error {
	if b.conf.Issuer(issuer) == nil {
		return fmt.Errorf("revoking: the configuration has no issuer %q", issuer)
	}
	serial, err := inventory.ParseSerial(serialHex)
	if err != nil {
		return fmt.Errorf("revoking: %w", err)
	}
	code, err := inventory.ParseReason(reason)
	if err != nil {
		return fmt.Errorf("revoking %s: %w", serialHex, err)
	}
	if at.IsZero() {
		at = b.now()
	}
	rev := inventory.Revocation{Time: at.UTC().Truncate(time.Second), Reason: code}
	err = b.DB.Revoke(ctx, issuer, serial, rev, o)
	if errors.Is(err, inventory.ErrNotFound) {
		return fmt.Errorf("revoking %s: the inventory of %s has no such serial; `signer inventory --issuer %s` lists what it has", serialHex, issuer, issuer)
	}
	if err != nil {
		return fmt.Errorf("revoking %s: %w", serialHex, err)
	}
	return nil
}

func overrideKeys(files []config.Path) ([]ed25519.PublicKey, error) {
	var out []ed25519.PublicKey
	for _, file := range files {
		der, err := readPublicKey(string(file))
		if err != nil {
			return nil, err
		}
		pub, err := x509.ParsePKIXPublicKey(der)
		key, ok := pub.(ed25519.PublicKey)
		if err != nil || !ok {
			return nil, fmt.Errorf("reading override key %q: it must be an Ed25519 public key", file)
		}
		out = append(out, key)
	}
	return out, nil
}
