package hsmsign

import (
	"context"
	"errors"
	"fmt"

	"seihon/artifact"
	"seihon/hsmsign/token"
	"seihon/internal/config"
	"seihon/inventory"
	"seihon/public"
)

// A dry run opens the room without the right to change it: nothing is healed, finished, recorded or signed. The methods of the
// room go the same way as ever, up to where the token would be asked to sign, the master or the inventory to take something,
// or a file to be written; what they say would happen passed every check that comes before.

// DryRun opens the room, runs fn and closes it again.
func DryRun(ctx context.Context, o Options, fn func(*Room) error) error {
	o.DryRun = true
	r, err := Open(ctx, o)
	if err != nil {
		return err
	}
	return errors.Join(fn(r), r.Close())
}

// Unapproved says what a dry run would need approvals for that were not handed over.
func (r *Room) Unapproved() []string { return r.unapproved }

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

// WouldWithdraw looks for what [Room.Withdraw] would withdraw.
func (r *Room) WouldWithdraw(ctx context.Context, name string) (artifact.Digest, error) {
	line, _, err := r.log.Log().Lookup(ctx, name)
	if err != nil {
		return artifact.Digest{}, fmt.Errorf("withdrawing %s: %w", name, err)
	}
	return line.Digest, nil
}

// LogSize is the size of the master log; a frozen one is an error.
func (r *Room) LogSize() (int64, error) {
	log := r.log.Log()
	if log.Frozen() != nil {
		return 0, fmt.Errorf("the master log is frozen since entry %d", log.Size()-1)
	}
	return log.Size(), nil
}

// PlanKeys says which keys are in the token, and which [GenerateKeys] would make; with labels, these and no others,
// in the token of that name.
func PlanKeys(ctx context.Context, o Options, only, tokenName string, labels ...string) (*InitResult, error) {
	o.DryRun = true
	r, err := openRoom(ctx, o)
	if err != nil {
		return nil, err
	}
	res, err := r.planKeys(ctx, only, tokenName, labels)
	return res, errors.Join(err, r.Close())
}

func (r *Room) planKeys(ctx context.Context, only, tokenName string, labels []string) (*InitResult, error) {
	var keys []config.Key
	for _, label := range labels {
		keys = append(keys, config.Key{Label: label, Token: tokenName})
	}
	if len(labels) == 0 {
		for name, k := range configuredKeys(r.conf) {
			if only == "" || name == only {
				keys = append(keys, k)
			}
		}
	}
	if len(keys) == 0 && only != "" {
		return nil, fmt.Errorf("making key %q: no issuer or responder of the configuration has that name", only)
	}
	res := &InitResult{Made: []string{}, Present: []string{}}
	for _, k := range keys {
		t, err := r.token(k.Token)
		if err == nil {
			_, err = t.Signer(ctx, token.KeySpec{Label: k.Label})
		}
		switch {
		case errors.Is(err, token.ErrKeyNotFound):
			res.Made = append(res.Made, "key "+k.Label)
		case err != nil:
			return nil, err
		default:
			res.Present = append(res.Present, "key "+k.Label)
		}
	}
	return res, nil
}
