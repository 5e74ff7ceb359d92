package schedule

import (
	"context"
	"fmt"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/room"
	"seihon/ledger"
	"seihon/ocspcache"
)

// withdrawSuperseded takes bundles out of the current state that no generation
// names any more and whose last response has expired, or is dated ahead. The master
// keeps them, as the Act's ten years ask; what they free is the public copy, with
// `publisher sync --prune`.
// It is done along with other work only, so that an idle room leaves the log as it is.
func withdrawSuperseded(ctx context.Context, r *room.Room, now time.Time) error {
	if len(r.Pending) == 0 {
		return nil
	}
	named := map[artifact.Digest]bool{}
	longest := time.Duration(0)
	for i := range r.Config.Issuers {
		a := r.Authorities[r.Config.Issuers[i].Name]
		if a.Certificate == nil || a.OCSP == nil {
			continue
		}
		longest = max(longest, a.OCSP.Validity.Std())
		if err := namedBundles(ctx, r, a, named); err != nil {
			return err
		}
	}
	log := r.Log.Log()
	state, err := log.State(ctx, log.Size())
	if err != nil {
		return err
	}
	entry := &ledger.Withdraw{}
	for line := range state.All() {
		if line.Kind == artifact.OCSPBundle && !named[line.Digest] {
			// NotBefore is the newest thisUpdate in the bundle, so nothing in it is valid past this.
			why := ""
			switch {
			case line.NotBefore.Add(longest).Before(now):
				why = "superseded and expired"
			case room.DatedAhead(line.NotBefore, now):
				why = "superseded and dated by a wrong clock" // no publisher sends it
			}
			if why != "" {
				entry.Names = append(entry.Names,
					ledger.WithdrawnName{Name: line.Name, Digest: line.Digest, Reason: why})
			}
		}
		if len(entry.Names) == 256 { // an entry has 64 KiB; the rest is the next run's
			break
		}
	}
	if len(entry.Names) == 0 {
		return nil
	}
	if err := r.Log.Append(ctx, &ledger.Entry{Withdraw: entry}); err != nil {
		return fmt.Errorf("withdrawing superseded bundles: %w", err)
	}
	return nil
}

// namedBundles collects the bundles of an issuer's newest generation.
func namedBundles(ctx context.Context, r *room.Room, a *room.Authority, named map[artifact.Digest]bool) error {
	rec, err := room.Latest(ctx, r.Inventory, a.Name, artifact.OCSPGeneration, "generation")
	if err != nil || rec == nil {
		return err
	}
	line, err := r.Line(*rec)
	if err != nil {
		return err
	}
	body, err := r.Log.Log().ReadBlob(ctx, line)
	if err != nil {
		return err
	}
	g, _, err := ocspcache.ParseGeneration(body)
	if err != nil {
		return err
	}
	for _, b := range g.Bundles {
		named[b.Digest] = true
	}
	return nil
}
