package certprofile

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"
)

// anyPolicy must not be mapped to or from (RFC 5280 section 4.2.1.5).
const anyPolicy = "2.5.29.32.0"

// Validate returns every problem of the profile, joined.
func (p *Profile) Validate() error {
	v := &validator{}
	if !slices.Contains([]Kind{Root, Subordinate, Link, Cross, OCSPSigner, Subscriber}, p.Kind) {
		v.add("kind", "%q is not one of root, subordinate, link, cross, ocsp-signer, subscriber", p.Kind)
	}
	v.oneOf("signature_algorithm", SignatureAlgorithms, p.SignatureAlgorithm)
	v.oneOf("keys", KeyAlgorithms, p.Keys...)
	v.oneOf("key_usage", KeyUsages, p.KeyUsage...)
	for _, e := range p.ExtendedKeyUsage {
		if _, err := ParseExtendedKeyUsage(e); err != nil {
			v.add("extended_key_usage", "%v", err)
		}
	}
	v.kind(p)
	v.policies(p)
	if n := p.NameConstraints; n != nil {
		if n.Permitted.Empty() && n.Excluded.Empty() {
			v.add("name_constraints", "is empty; RFC 5280 wants at least one subtree")
		}
		v.subtrees("name_constraints.permitted", n.Permitted)
		v.subtrees("name_constraints.excluded", n.Excluded)
	}
	if len(v.problems) == 0 {
		return nil
	}
	return fmt.Errorf("profile %q: %w", p.Name, errors.Join(v.problems...))
}

type validator struct{ problems []error }

func (v *validator) add(field, format string, args ...any) {
	v.problems = append(v.problems, fmt.Errorf(field+": "+format, args...))
}

func (v *validator) oneOf(field string, allowed []string, values ...string) {
	for _, s := range values {
		if s != "" && !slices.Contains(allowed, s) {
			v.add(field, "%q is not one of %s", s, strings.Join(allowed, ", "))
		}
	}
}

// kind checks what only some kinds may have.
func (v *validator) kind(p *Profile) {
	ca := p.Kind.CA()
	if p.PathLength != nil && (!ca || *p.PathLength < 0) {
		v.add("path_length", "must not be negative, and belongs to CA kinds only")
	}
	constrained := len(p.PolicyMappings) > 0 || p.PolicyConstraints != nil || p.InhibitAnyPolicy != nil ||
		p.NameConstraints != nil
	if constrained && (!ca || p.Kind == Root) {
		v.add("kind", "%s cannot carry policy mappings, policy constraints, inhibit_any_policy or name constraints",
			p.Kind)
	}
	if ca {
		for _, u := range []string{"keyCertSign"} {
			if len(p.KeyUsage) > 0 && !slices.Contains(p.KeyUsage, u) {
				v.add("key_usage", "a CA certificate needs %s (RFC 5280 section 4.2.1.9)", u)
			}
		}
	} else if slices.Contains(p.KeyUsage, "keyCertSign") {
		v.add("key_usage", "keyCertSign belongs to CA kinds only (RFC 5280 section 4.2.1.3)")
	}
	if p.Kind == OCSPSigner &&
		(len(p.ExtendedKeyUsage) > 1 || len(p.ExtendedKeyUsage) == 1 && p.ExtendedKeyUsage[0] != "OCSPSigning") {
		v.add("extended_key_usage", "an OCSP signer has OCSPSigning and nothing else; leave it out")
	}
	if p.Kind != OCSPSigner && slices.Contains(p.ExtendedKeyUsage, "OCSPSigning") {
		v.add("extended_key_usage", "OCSPSigning makes a delegated responder; use kind ocsp-signer")
	}
	if p.Kind != Subscriber && (p.Publish || p.AllowAlternativeNames) {
		v.add("kind", "publish and allow_alternative_names belong to subscriber profiles")
	}
}

func (v *validator) policies(p *Profile) {
	for i, q := range p.Policies {
		if _, err := ParseOID(q.OID); err != nil {
			v.add(fmt.Sprintf("policies[%d]", i), "%v", err)
		}
		for _, other := range p.Policies[:i] {
			if other.OID == q.OID {
				v.add(fmt.Sprintf("policies[%d]", i), "%s occurs twice (RFC 5280 section 4.2.1.4)", q.OID)
			}
		}
		if n := utf8.RuneCountInString(q.Notice); n > 200 {
			v.add(fmt.Sprintf("policies[%d].notice", i), "has %d characters, at most 200 are allowed", n)
		}
	}
	for i, m := range p.PolicyMappings {
		for _, s := range []string{m.Issuer, m.Subject} {
			if _, err := ParseOID(s); err != nil || s == anyPolicy {
				v.add(fmt.Sprintf("policy_mappings[%d]", i),
					"%q is not a policy that can be mapped (RFC 5280 section 4.2.1.5)", s)
			}
		}
	}
	if c := p.PolicyConstraints; c != nil {
		if c.RequireExplicitPolicy == nil && c.InhibitPolicyMapping == nil {
			v.add("policy_constraints", "is empty; RFC 5280 section 4.2.1.11 wants one of its fields")
		}
		v.skip("policy_constraints.require_explicit_policy", c.RequireExplicitPolicy)
		v.skip("policy_constraints.inhibit_policy_mapping", c.InhibitPolicyMapping)
	}
	v.skip("inhibit_any_policy", p.InhibitAnyPolicy)
}

func (v *validator) skip(field string, n *int) {
	if n != nil && (*n < 0 || *n > 127) {
		v.add(field, "%d is not between 0 and 127", *n)
	}
}

func (v *validator) subtrees(field string, s Subtrees) {
	for _, cidr := range s.IP {
		if p, err := netip.ParsePrefix(cidr); err != nil || p.Masked() != p {
			v.add(field+".ip", "%q is not a network such as 192.0.2.0/24", cidr)
		}
	}
	for name, list := range map[string][]string{"dns": s.DNS, "email": s.Email, "uri": s.URI} {
		for _, text := range list {
			if text == "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
				v.add(field+"."+name, "%q is not a printable ASCII name", text)
			}
		}
	}
}
