package hsmsign

import (
	"bytes"
	"context"
	"fmt"
	"math/big"
	"strconv"
	"time"

	"seihon/artifact"
	"seihon/inventory"
	"seihon/ocspcache"
	"seihon/public"
)

func (r *Room) currentBundle(ctx context.Context, a *authority, shard int) (ocspcache.GenerationBundle, error) {
	var u ocspcache.GenerationBundle
	last, err := latest(ctx, r.inv, a.Name, artifact.OCSPBundle, strconv.Itoa(shard))
	if err != nil {
		return u, err
	}
	if last == nil {
		var out bytes.Buffer
		rec, err := r.storeBundle(ctx, a, shard, ocspcache.NewBundleWriter(&out, a.Name, uint16(shard)), &out)
		if err != nil {
			return u, err
		}
		if err := r.inv.AddArtifacts(ctx, []inventory.ArtifactRecord{rec}); err != nil {
			return u, fmt.Errorf("recording %s: %w", rec.Name, err)
		}
		r.pending = append(r.pending, rec)
		last = &rec
	}
	line, err := r.line(*last)
	if err != nil {
		return u, err
	}
	b, err := ocspcache.OpenBundle(r.log.Log().BlobPath(line))
	if err != nil {
		return u, fmt.Errorf("opening %s: %w", last.Name, err)
	}
	defer b.Close()
	return ocspcache.GenerationBundle{
		Shard: uint16(shard), Digest: last.Digest, Size: line.Size, Count: b.Len(), NextUpdate: b.MinNextUpdate(),
	}, nil
}

// lease is how long a shard is ours before another signing host may take it over.
const lease = 15 * time.Minute

// storeBundle closes the bundle and puts it into the master. Its responses were
// checked by the key that signed them, or come from the master: section A looks
// at each of them again on the publishing host.
func (r *Room) storeBundle(ctx context.Context, a *authority, shard int, w *ocspcache.BundleWriter, out *bytes.Buffer) (inventory.ArtifactRecord, error) {
	var rec inventory.ArtifactRecord
	sum, err := w.Close()
	if err != nil {
		return rec, fmt.Errorf("closing shard %d of %s: %w", shard, a.Name, err)
	}
	digest, _, err := r.log.PutBlob(ctx, artifact.OCSPBundle, bytes.NewReader(out.Bytes()))
	if err != nil {
		return rec, fmt.Errorf("storing shard %d of %s: %w", shard, a.Name, err)
	}
	if digest != sum.Digest {
		return rec, fmt.Errorf("storing shard %d of %s: the master holds %s, the bundle is %s", shard, a.Name, digest, sum.Digest)
	}
	return inventory.ArtifactRecord{
		Issuer: a.Name, Kind: artifact.OCSPBundle, Name: public.Bundle(digest), Scope: strconv.Itoa(shard),
		Number: big.NewInt(int64(shard)), ThisUpdate: sum.MaxThisUpdate, NextUpdate: sum.MinNextUpdate,
		Digest: digest, SignedAt: r.now().UTC().Truncate(time.Second),
	}, nil
}

func (r *Room) openBundle(rec *inventory.ArtifactRecord) (*ocspcache.Bundle, error) {
	line, err := r.line(*rec)
	if err != nil {
		return nil, err
	}
	if err := r.log.Log().CheckBlob(context.Background(), line); err != nil {
		return nil, err
	}
	b, err := ocspcache.OpenBundle(r.log.Log().BlobPath(line))
	if err != nil {
		return nil, fmt.Errorf("opening bundle %s: %w", rec.Name, err)
	}
	return b, nil
}
