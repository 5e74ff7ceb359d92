package publish

import (
	"context"
	"fmt"

	"seihon/artifact"
	"seihon/ledger"
)

// AddIssuers adds to a trust set the CA certificates that the master has
// current and that chain to its anchors, so that pinning the root is enough.
// Certificates that do not chain are left for section A to refuse.
func AddIssuers(ctx context.Context, master *ledger.Log, trust *artifact.Trust) error {
	if trust == nil {
		return nil
	}
	state, err := master.State(ctx, master.Size())
	if err != nil {
		return fmt.Errorf("reading the CA certificates of the master: %w", err)
	}
	var pending []*artifact.Artifact
	for line := range state.All() {
		if line.Kind != artifact.CACertificate && line.Kind != artifact.LinkCertificate {
			continue
		}
		b, err := master.ReadBlob(ctx, line)
		if err != nil {
			continue // the step that publishes it reports why
		}
		if a := artifact.Parse(b); len(a.Certificates) == 1 {
			pending = append(pending, a)
		}
	}
	// A certificate may come before its issuer in the order of names.
	for range pending {
		before := len(pending)
		var left []*artifact.Artifact
		for _, a := range pending {
			if trust.Add(a.Certificates[0]) != nil {
				left = append(left, a)
			}
		}
		if pending = left; len(pending) == before {
			break
		}
	}
	return nil
}
