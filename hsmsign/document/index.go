package document

import (
	"errors"
	"time"
)

// Version is one version of a published document.
type Version struct {
	Name, Version string    // "cps", "1.2"
	Title         string    // "Certification Practice Statement"
	Effective     time.Time // in force from
	Digest        [32]byte  // SHA-256 of the published bytes
	URL           string    // public name
	Signature     string    // public name of the .p7s; "" when the signature is inside
	Note          string    // what changed
}

// IndexData is everything the index page shows. The order of the slices is the order on the page.
type IndexData struct {
	Title, TitleJA string // name of the repository
	Operator       string
	Updated        time.Time // the checkpoint's time, not the wall clock: the page is deterministic
	Certificates   []IndexCertificate
	CRLs           []IndexCRL
	OCSP           []string // responder URLs
	Documents      []Version
	Origin         string   // of the master log
	Keys           []string // verifier keys of the master log (vkey lines)
}

// IndexCertificate is a CA, link or cross certificate of the repository.
type IndexCertificate struct {
	URL string // public name
	DER []byte
}

// IndexCRL is a revocation list of the repository.
type IndexCRL struct {
	URL                    string
	Kind                   string // crl, arl, delta-crl
	Issuer, Number         string
	ThisUpdate, NextUpdate time.Time
}

// IndexPage builds the self-contained bilingual index page.
func IndexPage(d IndexData) ([]byte, error) {
	return nil, errors.New("building index page: not built yet")
}
