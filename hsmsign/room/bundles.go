package room

import (
	"bytes"
	"context"
	"fmt"
	"math/big"
	"strconv"
	"time"

	"seihon/artifact"
	"seihon/inventory"
	"seihon/ledger"
	"seihon/ocspcache"
	"seihon/public"
)

func (r *Room) currentBundle(ctx context.Context, a *Authority, shard int) (ocspcache.GenerationBundle, error) {
	var u ocspcache.GenerationBundle
	last, err := Latest(ctx, r.Inventory, a.Name, artifact.OCSPBundle, strconv.Itoa(shard))
	if err != nil {
		return u, err
	}
	if last == nil {
		var out bytes.Buffer
		rec, err := r.StoreBundle(ctx, a, shard, ocspcache.NewBundleWriter(&out, a.Name, uint16(shard)), &out)
		if err != nil {
			return u, err
		}
		if err := r.Inventory.AddArtifacts(ctx, []inventory.ArtifactRecord{rec}); err != nil {
			return u, fmt.Errorf("recording %s: %w", rec.Name, err)
		}
		r.Pending = append(r.Pending, rec)
		last = &rec
	}
	line, err := r.Line(*last)
	if err != nil {
		return u, err
	}
	b, err := ocspcache.OpenBundle(r.Log.Log().BlobPath(line))
	if err != nil {
		return u, fmt.Errorf("opening %s: %w", last.Name, err)
	}
	defer b.Close()
	return ocspcache.GenerationBundle{
		Shard: uint16(shard), Digest: last.Digest, Size: line.Size, Count: b.Len(), NextUpdate: b.MinNextUpdate(),
	}, nil
}

// Lease is how long a shard is ours before another signing host may take it over.
const Lease = 15 * time.Minute

// StoreBundle closes the bundle and puts it into the master. Its responses were
// checked by the key that signed them, or come from the master: section A looks
// at each of them again on the publishing host.
func (r *Room) StoreBundle(ctx context.Context, a *Authority, shard int, w *ocspcache.BundleWriter,
	out *bytes.Buffer) (inventory.ArtifactRecord, error) {
	var rec inventory.ArtifactRecord
	sum, err := w.Close()
	if err != nil {
		return rec, fmt.Errorf("closing shard %d of %s: %w", shard, a.Name, err)
	}
	digest, _, err := r.Log.PutBlob(ctx, artifact.OCSPBundle, bytes.NewReader(out.Bytes()))
	if err != nil {
		return rec, fmt.Errorf("storing shard %d of %s: %w", shard, a.Name, err)
	}
	if digest != sum.Digest {
		return rec, fmt.Errorf("storing shard %d of %s: the master holds %s, the bundle is %s", shard, a.Name, digest,
			sum.Digest)
	}
	return inventory.ArtifactRecord{
		Issuer: a.Name, Kind: artifact.OCSPBundle, Name: public.Bundle(digest), Scope: strconv.Itoa(shard),
		Number: big.NewInt(int64(shard)), ThisUpdate: sum.MaxThisUpdate, NextUpdate: sum.MinNextUpdate,
		Digest: digest, SignedAt: r.Now().UTC().Truncate(time.Second),
	}, nil
}

// OpenBundle opens a bundle of the master, which must be closed.
func (r *Room) OpenBundle(rec *inventory.ArtifactRecord) (*ocspcache.Bundle, error) {
	line, err := r.Line(*rec)
	if err != nil {
		return nil, err
	}
	if err := r.Log.Log().CheckBlob(context.Background(), line); err != nil {
		return nil, err
	}
	b, err := ocspcache.OpenBundle(r.Log.Log().BlobPath(line))
	if err != nil {
		return nil, fmt.Errorf("opening bundle %s: %w", rec.Name, err)
	}
	return b, nil
}

// CurrentBundles opens the bundles of an issuer's current generation that may
// answer for the certificates of a shard: its own one or, after a change of the
// number of shards, all of them.
func (r *Room) CurrentBundles(ctx context.Context, a *Authority, shard int) ([]*ocspcache.Bundle, error) {
	state, err := r.LogState(ctx)
	if err != nil {
		return nil, err
	}
	line, ok := state.Get(public.Generation(a.Name))
	if !ok {
		return nil, nil
	}
	body, err := r.Log.Log().ReadBlob(ctx, line)
	if err != nil {
		return nil, err
	}
	g, _, err := ocspcache.ParseGeneration(body)
	if err != nil {
		return nil, fmt.Errorf("reading the generation of %s: %w", a.Name, err)
	}
	var open []*ocspcache.Bundle
	for _, b := range g.Bundles {
		if len(g.Bundles) == a.OCSP.Shards && int(b.Shard) != shard {
			continue
		}
		line := ledger.Line{Name: public.Bundle(b.Digest), Kind: artifact.OCSPBundle, Digest: b.Digest, Size: b.Size}
		err := r.Log.Log().CheckBlob(ctx, line)
		var bundle *ocspcache.Bundle
		if err == nil {
			bundle, err = ocspcache.OpenBundle(r.Log.Log().BlobPath(line))
		}
		if err != nil {
			for _, o := range open {
				o.Close()
			}
			return nil, fmt.Errorf("opening bundle %s: %w", line.Name, err)
		}
		open = append(open, bundle)
	}
	return open, nil
}
