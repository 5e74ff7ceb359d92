// Package books is the inventory without the HSM: for commands that only read or record, such as a
// revocation at an hour when nobody with a PIN is there. It holds the inventory against the master log
// before it is believed; what it records, the next run of the schedule signs.
package books

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"seihon/hsmsign/room"
	"seihon/internal/config"
	"seihon/inventory"
)

// Books is the inventory without the HSM: for commands that only read or
// record, such as a revocation at an hour when nobody with a PIN is there.
type Books struct {
	*inventory.DB
	conf       *config.Config
	now        func() time.Time
	keys       []ed25519.PublicKey // of overrides and exceptions
	exceptions room.Exceptions
	unreadable error // why the exceptions of the log are not known
}

// Open opens the inventory alone.
func Open(ctx context.Context, conf *config.Config, now func() time.Time, logger *zap.Logger) (*Books, error) {
	if conf.Signer == nil {
		return nil, fmt.Errorf("opening the inventory: %q has no section signer", conf.File)
	}
	keys, err := room.OverrideKeys(conf.Trust.OverrideKeys)
	if err != nil {
		return nil, err
	}
	db, err := room.OpenInventory(ctx,
		inventory.Config{DSN: room.InventoryDSN(conf.Signer), OverrideKeys: keys, Now: now, Logger: logger,
			Existing: true})
	if err != nil {
		return nil, err
	}
	b := &Books{DB: db, conf: conf, now: now, keys: keys}
	if err := room.BesideLog(ctx, conf, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return b, nil
}
