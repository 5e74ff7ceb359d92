package hsmsign

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
	"seihon/inventory"
	"seihon/sectiona"
)

// acceptList takes a revocation list of any scope, and takes over into the inventory what it says.
func (r *Room) acceptList(ctx context.Context, a *artifact.Artifact, o *heldOverride, v *Verdict) error {
	l, err := r.place(a.CRL)
	if err != nil {
		return err
	}
	v.Name, v.Kind = l.name(), string(l.kind)
	if err := v.of(l.Name); err != nil {
		return err
	}
	done, replaced, err := r.predecessor(ctx, l, a, v)
	if done || err != nil {
		return err
	}
	judge := func() (*memory.List, error) {
		if o != nil {
			o.let = nil
		}
		evidence := sectiona.Evidence{InLedger: true, Claimed: l.kind, Previous: replaced.RevocationList}
		if refusal := r.policy.Admit(a, evidence); refusal != nil {
			return nil, refusal
		}
		if err := r.checkBase(ctx, l, a.CRL); err != nil {
			return nil, err
		}
		return r.watchAccepted(ctx, l, replaced.RevocationList, a, o)
	}
	if replaced.RevocationList == nil && o == nil && len(a.Bytes) > longList {
		return r.importWhileJudged(ctx, l, a, judge, v)
	}
	before, err := r.judgeBeside(ctx, l, replaced, judge)
	if err != nil {
		return err
	}
	return r.importList(ctx, l, a, replaced, before, o, nil, v)
}

// judgeBeside judges a list while the inventory is held against the lists that are here: what is judged rests on it.
func (r *Room) judgeBeside(ctx context.Context, l list, replaced earlier, judge func() (*memory.List, error)) (*memory.List, error) {
	if replaced.RevocationList == nil {
		return judge()
	}
	lists, err := r.newestLists(ctx, l.authority)
	if err != nil {
		return nil, err
	}
	var faults []memory.Fault
	compared := beside(func() (err error) {
		faults, err = r.incoherent(ctx, l.authority, lists)
		return err
	})
	before, err := judge()
	if bad := compared(); bad != nil {
		return nil, errors.Join(err, bad)
	}
	if len(faults) == 0 || err != nil {
		return before, err
	}
	if err := r.mendRows(ctx, l.authority, lists, faults); err != nil {
		return nil, err
	}
	return judge()
}

// importWhileJudged takes over a long list that replaces none, while it is judged on another processor. What it says is kept
// when it was found good, and not before.
func (r *Room) importWhileJudged(ctx context.Context, l list, a *artifact.Artifact, judge func() (*memory.List, error), v *Verdict) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var bad error
	judged := beside(func() error {
		if _, bad = judge(); bad != nil {
			cancel()
		}
		return bad
	})
	err := r.importList(ctx, l, a, earlier{}, &memory.List{}, nil, judged, v)
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
func (r *Room) place(l *artifact.RevocationList) (list, error) {
	issuer, err := r.policy.Trust.CheckCRL(l)
	if err != nil {
		return list{}, refuse("%w", err)
	}
	var a *authority
	for i := range r.conf.Issuers {
		if c := r.authorities[r.conf.Issuers[i].Name]; c.cert != nil && c.cert.Equal(issuer) {
			a = c
		}
	}
	if a == nil {
		return list{}, refuse("it is signed by %q, which is no issuer of the configuration", issuer.Subject)
	}
	if !a.External() {
		return list{}, refuse("it names issuer %s, whose lists are signed in this room: it was signed past it", a.Name)
	}
	kind := artifact.CRL
	switch {
	case l.BaseNumber != nil:
		kind = artifact.DeltaCRL
	case l.IDP != nil && l.IDP.OnlyCA, l.IDP == nil && a.CRL == nil:
		kind = artifact.ARL
	}
	var places []list
	for _, one := range listsOf(a) {
		if one.kind == kind {
			places = append(places, one)
		}
	}
	switch {
	case len(places) == 1:
		return places[0], nil
	case len(places) == 0:
		return list{}, refuse("it is a %s of %s, and the configuration has no such list of this issuer: add %s", kind, a.Name, missingKey(kind))
	}
	return r.placePart(a, places, l)
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
func (r *Room) placePart(a *authority, parts []list, l *artifact.RevocationList) (list, error) {
	if l.IDP == nil || len(l.IDP.URIs) == 0 {
		return list{}, refuse("the lists of %s are in %d parts, and this one has no distribution point that says which part it is", a.Name, len(parts))
	}
	for i, p := range parts {
		if slices.Contains(l.IDP.URIs, r.publicURL(p.name())) || i < len(a.CRL.Points) && slices.Contains(l.IDP.URIs, a.CRL.Points[i]) {
			return p, nil
		}
	}
	return list{}, refuse("its distribution point %q is that of no part of the lists of %s: name it in crl.points", l.IDP.URIs, a.Name)
}

// predecessor finds the list that is replaced. done says that the list is here already.
func (r *Room) predecessor(ctx context.Context, l list, a *artifact.Artifact, v *Verdict) (done bool, previous earlier, err error) {
	for _, rec := range r.pending { // judged against what the log has
		if rec.Name == l.name() {
			if _, err := r.Commit(ctx, "signer accept"); err != nil {
				return false, previous, err
			}
			break
		}
	}
	state, err := r.logState(ctx)
	if err != nil {
		return false, previous, err
	}
	line, ok := state.Get(l.name())
	if !ok {
		return false, previous, nil
	}
	if line.Digest == a.Digest {
		v.Present = true
		return true, previous, nil
	}
	previous.digest = line.Digest
	if previous.RevocationList, err = r.openList(ctx, line); err != nil {
		return false, previous, fmt.Errorf("reading %s from the master: %w", l.name(), err)
	}
	switch number := a.CRL.Number; {
	case number == nil || previous.Number == nil || number.Cmp(previous.Number) > 0:
	case number.Cmp(previous.Number) == 0:
		return false, previous, &RecordError{err: fmt.Errorf("it has number %v, as %s in the master, and other bytes (%s there, %s here): the CA used one number twice",
			number, l.name(), line.Digest, a.Digest)}
	default:
		taken, err := r.taken(ctx, l, a.Digest)
		if taken {
			v.Present = true
			v.add("number %v has replaced it since", previous.Number)
		}
		return taken, previous, err
	}
	return false, previous, sameScope(l, previous.IDP, a.CRL.IDP)
}

// taken reports whether a list was accepted before.
func (r *Room) taken(ctx context.Context, l list, digest artifact.Digest) (bool, error) {
	for rec, err := range r.inv.Artifacts(ctx, l.Name, l.kind) {
		if err != nil || rec.Digest == digest {
			return err == nil, err
		}
	}
	return false, nil
}

// sameScope wants a list to cover what the one before it covered.
func sameScope(l list, was, now *artifact.DistributionPoint) error {
	empty := artifact.DistributionPoint{}
	if was == nil {
		was = &empty
	}
	if now == nil {
		now = &empty
	}
	if slices.Equal(was.URIs, now.URIs) && was.OnlyCA == now.OnlyCA && was.OnlyUser == now.OnlyUser && was.OnlySomeReasons == now.OnlySomeReasons {
		return nil
	}
	return &RecordError{err: fmt.Errorf("its scope is not that of the list which it replaces as %s: the distribution point was %s and is %s",
		l.name(), pointText(was), pointText(now))}
}

func pointText(p *artifact.DistributionPoint) string {
	return fmt.Sprintf("%q (only CA certificates %t, only subscriber certificates %t, only some reasons %t)", p.URIs, p.OnlyCA, p.OnlyUser, p.OnlySomeReasons)
}

// checkBase wants the full list of a delta to be here: who gets the delta needs it.
func (r *Room) checkBase(ctx context.Context, l list, now *artifact.RevocationList) error {
	if l.kind != artifact.DeltaCRL {
		return nil
	}
	base, err := latest(ctx, r.inv, l.Name, artifact.CRL, l.series())
	switch {
	case err != nil:
		return err
	case base == nil:
		return refuse("it is a delta to list %v, and no full list of %s is here: hand that over first", now.BaseNumber, l.Name)
	case now.BaseNumber.Cmp(base.Number) > 0:
		return refuse("it is a delta to list %v, and the newest full list of %s here is %v: hand that over first", now.BaseNumber, l.Name, base.Number)
	}
	return nil
}

// watchAccepted holds every entry against the list that is replaced, and against what the inventory can hold.
func (r *Room) watchAccepted(ctx context.Context, l list, previous *artifact.RevocationList, a *artifact.Artifact, o *heldOverride) (*memory.List, error) {
	now := a.CRL
	t := crl.Template{BaseNumber: now.BaseNumber}
	if now.IDP != nil {
		t.Scope = &crl.Scope{URIs: now.IDP.URIs, OnlyCACerts: now.IDP.OnlyCA, OnlyUserCerts: now.IDP.OnlyUser}
	}
	before, err := r.watchAgainst(ctx, l, &t, previous)
	if err != nil {
		return nil, err
	}
	before.Vouched = nil // the CA's signature stands behind what changes
	r.lets(o, a.Digest, before)
	for _, err := range r.confirmed(ctx, l, before, before.Watch(r.acceptedEntries(now))) {
		if errors.Is(err, memory.ErrFaults) {
			return nil, &RecordError{Issuer: l.Name, Name: l.name(), Faults: before.Faults, Signed: a.Digest}
		}
		if err != nil {
			return nil, err
		}
	}
	return before, nil
}

// acceptedEntries gives the entries of a list by serial, and ends at one that nothing here could hold.
func (r *Room) acceptedEntries(l *artifact.RevocationList) iter.Seq2[crl.Entry, error] {
	return func(yield func(crl.Entry, error) bool) {
		now := r.now()
		walk, err := l.SortedReader()
		if err != nil {
			yield(crl.Entry{}, refuse("%w", err))
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
				yield(entry, refuse("entry of serial %x: %w", e.Serial, err))
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
		return fmt.Errorf("it is dated %s, after now (%s): compare the clocks of the CA and of this room, and hand it over again",
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
