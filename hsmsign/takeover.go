package hsmsign

import (
	"context"
	"errors"
	"fmt"
	"math/big"

	"seihon/inventory"
)

// ContinueNumbers makes the next lists of an issuer go on above n, the number of a list that another system made. It raises
// every series of the issuer, since numbers may be skipped and the scopes of the other system are not ours; it never lowers
// one. It reports whether any was raised.
func (b *Books) ContinueNumbers(ctx context.Context, issuer string, n *big.Int) (raised bool, err error) {
	conf := b.conf.Issuer(issuer)
	if n == nil || conf == nil {
		return false, nil
	}
	done := map[string]bool{}
	for _, l := range listsOf(&authority{Issuer: conf}) {
		if done[l.series()] {
			continue
		}
		done[l.series()] = true
		err := b.RaiseCRLNumber(ctx, issuer, l.series(), n)
		if errors.Is(err, inventory.ErrNumberTooSmall) {
			continue
		}
		if err != nil {
			return raised, fmt.Errorf("raising the CRL numbers of %s: %w", issuer, err)
		}
		raised = true
	}
	return raised, nil
}
