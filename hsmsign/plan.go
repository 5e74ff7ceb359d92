package hsmsign

import (
	"context"
	"errors"
	"fmt"
	"time"

	"seihon/artifact"
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

// PlanRun says what [Room.Run] would sign and why, and what it would heal. It
// changes nothing: neither inventory nor log, and the HSM signs nothing.
func PlanRun(ctx context.Context, o Options) (*Plan, error) {
	var p *Plan
	err := DryRun(ctx, o, func(r *Room) (err error) {
		p, err = r.plan(ctx)
		return err
	})
	return p, err
}

func (r *Room) plan(ctx context.Context) (*Plan, error) {
	now := r.now()
	inputs, err := r.planInputs()
	if err != nil {
		return nil, err
	}
	p := &Plan{Due: []Done{}, Heal: append([]inventory.HealedCertificate{}, r.healed.Certificates...)}
	waiting := map[string][]string{} // for tokens that cannot be used
	due := func(k config.Key, d Done) {
		_, err := r.token(k.Token)
		if lost, ok := errors.AsType[*LostToken](err); ok {
			waiting[lost.Token.Name] = append(waiting[lost.Token.Name], d.Name)
			return
		}
		p.Due = append(p.Due, d)
	}
	for i := range r.conf.Issuers {
		a := r.authorities[r.conf.Issuers[i].Name]
		if r.responderDue(a, now) {
			due(a.Key, Done{Name: public.Certificate(a.OCSP.Responder.Name), Why: "renewal"})
		}
	}
	p.Due = append(p.Due, inputs...)
	refused := map[string]bool{} // issuers that would be refused, and why
	var refusals []error
	for _, l := range r.lists() {
		why, err := r.listDue(ctx, l, now)
		if err != nil {
			return nil, err
		}
		if why == "" || refused[l.Name] {
			continue
		}
		if err := r.checkPast(ctx, l.authority); err != nil {
			refused[l.Name], refusals = true, append(refusals, err)
		} else {
			due(l.Key, Done{Name: l.name(), Why: why})
		}
	}
	for i := range r.conf.Issuers {
		a := r.authorities[r.conf.Issuers[i].Name]
		if a.cert == nil || a.OCSP == nil || a.OCSP.External() || refused[a.Name] {
			continue
		}
		if err := r.checkPast(ctx, a); err != nil {
			refusals = append(refusals, err)
			continue
		}
		n, shards, err := r.responsesDue(ctx, a, now)
		if errors.Is(err, errNoList) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if n > 0 {
			due(a.responseKey(), Done{Name: public.Generation(a.Name), Why: fmt.Sprintf("%d responses in %d of %d shards", n, shards, a.OCSP.Shards)})
		}
	}
	return p, errors.Join(append(refusals, r.lostTokens(waiting)...)...)
}

// responsesDue counts the responses of an issuer that are due, and the shards that have some.
func (r *Room) responsesDue(ctx context.Context, a *authority, now time.Time) (n, shards int, err error) {
	cutoff, _, err := r.cutoff(ctx, a, now)
	if err != nil {
		return 0, 0, err
	}
	if ahead, err := r.responsesAhead(ctx, a, now); err != nil {
		return 0, 0, err
	} else if ahead {
		cutoff = inventory.Everything()
	}
	due, err := r.inv.DueShards(ctx, a.Name, cutoff)
	for _, inShard := range due {
		n += inShard
	}
	return n, len(due), err
}

// planInputs lists the files of the drop folder that would be judged.
func (r *Room) planInputs() (due []Done, err error) {
	if r.conf.Accept == nil {
		return nil, nil
	}
	ready, _, err := r.DropFolder(r.conf.Accept).Look()
	for _, file := range ready {
		due = append(due, Done{Name: file.Name, Why: "in the drop folder, to be judged"})
	}
	return due, err
}

// responderDue reports whether the certificate of a delegated OCSP signer has to
// be renewed: while the current one still outlives every response it will sign.
func (r *Room) responderDue(a *authority, now time.Time) bool {
	return a.cert != nil && !a.External() && a.responder != nil && a.responder.NotAfter.Sub(now) <= 2*a.OCSP.Validity.Std()
}

// ForcedPlan says what [Room.Run] would sign that is asked for, due or not.
func (r *Room) ForcedPlan(ctx context.Context, f Force) (*Plan, error) {
	p := &Plan{Due: []Done{}, Heal: append([]inventory.HealedCertificate{}, r.healed.Certificates...)}
	asked := func(issuer string) bool { return f.Issuer == "" || f.Issuer == issuer }
	for _, l := range r.lists() {
		if !f.CRLs || !asked(l.Name) || f.Final && l.kind == artifact.DeltaCRL {
			continue
		}
		if err := r.checkPast(ctx, l.authority); err != nil {
			return p, err
		}
		if _, err := r.token(l.Key.Token); err != nil {
			return p, err
		}
		p.Due = append(p.Due, Done{Name: l.name(), Why: "asked for"})
	}
	for i := range r.conf.Issuers {
		a := r.authorities[r.conf.Issuers[i].Name]
		if !f.Responses || !asked(a.Name) || a.cert == nil || a.OCSP == nil || a.OCSP.External() {
			continue
		}
		if err := r.checkPast(ctx, a); err != nil {
			return p, err
		}
		if _, err := r.token(a.responseKey().Token); err != nil {
			return p, err
		}
		p.Due = append(p.Due, Done{Name: public.Generation(a.Name), Why: "asked for"})
	}
	return p, nil
}
