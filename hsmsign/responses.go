package hsmsign

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/ocsp"
	"seihon/inventory"
	"seihon/ocspcache"
)

// signResponses renews what is due of one issuer, shard by shard, and makes a
// new generation when a bundle changed. all signs everything, due or not.
func (r *Room) signResponses(ctx context.Context, a *authority, now time.Time, all bool) (signed int, err error) {
	enc, notAfter, err := r.encoder(ctx, a)
	if err != nil {
		return 0, err
	}
	validity := min(a.OCSP.Validity.Std(), notAfter.Sub(now))
	if validity <= 0 {
		return 0, fmt.Errorf("signing responses of %s: the signer's certificate expired at %s", a.Name, notAfter.Format(time.RFC3339))
	}
	cutoff, end, err := r.cutoff(ctx, a, now)
	if err != nil {
		return 0, fmt.Errorf("signing responses of %s: %w", a.Name, err)
	}
	if !end.IsZero() {
		validity = min(validity, end.Sub(now))
	}
	if all {
		cutoff = inventory.Everything()
	}
	// One shard at a time, so that several hosts share the work; all of them at once when all are asked for.
	claim := inventory.ClaimRequest{Host: r.host(), Issuer: a.Name, Max: 1, Lease: lease, Cutoff: cutoff}
	if all {
		claim.Max = a.OCSP.Shards
	}
	if due, err := r.inv.DueShards(ctx, a.Name, cutoff); err != nil || len(due) > 0 {
		if err == nil {
			err = r.coherent(ctx, a)
		}
		if err != nil {
			return 0, fmt.Errorf("signing responses of %s: %w", a.Name, err)
		}
	}
	done := map[int]bool{}
	for again := true; again; {
		claims, err := r.inv.Claim(ctx, claim)
		if err != nil {
			return signed, fmt.Errorf("claiming a shard of %s: %w", a.Name, err)
		}
		again = len(claims) > 0 && !all
		for _, cl := range claims {
			if done[cl.Shard] { // still due, because of a revocation meanwhile or a signer that expires soon: the next run's work
				again = false
				if err := r.inv.Release(ctx, cl); err != nil {
					return signed, fmt.Errorf("releasing a shard of %s: %w", a.Name, err)
				}
				continue
			}
			n, err := r.signShard(ctx, a, enc, cl, cutoff, now, validity)
			var unsaid *RecordError
			if errors.As(err, &unsaid) {
				healed, herr := r.healFaults(ctx, unsaid)
				if err = errors.Join(err, herr); herr == nil && healed.Any() {
					n, err = r.signShard(ctx, a, enc, cl, cutoff, now, validity)
				}
			}
			if err != nil {
				return signed, errors.Join(err, r.inv.Release(context.WithoutCancel(ctx), cl))
			}
			signed, done[cl.Shard] = signed+n, true
		}
	}
	stale, err := r.staleShards(ctx, a, now, done)
	if err != nil {
		return signed, err
	}
	if all || len(done) > 0 || len(stale) > 0 {
		if again, err := r.watchIdle(ctx, a, now, done); err != nil || again {
			if err != nil {
				return signed, err
			}
			n, err := r.signResponses(ctx, a, now, false) // what was healed is due
			return signed + n, err
		}
	}
	if err := r.dropStale(ctx, a, enc, stale, cutoff, now, validity); err != nil {
		return signed, err
	}
	if len(done) == 0 && len(stale) == 0 {
		if unnamed, err := r.unnamedBundle(ctx, a); err != nil || !unnamed {
			return signed, err
		}
	}
	return signed, r.signGeneration(ctx, a, now)
}

// staleShards are those in which nothing was due, and whose last bundle has what it must not have: a response past its nextUpdate,
// since its certificate has expired, or responses that belong elsewhere, since the number of shards was another.
func (r *Room) staleShards(ctx context.Context, a *authority, now time.Time, done map[int]bool) ([]int, error) {
	g, err := r.currentGeneration(ctx, a)
	if err != nil || g == nil {
		return nil, err
	}
	var stale []int
	for shard := range a.OCSP.Shards {
		last, err := latest(ctx, r.inv, a.Name, artifact.OCSPBundle, strconv.Itoa(shard))
		if err != nil {
			return nil, err
		}
		if last == nil || done[shard] || len(g.Bundles) == a.OCSP.Shards && !artifact.Stale(last.NextUpdate, now) {
			continue
		}
		if _, err := r.line(*last); err == nil { // else it is another room's, which has a master of its own
			stale = append(stale, shard)
		}
	}
	return stale, nil
}

// dropStale writes the bundles of these shards again, without what they must not have. A shard of which something may be
// due is claimed like any other; one that another host has claimed is that host's to write. In one whose certificates have all
// expired there is nothing to claim, and no host that could be signing.
func (r *Room) dropStale(ctx context.Context, a *authority, enc *ocsp.Encoder, shards []int, cutoff, now time.Time, validity time.Duration) error {
	if len(shards) == 0 {
		return nil
	}
	claims, err := r.inv.Claim(ctx, inventory.ClaimRequest{Host: r.host(), Issuer: a.Name, Max: a.OCSP.Shards, Lease: lease, Cutoff: inventory.Everything()})
	if err != nil {
		return fmt.Errorf("claiming the shards of %s: %w", a.Name, err)
	}
	for _, cl := range claims {
		if err == nil && slices.Contains(shards, cl.Shard) {
			if _, err = r.signShard(ctx, a, enc, cl, cutoff, now, validity); err == nil {
				continue
			}
		}
		err = errors.Join(err, r.inv.Release(context.WithoutCancel(ctx), cl))
	}
	for _, shard := range shards {
		if err == nil {
			err = r.emptyShard(ctx, a, shard, now)
		}
	}
	return err
}

// emptyShard writes the bundle of a shard again if no certificate of it can be due any more.
func (r *Room) emptyShard(ctx context.Context, a *authority, shard int, now time.Time) error {
	for _, err := range r.inv.Due(ctx, a.Name, shard, inventory.Everything()) {
		if err != nil {
			return fmt.Errorf("reading what is due of %s: %w", a.Name, err)
		}
		return nil
	}
	var out bytes.Buffer
	w := ocspcache.NewBundleWriter(&out, a.Name, uint16(shard))
	if err := r.copyFresh(ctx, a, shard, nil, now, w); err != nil {
		return err
	}
	rec, err := r.storeBundle(ctx, a, shard, w, &out)
	if err != nil {
		return err
	}
	if err := r.inv.AddArtifacts(ctx, []inventory.ArtifactRecord{rec}); err != nil {
		return fmt.Errorf("recording %s: %w", rec.Name, err)
	}
	r.pending = append(r.pending, rec)
	return nil
}

// encoder prepares the OCSP encoder of an issuer and tells until when its signer's certificate is valid.
func (r *Room) encoder(ctx context.Context, a *authority) (*ocsp.Encoder, time.Time, error) {
	signerKey, responder, notAfter := a.responseKey(), a.responder, a.cert.NotAfter
	if a.OCSP.Responder != nil {
		if responder == nil {
			return nil, time.Time{}, fmt.Errorf("signing responses of %s: its OCSP signer has no certificate; %s", a.Name, certifyHint(a))
		}
		notAfter = responder.NotAfter
		if err := r.notRevoked(ctx, a.Name, a.OCSP.Responder.Name, responder); err != nil { // clients are told not to ask (nocheck)
			return nil, time.Time{}, fmt.Errorf("signing responses of %s: %w", a.Name, err)
		}
	}
	key, err := r.key(ctx, signerKey)
	if err != nil {
		return nil, time.Time{}, err
	}
	enc, err := ocsp.NewEncoder(a.cert, responder, key, ocsp.Policy{
		CertID: ocsp.CertID(a.OCSP.CertID), Signature: signature(signerKey), Retention: a.OCSP.ArchiveRetention.Std(),
	})
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("signing responses of %s: %w", a.Name, err)
	}
	return enc, notAfter, nil
}

// signShard renews what is due in a claimed shard and copies the rest from its last bundle.
func (r *Room) signShard(ctx context.Context, a *authority, enc *ocsp.Encoder, claim inventory.Claim, cutoff, now time.Time, validity time.Duration) (int, error) {
	var out bytes.Buffer
	w := ocspcache.NewBundleWriter(&out, a.Name, uint16(claim.Shard))
	this := now.UTC().Truncate(time.Second)
	next := this.Add((validity - jitter(a.Name, claim.Shard, a.OCSP.Refresh.Std()/8)).Truncate(time.Second))

	var signed []inventory.Signed
	retired, renewed := 0, map[string]bool{}
	var due []inventory.Status
	for s, err := range r.inv.Due(ctx, a.Name, claim.Shard, cutoff) {
		if err != nil {
			return 0, fmt.Errorf("reading what is due of %s: %w", a.Name, err)
		}
		due = append(due, s)
	}
	expired, err := r.watchShard(ctx, a, claim.Shard, due, now)
	if err != nil {
		return 0, err
	}
	jobs := func(yield func(ocsp.Job, error) bool) {
		for _, s := range due {
			renewed[string(s.Serial)] = true
			status := responseStatus(s)
			status.Misissued = r.known(a.Name, s.Serial, r.now())
			if err := unsignable(status); err != nil { // it stays urgent; the others are not kept waiting
				r.leftOut = append(r.leftOut, fmt.Errorf("signing a response of %s for serial %x: %w", a.Name, s.Serial, err))
				continue
			}
			signed = append(signed, inventory.Signed{Serial: s.Serial, Revision: s.Revision, ThisUpdate: this, NextUpdate: next})
			if s.State == inventory.NeverIssued && !a.answersNeverIssued() { // the responder says unauthorized from now on
				signed[len(signed)-1].NextUpdate = inventory.Retired
				retired++
				continue
			}
			if !yield(ocsp.Job{Status: status, ThisUpdate: this, NextUpdate: next}, nil) {
				return
			}
		}
	}
	for encoded, err := range enc.Batch(ctx, r.workers(a.responseKey()), jobs) {
		if err != nil {
			return 0, fmt.Errorf("signing responses of %s: %w", a.Name, err)
		}
		for _, e := range encoded {
			if err := w.Add(ocspcache.Key{Hash: e.Hash, IssuerKeyHash: e.IssuerKeyHash, Serial: e.Serial}, e.DER); err != nil {
				return 0, fmt.Errorf("bundling a response of %s: %w", a.Name, err)
			}
		}
	}
	if err := r.copyFresh(ctx, a, claim.Shard, renewed, now, w); err != nil {
		return 0, err
	}
	rec, err := r.storeBundle(ctx, a, claim.Shard, w, &out)
	if err != nil {
		return 0, err
	}
	if err := r.inv.Finish(ctx, claim, signed, []inventory.ArtifactRecord{rec}); err != nil {
		return 0, fmt.Errorf("recording shard %d of %s: %w", claim.Shard, a.Name, err)
	}
	r.pending = append(r.pending, rec)
	r.addExpired(a.Name, expired)
	return len(signed) - retired, nil
}

// copyFresh copies what was not renewed from the shard's last bundle, as long as it is valid.
func (r *Room) copyFresh(ctx context.Context, a *authority, shard int, renewed map[string]bool, now time.Time, w *ocspcache.BundleWriter) error {
	last, err := latest(ctx, r.inv, a.Name, artifact.OCSPBundle, strconv.Itoa(shard))
	if err != nil || last == nil {
		return err
	}
	b, err := r.openBundle(last)
	if err != nil {
		return err
	}
	defer b.Close()
	for key, der := range b.All() {
		if renewed[string(key.Serial)] || ocspcache.ShardOf(key.Serial, a.OCSP.Shards) != shard {
			continue
		}
		resp, err := artifact.ParseResponse(der)
		if err != nil {
			return fmt.Errorf("reading the last bundle of shard %d of %s: %w", shard, a.Name, err)
		}
		if !now.Before(resp.Singles[0].NextUpdate) {
			continue // its certificate is not due any more: expired
		}
		if err := w.Add(key, der); err != nil {
			return fmt.Errorf("copying a response of %s: %w", a.Name, err)
		}
	}
	return nil
}

// jitter spreads the expiry of the shards, so that they do not all fall due in the same run.
func jitter(issuer string, shard int, most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	d := artifact.Sum(fmt.Appendf(nil, "%s/%d", issuer, shard))
	return time.Duration(binary.BigEndian.Uint64(d[:8]) % uint64(most))
}

// certifyHint says how the OCSP signer of an issuer gets its certificate.
func certifyHint(a *authority) string {
	name := a.OCSP.Responder.Name
	if a.External() {
		return fmt.Sprintf("let the CA sign what `signer request --name %s` asks for, and hand the certificate over with `signer accept`", name)
	}
	return fmt.Sprintf("`signer issue --name %s` makes it", name)
}
