package schedule

import (
	"context"
	"errors"
	"fmt"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/room"
)

// cutoff is the nextUpdate up to which a response is due: refresh before expiry, not at it. Answers about the
// certificates of a CA that keeps its own software are made from its lists: end is until when the oldest of those
// holds, and no answer holds longer.
func cutoff(ctx context.Context, r *room.Room, a *room.Authority, now time.Time) (cutoff, end time.Time, err error) {
	cutoff = now.Add(a.OCSP.Validity.Std() - a.OCSP.Refresh.Std())
	if end, err = listsEnd(ctx, r, a, now); err != nil || end.IsZero() {
		return cutoff, end, err
	}
	// What was signed up to the end already is not signed again in every run until the next list comes.
	if last := end.Add(-a.OCSP.Refresh.Std()/8 - 2*time.Second); last.Before(cutoff) {
		cutoff = last
	}
	return cutoff, end, nil
}

// errNoList says that no answers are made because there is no current list to make them from.
var errNoList = errors.New("answers are made from lists that hold, so that a CA that stopped is not answered for " +
	"with good for ever")

// listsEnd is until when the accepted lists of an issuer hold; zero when the room signs its lists itself, or it has
// none.
func listsEnd(ctx context.Context, r *room.Room, a *room.Authority, now time.Time) (end time.Time, err error) {
	if !a.External() || a.CRL == nil {
		return end, nil
	}
	for _, l := range room.ListsOf(a) {
		if l.Kind != artifact.CRL {
			continue
		}
		last, err := room.Latest(ctx, r.Inventory, l.Name, l.Kind, l.Series())
		switch {
		case err != nil:
			return end, err
		case last == nil:
			return end, fmt.Errorf("no %s was taken in yet, and %w; hand it over with `signer accept`", l.PublicName(),
				errNoList)
		case !now.Before(last.NextUpdate):
			return end, fmt.Errorf("%s number %v expired at %s, and %w; the CA has to hand over a newer one",
				l.PublicName(), last.Number, last.NextUpdate.UTC().Format(time.RFC3339), errNoList)
		case end.IsZero() || last.NextUpdate.Before(end):
			end = last.NextUpdate
		}
	}
	return end, nil
}
