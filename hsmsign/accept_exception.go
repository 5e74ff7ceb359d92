package hsmsign

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/override"
	"seihon/sectiona"
)

// tellExceptions notes what exceptions let pass of an input.
func tellExceptions(x *exceptions, v *Verdict) {
	if len(x.passed) == 0 {
		return
	}
	v.add("let pass by exception: %s", strings.Join(slices.Sorted(maps.Keys(x.passed)), ", "))
}

// acceptException takes a signed exception into the log.
func (r *Room) acceptException(_ context.Context, raw []byte, v *Verdict) error {
	v.Digest, v.Kind = artifact.Sum(raw).String(), "exception"
	o, err := override.ParseException(raw)
	if err != nil {
		return refuse("%w", err)
	}
	issuer := r.exceptionFor(o.Key)
	switch {
	case !o.SignedBy(r.overrideKeys):
		return refuse("no key of trust.override_keys signed this exception")
	case !r.now().Before(o.Expires):
		return refuse("this exception expired at %s", o.Expires.Format(time.RFC3339))
	case issuer == "":
		return refuse("its key %s is of no CA that signed anything here: hand over that CA's certificate first, or pin it", o.Key)
	}
	for _, kind := range o.Allow {
		if !sectiona.Excusable(kind) {
			return refuse("it allows %q; what an exception can allow is %s", kind, strings.Join(sectiona.ExcusableKinds(), ", "))
		}
	}
	if err := v.of(issuer); err != nil {
		return err
	}
	r.exceptions.load(r)
	if v.Present = r.exceptions.texts[string(raw)]; v.Present {
		return nil
	}
	e := &ledger.Entry{Time: r.now(), Exception: &ledger.Exception{Issuer: issuer, Text: string(raw)}}
	r.exceptions.new = append(r.exceptions.new, e)
	r.exceptions.enter(r.overrideKeys, e)
	v.add("%s until %s: %s", strings.Join(o.Allow, ", "), o.Expires.Format(time.RFC3339), o.Reason)
	return nil
}

// exceptionFor names the issuer of the configuration for whose sake a CA's deviations matter: the one with that key, or, for
// a root that has not come in yet and for a partner, the first.
func (r *Room) exceptionFor(key artifact.Digest) string {
	for i := range r.conf.Issuers {
		if a := r.authorities[r.conf.Issuers[i].Name]; a.cert != nil && artifact.Sum(a.cert.RawSubjectPublicKeyInfo) == key {
			return a.Name
		}
	}
	for _, file := range append(slices.Clone(r.conf.Trust.Anchors), r.conf.Trust.Partners...) {
		if c, err := readCertificate(string(file)); err == nil && artifact.Sum(c.RawSubjectPublicKeyInfo) == key {
			return r.conf.Issuers[0].Name
		}
	}
	return ""
}
