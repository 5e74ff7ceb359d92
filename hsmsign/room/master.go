package room

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"seihon/internal/config"
	"seihon/internal/regular"
	"seihon/ledger"
)

// OpenMaster opens the master for reading, with the keys that the configuration pins. It needs no HSM.
func OpenMaster(ctx context.Context, conf *config.Config) (*ledger.Log, error) {
	var vkeys []string
	for _, file := range conf.Master.Keys {
		raw, err := regular.ReadFile(string(file))
		if err != nil {
			return nil, fmt.Errorf("reading the pinned key of the master log: %w", err)
		}
		vkeys = append(vkeys, strings.TrimSpace(string(raw)))
	}
	v, err := ledger.NewVerifier(conf.Master.Origin, vkeys...)
	if err != nil {
		return nil, err
	}
	log, err := ledger.Open(ctx, string(conf.Master.Directory), v)
	if errors.Is(err, ledger.ErrNotExist) && conf.Signer != nil {
		return nil, noMaster(ctx, conf, err)
	}
	return log, err
}
