// Package cert issues certificates.
package cert

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"math/big"
	"time"

	"seihon/internal/certprofile"
)

// Profile is the template a certificate is made from.
type Profile = certprofile.Profile

// URLs are the places a certificate names.
type URLs struct {
	CRL       []string // CRL distribution point (one point, its fullName alternatives)
	DeltaCRL  []string // freshestCRL
	OCSP      []string // AIA id-ad-ocsp
	CAIssuers []string // AIA id-ad-caIssuers
	CPS       string   // CPS qualifier of every policy that names none itself
}

// Request says what to issue. Exactly one of PublicKey, CSR and Of names the key.
type Request struct {
	Profile             *Profile
	Subject             Name              // required with PublicKey; with a CSR it replaces the CSR's subject
	PublicKey           crypto.PublicKey  // root, subordinate, ocsp-signer
	CSR                 []byte            // PKCS#10, DER or PEM: subordinate, subscriber
	Of                  *x509.Certificate // link and cross: the CA certificate whose name and key are certified
	Issuer              *x509.Certificate // nil = self-signed
	Signer              crypto.Signer     // the issuer's key
	Serial              *big.Int          // 1 … 20 octets; see NewSerial
	NotBefore, NotAfter time.Time         // zero = now, and the profile's validity cut to the issuer's
	URLs                URLs
	ConsentID           string           // subscriber's consent to publication, required by a profile with publish: true
	Now                 func() time.Time // nil = time.Now
}

// Issue makes and signs the certificate. Nothing is signed unless every check passed.
func Issue(ctx context.Context, r Request) ([]byte, error) {
	return nil, errors.New("issuing: not built yet")
}

// Builtin returns a copy of a built-in profile: root, subordinate, link, cross, ocsp-signer, subscriber.
func Builtin(name string) (*Profile, bool) { return nil, false }

// NewSerial draws a positive serial number of 16 octets with the top bit clear (RFC 5280 section 4.1.2.2).
func NewSerial() (*big.Int, error) { return nil, errors.New("drawing serial: not built yet") }
