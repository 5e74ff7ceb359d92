package room

import (
	"context"
	"fmt"
	"iter"
	"time"

	"seihon/hsmsign/crl"
	"seihon/hsmsign/memory"
	"seihon/inventory"
	"seihon/override"
)

// confirmExpired holds the expiry of certificates that are about to leave a list
// against the private master. Every record of a certificate counts, not only
// the newest: the end of its validity never changes, and an edited row of the
// inventory may have been recorded in the meantime.
func (r *Room) confirmExpired(ctx context.Context, issuer string, expired []memory.Expired) ([]memory.Fault, error) {
	if len(expired) == 0 {
		return nil, nil
	}
	ends := map[string]time.Time{}
	for _, x := range expired {
		ends[SerialText(x.Serial)] = x.NotAfter
	}
	var faults []memory.Fault
	for line, err := range r.privateRecords(ctx, 0) {
		if err != nil {
			return nil, fmt.Errorf("reading the private master: %w", err)
		}
		c, err := parseRecordedCertificate(line)
		if err != nil {
			return nil, err
		}
		if c == nil || c.Issuer != issuer || c.NotAfter == 0 {
			continue
		}
		serial, err := inventory.ParseSerial(c.Serial)
		if err != nil {
			return nil, fmt.Errorf("parsing a record of the private master: %w", err)
		}
		text := SerialText(serial)
		end, waiting := ends[text]
		if !waiting || end.Unix() == c.NotAfter {
			continue
		}
		delete(ends, text)
		faults = append(faults,
			memory.Fault{Serial: serial, Was: override.Status{State: override.Revoked}, Now: memory.Absent,
				Why: fmt.Sprintf("the master says that its certificate is valid until %s, the inventory %s",
					time.Unix(c.NotAfter, 0).UTC().Format(time.RFC3339), end.Format(time.RFC3339))})
	}
	return faults, nil
}

// Confirmed hands the entries on and, at their end and before anything is
// signed, holds what left the list as expired against the private master.
func (r *Room) Confirmed(ctx context.Context, l List, before *memory.List,
	entries iter.Seq2[crl.Entry, error]) iter.Seq2[crl.Entry, error] {
	return func(yield func(crl.Entry, error) bool) {
		for e, err := range entries {
			if !yield(e, err) || err != nil {
				return
			}
		}
		faults, err := r.confirmExpired(ctx, l.Name, before.Expired)
		if err == nil && len(faults) > 0 {
			before.Faults, err = faults, memory.ErrFaults
		}
		if err != nil {
			yield(crl.Entry{}, err)
		}
	}
}
