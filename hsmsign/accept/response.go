package accept

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/ocsp"
	"seihon/hsmsign/room"
	"seihon/inventory"
	"seihon/ocspcache"
	"seihon/sectiona"
)

// answers are OCSP responses that a CA signed itself, by issuer and shard, until they are bundled together.
type answers struct {
	issuers []string
	shards  map[string]map[int][]answer
}

// An answer is a response about one certificate.
type answer struct {
	key     ocspcache.Key
	der     []byte
	single  *artifact.Single
	verdict *Verdict
}

// acceptResponse judges a response as section A does, and puts it among those that are bundled together.
func acceptResponse(r *room.Room, a *artifact.Artifact, v *Verdict, all *answers) error {
	cert, _, err := r.Policy.Trust.CheckResponse(a.OCSP)
	if err != nil {
		return room.Refuse("%w", err)
	}
	var issuer *room.Authority
	for _, one := range r.Authorities {
		if one.Certificate != nil && one.Certificate.Equal(cert) {
			issuer = one
		}
	}
	if issuer == nil {
		return room.Refuse("it is about a certificate of %q, which is no issuer of the configuration", cert.Subject)
	}
	if err := v.of(issuer.Name); err != nil {
		return err
	}
	if issuer.OCSP == nil || !issuer.OCSP.External() {
		return room.Refuse("the responses of %s are signed in this room: only with ocsp.signed_by: external are they "+
			"taken from outside", issuer.Name)
	}
	if refusal := r.Policy.Admit(a, sectiona.Evidence{InLedger: true}); refusal != nil {
		return refusal
	}
	if len(a.OCSP.Singles) != 1 {
		return room.Refuse("it has %d answers: a client asks for one certificate, hand over a response for each",
			len(a.OCSP.Singles))
	}
	s := &a.OCSP.Singles[0]
	shard := ocspcache.ShardOf(s.CertID.Serial, issuer.OCSP.Shards)
	if all.shards == nil {
		all.shards = map[string]map[int][]answer{}
	}
	if all.shards[issuer.Name] == nil {
		all.shards[issuer.Name] = map[int][]answer{}
		all.issuers = append(all.issuers, issuer.Name)
	}
	key := ocspcache.Key{Hash: s.CertID.Hash, IssuerKeyHash: s.CertID.IssuerKeyHash, Serial: s.CertID.Serial}
	all.shards[issuer.Name][shard] = append(all.shards[issuer.Name][shard], answer{key, a.Bytes, s, v})
	return nil
}

// acceptAnswers bundles the responses that were gathered, and names the bundles in a new generation.
func acceptAnswers(ctx context.Context, r *room.Room, all *answers) error {
	for _, name := range all.issuers {
		a := r.Authorities[name]
		if err := r.Coherent(ctx, a); err != nil {
			return err
		}
		if r.DryRun {
			if err := judgeAnswers(ctx, r, a, all.shards[name]); err != nil {
				return err
			}
			continue
		}
		claims, err := r.Inventory.Claim(ctx,
			inventory.ClaimRequest{Host: r.Host(), Issuer: name, Max: a.OCSP.Shards, Lease: room.Lease,
				Cutoff: inventory.Everything()})
		if err != nil {
			return fmt.Errorf("claiming the shards of %s: %w", name, err)
		}
		changed := false
		for _, claim := range claims {
			given := all.shards[name][claim.Shard]
			delete(all.shards[name], claim.Shard)
			done, err := acceptShard(ctx, r, a, claim, given)
			if !done {
				err = errors.Join(err, r.Inventory.Release(context.WithoutCancel(ctx), claim))
			}
			if err != nil {
				return err
			}
			changed = changed || done
		}
		for _, left := range all.shards[name] { // nothing is known in that shard
			for _, n := range left {
				n.verdict.settle(n.unknown())
			}
		}
		if !changed { // a crash came between a bundle and its generation
			if changed, err = r.UnnamedBundle(ctx, a); err != nil {
				return err
			}
		}
		if changed {
			if err := r.SignGeneration(ctx, a, r.Now()); err != nil {
				return err
			}
		}
	}
	*all = answers{}
	return nil
}

// judgeAnswers is what a dry run does with responses: no shard is claimed and no bundle written.
func judgeAnswers(ctx context.Context, r *room.Room, a *room.Authority, shards map[int][]answer) error {
	for _, shard := range slices.Sorted(maps.Keys(shards)) {
		if _, err := acceptShard(ctx, r, a, inventory.Claim{Issuer: a.Name, Shard: shard}, shards[shard]); err != nil {
			return err
		}
	}
	return nil
}

func (n *answer) unknown() error {
	return room.Refuse("the inventory has no certificate with serial %x that has not expired: import the CA's "+
		"certificates first", n.key.Serial)
}

// acceptShard writes a bundle of what was given and of what goes on. It reports whether there is a new one.
func acceptShard(ctx context.Context, r *room.Room, a *room.Authority, claim inventory.Claim,
	given []answer) (bool, error) {
	if len(given) == 0 {
		return false, nil
	}
	known := map[string]inventory.Status{}
	for s, err := range r.Inventory.Due(ctx, a.Name, claim.Shard, inventory.Everything()) {
		if err != nil {
			return false, err
		}
		known[string(s.Serial)] = s
	}
	old, err := lastAnswers(ctx, r, a, claim.Shard)
	if err != nil {
		return false, err
	}
	defer old.close()
	var out bytes.Buffer
	w := ocspcache.NewBundleWriter(&out, a.Name, uint16(claim.Shard))
	taken := map[string]bool{}
	// once for a certificate that has an answer for each form of CertID
	signed, place := []inventory.Signed{}, map[string]int{}
	for i := range given {
		n := &given[i]
		s, there := known[string(n.key.Serial)]
		if err := n.judge(s, there, old, taken); err != nil || n.verdict.Present {
			n.verdict.settle(err)
			continue
		}
		taken[keyText(n.key)] = true
		if err := w.Add(n.key, n.der); err != nil {
			return false, fmt.Errorf("bundling %s: %w", n.verdict.Input, err)
		}
		one := inventory.Signed{Serial: s.Serial, Revision: s.Revision, ThisUpdate: n.single.ThisUpdate,
			NextUpdate: n.single.NextUpdate}
		if at, twice := place[string(s.Serial)]; !twice {
			place[string(s.Serial)] = len(signed)
			signed = append(signed, one)
		} else if one.NextUpdate.Before(signed[at].NextUpdate) { // due when the first of them ends
			signed[at] = one
		}
	}
	if len(signed) == 0 || r.DryRun {
		return false, nil
	}
	if err := old.copyTo(w, taken, r.Now()); err != nil {
		return false, err
	}
	rec, err := r.StoreBundle(ctx, a, claim.Shard, w, &out)
	if err != nil {
		return false, err
	}
	if err := r.Inventory.Finish(ctx, claim, signed, []inventory.ArtifactRecord{rec}); err != nil {
		return false, fmt.Errorf("recording shard %d of %s: %w", claim.Shard, a.Name, err)
	}
	r.Pending = append(r.Pending, rec)
	return true, nil
}

// judge holds an answer against what the inventory says and against the answer that it replaces.
func (n *answer) judge(s inventory.Status, there bool, old *oldAnswers, taken map[string]bool) error {
	if !there {
		return n.unknown()
	}
	if taken[keyText(n.key)] {
		return room.Refuse("another answer about serial %x was handed over with it", n.key.Serial)
	}
	want := room.ResponseStatus(s)
	if why := differs(n.single, want); why != "" {
		return &room.RecordError{Err: fmt.Errorf("about serial %x it %s: hand over the CA's newest list, and an "+
			"answer that agrees with it", n.key.Serial, why)}
	}
	der, ok := old.lookup(n.key)
	if !ok {
		return nil
	}
	if bytes.Equal(der, n.der) {
		n.verdict.Present = true
		return nil
	}
	last, err := artifact.ParseResponse(der)
	if err != nil {
		return fmt.Errorf("reading the last answer about serial %x: %w", n.key.Serial, err)
	}
	if n.single.ThisUpdate.Before(last.Singles[0].ThisUpdate) {
		return room.Refuse("it is of %s, the answer about serial %x here is newer, of %s",
			n.single.ThisUpdate.Format(time.RFC3339),
			n.key.Serial, last.Singles[0].ThisUpdate.Format(time.RFC3339))
	}
	return nil
}

// differs says how an answer is not what the inventory says; "" when it is.
func differs(s *artifact.Single, want ocsp.Status) string {
	switch {
	case want.State == ocsp.Good && s.Status != artifact.StatusGood:
		return "does not say good, and no list says that it is revoked"
	case want.State == ocsp.Revoked && s.Status != artifact.StatusRevoked:
		return fmt.Sprintf("does not say revoked, as the CA's list does since %s", want.RevokedAt.Format(time.RFC3339))
	case want.State == ocsp.Revoked && (!s.RevokedAt.Equal(want.RevokedAt) || max(s.Reason, 0) != max(want.Reason, 0)):
		return fmt.Sprintf("says revoked at %s with reason %d, the CA's list says %s and %d",
			s.RevokedAt.Format(time.RFC3339), max(s.Reason, 0),
			want.RevokedAt.Format(time.RFC3339), max(want.Reason, 0))
	case want.State == ocsp.NeverIssued:
		return "speaks of a serial that was declared never issued"
	}
	return ""
}

func keyText(k ocspcache.Key) string {
	return fmt.Sprintf("%d %x %x", k.Hash, k.IssuerKeyHash, k.Serial)
}

// oldAnswers is the last bundle of a shard; nil: there is none.
type oldAnswers struct{ b *ocspcache.Bundle }

func lastAnswers(ctx context.Context, r *room.Room, a *room.Authority, shard int) (*oldAnswers, error) {
	last, err := room.Latest(ctx, r.Inventory, a.Name, artifact.OCSPBundle, fmt.Sprint(shard))
	if err != nil || last == nil {
		return &oldAnswers{}, err
	}
	b, err := r.OpenBundle(last)
	return &oldAnswers{b}, err
}

func (o *oldAnswers) close() {
	if o.b != nil {
		_ = o.b.Close() // it was only read
	}
}

func (o *oldAnswers) lookup(k ocspcache.Key) ([]byte, bool) {
	if o.b == nil {
		return nil, false
	}
	return o.b.Lookup(k)
}

// copyTo carries on the answers that are still valid and that nothing has replaced.
func (o *oldAnswers) copyTo(w *ocspcache.BundleWriter, taken map[string]bool, now time.Time) error {
	if o.b == nil {
		return nil
	}
	for key, der := range o.b.All() {
		if taken[keyText(key)] {
			continue
		}
		resp, err := artifact.ParseResponse(der)
		if err != nil {
			return fmt.Errorf("reading the last bundle: %w", err)
		}
		if !now.Before(resp.Singles[0].NextUpdate) {
			continue
		}
		if err := w.Add(key, der); err != nil {
			return fmt.Errorf("copying a response: %w", err)
		}
	}
	return nil
}
