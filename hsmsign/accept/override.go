package accept

import (
	"context"

	"seihon/approval"
	"seihon/artifact"
	"seihon/hsmsign/memory"
	"seihon/hsmsign/room"
	"seihon/override"
)

// A held override waits for the list that it is for, whose digest it names. Without the list it is of no use.
type heldOverride struct {
	*override.Override
	at  int            // of the inputs
	let []memory.Fault // what it let pass
}

// acceptOverride judges an override before any list. It waits for its list.
func acceptOverride(ctx context.Context, r *room.Room, raw []byte, v *Verdict, h *handover, at int) error {
	v.Digest, v.Kind = artifact.Sum(raw).String(), "override"
	o, err := override.Parse(raw)
	if err != nil {
		return room.Refuse("%w", err)
	}
	if !o.SignedBy(r.OverrideKeys) {
		return room.Refuse("no key of trust.override_keys signed this override")
	}
	for i := range r.Config.Issuers {
		name := r.Config.Issuers[i].Name
		if r.Authorities[name].Certificate != nil && r.Imported(ctx, name, o.Digest) {
			v.Issuer, v.Present = name, true
			return nil
		}
	}
	if r.Rule.Demands(approval.Override) && !r.ApprovedOverrides[artifact.Sum(raw)] {
		return room.Refuse("overrides need approval here (signer.approval): hand it over with `signer accept " +
			"--override` and --approval")
	}
	if err := o.Permits(r.OverrideKeys, o.Digest, override.Changed, r.Now()); err != nil {
		return room.Refuse("%w", err)
	}
	h.overrides[o.Digest] = &heldOverride{Override: o, at: at}
	return wait("it is an override for the list with digest %s, which has not come yet: hand over both", o.Digest)
}

// settleOverride gives an override the verdict that follows from that on its list.
func (h *handover) settleOverride(o *heldOverride, list *Verdict, err error) {
	v := &h.verdicts[o.at]
	v.Issuer, v.Failed, v.err = list.Issuer, "", nil
	switch {
	case err != nil && refused(err):
		v.settle(room.Refuse("the list that it is for is refused, %s", list.Input))
	case err != nil:
		v.settle(err)
	case len(o.let) == 0:
		v.add("%s says nothing that needed it", list.Name)
	default:
		v.add("%d changes of %s are let pass: %s", len(o.let), list.Name, o.Reason)
	}
}

// lets makes an override let changes pass that nothing else does, and keeps what was let pass.
func lets(r *room.Room, o *heldOverride, list artifact.Digest, before *memory.List) {
	permitted := before.Permitted
	before.Permitted = func(serial []byte, was, now override.Status) (bool, error) {
		ok, err := permitted(serial, was, now)
		if err == nil && !ok && o != nil {
			ok = o.Permits(r.OverrideKeys, list, override.Changed, r.Now()) == nil
		}
		if ok && o != nil {
			o.let = append(o.let, memory.Fault{Serial: append([]byte{}, serial...), Was: was, Now: now})
		}
		return ok, err
	}
}

// left are the serials that a list does not revoke any more because an override lets them leave.
func (o *heldOverride) left() (serials [][]byte) {
	if o == nil {
		return nil
	}
	for _, f := range o.let {
		if f.Now.State != override.Revoked {
			serials = append(serials, f.Serial)
		}
	}
	return serials
}

// forImport is the override for the inventory, which records what it let pass; nil when nothing needed it.
func (o *heldOverride) forImport() *override.Override {
	if o == nil || len(o.let) == 0 {
		return nil
	}
	return o.Override
}
