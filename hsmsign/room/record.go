package room

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/memory"
	"seihon/inventory"
	"seihon/ledger"
	"seihon/override"
)

// LogState is the newest state of the master log, read once per size.
func (r *Room) LogState(ctx context.Context) (*ledger.State, error) {
	log := r.Log.Log()
	if r.state == nil || r.state.Size() != log.Size() {
		state, err := log.State(ctx, log.Size())
		if err != nil {
			return nil, err
		}
		r.state = state
	}
	return r.state, nil
}

// NotAfter returns when a certificate expires: by the certificate itself where
// the inventory has it, else by what an import said; zero when nobody knows.
func (r *Room) NotAfter(ctx context.Context, issuer string, serial []byte) (time.Time, error) {
	e, err := r.Inventory.Get(ctx, issuer, serial)
	if errors.Is(err, inventory.ErrNotFound) {
		return time.Time{}, nil
	}
	if err != nil || len(e.DER) == 0 {
		if e == nil {
			return time.Time{}, err
		}
		return e.NotAfter, err
	}
	c, err := artifact.ParseCertificate(e.DER)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading certificate %x of %s: %w", serial, issuer, err)
	}
	if !bytes.Equal(artifact.SerialBytes(c), serial) {
		return time.Time{}, nil // not the certificate of this row: nobody knows
	}
	return c.NotAfter, nil
}

// Permitted reports whether a signed override, by a key of the configuration,
// lets the status of a certificate change from what an artifact, the newest of its
// name, says of it to what its successor will. An override counts once: when the
// log has it, it stands behind the artifact.
func (r *Room) Permitted(ctx context.Context, issuer, name string, serial []byte, was,
	now override.Status) (bool, error) {
	if len(r.OverrideKeys) == 0 {
		return false, nil
	}
	for c, err := range r.Inventory.Overridden(ctx, issuer, serial) {
		if err != nil {
			return false, err
		}
		o, err := override.Parse([]byte(c.Text))
		if err != nil || c.Was != was.String() || !saysOverridden(c.Now, now) || !o.SignedBy(r.OverrideKeys) {
			continue
		}
		if c.Recorded {
			if again, err := r.overriddenBefore(ctx, name, c); err != nil {
				return false, err
			} else if again {
				continue
			}
		}
		change := override.Change{Issuer: issuer, Serial: serial, Now: now}
		if o.Digest == change.Digest() || r.Imported(ctx, issuer, o.Digest) {
			return true, nil
		}
	}
	return false, nil
}

// saysOverridden reports whether an override let a status become what an artifact will say: of a certificate that is
// good, a list says nothing.
func saysOverridden(text string, now override.Status) bool {
	return text == now.String() || now.State == override.Absent && text == string(override.Good)
}

// overriddenBefore reports whether the log has a change that an override let pass only before the newest artifact of a
// name.
func (r *Room) overriddenBefore(ctx context.Context, name string, c inventory.Overridden) (bool, error) {
	log := r.Log.Log()
	serial := SerialText(c.Serial)
	for i := log.Size() - 1; i >= 0; i-- {
		e, err := log.Entry(ctx, i)
		if err != nil {
			return false, err
		}
		if o := e.Override; o != nil && o.Issuer == c.Issuer && o.Text == c.Text &&
			slices.ContainsFunc(o.Changes, func(x ledger.StatusChange) bool {
				return x.Serial == serial && x.Was == c.Was && x.Now == c.Now
			}) {
			return false, nil
		}
		if e.Batch == nil {
			continue
		}
		for line, err := range log.Lines(ctx, e.Batch) {
			if err != nil || line.Name == name {
				return true, err
			}
		}
	}
	return true, nil
}

// Imported reports whether an import of this digest is on record for an issuer.
func (r *Room) Imported(ctx context.Context, issuer string, digest artifact.Digest) bool {
	ok, err := r.Inventory.Imported(ctx, issuer, digest)
	return err == nil && ok
}

// privateRecords gives the records of the private master from a size on, the
// newest manifest first.
func (r *Room) privateRecords(ctx context.Context, from int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		log := r.Log.Log()
		type manifest struct {
			*ledger.Private
			entry int64
		}
		var all []manifest
		i := from
		for e, err := range log.Entries(ctx, from, log.Size()) {
			if err != nil {
				yield(nil, err)
				return
			}
			if e.Private != nil {
				all = append(all, manifest{e.Private, i})
			}
			i++
		}
		for _, m := range slices.Backward(all) {
			for record, err := range log.Records(ctx, m.Private) {
				lost, err := r.lostOnRecord(ctx, m.entry, err)
				if lost {
					break
				}
				if !yield(record, err) || err != nil {
					return
				}
			}
		}
	}
}

// A recordedCertificate is what is needed here of a record of the private master.
type recordedCertificate struct {
	Issuer     string `json:"issuer"`
	Serial     string `json:"serial"`
	State      string `json:"state"`
	NotAfter   int64  `json:"not_after"`
	RevokedAt  int64  `json:"revoked_at"`
	Reason     int    `json:"reason"`
	Invalidity int64  `json:"invalidity"`
}

// parseRecordedCertificate reads a record; nil for one that is not about a certificate.
func parseRecordedCertificate(line []byte) (*recordedCertificate, error) {
	var r struct {
		Type string `json:"t"`
		recordedCertificate
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return nil, fmt.Errorf("parsing a record of the private master: %w", err)
	}
	if r.Type != "certificate" {
		return nil, nil
	}
	return &r.recordedCertificate, nil
}

// status is what lists and responses say by this record.
func (c *recordedCertificate) status() override.Status {
	if c.State != inventory.Revoked.String() {
		return override.Status{State: override.Good}
	}
	s := memory.Revoked(time.Unix(c.RevokedAt, 0).UTC(), c.Reason, time.Time{})
	if c.Invalidity != 0 {
		s.Invalidity = time.Unix(c.Invalidity, 0).UTC()
	}
	return s
}

// Unvouched returns the changes that nothing stands behind: neither a record of
// the private master, nor an event or an import that is on its way into it. A
// row that somebody edited is one of them, also when the edit would be lawful,
// such as the end of a hold.
func (r *Room) Unvouched(ctx context.Context, issuer string, changes []memory.Fault) ([]memory.Fault, error) {
	serials := make([][]byte, len(changes))
	for i, c := range changes {
		serials[i] = c.Serial
	}
	standings, err := r.Inventory.Standings(ctx, issuer, serials)
	if err != nil {
		return nil, err
	}
	importing, err := r.Inventory.Importing(ctx, issuer)
	if err != nil {
		return nil, err
	}
	var faults []memory.Fault
	open := map[string]memory.Fault{} // by serial: the private master must say so
	for _, c := range changes {
		s := standings[string(c.Serial)]
		switch {
		case s.Word != "" && sameSaid(s.Word, c.Now), s.Word == "" && !s.Recorded && importing:
		case s.Word != "":
			c.Why = "the operator's word was " + s.Word
			faults = append(faults, c)
		case s.Recorded:
			open[SerialText(c.Serial)] = c
		default:
			c.Why = "no command and no import of this room has said so"
			faults = append(faults, c)
		}
	}
	if len(open) == 0 {
		return faults, nil
	}
	more, err := r.unrecorded(ctx, issuer, open)
	return append(faults, more...), err
}

// unrecorded returns the changes that the newest record of their certificate does not bear out.
func (r *Room) unrecorded(ctx context.Context, issuer string, open map[string]memory.Fault) ([]memory.Fault, error) {
	var faults []memory.Fault
	for line, err := range r.privateRecords(ctx, 0) {
		if err != nil {
			return nil, fmt.Errorf("reading the private master: %w", err)
		}
		c, err := parseRecordedCertificate(line)
		if err != nil {
			return nil, err
		}
		if c == nil || c.Issuer != issuer {
			continue
		}
		serial, err := inventory.ParseSerial(c.Serial)
		if err != nil {
			return nil, fmt.Errorf("parsing a record of the private master: %w", err)
		}
		change, waiting := open[SerialText(serial)]
		if !waiting {
			continue
		}
		delete(open, SerialText(serial))
		if !sameSaid(c.status().String(), change.Now) {
			change.Why = "the private master says " + c.status().String()
			faults = append(faults, change)
		}
		if len(open) == 0 {
			return faults, nil
		}
	}
	more, err := r.unlisted(ctx, issuer, open)
	if err != nil {
		return nil, err
	}
	faults = append(faults, more...)
	for _, change := range open {
		change.Why = "the private master has no record of it"
		faults = append(faults, change)
	}
	slices.SortFunc(faults, func(a, b memory.Fault) int { return bytes.Compare(a.Serial, b.Serial) })
	return faults, nil
}

// sameSaid reports whether a status is what somebody said, as far as it says: a response has no invalidity date.
func sameSaid(text string, now override.Status) bool {
	said, err := override.ParseStatus(text)
	return err == nil && (said.String() == now.String() || now.Invalidity.IsZero() && SameAnswer(said, now))
}

// SameAnswer reports whether a client reads the same in two statuses.
func SameAnswer(a, b override.Status) bool {
	a.Invalidity, b.Invalidity = time.Time{}, time.Time{}
	return a.Equal(b)
}
