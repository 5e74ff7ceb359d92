package hsmsign

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
	r.inv, err = inventory.Open(ctx, inventory.Config{DSN: InventoryDSN(r.conf.Signer), Now: r.now, Logger: r.logger})
	if err != nil {
		return err
	}
	issuers, err := r.inv.Issuers(ctx)
	if err != nil {
		return err
	}
	if len(issuers) > 0 {
		return &RecordError{err: fmt.Errorf("rebuilding the inventory: %s is not empty; the room heals an inventory by itself when it is older than the master; to rebuild it, move it away first", InventoryDSN(r.conf.Signer))}
	}
	// The records name the issuers that the artifacts belong to, so they come first.
	healed, err := r.inv.Heal(ctx, inventory.Healing{Origin: r.log.Log().Origin(), Position: r.position(), Records: r.privateRecords(ctx, 0), List: r.listed})
	if err != nil {
		return err
	}
	artifacts, err := r.artifactsSince(ctx, 0)
	if err != nil {
		return err
	}
	more, err := r.inv.Heal(ctx, inventory.Healing{Origin: r.log.Log().Origin(), Position: r.position(), Artifacts: artifacts})
	if err != nil {
		return err
	}
	if res.Requests, err = r.inv.Requests(ctx); err != nil {
		return err
	}
	res.Certificates, res.Other, res.Size = len(healed.Certificates), healed.Other+more.Other, r.log.Log().Size()
	res.Responses, err = r.rebuildResponses(ctx)
	return err
}

// rebuildResponses notes, for every certificate, until when its last response holds.
func (r *Room) rebuildResponses(ctx context.Context) (int, error) {
	state, err := r.logState(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	for i := range r.conf.Issuers {
		conf := &r.conf.Issuers[i]
		if _, ok := state.Get(public.Generation(conf.Name)); !ok || conf.OCSP == nil {
			continue
		}
		a := &authority{Issuer: conf}
		for shard := range conf.OCSP.Shards {
			signed, err := r.signedIn(ctx, a, shard)
			if err != nil {
				return n, err
			}
			if err := r.inv.MarkSigned(ctx, conf.Name, signed); err != nil {
				return n, err
			}
			n += len(signed)
		}
	}
	return n, nil
}

// signedIn reads what a shard of the current generation answers, once for each serial.
func (r *Room) signedIn(ctx context.Context, a *authority, shard int) ([]inventory.Signed, error) {
	bundles, err := r.currentBundles(ctx, a, shard)
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
			if e, err = r.inv.Get(ctx, a.Name, key.Serial); err != nil {
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
