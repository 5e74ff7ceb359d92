package schedule

import (
	"context"
	"errors"
	"fmt"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/accept"
	"seihon/hsmsign/room"
	"seihon/internal/config"
	"seihon/inventory"
	"seihon/public"
)

// Plan is what a run would do now.
type Plan struct {
	Due []Done `json:"due"`
	// Heal is what would be taken back from the master before anything is signed.
	Heal []inventory.HealedCertificate `json:"heal"`
}

// PlanRun says what [Run] would sign and why, and what it would heal. It
// changes nothing: neither inventory nor log, and the HSM signs nothing.
func PlanRun(ctx context.Context, o room.Options) (*Plan, error) {
	var p *Plan
	err := room.DryRun(ctx, o, func(r *room.Room) (err error) {
		p, err = plan(ctx, r)
		return err
	})
	return p, err
}

func plan(ctx context.Context, r *room.Room) (*Plan, error) {
	now := r.Now()
	inputs, err := planInputs(r)
	if err != nil {
		return nil, err
	}
	p := &Plan{Due: []Done{}, Heal: append([]inventory.HealedCertificate{}, r.Healed.Certificates...)}
	waiting := map[string][]string{} // for tokens that cannot be used
	due := func(k config.Key, d Done) {
		_, err := r.Token(k.Token)
		if lost, ok := errors.AsType[*room.LostToken](err); ok {
			waiting[lost.Token.Name] = append(waiting[lost.Token.Name], d.Name)
			return
		}
		p.Due = append(p.Due, d)
	}
	for i := range r.Config.Issuers {
		a := r.Authorities[r.Config.Issuers[i].Name]
		if responderDue(r, a, now) {
			due(a.Key, Done{Name: public.Certificate(a.OCSP.Responder.Name), Why: "renewal"})
		}
	}
	p.Due = append(p.Due, inputs...)
	refused := map[string]bool{} // issuers that would be refused, and why
	var refusals []error
	for _, l := range r.Lists() {
		why, err := listDue(ctx, r, l, now)
		if err != nil {
			return nil, err
		}
		if why == "" || refused[l.Name] {
			continue
		}
		if err := checkPast(ctx, r, l.Authority); err != nil {
			refused[l.Name], refusals = true, append(refusals, err)
		} else {
			due(l.Key, Done{Name: l.PublicName(), Why: why})
		}
	}
	for i := range r.Config.Issuers {
		a := r.Authorities[r.Config.Issuers[i].Name]
		if a.Certificate == nil || a.OCSP == nil || a.OCSP.External() || refused[a.Name] {
			continue
		}
		if err := checkPast(ctx, r, a); err != nil {
			refusals = append(refusals, err)
			continue
		}
		n, shards, err := responsesDue(ctx, r, a, now)
		if errors.Is(err, errNoList) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if n > 0 {
			due(a.ResponseKey(),
				Done{Name: public.Generation(a.Name),
					Why: fmt.Sprintf("%d responses in %d of %d shards", n, shards, a.OCSP.Shards)})
		}
	}
	return p, errors.Join(append(refusals, r.LostTokens(waiting)...)...)
}

// responsesDue counts the responses of an issuer that are due, and the shards that have some.
func responsesDue(ctx context.Context, r *room.Room, a *room.Authority, now time.Time) (n, shards int, err error) {
	cutoff, _, err := cutoff(ctx, r, a, now)
	if err != nil {
		return 0, 0, err
	}
	if ahead, err := r.ResponsesAhead(ctx, a, now); err != nil {
		return 0, 0, err
	} else if ahead {
		cutoff = inventory.Everything()
	}
	due, err := r.Inventory.DueShards(ctx, a.Name, cutoff)
	for _, inShard := range due {
		n += inShard
	}
	return n, len(due), err
}

// planInputs lists the files of the drop folder that would be judged.
func planInputs(r *room.Room) (due []Done, err error) {
	if r.Config.Accept == nil {
		return nil, nil
	}
	ready, _, err := accept.DropFolder(r, r.Config.Accept).Look()
	for _, file := range ready {
		due = append(due, Done{Name: file.Name, Why: "in the drop folder, to be judged"})
	}
	return due, err
}

// responderDue reports whether the certificate of a delegated OCSP signer has to
// be renewed: while the current one still outlives every response it will sign.
func responderDue(r *room.Room, a *room.Authority, now time.Time) bool {
	return a.Certificate != nil && !a.External() && a.Responder != nil &&
		a.Responder.NotAfter.Sub(now) <= 2*a.OCSP.Validity.Std()
}

// ForcedPlan says what [Run] would sign that is asked for, due or not.
func ForcedPlan(ctx context.Context, r *room.Room, f Force) (*Plan, error) {
	p := &Plan{Due: []Done{}, Heal: append([]inventory.HealedCertificate{}, r.Healed.Certificates...)}
	asked := func(issuer string) bool { return f.Issuer == "" || f.Issuer == issuer }
	for _, l := range r.Lists() {
		if !f.CRLs || !asked(l.Name) || f.Final && l.Kind == artifact.DeltaCRL {
			continue
		}
		if err := checkPast(ctx, r, l.Authority); err != nil {
			return p, err
		}
		if _, err := r.Token(l.Key.Token); err != nil {
			return p, err
		}
		p.Due = append(p.Due, Done{Name: l.PublicName(), Why: "asked for"})
	}
	for i := range r.Config.Issuers {
		a := r.Authorities[r.Config.Issuers[i].Name]
		if !f.Responses || !asked(a.Name) || a.Certificate == nil || a.OCSP == nil || a.OCSP.External() {
			continue
		}
		if err := checkPast(ctx, r, a); err != nil {
			return p, err
		}
		if _, err := r.Token(a.ResponseKey().Token); err != nil {
			return p, err
		}
		p.Due = append(p.Due, Done{Name: public.Generation(a.Name), Why: "asked for"})
	}
	return p, nil
}
