package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"seihon/internal/certprofile"
)

func (v *validator) issuers(c *Config) {
	seen := map[string]bool{}
	for i := range c.Issuers {
		is, path := &c.Issuers[i], fmt.Sprintf("issuers[%d]", i)
		if !namePattern.MatchString(is.Name) {
			v.add(path+".name", "is %q, must be lower case letters, digits and inner hyphens", is.Name)
		}
		if is.Parent != "" && !seen[is.Parent] {
			v.add(path+".parent", "is %q, which is no issuer above; list parents first", is.Parent)
		}
		if old := c.Issuer(is.Succeeds); is.Succeeds != "" && (!seen[is.Succeeds] || old.Subject != is.Subject) {
			v.add(path+".succeeds", "is %q, which is no issuer above with the same subject", is.Succeeds)
		}
		if seen[is.Name] {
			v.add(path+".name", "%q is used twice", is.Name)
		}
		seen[is.Name] = true
		v.signedBy(path, is)
		v.crl(path+".crl", is.CRL)
		if is.CRL != nil && is.CRL.Shards > 1 && !is.External() && (is.OCSP == nil || is.OCSP.Shards != is.CRL.Shards) {
			v.add(path+".crl.shards", "is %d, must equal ocsp.shards: the inventory has one partition per issuer",
				is.CRL.Shards)
		}
		v.crl(path+".arl", is.ARL)
		v.ocsp(path+".ocsp", is.OCSP)
		v.subscribers(path+".subscribers", is.Subscribers)
	}
}

// signedBy checks what an issuer must have here, by who signs for it.
func (v *validator) signedBy(path string, is *Issuer) {
	if is.External() {
		v.external(path, is)
		return
	}
	if is.SignedBy != "room" {
		v.add(path+".signed_by", "is %q, must be room or external", is.SignedBy)
	}
	if is.Subject.CommonName == "" {
		v.add(path+".subject.common_name", "is empty")
	}
	if is.Validity <= 0 {
		v.add(path+".validity", "must be positive, such as 10y")
	}
	v.key(path+".key", is.Key)
	if is.OCSP.External() {
		v.add(path+".ocsp.signed_by", "is external, the issuer is not: its responses are signed here")
	}
	if is.CRL != nil && len(is.CRL.Points) > 0 {
		v.add(path+
			".crl.points",
			"is for issuers that are signed_by: external; the lists of this one name their public addresses")
	}
}

// external refuses what only the holder of the issuer's key can do.
func (v *validator) external(path string, is *Issuer) {
	if is.Key != (Key{}) {
		v.add(path+".key", "is of an issuer that is signed_by: external; its key is not in this token, leave it out")
	}
	if is.Subscribers != nil {
		v.add(path+
			".subscribers",
			"is of an issuer that is signed_by: external; the CA's own software issues its certificates")
	}
	if is.OCSP != nil && !is.OCSP.External() && is.OCSP.Responder == nil {
		v.add(path+".ocsp.responder",
			"is missing: the room has no key of the issuer; name the delegated signer whose key is in the token, or "+
				"say signed_by: external")
	}
}

func (v *validator) key(path string, k Key) {
	if !slices.Contains(certprofile.KeyAlgorithms, k.Algorithm) {
		v.add(path+".algorithm", "is %q, must be one of %s", k.Algorithm, strings.Join(certprofile.KeyAlgorithms, ", "))
	}
	if k.PSS && !strings.HasPrefix(k.Algorithm, "rsa") {
		v.add(path+".pss", "needs an RSA key")
	}
	switch {
	case k.Hash != "" && !slices.Contains([]string{"sha256", "sha384", "sha512"}, k.Hash):
		v.add(path+".hash", "is %q, must be sha256, sha384 or sha512", k.Hash)
	case k.Hash != "" && k.Algorithm == "ed25519":
		v.add(path+".hash", "is of an Ed25519 key, which has one of its own; leave it out")
	case k.Hash != "" && strings.HasPrefix(k.Algorithm, "ml-dsa"):
		v.add(path+".hash", "is of an ML-DSA key, which signs without a hash before it (RFC 9881); leave it out")
	}
}

func (v *validator) crl(path string, c *CRL) {
	if c == nil {
		return
	}
	v.cadence(path, c.Validity, c.Refresh)
	if c.Shards > 1 && c.Delta > 0 {
		v.add(path+".delta", "is not available for a list in shards")
	}
	if c.Delta < 0 || (c.Delta > 0 && c.Delta >= c.Refresh) {
		v.add(path+".delta", "is %v, must be shorter than refresh (%v)", c.Delta, c.Refresh)
	}
	if c.Shards < 0 || c.Shards > 4096 {
		v.add(path+".shards", "is %d, must be 0 to 4096", c.Shards)
	}
}

func (v *validator) cadence(path string, validity, refresh Duration) {
	if validity < Duration(time.Minute) {
		v.add(path+".validity", "is %v, must be a minute or more", validity)
	}
	if refresh <= 0 || refresh >= validity {
		v.add(path+".refresh", "is %v, must be positive and shorter than validity (%v)", refresh, validity)
	}
}

func (v *validator) ocsp(path string, o *OCSP) {
	if o == nil {
		return
	}
	v.cadence(path, o.Validity, o.Refresh)
	if o.SignedBy != "room" && o.SignedBy != "external" {
		v.add(path+".signed_by", "is %q, must be room or external", o.SignedBy)
	}
	if o.External() && o.Responder != nil {
		v.add(path+".responder", "is of responses that are signed_by: external; leave it out")
	}
	if o.Shards < 1 || o.Shards > 4096 {
		v.add(path+".shards", "is %d, must be 1 to 4096", o.Shards)
	}
	if policies := []string{"separate", "dual", "sha1", "sha256"}; !slices.Contains(policies, o.CertID) {
		v.add(path+".certid", "is %q, must be one of %s", o.CertID, strings.Join(policies, ", "))
	}
	if o.NeverIssued != "unauthorized" && o.NeverIssued != "revoked" {
		v.add(path+".never_issued", "is %q, must be unauthorized or revoked", o.NeverIssued)
	}
	if r := o.Responder; r != nil {
		v.key(path+".responder.key", r.Key)
		if !namePattern.MatchString(r.Name) {
			v.add(path+".responder.name", "is %q, must be lower case letters, digits and inner hyphens", r.Name)
		}
	}
}

func (v *validator) subscribers(path string, s *Subscribers) {
	if s == nil {
		return
	}
	if s.Validity <= 0 || s.Validity > Duration(5*365*24*time.Hour) {
		v.add(path+".validity", "is %v, must be positive and at most 5y (Rule 6 item 4 of the Act's ordinance)",
			s.Validity)
	}
	if s.PolicyOID != "" && !oidPattern.MatchString(s.PolicyOID) {
		v.add(path+".policy_oid", "is %q, must be a dotted object identifier", s.PolicyOID)
	}
	for i, reason := range s.KeepKeyAfter {
		if !slices.Contains(keepKeyReasons, reason) {
			v.add(fmt.Sprintf("%s.keep_key_after[%d]", path, i),
				"is %q, must be one of %s; a compromised key is never certified again",
				reason, strings.Join(keepKeyReasons, ", "))
		}
	}
}

var misissuedPattern = regexp.MustCompile(`^[0-9a-f]+$`)

// keepKeyReasons are the reasons of revocation (RFC 5280 section 5.3.1) after which the key itself may still be good.
var keepKeyReasons = []string{"unspecified", "affiliationChanged", "superseded", "cessationOfOperation",
	"certificateHold", "privilegeWithdrawn"}

// profiles checks the profiles of the file and that every name used exists.
func (v *validator) profiles(c *Config) {
	for _, name := range slices.Sorted(maps.Keys(c.Profiles)) {
		if c.Profiles[name] == nil {
			v.add("profiles."+name, "is empty")
			continue
		}
		if err := c.Profiles[name].Validate(); err != nil {
			v.add("profiles."+name, "%v", err)
		}
	}
	for i, is := range c.Issuers {
		if s := is.Subscribers; s != nil {
			if _, ok := c.Profile(s.Profile); !ok {
				v.add(fmt.Sprintf("issuers[%d].subscribers.profile", i),
					"is %q, which is neither built in nor in profiles", s.Profile)
			}
		}
	}
}
