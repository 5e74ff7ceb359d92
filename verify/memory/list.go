package memory

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"seihon/artifact"
)

// A list is one revocation list with its entries in the order of their serial numbers.
type list struct {
	Artifact
	issuer  string // identity
	scope   scope
	base    string // BaseCRLNumber of a delta, else empty
	this    int64
	entries []listed
}

// A listed is one entry. Its serial is a slice of the list's bytes.
type listed struct {
	serial []byte
	standing
}

// newList takes a parsed list apart. entries is the room to use, which an earlier list no longer
// needs.
func newList(a Artifact, issuer string, l *artifact.RevocationList, entries []listed) (*list, error) {
	out := &list{Artifact: a, issuer: issuer, scope: scopeOf(l.IDP), this: l.ThisUpdate.Unix(), entries: entries[:0]}
	if l.Number != nil {
		out.Number = l.Number.String()
	}
	if l.BaseNumber != nil {
		out.base = l.BaseNumber.String()
	}
	sorted := true
	for e, err := range l.Entries() {
		if err != nil {
			return nil, err
		}
		n := len(out.entries)
		sorted = sorted && (n == 0 || bytes.Compare(out.entries[n-1].serial, e.Serial) < 0)
		is := standing{status: revoked, at: e.Time.Unix(), invalid: dateOf(e.InvalidityDate),
			reason: int8(max(e.Reason, 0))}
		out.entries = append(out.entries, listed{e.Serial, is})
	}
	if !sorted {
		slices.SortStableFunc(out.entries, func(a, b listed) int { return bytes.Compare(a.serial, b.serial) })
	}
	return out, nil
}

func dateOf(t time.Time) int64 {
	if t.IsZero() {
		return noDate
	}
	return t.Unix()
}

// find returns what the list says of a certificate.
func (l *list) find(serial []byte) standing {
	i, ok := slices.BinarySearchFunc(l.entries, serial, func(e listed, s []byte) int {
		return bytes.Compare(e.serial, s)
	})
	if !ok {
		return standing{}
	}
	return l.entries[i].standing
}

// eachOf walks the entries of old beside what now says of the same certificates, where that is
// something else.
func eachOf(old, now *list, visit func(serial []byte, was, is standing)) {
	j := 0
	for _, e := range old.entries {
		order := -1
		for j < len(now.entries) {
			if order = bytes.Compare(now.entries[j].serial, e.serial); order >= 0 {
				break
			}
			j++
		}
		if j < len(now.entries) && order == 0 {
			if is := now.entries[j].standing; is != e.standing {
				visit(e.serial, e.standing, is)
			}
			continue
		}
		visit(e.serial, e.standing, standing{})
	}
}

// A scope says of which certificates a list speaks (RFC 5280 section 5.2.5).
type scope struct {
	limited                                   bool // there is a distribution point at all
	uris                                      string
	onlyUser, onlyCA, onlyAttribute, indirect bool
	someReasons                               bool
}

func scopeOf(p *artifact.DistributionPoint) scope {
	if p == nil {
		return scope{}
	}
	uris := slices.Sorted(slices.Values(p.URIs))
	return scope{true, strings.Join(uris, " "), p.OnlyUser, p.OnlyCA, p.OnlyAttribute, p.Indirect, p.OnlySomeReasons}
}

// covers reports whether every certificate of the old scope is in this one: no limit is new, and
// every address at which the old list said to be found is kept.
func (s scope) covers(old scope) bool {
	if !s.limited {
		return true
	}
	if !old.limited || s.onlyUser && !old.onlyUser || s.onlyCA && !old.onlyCA ||
		s.onlyAttribute && !old.onlyAttribute || s.someReasons && !old.someReasons {
		return false
	}
	if old.uris == "" {
		return s.uris == ""
	}
	have := strings.Fields(s.uris)
	lost := func(u string) bool { return !slices.Contains(have, u) }
	return s.uris == "" || !slices.ContainsFunc(strings.Fields(old.uris), lost)
}

// String says the scope in words.
func (s scope) String() string {
	if !s.limited {
		return "all certificates"
	}
	var parts []string
	for _, p := range []struct {
		is   bool
		text string
	}{
		{s.onlyUser, "only subscribers"}, {s.onlyCA, "only CAs"}, {s.onlyAttribute, "only attribute certificates"},
		{s.indirect, "indirect"}, {s.someReasons, "only some reasons"}, {s.uris != "", "at " + s.uris},
	} {
		if p.is {
			parts = append(parts, p.text)
		}
	}
	if len(parts) == 0 {
		return "all certificates, by a distribution point"
	}
	return strings.Join(parts, ", ")
}
