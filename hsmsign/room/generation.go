package room

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"strconv"
	"time"

	"seihon/artifact"
	"seihon/inventory"
	"seihon/ledger"
	"seihon/ocspcache"
	"seihon/public"
)

// SignGeneration names the current bundle of every shard. A shard without certificates gets an empty one.
func (r *Room) SignGeneration(ctx context.Context, a *Authority, now time.Time) error {
	number, err := r.generationNumber(ctx, a.Name)
	if err != nil {
		return fmt.Errorf("numbering the generation of %s: %w", a.Name, err)
	}
	g := ocspcache.Generation{Issuer: a.Name, Number: uint64(number), ThisUpdate: now.UTC().Truncate(time.Second)}
	for shard := range a.OCSP.Shards {
		u, err := r.currentBundle(ctx, a, shard)
		if err != nil {
			return err
		}
		if !u.NextUpdate.IsZero() && (g.NextUpdate.IsZero() || u.NextUpdate.Before(g.NextUpdate)) {
			g.NextUpdate = u.NextUpdate
		}
		g.Bundles = append(g.Bundles, u)
	}
	rec := inventory.ArtifactRecord{
		Issuer: a.Name, Kind: artifact.OCSPGeneration, Name: public.Generation(a.Name), Scope: "generation",
		Number: big.NewInt(number), ThisUpdate: g.ThisUpdate, NextUpdate: g.NextUpdate,
	}
	return r.Stage(ctx, rec, g.Body())
}

// UnnamedBundle reports whether this master has a bundle of a shard that the current generation does not name. Its
// responses are not due any more, so a run that ended between the two, such as on a full disk, would hide them until
// they are.
func (r *Room) UnnamedBundle(ctx context.Context, a *Authority) (bool, error) {
	g, err := r.CurrentGeneration(ctx, a)
	if err != nil {
		return false, err
	}
	named := map[int]artifact.Digest{}
	if g != nil {
		for _, b := range g.Bundles {
			named[int(b.Shard)] = b.Digest
		}
	} else if rec, err := Latest(ctx, r.Inventory, a.Name, artifact.OCSPGeneration, "generation"); err != nil ||
		rec != nil {
		return false, err // another room's: it has a master of its own
	}
	for shard := range a.OCSP.Shards {
		last, err := Latest(ctx, r.Inventory, a.Name, artifact.OCSPBundle, strconv.Itoa(shard))
		if err != nil {
			return false, err
		}
		if last == nil || last.Digest == named[shard] {
			continue
		}
		if _, err := r.Line(*last); err == nil {
			return true, nil
		}
	}
	return false, nil
}

// CurrentGeneration reads the last generation; nil: there is none yet, or this master does not have it.
func (r *Room) CurrentGeneration(ctx context.Context, a *Authority) (*ocspcache.Generation, error) {
	rec, err := Latest(ctx, r.Inventory, a.Name, artifact.OCSPGeneration, "generation")
	if err != nil || rec == nil {
		return nil, err
	}
	line, err := r.Line(*rec)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var body []byte
	if err == nil {
		body, err = r.Log.Log().ReadBlob(ctx, line)
	}
	var g *ocspcache.Generation
	if err == nil {
		g, _, err = ocspcache.ParseGeneration(body)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the generation of %s: %w", a.Name, err)
	}
	return g, nil
}

// generationNumber takes a number above every one that the ledger has seen, also
// when the inventory was restored from an older copy.
func (r *Room) generationNumber(ctx context.Context, issuer string) (int64, error) {
	var last int64
	line, _, err := r.Log.Log().Lookup(ctx, public.Generation(issuer))
	if err == nil {
		last, err = strconv.ParseInt(line.Number, 10, 64)
	} else if errors.Is(err, ledger.ErrNotFound) {
		err = nil
	}
	for number := int64(0); err == nil; {
		if number, err = r.Inventory.NextCounter(ctx, "generation/"+issuer); number > last {
			return number, err
		}
	}
	return 0, err
}

// ResponsesAhead reports whether the newest responses of an issuer are dated ahead; all are due then.
func (r *Room) ResponsesAhead(ctx context.Context, a *Authority, now time.Time) (bool, error) {
	g, err := r.CurrentGeneration(ctx, a)
	return g != nil && DatedAhead(g.ThisUpdate, now), err
}
