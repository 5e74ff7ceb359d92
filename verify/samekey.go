package verify

import (
	"context"
	"fmt"
	"slices"

	"seihon/artifact"
	"seihon/verify/report"
)

// compromiseReasons are those after which a key is in other hands (RFC 5280 section 5.3.1): keyCompromise, cACompromise
// and aACompromise.
var compromiseReasons = []int{1, 2, 10}

// A keyBook has the keys of the inventory's certificates that were revoked since the key is in other hands, with what
// is to be said of another certificate with it.
type keyBook map[artifact.Digest]string

// line keeps the key of a line, if it is such a one.
func (b keyBook) line(l *InventoryLine) {
	if !l.Revoked || !slices.Contains(compromiseReasons, l.Reason) {
		return
	}
	if key, ok := keyOfLine(l); ok {
		b[key] = fmt.Sprintf("its key is that of %s serial %x, revoked at %s", l.Issuer, l.Serial,
			report.Stamp(l.RevokedAt))
	}
}

func keyOfLine(l *InventoryLine) (artifact.Digest, bool) {
	if l.Commitment == nil {
		return artifact.Digest{}, false
	}
	info := artifact.KeyInfo(l.Commitment.Certificate)
	return artifact.Sum(info), info != nil
}

// checkCompromisedKeys reads the inventory again for certificates that are good although another one with their key, of
// whatever issuer, was revoked for a compromise. That other one may come later in it.
func (c *checker) checkCompromisedKeys(ctx context.Context, b keyBook) error {
	if len(b) == 0 {
		return nil
	}
	for line, err := range c.Inventory.Lines(ctx) {
		if err != nil {
			return fmt.Errorf("reading the inventory: %w", err)
		}
		if line.Revoked || !line.NotAfter.IsZero() && c.now.After(line.NotAfter) {
			continue
		}
		key, ok := keyOfLine(&line)
		if !ok || b[key] == "" {
			continue
		}
		c.Found(report.Finding{Code: "inventory-compromised-key", Source: report.SourceInventory,
			Name:   fmt.Sprintf("%s serial %x", line.Issuer, line.Serial),
			Detail: b[key]})
	}
	return ctx.Err()
}
