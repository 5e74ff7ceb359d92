package room

import (
	"context"
	"errors"
	"fmt"

	"seihon/artifact"
	"seihon/inventory"
	"seihon/ocspcache"
	"seihon/public"
)

// Rebuilt says what a rebuilt inventory holds.
type Rebuilt struct {
	Certificates int   `json:"certificates"`
	Other        int   `json:"other"`    // issuers, counters, events, imports, artifacts
	Requests     int   `json:"requests"` // events that say who asked, or by which document
	Responses    int   `json:"responses"`
	Size         int64 `json:"tree_size"`
}

// RebuildInventory makes the inventory again from the master alone, after it was
// lost: certificates and their status from the private master, what was signed
// from the log, and how long each response holds from the current bundles. It
// refuses to touch an inventory that is there.
func RebuildInventory(ctx context.Context, o Options) (*Rebuilt, error) {
	r, err := openRoom(ctx, o)
	if err != nil {
		return nil, err
	}
	res := &Rebuilt{}
	err = r.openLog(ctx)
	if err == nil {
		err = r.rebuild(ctx, res)
	}
	return res, errors.Join(err, r.Close())
}

func (r *Room) rebuild(ctx context.Context, res *Rebuilt) error {
	var err error
	r.Inventory, err = inventory.Open(ctx,
		inventory.Config{DSN: InventoryDSN(r.Config.Signer), Now: r.Now, Logger: r.logger})
	if err != nil {
		return err
	}
	issuers, err := r.Inventory.Issuers(ctx)
	if err != nil {
		return err
	}
	if len(issuers) > 0 {
		return &RecordError{Err: fmt.Errorf("rebuilding the inventory: %s is not empty; the room heals an inventory "+
			"by itself when it is older than the master; to rebuild it, move it away first",
			InventoryDSN(r.Config.Signer))}
	}
	// The records name the issuers that the artifacts belong to, so they come first.
	healed, err := r.Inventory.Heal(ctx,
		inventory.Healing{Origin: r.Log.Log().Origin(), Position: r.position(), Records: r.privateRecords(ctx, 0),
			List: r.listed})
	if err != nil {
		return err
	}
	artifacts, err := r.artifactsSince(ctx, 0)
	if err != nil {
		return err
	}
	more, err := r.Inventory.Heal(ctx,
		inventory.Healing{Origin: r.Log.Log().Origin(), Position: r.position(), Artifacts: artifacts})
	if err != nil {
		return err
	}
	if res.Requests, err = r.Inventory.Requests(ctx); err != nil {
		return err
	}
	res.Certificates, res.Other, res.Size = len(healed.Certificates), healed.Other+more.Other, r.Log.Log().Size()
	res.Responses, err = r.rebuildResponses(ctx)
	return err
}

// rebuildResponses notes, for every certificate, until when its last response holds.
func (r *Room) rebuildResponses(ctx context.Context) (int, error) {
	state, err := r.LogState(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	for i := range r.Config.Issuers {
		conf := &r.Config.Issuers[i]
		if _, ok := state.Get(public.Generation(conf.Name)); !ok || conf.OCSP == nil {
			continue
		}
		a := &Authority{Issuer: conf}
		for shard := range conf.OCSP.Shards {
			signed, err := r.signedIn(ctx, a, shard)
			if err != nil {
				return n, err
			}
			if err := r.Inventory.MarkSigned(ctx, conf.Name, signed); err != nil {
				return n, err
			}
			n += len(signed)
		}
	}
	return n, nil
}

// signedIn reads what a shard of the current generation answers, once for each serial.
func (r *Room) signedIn(ctx context.Context, a *Authority, shard int) ([]inventory.Signed, error) {
	bundles, err := r.CurrentBundles(ctx, a, shard)
	if err != nil {
		return nil, err
	}
	var out []inventory.Signed
	seen := map[string]bool{}
	for _, b := range bundles {
		for key, der := range b.All() {
			if err != nil || seen[string(key.Serial)] || ocspcache.ShardOf(key.Serial, a.OCSP.Shards) != shard {
				continue
			}
			seen[string(key.Serial)] = true
			var resp *artifact.Response
			var e *inventory.Entry
			if resp, err = artifact.ParseResponse(der); err != nil {
				continue
			}
			if e, err = r.Inventory.Get(ctx, a.Name, key.Serial); err != nil {
				continue
			}
			out = append(out, inventory.Signed{Serial: append([]byte(nil), key.Serial...), Revision: e.Revision,
				ThisUpdate: resp.Singles[0].ThisUpdate, NextUpdate: resp.Singles[0].NextUpdate})
		}
		b.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("reading the responses of %s: %w", a.Name, err)
	}
	return out, nil
}
