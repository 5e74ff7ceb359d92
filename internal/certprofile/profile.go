// Package certprofile describes the certificates a CA issues, as data.
//
// It is a leaf: a Profile says what goes into a certificate, never how one is signed. The configuration of both
// binaries embeds it, so that the publisher can check the same file as the signing room without linking any signing
// code; seihon/hsmsign/cert turns a Profile into bytes.
//
// What a kind implies is not a matter of choice and therefore not in the profile: a CA kind gets cA=true, keyCertSign
// and cRLSign; an OCSP signer gets its extended key usage and id-pkix-ocsp-nocheck, and no pointers to status
// information about itself. The profile adds what a CP leaves open: lengths of time, policies, constraints, allowed
// keys.
package certprofile

// Kind is the role of the certificate.
type Kind string

// The kinds of certificates.
const (
	Root        Kind = "root"        // self-signed CA
	Subordinate Kind = "subordinate" // CA under another CA of the same operator
	Link        Kind = "link"        // new-with-old or old-with-new of one CA name, RFC 9810 section 4.4
	Cross       Kind = "cross"       // another operator's CA, such as a bridge
	OCSPSigner  Kind = "ocsp-signer" // delegated responder, RFC 6960 section 4.2.2.2
	Subscriber  Kind = "subscriber"  // end entity
)

// CA reports whether certificates of the kind are CA certificates.
func (k Kind) CA() bool { return k == Root || k == Subordinate || k == Link || k == Cross }

// Profile is the template of one sort of certificate.
type Profile struct {
	Name        string   `yaml:"name,omitempty"`        // defaults to the key it stands under
	Kind        Kind     `yaml:"kind"`                  // role
	Description string   `yaml:"description,omitempty"` // for people
	Validity    Validity `yaml:"validity,omitempty"`    // "20y", "397d", "12h"; used when the request sets no end

	// SignatureAlgorithm is "" (by the issuer's key) or one of SignatureAlgorithms.
	SignatureAlgorithm string `yaml:"signature_algorithm,omitempty"`
	// Keys are the subject keys accepted, of KeyAlgorithms; empty accepts all of them.
	Keys []string `yaml:"keys,omitempty"`

	// names of RFC 5280 section 4.2.1.3; empty = by kind
	KeyUsage         []string `yaml:"key_usage,omitempty"`
	ExtendedKeyUsage []string `yaml:"extended_key_usage,omitempty"` // names (see ExtendedKeyUsages) or dotted OIDs
	PathLength       *int     `yaml:"path_length,omitempty"`        // CA kinds only

	Policies          []Policy           `yaml:"policies,omitempty"`
	PoliciesCritical  bool               `yaml:"policies_critical,omitempty"`
	PolicyMappings    []PolicyMapping    `yaml:"policy_mappings,omitempty"`    // CA kinds but root
	PolicyConstraints *PolicyConstraints `yaml:"policy_constraints,omitempty"` // CA kinds but root
	InhibitAnyPolicy  *int               `yaml:"inhibit_any_policy,omitempty"` // CA kinds but root
	NameConstraints   *NameConstraints   `yaml:"name_constraints,omitempty"`   // CA kinds but root

	// AllowAlternativeNames takes subjectAltName over from the CSR. A CSR that asks for one where it is not allowed is
	// refused.
	AllowAlternativeNames bool `yaml:"allow_alternative_names,omitempty"`
	// Publish says that these subscriber certificates go to the repository, so that each needs the subscriber's
	// consent.
	Publish bool `yaml:"publish,omitempty"`
	// AcceptedLints are names of lints that may fail for this profile.
	AcceptedLints []string `yaml:"accepted_lints,omitempty"`
}

// Policy is one PolicyInformation, RFC 5280 section 4.2.1.4.
type Policy struct {
	OID    string   `yaml:"oid"`
	CPS    []string `yaml:"cps,omitempty"`    // CPS URIs; empty = the CPS URL of the request
	Notice string   `yaml:"notice,omitempty"` // explicitText of a user notice, at most 200 characters
}

// PolicyMapping says that a policy of the issuer's domain equals one of the subject's, RFC 5280 section 4.2.1.5.
type PolicyMapping struct {
	Issuer  string `yaml:"issuer"`
	Subject string `yaml:"subject"`
}

// PolicyConstraints is the extension of RFC 5280 section 4.2.1.11.
type PolicyConstraints struct {
	RequireExplicitPolicy *int `yaml:"require_explicit_policy,omitempty"`
	InhibitPolicyMapping  *int `yaml:"inhibit_policy_mapping,omitempty"`
}

// NameConstraints is the extension of RFC 5280 section 4.2.1.10.
type NameConstraints struct {
	Permitted Subtrees `yaml:"permitted,omitempty"`
	Excluded  Subtrees `yaml:"excluded,omitempty"`
}

// Subtrees lists the name forms of one side of the name constraints.
type Subtrees struct {
	DNS       []string `yaml:"dns,omitempty"`
	Email     []string `yaml:"email,omitempty"`
	IP        []string `yaml:"ip,omitempty"`        // CIDR
	URI       []string `yaml:"uri,omitempty"`       // host or .domain
	Directory []string `yaml:"directory,omitempty"` // "C=JP, O=Example"
}

// Empty reports whether no subtree is listed.
func (s Subtrees) Empty() bool {
	return len(s.DNS)+len(s.Email)+len(s.IP)+len(s.URI)+len(s.Directory) == 0
}
