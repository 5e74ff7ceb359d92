package hsmsign

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"seihon/artifact"
	"seihon/inventory"
	"seihon/ledger"
	"seihon/ocspcache"
	"seihon/override"
)

// logState is the newest state of the master log, read once per size.
func (r *Room) logState(ctx context.Context) (*ledger.State, error) {
	log := r.log.Log()
	if r.state == nil || r.state.Size() != log.Size() {
		state, err := log.State(ctx, log.Size())
		if err != nil {
			return nil, err
		}
		r.state = state
	}
	return r.state, nil
}

// notAfter returns when a certificate expires: by the certificate itself where
// the inventory has it, else by what an import said; zero when nobody knows.
func (r *Room) notAfter(ctx context.Context, issuer string, serial []byte) (time.Time, error) {
	e, err := r.inv.Get(ctx, issuer, serial)
	if errors.Is(err, inventory.ErrNotFound) {
		return time.Time{}, nil
	}
	if err != nil || len(e.DER) == 0 {
		if e == nil {
			return time.Time{}, err
		}
		return e.NotAfter, err
	}
	c, err := x509.ParseCertificate(e.DER)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading certificate %x of %s: %w", serial, issuer, err)
	}
	if !bytes.Equal(artifact.SerialBytes(c), serial) {
		return time.Time{}, nil // not the certificate of this row: nobody knows
	}
	return c.NotAfter, nil
}

// permitted reports whether a signed override, by a key of the configuration,
// lets the status of a certificate change from one to the other.
func (r *Room) permitted(ctx context.Context, issuer string, serial []byte, was, now override.Status) (bool, error) {
	if len(r.overrideKeys) == 0 {
		return false, nil
	}
	for c, err := range r.inv.Overridden(ctx, issuer, serial) {
		if err != nil {
			return false, err
		}
		o, err := override.Parse([]byte(c.Text))
		if err != nil || c.Was != was.String() || c.Now != now.String() || !o.SignedBy(r.overrideKeys) {
			continue
		}
		change := override.Change{Issuer: issuer, Serial: serial, Now: now}
		if o.Digest == change.Digest() || r.imported(ctx, issuer, o.Digest) {
			return true, nil
		}
	}
	return false, nil
}

// imported reports whether an import of this digest is on record for an issuer.
func (r *Room) imported(ctx context.Context, issuer string, digest artifact.Digest) bool {
	ok, err := r.inv.Imported(ctx, issuer, digest)
	return err == nil && ok
}

// privateRecords gives the records of the private master from a size on, the
// newest manifest first.
func (r *Room) privateRecords(ctx context.Context, from int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		log := r.log.Log()
		var all []*ledger.Private
		for e, err := range log.Entries(ctx, from, log.Size()) {
			if err != nil {
				yield(nil, err)
				return
			}
			if e.Private != nil {
				all = append(all, e.Private)
			}
		}
		for i := len(all) - 1; i >= 0; i-- {
			for record, err := range log.Records(ctx, all[i]) {
				if !yield(record, err) || err != nil {
					return
				}
			}
		}
	}
}

// confirmExpired holds the expiry of certificates that are about to leave a list
// against the private master, which an edited inventory cannot change.
func (r *Room) confirmExpired(ctx context.Context, issuer string, expired []ledger.Expired) ([]Fault, error) {
	left := map[string]time.Time{}
	for _, x := range expired {
		left[x.Serial] = x.NotAfter
	}
	var faults []Fault
	if len(left) == 0 {
		return nil, nil
	}
	for line, err := range r.privateRecords(ctx, 0) {
		if err != nil {
			return nil, fmt.Errorf("reading the private master: %w", err)
		}
		var c struct {
			Type     string `json:"t"`
			Issuer   string `json:"issuer"`
			Serial   string `json:"serial"`
			NotAfter int64  `json:"not_after"`
		}
		if err := json.Unmarshal(line, &c); err != nil {
			return nil, fmt.Errorf("parsing a record of the private master: %w", err)
		}
		serial, err := inventory.ParseSerial(c.Serial)
		if c.Type != "certificate" || c.Issuer != issuer || c.NotAfter == 0 || err != nil {
			continue
		}
		end, waiting := left[serialText(serial)]
		if !waiting {
			continue
		}
		delete(left, serialText(serial))
		if end.Unix() != c.NotAfter {
			faults = append(faults, Fault{Serial: serial, Was: override.Status{State: override.Revoked}, Now: absent,
				Why: fmt.Sprintf("the master says that its certificate is valid until %s, the inventory %s",
					time.Unix(c.NotAfter, 0).UTC().Format(time.RFC3339), end.Format(time.RFC3339))})
		}
		if len(left) == 0 {
			break
		}
	}
	return faults, nil
}

// answers are what the current generation of an issuer says, by serial: only
// what may be needed to judge a shard.
func (r *Room) currentBundles(ctx context.Context, a *authority, shard int) ([]*ocspcache.Bundle, error) {
	state, err := r.logState(ctx)
	if err != nil {
		return nil, err
	}
	line, ok := state.Get(generationName(a.Name))
	if !ok {
		return nil, nil
	}
	body, err := r.log.Log().ReadBlob(ctx, line)
	if err != nil {
		return nil, err
	}
	g, _, err := ocspcache.ParseGeneration(body)
	if err != nil {
		return nil, fmt.Errorf("reading the generation of %s: %w", a.Name, err)
	}
	var open []*ocspcache.Bundle
	for _, b := range g.Bundles {
		if len(g.Bundles) == a.OCSP.Shards && int(b.Shard) != shard {
			continue
		}
		line := ledger.Line{Name: bundleName(b.Digest), Kind: artifact.OCSPBundle, Digest: b.Digest, Size: b.Size}
		err := r.log.Log().CheckBlob(ctx, line)
		var bundle *ocspcache.Bundle
		if err == nil {
			bundle, err = ocspcache.OpenBundle(r.log.Log().BlobPath(line))
		}
		if err != nil {
			for _, o := range open {
				o.Close()
			}
			return nil, fmt.Errorf("opening bundle %s: %w", line.Name, err)
		}
		open = append(open, bundle)
	}
	return open, nil
}
