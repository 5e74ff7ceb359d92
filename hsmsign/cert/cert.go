// Package cert issues certificates: root, subordinate, link, cross, delegated OCSP signer and subscriber.
//
// Issue goes through five steps and stops at the first that finds something wrong, so that a refused request never
// reaches the key. Prepare ends after the third, so that the TBSCertificate can be committed to before it is signed:
//
//  1. check: the profile, the issuer and its key, the serial number, names, URLs, the subject's key and, for a CSR, the
//     proof of possession;
//  2. draft: the TBSCertificate, by our own encoder;
//  3. rehearse: sign the draft with a throwaway software key of the same type, lint it (zlint, RFC and community lints) and
//     validate its path under the issuer, which finds broken name constraints and path lengths;
//  4. sign, once, through crypto.Signer;
//  5. verify: parse the result again, compare its TBSCertificate with the draft, check the signature, lint, validate.
//
// The encoder is our own because crypto/x509 decides things that a CP fixes: it writes PrintableString where the names
// shall be UTF8String (RFC 5280 section 4.1.2.4), has no policy qualifiers, mappings or constraints, chooses the order
// of the extensions and refuses to encode for rehearsal what the token will sign. With our own the rehearsed bytes are
// the signed bytes. Extensions come in the order of RFC 5280 section 4.2, critical exactly where that section wants it.
//
// What the CSR wishes for beyond key, name and (where the profile allows) alternative names has no effect.
package cert

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"math/big"
	"time"

	"seihon/internal/certprofile"
)

// Profile is the template a certificate is made from.
type Profile = certprofile.Profile

// URLs are the places a certificate names. An OCSP signer's certificate names none of them but the CPS (RFC 9919
// section 3.2.2: its status is not to be asked), whatever is given here.
type URLs struct {
	CRL       []string // CRL distribution point: one point, alternatives for the same list
	DeltaCRL  []string // freshestCRL
	OCSP      []string // AIA id-ad-ocsp
	CAIssuers []string // AIA id-ad-caIssuers
	CPS       string   // CPS qualifier of every policy of the profile that names none itself
}

// Request says what to issue. Exactly one of PublicKey, CSR and Of names the key.
type Request struct {
	Profile     *Profile
	Subject     Name              // with PublicKey; with a CSR it replaces the CSR's subject
	PublicKey   crypto.PublicKey  // of a key made in the room
	CSR         []byte            // PKCS #10, DER or PEM
	Of          *x509.Certificate // link and cross: the CA certificate whose name, key and key identifier are certified
	Alternative AlternativeNames  // subscriber; with a CSR they replace the CSR's

	Issuer *x509.Certificate // nil = self-signed
	Signer crypto.Signer     // the issuer's key

	Serial              *big.Int  // positive, at most 20 octets; see NewSerial
	NotBefore, NotAfter time.Time // zero = now, and the profile's validity cut to the issuer's

	URLs      URLs
	ConsentID string           // the subscriber's consent to publication; required by a profile with publish: true
	Now       func() time.Time // nil = time.Now
}

// Builtin returns a copy of a built-in profile: root, subordinate, link, cross, ocsp-signer, subscriber,
// document-signer.
func Builtin(name string) (*Profile, bool) { return certprofile.Builtin(name) }

// NewSerial draws a serial number of 16 octets whose first bits are 01: always positive, never shorter, 126 random
// bits.
func NewSerial() (*big.Int, error) {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		return nil, fmt.Errorf("drawing serial number: %w", err)
	}
	b[0] = b[0]&0x3f | 0x40
	return new(big.Int).SetBytes(b), nil
}
