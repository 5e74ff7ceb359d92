package main

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/ocspcache"
)

// bundles signs the responses and makes the generation that has them and all others as they were, one shard after the
// other: a million responses are never held at once.
func (r *room) bundles(ctx context.Context, which []int, now, date time.Time) ([]ledger.Line, error) {
	shards := (r.s.responses + shardSize - 1) / shardSize
	members, renewed := make([][]int, shards), make([][]int, shards)
	for i := range r.s.responses {
		shard := ocspcache.ShardOf(serial(i), shards)
		members[shard] = append(members[shard], i)
	}
	for _, i := range which {
		shard := ocspcache.ShardOf(serial(i), shards)
		renewed[shard] = append(renewed[shard], i)
	}
	last, err := r.lastGeneration(ctx)
	if err != nil {
		return nil, err
	}
	g := &ocspcache.Generation{Issuer: issuer, Number: uint64(r.Number) + 1, ThisUpdate: now,
		NextUpdate: now.Add(validity)}
	var lines []ledger.Line
	for shard := range shards {
		signed, err := r.sign(ctx, renewed[shard], now)
		if err != nil {
			return nil, err
		}
		for name, der := range signed {
			if err := r.tree(name, der, date); err != nil {
				return nil, err
			}
		}
		line, bundle, err := r.bundle(ctx, shard, members[shard], signed, last)
		if err != nil {
			return nil, err
		}
		lines, g.Bundles = append(lines, line), append(g.Bundles, bundle)
	}
	line, err := r.line(ctx, "ocsp/"+issuer+".generation", artifact.OCSPGeneration, g.Body(), fmt.Sprint(g.Number), now,
		now.Add(validity))
	return append(lines, line), err
}

// lastGeneration is the one that is replaced; nil at first.
func (r *room) lastGeneration(ctx context.Context) (*ocspcache.Generation, error) {
	line, _, err := r.writer.Log().Lookup(ctx, "ocsp/"+issuer+".generation")
	if errors.Is(err, ledger.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	body, err := r.writer.Log().ReadBlob(ctx, line)
	if err != nil {
		return nil, err
	}
	g, _, err := ocspcache.ParseGeneration(body)
	return g, err
}

// bundle makes one shard of what was signed and, from its last bundle, of the rest.
func (r *room) bundle(ctx context.Context, shard int, members []int, signed map[string][]byte,
	last *ocspcache.Generation) (line ledger.Line, b ocspcache.GenerationBundle, err error) {
	old := &ocspcache.Bundle{}
	if last != nil {
		was := last.Bundles[shard]
		path := r.writer.Log().BlobPath(ledger.Line{Name: "ocsp/bundles/" + was.Digest.String(),
			Kind: artifact.OCSPBundle, Digest: was.Digest, Size: was.Size})
		if old, err = ocspcache.OpenBundle(path); err != nil {
			return line, b, err
		}
		defer old.Close()
	}
	var out bytes.Buffer
	w := ocspcache.NewBundleWriter(&out, issuer, uint16(shard))
	hash := artifact.PublicKeyHash(r.ca, crypto.SHA1)
	for _, i := range members {
		k := ocspcache.Key{Hash: crypto.SHA1, IssuerKeyHash: hash, Serial: serial(i)}
		der := signed[ocspcache.ObjectName(k)]
		if der == nil {
			der, _ = old.Lookup(k)
		}
		if err := w.Add(k, der); err != nil {
			return line, b, err
		}
	}
	sum, err := w.Close()
	if err != nil {
		return line, b, err
	}
	line, err = r.line(ctx, "ocsp/bundles/"+sum.Digest.String(), artifact.OCSPBundle, out.Bytes(), "",
		sum.MaxThisUpdate, sum.MinNextUpdate)
	return line, ocspcache.GenerationBundle{Shard: uint16(shard), Digest: sum.Digest, Size: sum.Size, Count: sum.Count,
		NextUpdate: sum.MinNextUpdate}, err
}
