package artifact

// A Kind names what an artifact is. The strings are part of the ledger's format and never change.
type Kind string

// The kinds. The first group can be published, the second never is.
const (
	CACertificate         Kind = "ca-certificate"
	LinkCertificate       Kind = "link-certificate"
	CrossCertificate      Kind = "cross-certificate"
	SubscriberCertificate Kind = "subscriber-certificate"
	OCSPSignerCertificate Kind = "ocsp-signer-certificate"
	CertificateBundle     Kind = "certificate-bundle"
	CRL                   Kind = "crl"
	ARL                   Kind = "arl"
	DeltaCRL              Kind = "delta-crl"
	OCSPResponse          Kind = "ocsp-response"
	OCSPBundle            Kind = "ocsp-bundle"
	OCSPGeneration        Kind = "ocsp-generation"
	Document              Kind = "document"
	DocumentSignature     Kind = "document-signature"
	IndexPage             Kind = "index-page"
	FingerprintPage       Kind = "fingerprint-page"
	Checkpoint            Kind = "checkpoint"
	Tile                  Kind = "tile"
	Manifest              Kind = "manifest"

	PrivateKey       Kind = "private-key"
	LedgerMaster     Kind = "ledger-master"
	Log              Kind = "log"
	RegistrationData Kind = "registration-data"
	Unrecognised     Kind = "unrecognised"
)

var kinds = []Kind{
	CACertificate, LinkCertificate, CrossCertificate, SubscriberCertificate, OCSPSignerCertificate, CertificateBundle,
	CRL, ARL, DeltaCRL, OCSPResponse, OCSPBundle, OCSPGeneration, Document, DocumentSignature, IndexPage,
	FingerprintPage,
	Checkpoint, Tile, Manifest, PrivateKey, LedgerMaster, Log, RegistrationData, Unrecognised,
}

// Kinds returns all kinds in their canonical order.
func Kinds() []Kind { return append([]Kind(nil), kinds...) }

// Known reports whether k is one of the kinds of this package.
func (k Kind) Known() bool {
	for _, x := range kinds {
		if x == k {
			return true
		}
	}
	return false
}

// IsCertificate reports whether an artifact of kind k is exactly one X.509 certificate.
func (k Kind) IsCertificate() bool {
	switch k {
	case CACertificate, LinkCertificate, CrossCertificate, SubscriberCertificate, OCSPSignerCertificate:
		return true
	}
	return false
}

// IsRevocationList reports whether an artifact of kind k is an X.509 CRL of any scope.
func (k Kind) IsRevocationList() bool { return k == CRL || k == ARL || k == DeltaCRL }

// Agrees reports whether content found to be of kind found may stand where kind claimed was declared. The two differ
// only where bytes alone cannot tell: whether a CA certificate is a cross certificate depends on who the partner is,
// and an authority revocation list without an issuing distribution point looks like any other list.
func (k Kind) Agrees(claimed Kind) bool {
	if k == claimed {
		return true
	}
	switch k {
	case CACertificate, LinkCertificate:
		return claimed == CACertificate || claimed == LinkCertificate || claimed == CrossCertificate
	case CRL:
		return claimed == ARL
	case IndexPage:
		return claimed == FingerprintPage
	}
	return false
}
