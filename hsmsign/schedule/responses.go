package schedule

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
	"seihon/hsmsign/room"
	"seihon/inventory"
	"seihon/ocspcache"
)

// signResponses renews what is due of one issuer, shard by shard, and makes a
// new generation when a bundle changed. all signs everything, due or not.
func signResponses(ctx context.Context, r *room.Room, a *room.Authority, now time.Time,
	all bool) (signed int, err error) {
	enc, notAfter, err := encoder(ctx, r, a)
	if err != nil {
		return 0, err
	}
	validity := min(a.OCSP.Validity.Std(), notAfter.Sub(now))
	if validity <= 0 {
		return 0, fmt.Errorf("signing responses of %s: the signer's certificate expired at %s", a.Name,
			notAfter.Format(time.RFC3339))
	}
	cutoff, end, err := cutoff(ctx, r, a, now)
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
	claim := inventory.ClaimRequest{Host: r.Host(), Issuer: a.Name, Max: 1, Lease: room.Lease, Cutoff: cutoff}
	if all {
		claim.Max = a.OCSP.Shards
	}
	if due, err := r.Inventory.DueShards(ctx, a.Name, cutoff); err != nil || len(due) > 0 {
		if err == nil {
			err = r.Coherent(ctx, a)
		}
		if err != nil {
			return 0, fmt.Errorf("signing responses of %s: %w", a.Name, err)
		}
	}
	done := map[int]bool{}
	for again := true; again; {
		claims, err := r.Inventory.Claim(ctx, claim)
		if err != nil {
			return signed, fmt.Errorf("claiming a shard of %s: %w", a.Name, err)
		}
		again = len(claims) > 0 && !all
		for _, cl := range claims {
			// still due, because of a revocation meanwhile or a signer that expires soon: the next run's work
			if done[cl.Shard] {
				again = false
				if err := r.Inventory.Release(ctx, cl); err != nil {
					return signed, fmt.Errorf("releasing a shard of %s: %w", a.Name, err)
				}
				continue
			}
			n, err := signShard(ctx, r, a, enc, cl, cutoff, now, validity)
			var unsaid *room.RecordError
			if errors.As(err, &unsaid) {
				healed, herr := r.HealFaults(ctx, unsaid)
				if err = errors.Join(err, herr); herr == nil && healed.Any() {
					n, err = signShard(ctx, r, a, enc, cl, cutoff, now, validity)
				}
			}
			if err != nil {
				return signed, errors.Join(err, r.Inventory.Release(context.WithoutCancel(ctx), cl))
			}
			signed, done[cl.Shard] = signed+n, true
		}
	}
	stale, err := staleShards(ctx, r, a, now, done)
	if err != nil {
		return signed, err
	}
	if all || len(done) > 0 || len(stale) > 0 {
		if again, err := watchIdle(ctx, r, a, now, done); err != nil || again {
			if err != nil {
				return signed, err
			}
			n, err := signResponses(ctx, r, a, now, false) // what was healed is due
			return signed + n, err
		}
	}
	if err := dropStale(ctx, r, a, enc, stale, cutoff, now, validity); err != nil {
		return signed, err
	}
	if len(done) == 0 && len(stale) == 0 {
		if unnamed, err := r.UnnamedBundle(ctx, a); err != nil || !unnamed {
			return signed, err
		}
	}
	return signed, r.SignGeneration(ctx, a, now)
}

// staleShards are those in which nothing was due, and whose last bundle has what it must not have: a response past its
// nextUpdate, since its certificate has expired, or responses that belong elsewhere, since the number of shards was
// another.
func staleShards(ctx context.Context, r *room.Room, a *room.Authority, now time.Time,
	done map[int]bool) ([]int, error) {
	g, err := r.CurrentGeneration(ctx, a)
	if err != nil || g == nil {
		return nil, err
	}
	var stale []int
	for shard := range a.OCSP.Shards {
		last, err := room.Latest(ctx, r.Inventory, a.Name, artifact.OCSPBundle, strconv.Itoa(shard))
		if err != nil {
			return nil, err
		}
		if last == nil || done[shard] || len(g.Bundles) == a.OCSP.Shards && !artifact.Stale(last.NextUpdate, now) {
			continue
		}
		if _, err := r.Line(*last); err == nil { // else it is another room's, which has a master of its own
			stale = append(stale, shard)
		}
	}
	return stale, nil
}

// dropStale writes the bundles of these shards again, without what they must not have. A shard of which something may
// be due is claimed like any other; one that another host has claimed is that host's to write. In one whose
// certificates have all expired there is nothing to claim, and no host that could be signing.
func dropStale(ctx context.Context, r *room.Room, a *room.Authority, enc *ocsp.Encoder, shards []int, cutoff,
	now time.Time, validity time.Duration) error {
	if len(shards) == 0 {
		return nil
	}
	claims, err := r.Inventory.Claim(ctx,
		inventory.ClaimRequest{Host: r.Host(), Issuer: a.Name, Max: a.OCSP.Shards, Lease: room.Lease,
			Cutoff: inventory.Everything()})
	if err != nil {
		return fmt.Errorf("claiming the shards of %s: %w", a.Name, err)
	}
	for _, cl := range claims {
		if err == nil && slices.Contains(shards, cl.Shard) {
			if _, err = signShard(ctx, r, a, enc, cl, cutoff, now, validity); err == nil {
				continue
			}
		}
		err = errors.Join(err, r.Inventory.Release(context.WithoutCancel(ctx), cl))
	}
	for _, shard := range shards {
		if err == nil {
			err = emptyShard(ctx, r, a, shard, now)
		}
	}
	return err
}

// emptyShard writes the bundle of a shard again if no certificate of it can be due any more.
func emptyShard(ctx context.Context, r *room.Room, a *room.Authority, shard int, now time.Time) error {
	for _, err := range r.Inventory.Due(ctx, a.Name, shard, inventory.Everything()) {
		if err != nil {
			return fmt.Errorf("reading what is due of %s: %w", a.Name, err)
		}
		return nil
	}
	var out bytes.Buffer
	w := ocspcache.NewBundleWriter(&out, a.Name, uint16(shard))
	if err := copyFresh(ctx, r, a, shard, nil, now, w); err != nil {
		return err
	}
	rec, err := r.StoreBundle(ctx, a, shard, w, &out)
	if err != nil {
		return err
	}
	if err := r.Inventory.AddArtifacts(ctx, []inventory.ArtifactRecord{rec}); err != nil {
		return fmt.Errorf("recording %s: %w", rec.Name, err)
	}
	r.Pending = append(r.Pending, rec)
	return nil
}

// encoder prepares the OCSP encoder of an issuer and tells until when its signer's certificate is valid.
func encoder(ctx context.Context, r *room.Room, a *room.Authority) (*ocsp.Encoder, time.Time, error) {
	signerKey, responder, notAfter := a.ResponseKey(), a.Responder, a.Certificate.NotAfter
	if a.OCSP.Responder != nil {
		if responder == nil {
			return nil, time.Time{}, fmt.Errorf("signing responses of %s: its OCSP signer has no certificate; %s",
				a.Name, certifyHint(a))
		}
		notAfter = responder.NotAfter
		// clients are told not to ask (nocheck)
		if err := r.NotRevoked(ctx, a.Name, a.OCSP.Responder.Name, responder); err != nil {
			return nil, time.Time{}, fmt.Errorf("signing responses of %s: %w", a.Name, err)
		}
	}
	key, err := r.Key(ctx, signerKey)
	if err != nil {
		return nil, time.Time{}, err
	}
	enc, err := ocsp.NewEncoder(a.Certificate, responder, key, ocsp.Policy{
		CertID: ocsp.CertID(a.OCSP.CertID), Signature: room.Signature(signerKey),
		Retention: a.OCSP.ArchiveRetention.Std(),
	})
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("signing responses of %s: %w", a.Name, err)
	}
	return enc, notAfter, nil
}

// signShard renews what is due in a claimed shard and copies the rest from its last bundle.
func signShard(ctx context.Context, r *room.Room, a *room.Authority, enc *ocsp.Encoder, claim inventory.Claim, cutoff,
	now time.Time, validity time.Duration) (int, error) {
	var out bytes.Buffer
	w := ocspcache.NewBundleWriter(&out, a.Name, uint16(claim.Shard))
	this := now.UTC().Truncate(time.Second)
	next := this.Add((validity - jitter(a.Name, claim.Shard, a.OCSP.Refresh.Std()/8)).Truncate(time.Second))

	var signed []inventory.Signed
	retired, renewed := 0, map[string]bool{}
	var due []inventory.Status
	for s, err := range r.Inventory.Due(ctx, a.Name, claim.Shard, cutoff) {
		if err != nil {
			return 0, fmt.Errorf("reading what is due of %s: %w", a.Name, err)
		}
		due = append(due, s)
	}
	expired, err := watchShard(ctx, r, a, claim.Shard, due, now)
	if err != nil {
		return 0, err
	}
	jobs := func(yield func(ocsp.Job, error) bool) {
		for _, s := range due {
			renewed[string(s.Serial)] = true
			status := room.ResponseStatus(s)
			status.Misissued = r.KnownDeviation(a.Name, s.Serial, r.Now())
			if err := room.Unsignable(status); err != nil { // it stays urgent; the others are not kept waiting
				r.LeftOut = append(r.LeftOut,
					fmt.Errorf("signing a response of %s for serial %x: %w", a.Name, s.Serial, err))
				continue
			}
			signed = append(signed,
				inventory.Signed{Serial: s.Serial, Revision: s.Revision, ThisUpdate: this, NextUpdate: next})
			// the responder says unauthorized from now on
			if s.State == inventory.NeverIssued && !a.AnswersNeverIssued() {
				signed[len(signed)-1].NextUpdate = inventory.Retired
				retired++
				continue
			}
			if !yield(ocsp.Job{Status: status, ThisUpdate: this, NextUpdate: next}, nil) {
				return
			}
		}
	}
	for encoded, err := range enc.Batch(ctx, r.Workers(a.ResponseKey()), jobs) {
		if err != nil {
			return 0, fmt.Errorf("signing responses of %s: %w", a.Name, err)
		}
		for _, e := range encoded {
			if err := w.Add(ocspcache.Key{Hash: e.Hash, IssuerKeyHash: e.IssuerKeyHash, Serial: e.Serial},
				e.DER); err != nil {
				return 0, fmt.Errorf("bundling a response of %s: %w", a.Name, err)
			}
		}
	}
	if err := copyFresh(ctx, r, a, claim.Shard, renewed, now, w); err != nil {
		return 0, err
	}
	rec, err := r.StoreBundle(ctx, a, claim.Shard, w, &out)
	if err != nil {
		return 0, err
	}
	if err := r.Inventory.Finish(ctx, claim, signed, []inventory.ArtifactRecord{rec}); err != nil {
		return 0, fmt.Errorf("recording shard %d of %s: %w", claim.Shard, a.Name, err)
	}
	r.Pending = append(r.Pending, rec)
	r.AddExpired(a.Name, expired)
	return len(signed) - retired, nil
}

// copyFresh copies what was not renewed from the shard's last bundle, as long as it is valid.
func copyFresh(ctx context.Context, r *room.Room, a *room.Authority, shard int, renewed map[string]bool, now time.Time,
	w *ocspcache.BundleWriter) error {
	last, err := room.Latest(ctx, r.Inventory, a.Name, artifact.OCSPBundle, strconv.Itoa(shard))
	if err != nil || last == nil {
		return err
	}
	b, err := r.OpenBundle(last)
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
func certifyHint(a *room.Authority) string {
	name := a.OCSP.Responder.Name
	if a.External() {
		return fmt.Sprintf("let the CA sign what `signer request --name %s` asks for, and hand the certificate over "+
			"with `signer accept`", name)
	}
	return fmt.Sprintf("`signer issue --name %s` makes it", name)
}
