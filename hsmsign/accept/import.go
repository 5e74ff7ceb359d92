package accept

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/crl"
	"seihon/hsmsign/memory"
	"seihon/hsmsign/room"
	"seihon/inventory"
	"seihon/public"
)

// importList stores a list and takes over what it says: its entries, and the holds that it ends. History and inventory
// change together: when a crash comes then, the next commit has both. judged says whether the list is good, where that
// is found out at the same time; nil: it is.
func importList(ctx context.Context, r *room.Room, l room.List, a *artifact.Artifact, previous earlier,
	before *memory.List, o *heldOverride, judged func() error, v *Verdict) error {
	rec := inventory.ArtifactRecord{Issuer: l.Name, Kind: l.Kind, Name: l.PublicName(), Scope: l.Series(),
		Digest: a.Digest,
		Number: a.CRL.Number, ThisUpdate: a.CRL.ThisUpdate, NextUpdate: a.CRL.NextUpdate,
		SignedAt: r.Now().UTC().Truncate(time.Second)}
	stored := beside(func() error { // while it is compared
		if judged != nil {
			if err := judged(); err != nil { // what is refused leaves nothing behind
				return err
			}
		}
		if r.DryRun {
			return nil
		}
		_, _, err := r.Log.PutBlob(ctx, l.Kind, bytes.NewReader(a.Bytes))
		return err
	})
	defer stored()
	records := []inventory.ArtifactRecord{rec}
	if l.Config.History && l.Kind == artifact.CRL && l.Shard == inventory.AllShards {
		rec.Name, rec.Scope = public.Archived(l.Name, rec.Number), room.HistoryScope
		records = append(records, rec)
	}
	src, err := newListSource(ctx, r, l, a, previous, before, o.left())
	if err != nil {
		return err
	}
	// A list may become shorter at once, when many certificates have expired; what may leave is judged one by one.
	list := &inventory.List{Artifacts: records, Kind: src.kind, Total: src.total, Changes: src.changes != nil,
		Good: stored}
	res, err := r.Inventory.Import(ctx, inventory.Import{Issuer: l.Name, Source: src, Override: o.forImport(),
		Empty: src.count == 0, MaxShrink: 1, List: list, DryRun: r.DryRun})
	var contradiction *inventory.ImportRefused
	if errors.As(err, &contradiction) || errors.Is(err, inventory.ErrOverrideUsed) {
		return &room.RecordError{Err: fmt.Errorf("%s contradicts the inventory: %w", l.PublicName(), err)}
	}
	if err == nil && res.Same && !r.DryRun { // taken over already, and what is known of it was lost
		err = r.Inventory.AddArtifacts(ctx, records)
	}
	if err != nil {
		return err
	}
	v.add("%d entries: %d newly revoked, %d released", src.total, res.NewlyRevoked+res.Added, res.Released)
	r.Pending = append(r.Pending, records...)
	r.AddExpired(l.Name, before.Expired)
	return nil
}

// fewChanges is up to how many changes are looked up one by one; with more, all rows of the issuer are read.
const fewChanges = 20000

// newListSource prepares the entries of a list for the inventory: only what differs from the list before it, where the
// inventory is as that one left it.
func newListSource(ctx context.Context, r *room.Room, l room.List, a *artifact.Artifact, previous earlier,
	before *memory.List, left [][]byte) (*listSource, error) {
	src := &listSource{room: r, issuer: l.Name, list: a.CRL, kind: artifact.SubscriberCertificate}
	src.info = inventory.SourceInfo{Name: l.PublicName(), Format: inventory.AcceptedFormat + l.PublicName(),
		AsOf: a.CRL.ThisUpdate, Digest: a.Digest, Scope: inventory.Partial}
	if l.Kind == artifact.ARL {
		src.kind = artifact.CACertificate
	}
	for _, hold := range before.Changes {
		src.ended = append(src.ended, hold.Serial)
	}
	src.ended = append(src.ended, left...)
	slices.SortFunc(src.ended, bytes.Compare)
	if err := src.compare(ctx, previous, before); err != nil {
		return nil, err
	}
	if src.changes == nil && l.Kind == artifact.CRL && a.CRL.IDP == nil {
		src.info.Scope = inventory.AllRevoked
	}
	for _, err := range src.Records(ctx) {
		if err != nil {
			return nil, err
		}
		src.count++
		break
	}
	return src, nil
}

// compare holds the list against the one before it, counts its entries, and keeps what is different.
func (s *listSource) compare(ctx context.Context, previous earlier, before *memory.List) (err error) {
	changes := []artifact.RevokedEntry{}
	if previous.RevocationList == nil {
		s.total, err = s.list.Len()
		return err
	}
	d := &difference{was: previous.RevocationList, now: s.list}
	for e, err := range d.entries() {
		if err != nil {
			return err
		}
		if len(changes) <= fewChanges {
			changes = append(changes, e)
		}
	}
	s.total = d.total
	// What left the list other than by its expiry or the end of a hold is judged against all that is known.
	if d.changed > fewChanges || d.left != len(before.Expired)+len(before.Changes) {
		return nil
	}
	follows, err := s.room.Inventory.Follows(ctx, s.issuer, s.info.Format, previous.digest, room.OtherLists)
	if follows {
		s.changes = changes
	}
	return err
}

// A listSource gives the inventory the entries of an accepted list, by serial.
type listSource struct {
	room   *room.Room
	issuer string
	list   *artifact.RevocationList
	// serials of the holds that the list ends by leaving them out, and of what an override lets leave, sorted
	ended [][]byte
	kind  artifact.Kind
	info  inventory.SourceInfo
	total int64 // entries of the list
	count int   // 0: it has no record

	changes []artifact.RevokedEntry // what differs from the list before; nil: all entries are given
}

// entries gives what the inventory is told.
func (s *listSource) entries() iter.Seq2[artifact.RevokedEntry, error] {
	if s.changes == nil {
		return (&difference{now: s.list}).entries()
	}
	return func(yield func(artifact.RevokedEntry, error) bool) {
		for _, e := range s.changes {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (s *listSource) Info() inventory.SourceInfo { return s.info }

func (s *listSource) Records(ctx context.Context) iter.Seq2[inventory.Record, error] {
	return func(yield func(inventory.Record, error) bool) {
		ended := s.ended
		release := func(before []byte) bool {
			for len(ended) > 0 && (before == nil || bytes.Compare(ended[0], before) < 0) {
				rec := inventory.Record{Certificate: inventory.Certificate{Serial: ended[0], Kind: s.kind},
					State: inventory.Issued}
				if ended = ended[1:]; !yield(rec, nil) {
					return false
				}
			}
			return true
		}
		for e, err := range s.entries() {
			if err == nil && !release(e.Serial) {
				return
			}
			rec := inventory.Record{Certificate: inventory.Certificate{Serial: e.Serial, Kind: s.kind},
				State:      inventory.Revoked,
				Revocation: inventory.Revocation{Time: e.Time, Reason: e.Reason, InvalidityDate: e.InvalidityDate}}
			rec.Proven = s.room.KnownDeviation(s.issuer, e.Serial, s.list.ThisUpdate)
			if err == nil && e.Reason == crl.RemoveFromCRL {
				known, lookup := s.known(ctx, e.Serial)
				if lookup == nil && !known { // nothing to release
					continue
				}
				rec.State, rec.Revocation, err = inventory.Issued, inventory.Revocation{}, lookup
			}
			if err == nil {
				err = ctx.Err()
			}
			if !yield(rec, err) || err != nil {
				return
			}
		}
		release(nil)
	}
}

func (s *listSource) known(ctx context.Context, serial []byte) (bool, error) {
	_, err := s.room.Inventory.Get(ctx, s.issuer, serial)
	if errors.Is(err, inventory.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// A difference walks two lists side by side.
type difference struct {
	was, now *artifact.RevocationList // was: nil when there is none

	// After the walk: entries of now; those that was has not, or otherwise; and of was that now has not.
	total         int64
	changed, left int
}

// entries gives the entries of now, by serial, that was does not have or has with another date or reason.
func (d *difference) entries() iter.Seq2[artifact.RevokedEntry, error] {
	return func(yield func(artifact.RevokedEntry, error) bool) {
		was, now, err := d.readers()
		if err != nil {
			yield(artifact.RevokedEntry{}, err)
			return
		}
		old, more, err := was.Next()
		for {
			e, another, err2 := now.Next()
			if err = errors.Join(err, err2); err != nil {
				yield(e, err)
				return
			}
			for err == nil && more && (!another || bytes.Compare(old.Serial, e.Serial) < 0) {
				d.left++
				old, more, err = was.Next()
			}
			if !another && err == nil {
				return
			}
			d.total++
			same := false
			if err == nil && more && bytes.Equal(old.Serial, e.Serial) {
				same = old.Time.Equal(e.Time) && max(old.Reason, 0) == max(e.Reason, 0) &&
					old.InvalidityDate.Equal(e.InvalidityDate)
				old, more, err = was.Next()
			}
			if same {
				continue
			}
			d.changed++
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

func (d *difference) readers() (was, now *artifact.EntryReader, err error) {
	was = (&artifact.RevocationList{}).Reader()
	if d.was != nil {
		if was, err = d.was.SortedReader(); err != nil {
			return nil, nil, err
		}
	}
	now, err = d.now.SortedReader()
	return was, now, err
}
