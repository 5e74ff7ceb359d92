package observe

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"net/url"
	"slices"
	"strings"

	"seihon/artifact"
)

// The reasons of an entry that mean more than a word (RFC 5280 section 5.3.1).
const (
	reasonHold   = 6
	reasonRemove = 8
)

// maxCompared bounds the entries of partitions, and of a delta list, that are held against each other.
const maxCompared = 2_000_000

// together judges what only several lists of one CA can show.
func (o *observer) together(lists []*seen) {
	var good []*seen
	for _, s := range lists {
		if s.issuer != nil {
			good = append(good, s)
		}
	}
	for _, s := range good {
		o.address(s)
	}
	o.partitions(good)
	for i, s := range good {
		for _, other := range good[:i] {
			o.oneNumber(other, s)
		}
		if s.kind == artifact.DeltaCRL {
			o.delta(s, completeOf(s, good))
		}
	}
}

// address wants the address that was asked among those that the list says it is found at: another list of the same CA,
// with another scope, would be as well signed (RFC 5280 section 6.3.3 (b)(2)(i)).
func (o *observer) address(s *seen) {
	idp := s.crl.IDP
	f := Finding{Code: CodeScope, Severity: "warning", Source: s.Address}
	if s.partition {
		f.Severity = ""
	}
	switch {
	case s.partition && (idp == nil || len(idp.URIs) == 0):
		f.Detail = "it is one of several partitions and does not say which: any other would pass for it"
	case idp == nil || len(idp.URIs) == 0 ||
		slices.ContainsFunc(idp.URIs, func(u string) bool { return sameAddress(u, s.Address) }):
		return
	default:
		f.Want, f.Got = s.Address, strings.Join(idp.URIs[:min(len(idp.URIs), 4)], " ")
		f.Detail = "its issuing distribution point names other addresses"
	}
	o.add(f)
}

// sameAddress compares as clients do: scheme and host in any case.
func sameAddress(a, b string) bool {
	x, err1 := url.Parse(a)
	y, err2 := url.Parse(b)
	if err1 != nil || err2 != nil {
		return a == b
	}
	x.Host, y.Host = strings.ToLower(x.Host), strings.ToLower(y.Host)
	return x.String() == y.String()
}

// partitions wants every certificate on one partition only.
func (o *observer) partitions(lists []*seen) {
	seed := maphash.MakeSeed()
	at := map[uint64]*seen{}
	told := 0
	for _, s := range lists {
		if !s.partition || s.kind == artifact.DeltaCRL {
			continue
		}
		for e := range s.crl.Entries() {
			h := maphash.Bytes(seed, e.Serial)
			first := at[h]
			if first == nil {
				if len(at) < maxCompared {
					at[h] = s
				}
				continue
			}
			if first == s || first.issuer != s.issuer {
				continue
			}
			if told++; told <= perKind {
				o.add(Finding{Code: CodeScope, Source: s.Address,
					Detail: fmt.Sprintf("serial number %x is also listed at %s", e.Serial, first.Address)})
			}
		}
	}
}

// oneNumber wants one content for one number of one scope, wherever it is fetched.
func (o *observer) oneNumber(a, b *seen) {
	if a.issuer != b.issuer || a.kind != b.kind || a.Number == "" || a.Number != b.Number || a.SHA256 == b.SHA256 ||
		!sameScope(a.crl, b.crl) {
		return
	}
	o.add(Finding{Code: "crl-number-reused", Source: b.Address, Want: a.SHA256, Got: b.SHA256,
		Detail: fmt.Sprintf("the list with number %s at %s is another one", a.Number, a.Address)})
}

func sameScope(a, b *artifact.RevocationList) bool {
	x, y := a.IDP, b.IDP
	if x == nil || y == nil {
		return x == y
	}
	return x.OnlyUser == y.OnlyUser && x.OnlyCA == y.OnlyCA && x.OnlyAttribute == y.OnlyAttribute &&
		x.OnlySomeReasons == y.OnlySomeReasons &&
		x.Indirect == y.Indirect && slices.Equal(x.URIs, y.URIs)
}

// completeOf returns the newest complete list that a delta list may belong to.
func completeOf(d *seen, lists []*seen) (best *seen) {
	for _, s := range lists {
		if s.kind == artifact.DeltaCRL || s.issuer != d.issuer || s.crl.Number == nil || !covers(s.crl.IDP, d.crl.IDP) {
			continue
		}
		if best == nil || best.crl.Number.Cmp(s.crl.Number) < 0 {
			best = s
		}
	}
	return best
}

// covers compares the kinds of certificates that two lists speak of; a delta list may be found at another address.
func covers(a, b *artifact.DistributionPoint) bool {
	user := func(p *artifact.DistributionPoint) bool { return p != nil && p.OnlyUser }
	ca := func(p *artifact.DistributionPoint) bool { return p != nil && p.OnlyCA }
	return user(a) == user(b) && ca(a) == ca(b)
}

// delta holds a delta list against the complete one.
func (o *observer) delta(d, complete *seen) {
	bad := func(code, severity, format string, args ...any) {
		o.add(Finding{Code: code, Severity: severity, Source: d.Address, Detail: fmt.Sprintf(format, args...)})
	}
	switch {
	case complete == nil:
		bad(CodeDelta, "note", "there is no complete list of its scope to hold it against")
		return
	case d.crl.BaseNumber.Cmp(complete.crl.Number) > 0:
		bad("delta-base", "", "it is a delta to number %v, the complete list at %s has number %v", d.crl.BaseNumber,
			complete.Address, complete.crl.Number)
		return
	case d.crl.Number != nil && d.crl.Number.Cmp(complete.crl.Number) < 0:
		bad(CodeDelta, "warning", "its number %v is below %v of the complete list at %s", d.crl.Number,
			complete.crl.Number, complete.Address)
		return
	}
	entries := map[string]artifact.RevokedEntry{}
	for e := range d.crl.Entries() {
		if len(entries) < maxCompared && e.Reason != reasonRemove {
			entries[string(e.Serial)] = e
		}
	}
	told := 0
	for e := range complete.crl.Entries() {
		x, ok := entries[string(e.Serial)]
		if !ok || x.Time.Equal(e.Time) || e.Reason == reasonHold {
			continue
		}
		if told++; told <= perKind {
			bad(CodeDelta, "", "serial number %x is revoked at %s there and at %s on the complete list", e.Serial,
				stamp(x.Time), stamp(e.Time))
		}
	}
}

// standing is what the lists of a CA say of a certificate together. covered is false when none of them need speak of
// it.
func standing(lists []*seen, g *Group, issuer, serial []byte) (e *artifact.RevokedEntry, from *seen, covered bool) {
	for _, s := range lists {
		if s.issuer == nil || !s.fresh || !bytes.Equal(s.issuer.Raw, issuer) {
			continue
		}
		x, listed := s.found[string(serial)]
		switch {
		case listed && (from == nil || from.kind != artifact.DeltaCRL):
			e, from, covered = &x, s, true
			if x.Reason == reasonRemove {
				e = nil
			}
		case !listed && from == nil && (s.crl.IDP == nil || s.named(g, serial)) && s.kind != artifact.DeltaCRL:
			from, covered = s, true
		}
	}
	return e, from, covered
}

// named reports whether a certificate says that it is revoked on this list.
func (s *seen) named(g *Group, serial []byte) bool {
	for _, c := range g.Certificates {
		if bytes.Equal(serialOf(c), serial) &&
			slices.ContainsFunc(c.CRLDistributionPoints, func(u string) bool { return sameAddress(u, s.Address) }) {
			return true
		}
	}
	return false
}
