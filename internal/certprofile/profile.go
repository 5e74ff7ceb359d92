// Package certprofile describes the certificates a CA issues, as data.
//
// It is a leaf: a Profile says what goes into a certificate, never how one is signed. The configuration of both binaries
// embeds it, so that "publisher config check" reads the same file as the signing room without linking any signing code;
// seihon/hsmsign/cert turns a Profile into bytes.
//
// Every type here decodes itself strictly: an unknown key is an error that carries the line, whichever decoder calls it.
package certprofile

import "time"

// Kind is the role of the certificate, which fixes the extensions that are not a matter of choice.
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

// Profile is the template of one sort of certificate.
type Profile struct {
	Name               string             `yaml:"name,omitempty"`                 // defaults to the key it stands under
	Kind               Kind               `yaml:"kind"`                           // role
	Description        string             `yaml:"description,omitempty"`          // for people
	Validity           Duration           `yaml:"validity,omitempty"`             // "20y", "397d", "12h"; when the request sets no end
	SignatureAlgorithm string             `yaml:"signature_algorithm,omitempty"`  // "" = by the issuer's key; rsa-sha256, rsa-pss-sha256, ecdsa-sha384 …
	Keys               []string           `yaml:"keys,omitempty"`                 // subject keys accepted; empty = every sound key
	KeyUsage           []string           `yaml:"key_usage,omitempty"`            // RFC 5280 names; empty = by kind
	ExtendedKeyUsage   []string           `yaml:"extended_key_usage,omitempty"`   // RFC 5280 names or dotted OIDs
	PathLength         *int               `yaml:"path_length,omitempty"`          // CA kinds only
	Policies           []Policy           `yaml:"policies,omitempty"`             // certificatePolicies
	PoliciesCritical   bool               `yaml:"policies_critical,omitempty"`    //
	PolicyMappings     []PolicyMapping    `yaml:"policy_mappings,omitempty"`      // cross and subordinate
	PolicyConstraints  *PolicyConstraints `yaml:"policy_constraints,omitempty"`   // cross and subordinate
	InhibitAnyPolicy   *int               `yaml:"inhibit_any_policy,omitempty"`   // cross and subordinate
	NameConstraints    *NameConstraints   `yaml:"name_constraints,omitempty"`     // cross and subordinate
	SubjectAttributes  []string           `yaml:"subject_attributes,omitempty"`   // allowed in the subject; empty = all known
	AllowAlternative   bool               `yaml:"allow_alternative_names"`        // take subjectAltName from the CSR
	Publish            bool               `yaml:"publish,omitempty"`              // subscriber: goes to the repository, so a consent id is required
	Warnings           []string           `yaml:"accepted_lint_errors,omitempty"` // lints of this profile that may fail, by name
}

// Policy is one PolicyInformation.
type Policy struct {
	OID    string   `yaml:"oid"`
	CPS    []string `yaml:"cps,omitempty"`    // CPS URIs
	Notice string   `yaml:"notice,omitempty"` // explicitText of a user notice
}

// PolicyMapping says that a policy of the issuer's domain equals one of the subject's.
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

// Subtrees lists name forms of one side of the name constraints.
type Subtrees struct {
	DNS       []string `yaml:"dns,omitempty"`
	Email     []string `yaml:"email,omitempty"`
	IP        []string `yaml:"ip,omitempty"`        // CIDR
	URI       []string `yaml:"uri,omitempty"`       // host or .domain
	Directory []string `yaml:"directory,omitempty"` // "C=JP, O=Example"
}

// Duration is a length of time that knows years and days: "20y", "397d", "12h30m".
type Duration time.Duration
