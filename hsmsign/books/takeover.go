package books

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/big"
	"strings"

	"seihon/artifact"
	"seihon/hsmsign/room"
	"seihon/inventory"
)

// ContinueNumbers makes the next lists of an issuer go on above n, the number of a list that another system made. It
// raises every series of the issuer, since numbers may be skipped and the scopes of the other system are not ours; it
// never lowers one. It reports whether any was raised.
func (b *Books) ContinueNumbers(ctx context.Context, issuer string, n *big.Int) (raised bool, err error) {
	conf := b.conf.Issuer(issuer)
	if n == nil || conf == nil {
		return false, nil
	}
	done := map[string]bool{}
	for _, l := range room.ListsOf(&room.Authority{Issuer: conf}) {
		if done[l.Series()] {
			continue
		}
		done[l.Series()] = true
		err := b.RaiseCRLNumber(ctx, issuer, l.Series(), n)
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

// DeclareNoPast records, as an import without records, that a CA which was taken over revoked nothing before.
func (b *Books) DeclareNoPast(ctx context.Context, issuer, reason string,
	dryRun bool) (*inventory.ImportResult, error) {
	past, err := b.HasPast(ctx, issuer)
	if err != nil {
		return nil, err
	}
	if past {
		return nil, fmt.Errorf("saying that %s has no past: an import of it is on record, or the same was said before",
			issuer)
	}
	return b.DB.Import(ctx,
		inventory.Import{Issuer: issuer, Source: noPast(strings.TrimSpace(reason)), Empty: true, DryRun: dryRun})
}

// noPast is an input without records: the reason why there are none.
type noPast string

func (noPast) Records(context.Context) iter.Seq2[inventory.Record, error] {
	return func(func(inventory.Record, error) bool) {}
}

func (n noPast) Info() inventory.SourceInfo {
	return inventory.SourceInfo{Name: string(n), Format: inventory.NoPast, NoStatus: true,
		Digest: artifact.Sum([]byte(n))}
}
