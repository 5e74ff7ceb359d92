package crl

import (
	"crypto"
	"crypto/x509"
	"math/big"
	"time"
)

// Reason codes of RFC 5280 section 5.3.1. Value 7 is not used.
const (
	Absent               = -1 // no reasonCode extension; the same bytes as Unspecified
	Unspecified          = 0
	KeyCompromise        = 1
	CACompromise         = 2
	AffiliationChanged   = 3
	Superseded           = 4
	CessationOfOperation = 5
	CertificateHold      = 6
	RemoveFromCRL        = 8 // in delta CRLs only
	PrivilegeWithdrawn   = 9
	AACompromise         = 10
)

// Final is the nextUpdate of the last CRL that a CA issues: 99991231235959Z, "no well-defined
// expiry", which RFC 5280 section 4.1.2.5 writes for certificates and ETSI EN 319 411-2 for final CRLs.
var Final = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// Template is everything a CRL says except its entries.
type Template struct {
	Issuer *x509.Certificate // the CA; its subject, key identifier, key usage and validity are used
	Number *big.Int          // CRL number, from a persisted counter; 0 or more, at most 20 octets

	// ThisUpdate and NextUpdate are written in whole seconds; a fraction is dropped.
	// NextUpdate is Final for the last CRL of a CA.
	ThisUpdate, NextUpdate time.Time

	Scope       *Scope   // issuing distribution point; nil for a CRL that covers everything
	BaseNumber  *big.Int // makes this a delta CRL to the base of that number
	FreshestCRL []string // where the delta CRLs of this base are; not in a delta CRL

	// ExpiredCertsOnCRL, when not zero, promises that certificates which expired at or after it
	// stay listed (ITU-T X.509 section 9.5.2.8, ETSI EN 319 411-2).
	ExpiredCertsOnCRL time.Time
	// NextPublish, when not zero, is when the next CRL will be out, before NextUpdate: Windows
	// fetches ahead by it (1.3.6.1.4.1.311.21.4).
	NextPublish time.Time
}

// Scope is the issuing distribution point extension (RFC 5280 section 5.2.5). It must say something.
type Scope struct {
	URIs          []string // byte for byte those of the certificates' CRL distribution points
	OnlyUserCerts bool
	OnlyCACerts   bool // an ARL
	// NotCritical writes the extension as not critical. RFC 5280 wants it critical, but NSS and
	// dirmngr refuse every CRL with a critical one.
	NotCritical bool
}

// Entry is one revoked certificate.
type Entry struct {
	// Serial is the content of the DER INTEGER: minimal, positive, at most 20 octets. It is read
	// before the iterator goes on, so the iterator may use the slice again.
	Serial         []byte
	Time           time.Time
	Reason         int // Absent and Unspecified write no extension (RFC 5280 section 5.3.1)
	InvalidityDate time.Time
	// Misissued says that Serial is that of a certificate which exists although RFC 5280 section 4.1.2.2 forbids such a
	// serial.
	Misissued bool
}

// Options say how to sign and where to spool.
type Options struct {
	// Signature is what the signer gets; nil means PKCS #1 v1.5 with SHA-256 for an RSA key and the
	// hash of the curve for an ECDSA key. *rsa.PSSOptions selects PSS.
	Signature crypto.SignerOpts
	// SpoolDir is where entries wait when there are too many for memory; "" is os.TempDir().
	SpoolDir string
}

// Result describes a CRL that was written.
type Result struct {
	Entries int
	Size    int64
	Digest  [32]byte // SHA-256 of the DER
}
