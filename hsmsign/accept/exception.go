package accept

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/room"
	"seihon/ledger"
	"seihon/override"
	"seihon/sectiona"
)

// tellExceptions notes what exceptions let pass of an input.
func tellExceptions(x *room.Exceptions, v *Verdict) {
	if len(x.Passed) == 0 {
		return
	}
	v.add("let pass by exception: %s", strings.Join(slices.Sorted(maps.Keys(x.Passed)), ", "))
}

// acceptException takes a signed exception into the log.
func acceptException(_ context.Context, r *room.Room, raw []byte, v *Verdict) error {
	v.Digest, v.Kind = artifact.Sum(raw).String(), "exception"
	o, err := override.ParseException(raw)
	if err != nil {
		return room.Refuse("%w", err)
	}
	issuer := exceptionFor(r, o.Key)
	switch {
	case !o.SignedBy(r.OverrideKeys):
		return room.Refuse("no key of trust.override_keys signed this exception")
	case !r.Now().Before(o.Expires):
		return room.Refuse("this exception expired at %s", o.Expires.Format(time.RFC3339))
	case issuer == "":
		return room.Refuse("its key %s is of no CA that signed anything here: hand over that CA's certificate first, "+
			"or pin it", o.Key)
	}
	for _, kind := range o.Allow {
		if !sectiona.Excusable(kind) {
			return room.Refuse("it allows %q; what an exception can allow is %s", kind,
				strings.Join(sectiona.ExcusableKinds(), ", "))
		}
	}
	if err := v.of(issuer); err != nil {
		return err
	}
	r.Exceptions.Load(r)
	if v.Present = r.Exceptions.Texts[string(raw)]; v.Present {
		return nil
	}
	e := &ledger.Entry{Time: r.Now(), Exception: &ledger.Exception{Issuer: issuer, Text: string(raw)}}
	r.Exceptions.Accepted = append(r.Exceptions.Accepted, e)
	r.Exceptions.Enter(r.OverrideKeys, e)
	v.add("%s until %s: %s", strings.Join(o.Allow, ", "), o.Expires.Format(time.RFC3339), o.Reason)
	return nil
}

// exceptionFor names the issuer of the configuration for whose sake a CA's deviations matter: the one with that key,
// or, for a root that has not come in yet and for a partner, the first.
func exceptionFor(r *room.Room, key artifact.Digest) string {
	for i := range r.Config.Issuers {
		if a := r.Authorities[r.Config.Issuers[i].Name]; a.Certificate != nil &&
			artifact.Sum(a.Certificate.RawSubjectPublicKeyInfo) == key {
			return a.Name
		}
	}
	for _, file := range append(slices.Clone(r.Config.Trust.Anchors), r.Config.Trust.Partners...) {
		if c, err := room.ReadCertificate(string(file)); err == nil && artifact.Sum(c.RawSubjectPublicKeyInfo) == key {
			return r.Config.Issuers[0].Name
		}
	}
	return ""
}
