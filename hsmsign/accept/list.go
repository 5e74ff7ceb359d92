package accept

import (
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
	"seihon/sectiona"
)

// acceptList takes a revocation list of any scope, and takes over into the inventory what it says.
func acceptList(ctx context.Context, r *room.Room, a *artifact.Artifact, o *heldOverride, v *Verdict) error {
	l, err := place(r, a.CRL)
	if err != nil {
		return err
	}
	v.Name, v.Kind = l.PublicName(), string(l.Kind)
	if err := v.of(l.Name); err != nil {
		return err
	}
	done, replaced, err := predecessor(ctx, r, l, a, v)
	if done || err != nil {
		return err
	}
	judge := func() (*memory.List, error) {
		if o != nil {
			o.let = nil
		}
		evidence := sectiona.Evidence{InLedger: true, Claimed: l.Kind, Previous: replaced.RevocationList}
		if refusal := r.Policy.Admit(a, evidence); refusal != nil {
			return nil, refusal
		}
		if err := checkBase(ctx, r, l, a.CRL); err != nil {
			return nil, err
		}
		return watchAccepted(ctx, r, l, replaced.RevocationList, a, o)
	}
	if replaced.RevocationList == nil && o == nil && len(a.Bytes) > longList {
		return importWhileJudged(ctx, r, l, a, judge, v)
	}
	before, err := judgeBeside(ctx, r, l, replaced, judge)
	if err != nil {
		return err
	}
	return importList(ctx, r, l, a, replaced, before, o, nil, v)
}

// judgeBeside judges a list while the inventory is held against the lists that are here: what is judged rests on it.
func judgeBeside(ctx context.Context, r *room.Room, l room.List, replaced earlier,
	judge func() (*memory.List, error)) (*memory.List, error) {
	if replaced.RevocationList == nil {
		return judge()
	}
	lists, err := r.NewestLists(ctx, l.Authority)
	if err != nil {
		return nil, err
	}
	var faults []memory.Fault
	compared := beside(func() (err error) {
		faults, err = r.Incoherent(ctx, l.Authority, lists)
		return err
	})
	before, err := judge()
	if bad := compared(); bad != nil {
		return nil, errors.Join(err, bad)
	}
	if len(faults) == 0 || err != nil {
		return before, err
	}
	if err := r.MendRows(ctx, l.Authority, lists, faults); err != nil {
		return nil, err
	}
	return judge()
}

// importWhileJudged takes over a long list that replaces none, while it is judged on another processor. What it says is
// kept when it was found good, and not before.
func importWhileJudged(ctx context.Context, r *room.Room, l room.List, a *artifact.Artifact,
	judge func() (*memory.List, error), v *Verdict) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var bad error
	judged := beside(func() error {
		if _, bad = judge(); bad != nil {
			cancel()
		}
		return bad
	})
	err := importList(ctx, r, l, a, earlier{}, &memory.List{}, nil, judged, v)
	if judged(); bad != nil {
		return bad
	}
	return err
}

// beside does something on another processor. What it returns waits for the end.
func beside(do func() error) (wait func() error) {
	done := make(chan struct{})
	var err error
	go func() {
		defer close(done)
		err = do()
	}()
	return func() error {
		<-done
		return err
	}
}

// An earlier list is the one that is replaced; without a RevocationList there is none.
type earlier struct {
	*artifact.RevocationList
	digest artifact.Digest
}

// place finds the list of the configuration that a list is: by the key that signed it and by its scope.
func place(r *room.Room, l *artifact.RevocationList) (room.List, error) {
	issuer, err := r.Policy.Trust.CheckCRL(l)
	if err != nil {
		return room.List{}, room.Refuse("%w", err)
	}
	var a *room.Authority
	for i := range r.Config.Issuers {
		if c := r.Authorities[r.Config.Issuers[i].Name]; c.Certificate != nil && c.Certificate.Equal(issuer) {
			a = c
		}
	}
	if a == nil {
		return room.List{}, room.Refuse("it is signed by %q, which is no issuer of the configuration", issuer.Subject)
	}
	if !a.External() {
		return room.List{},
			room.Refuse("it names issuer %s, whose lists are signed in this room: it was signed past it", a.Name)
	}
	kind := artifact.CRL
	switch {
	case l.BaseNumber != nil:
		kind = artifact.DeltaCRL
	case l.IDP != nil && l.IDP.OnlyCA, l.IDP == nil && a.CRL == nil:
		kind = artifact.ARL
	}
	var places []room.List
	for _, one := range room.ListsOf(a) {
		if one.Kind == kind {
			places = append(places, one)
		}
	}
	switch {
	case len(places) == 1:
		return places[0], nil
	case len(places) == 0:
		return room.List{},
			room.Refuse("it is a %s of %s, and the configuration has no such list of this issuer: add %s", kind, a.Name,
				missingKey(kind))
	}
	return placePart(r, a, places, l)
}

// missingKey names the key of the configuration that makes a place for a kind of list.
func missingKey(kind artifact.Kind) string {
	switch kind {
	case artifact.ARL:
		return "arl"
	case artifact.DeltaCRL:
		return "crl.delta"
	}
	return "crl"
}

// placePart finds which part of a partitioned list a list is, by its distribution point.
func placePart(r *room.Room, a *room.Authority, parts []room.List, l *artifact.RevocationList) (room.List, error) {
	if l.IDP == nil || len(l.IDP.URIs) == 0 {
		return room.List{},
			room.Refuse("the lists of %s are in %d parts, and this one has no distribution point that says which "+
				"part it is", a.Name, len(parts))
	}
	for i, p := range parts {
		if slices.Contains(l.IDP.URIs, r.PublicURL(p.PublicName())) ||
			i < len(a.CRL.Points) && slices.Contains(l.IDP.URIs, a.CRL.Points[i]) {
			return p, nil
		}
	}
	return room.List{},
		room.Refuse("its distribution point %q is that of no part of the lists of %s: name it in crl.points",
			l.IDP.URIs, a.Name)
}

// predecessor finds the list that is replaced. done says that the list is here already.
func predecessor(ctx context.Context, r *room.Room, l room.List, a *artifact.Artifact,
	v *Verdict) (done bool, previous earlier, err error) {
	for _, rec := range r.Pending { // judged against what the log has
		if rec.Name == l.PublicName() {
			if _, err := r.Commit(ctx, "signer accept"); err != nil {
				return false, previous, err
			}
			break
		}
	}
	state, err := r.LogState(ctx)
	if err != nil {
		return false, previous, err
	}
	line, ok := state.Get(l.PublicName())
	if !ok {
		return false, previous, nil
	}
	if line.Digest == a.Digest {
		v.Present = true
		return true, previous, nil
	}
	previous.digest = line.Digest
	if previous.RevocationList, err = r.OpenList(ctx, line); err != nil {
		return false, previous, fmt.Errorf("reading %s from the master: %w", l.PublicName(), err)
	}
	switch number := a.CRL.Number; {
	case number == nil || previous.Number == nil || number.Cmp(previous.Number) > 0:
	case number.Cmp(previous.Number) == 0:
		return false, previous,
			&room.RecordError{Err: fmt.Errorf("it has number %v, as %s in the master, and other bytes (%s there, %s "+
				"here): the CA used one number twice",
				number, l.PublicName(), line.Digest, a.Digest)}
	default:
		taken, err := taken(ctx, r, l, a.Digest)
		if taken {
			v.Present = true
			v.add("number %v has replaced it since", previous.Number)
		}
		return taken, previous, err
	}
	return false, previous, sameScope(l, previous.IDP, a.CRL.IDP)
}

// taken reports whether a list was accepted before.
func taken(ctx context.Context, r *room.Room, l room.List, digest artifact.Digest) (bool, error) {
	for rec, err := range r.Inventory.Artifacts(ctx, l.Name, l.Kind) {
		if err != nil || rec.Digest == digest {
			return err == nil, err
		}
	}
	return false, nil
}

// sameScope wants a list to cover what the one before it covered.
func sameScope(l room.List, was, now *artifact.DistributionPoint) error {
	empty := artifact.DistributionPoint{}
	if was == nil {
		was = &empty
	}
	if now == nil {
		now = &empty
	}
	if slices.Equal(was.URIs, now.URIs) && was.OnlyCA == now.OnlyCA && was.OnlyUser == now.OnlyUser &&
		was.OnlySomeReasons == now.OnlySomeReasons {
		return nil
	}
	return &room.RecordError{Err: fmt.Errorf("its scope is not that of the list which it replaces as %s: the "+
		"distribution point was %s and is %s",
		l.PublicName(), pointText(was), pointText(now))}
}

func pointText(p *artifact.DistributionPoint) string {
	return fmt.Sprintf("%q (only CA certificates %t, only subscriber certificates %t, only some reasons %t)", p.URIs,
		p.OnlyCA, p.OnlyUser, p.OnlySomeReasons)
}

// checkBase wants the full list of a delta to be here: who gets the delta needs it.
func checkBase(ctx context.Context, r *room.Room, l room.List, now *artifact.RevocationList) error {
	if l.Kind != artifact.DeltaCRL {
		return nil
	}
	base, err := room.Latest(ctx, r.Inventory, l.Name, artifact.CRL, l.Series())
	switch {
	case err != nil:
		return err
	case base == nil:
		return room.Refuse("it is a delta to list %v, and no full list of %s is here: hand that over first",
			now.BaseNumber, l.Name)
	case now.BaseNumber.Cmp(base.Number) > 0:
		return room.Refuse("it is a delta to list %v, and the newest full list of %s here is %v: hand that over first",
			now.BaseNumber, l.Name, base.Number)
	}
	return nil
}

// watchAccepted holds every entry against the list that is replaced, and against what the inventory can hold.
func watchAccepted(ctx context.Context, r *room.Room, l room.List, previous *artifact.RevocationList,
	a *artifact.Artifact, o *heldOverride) (*memory.List, error) {
	now := a.CRL
	t := crl.Template{BaseNumber: now.BaseNumber}
	if now.IDP != nil {
		t.Scope = &crl.Scope{URIs: now.IDP.URIs, OnlyCACerts: now.IDP.OnlyCA, OnlyUserCerts: now.IDP.OnlyUser}
	}
	before, err := r.WatchAgainst(ctx, l, &t, previous)
	if err != nil {
		return nil, err
	}
	before.Vouched = nil // the CA's signature stands behind what changes
	lets(r, o, a.Digest, before)
	for _, err := range r.Confirmed(ctx, l, before, before.Watch(acceptedEntries(r, now))) {
		if errors.Is(err, memory.ErrFaults) {
			return nil, &room.RecordError{Issuer: l.Name, Name: l.PublicName(), Faults: before.Faults, Signed: a.Digest}
		}
		if err != nil {
			return nil, err
		}
	}
	return before, nil
}

// acceptedEntries gives the entries of a list by serial, and ends at one that nothing here could hold.
func acceptedEntries(r *room.Room, l *artifact.RevocationList) iter.Seq2[crl.Entry, error] {
	return func(yield func(crl.Entry, error) bool) {
		now := r.Now()
		walk, err := l.SortedReader()
		if err != nil {
			yield(crl.Entry{}, room.Refuse("%w", err))
			return
		}
		for {
			e, more, err := walk.Next()
			if err == nil && !more {
				return
			}
			entry := crl.Entry{Serial: e.Serial, Time: e.Time, Reason: e.Reason, InvalidityDate: e.InvalidityDate}
			if err == nil {
				err = checkAccepted(&entry, now)
			}
			if err != nil {
				yield(entry, room.Refuse("entry of serial %x: %w", e.Serial, err))
				return
			}
			if !yield(entry, nil) {
				return
			}
		}
	}
}

// checkAccepted says why an entry cannot be taken over.
func checkAccepted(e *crl.Entry, now time.Time) error {
	if err := inventory.CheckDate(e.Time); err != nil {
		return fmt.Errorf("its revocation date: %w", err)
	}
	if !e.InvalidityDate.IsZero() {
		if err := inventory.CheckDate(e.InvalidityDate); err != nil {
			return fmt.Errorf("its invalidity date: %w", err)
		}
	}
	if e.Time.After(now) || e.InvalidityDate.After(now) {
		return fmt.Errorf("it is dated %s, after now (%s): compare the clocks of the CA and of this room, and hand "+
			"it over again",
			maxTime(e.Time, e.InvalidityDate).Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return nil
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
