package config

// Issuer is one certificate authority.
type Issuer struct {
	// Name in lower case; the public names are made from it.
	Name string `yaml:"name"`
	// SignedBy says who signs for it: room (default; its key is in the token), or external: a CA software elsewhere has
	// the key and signs its certificates and lists. Such an issuer has no key here; subject and validity stand in its
	// certificate, which `signer issue --adopt` takes.
	SignedBy string `yaml:"signed_by"`
	// Subject of its certificate.
	Subject Subject `yaml:"subject"`
	// Parent is the issuer of its certificate; empty: self-signed.
	Parent string `yaml:"parent"`
	// Succeeds names the issuer of the same subject whose key this one replaces; link certificates join the two.
	Succeeds string `yaml:"succeeds"`
	// Key is its key in the HSM.
	Key Key `yaml:"key"`
	// Validity of its certificate.
	Validity Duration `yaml:"validity"`
	// CRL is the full list of revoked certificates; omitted: none.
	CRL *CRL `yaml:"crl"`
	// ARL is the list of revoked CA certificates; omitted: none.
	ARL *CRL `yaml:"arl"`
	// OCSP are the pre-signed responses; omitted: none.
	OCSP *OCSP `yaml:"ocsp"`
	// Subscribers bounds what this issuer signs from certificate requests; omitted: nothing.
	Subscribers *Subscribers `yaml:"subscribers"`
}

// Accept is a drop folder, emptied by `signer run` and `signer accept --watch`.
type Accept struct {
	// Directory of the inputs; each ends in its folder accepted or refused, with a line that says why.
	Directory Path `yaml:"directory"`
	// Settle is how long a file that is no complete DER object must have been left alone before it is looked at;
	// default 1m.
	Settle Duration `yaml:"settle"`
	// Documents that were signed elsewhere and may come through the folder: no PDF says which document it is, in which
	// version.
	Documents []AcceptDocument `yaml:"documents"`
}

// AcceptDocument names the one PDF that is a version of a document. Its name in the folder means nothing.
type AcceptDocument struct {
	// Name of one of the documents below.
	Name string `yaml:"name"`
	// Version in lower case letters, digits, dots and hyphens; public as docs/<name>-<version>.pdf.
	Version string `yaml:"version"`
	// SHA256 of the PDF, in hex, as sha256sum prints it.
	SHA256 string `yaml:"sha256"`
}

// Subject is a distinguished name.
type Subject struct {
	// Country, two letters.
	Country string `yaml:"country"`
	// Organization name.
	Organization string `yaml:"organization"`
	// Unit is the organizational unit.
	Unit string `yaml:"unit"`
	// CommonName of the authority.
	CommonName string `yaml:"common_name"`
}

// Key is a key in the HSM.
type Key struct {
	// Label in the token; default: the name of what it belongs to.
	Label string `yaml:"label"`
	// Token is the name of the token that it is in; default: the first of signer.tokens.
	Token string `yaml:"token"`
	// Algorithm for key generation: rsa2048, rsa3072, rsa4096, p256, p384, p521, ed25519, ml-dsa-44, ml-dsa-65,
	// ml-dsa-87; default rsa3072.
	Algorithm string `yaml:"algorithm"`
	// PSS signs with RSA-PSS instead of PKCS #1 v1.5.
	PSS bool `yaml:"pss"`
	// Hash of its signatures: sha256, sha384 or sha512; default: sha256 for RSA, and for ECDSA that of the curve's
	// size.
	Hash string `yaml:"hash"`
	// PublicKey pins the key: a PEM file, written by `signer keygen`; default keys/<label>.pub.pem.
	PublicKey Path `yaml:"public_key"`
}

// CRL is the schedule of a revocation list.
type CRL struct {
	// Validity from thisUpdate to nextUpdate.
	Validity Duration `yaml:"validity"`
	// Refresh is how often a new list is made; less than the validity.
	Refresh Duration `yaml:"refresh"`
	// Shards partitions the list by serial (each with its own issuingDistributionPoint); 0 or 1: one list.
	Shards int `yaml:"shards"`
	// Points are the distribution points by which the lists of an issuer that is signed_by: external say which part
	// they are, in the order of the parts; default: their public addresses here.
	Points []string `yaml:"points"`
	// Delta is how often a delta list is made between two full ones; 0: none.
	Delta Duration `yaml:"delta"`
	// History keeps every list under crl/<issuer>/history/<number>.crl as well.
	History bool `yaml:"history"`
	// KeepExpired keeps revoked certificates on the list after their expiry (expiredCertsOnCRL).
	KeepExpired bool `yaml:"keep_expired"`
}

// OCSP is the schedule and profile of the pre-signed responses.
type OCSP struct {
	// SignedBy says who signs the responses: room (default; its key, or the responder's, is in the token), or external:
	// the CA's own software does, and `signer accept` takes them. Only for an issuer that is signed_by: external; it
	// has no responder here.
	SignedBy string `yaml:"signed_by"`
	// Responder is the delegated signer's key; omitted: the issuer signs itself.
	Responder *Responder `yaml:"responder"`
	// Validity from thisUpdate to nextUpdate.
	Validity Duration `yaml:"validity"`
	// Refresh is how often a response is renewed; less than the validity.
	Refresh Duration `yaml:"refresh"`
	// Shards is the number of bundles per issuer, 1 to 4096; default 1.
	Shards int `yaml:"shards"`
	// ArchiveRetention, when set, promises in every response that statuses are kept this long past expiry
	// (archiveCutoff).
	ArchiveRetention Duration `yaml:"archive_retention"`
	// CertID policy: separate, dual, sha1 or sha256; default separate.
	CertID string `yaml:"certid"`
	// NeverIssued is the answer about a serial that `signer import --never-issued` declared: unauthorized (default: no
	// response is made), or revoked (RFC 6960 §2.2, with the extended-revoke extension).
	NeverIssued string `yaml:"never_issued"`
}

// Responder is a delegated OCSP signer.
type Responder struct {
	// Name of the signer; default: the issuer's name + "-ocsp".
	Name string `yaml:"name"`
	// Key in the HSM.
	Key Key `yaml:"key"`
	// Subject of its certificate; default: the issuer's with " OCSP" added to the common name.
	Subject *Subject `yaml:"subject"`
	// Validity of its certificate; default 90d.
	Validity Duration `yaml:"validity"`
}

// Subscribers bounds what an issuer signs from certificate requests.
type Subscribers struct {
	// Validity of a subscriber certificate; the Act allows at most 5y.
	Validity Duration `yaml:"validity"`
	// Profile of the certificates; default subscriber.
	Profile string `yaml:"profile"`
	// PolicyOID is the certificate policy, unless the profile names policies.
	PolicyOID string `yaml:"policy_oid"`
	// CPSURI is the address of the CPS in the policy qualifier; default: the first document's public address.
	CPSURI string `yaml:"cps_uri"`
	// KeepKeyAfter names the reasons of revocation (superseded, affiliationChanged …) after which a key may be
	// certified again; default: none. A key that was revoked for a compromise never is.
	KeepKeyAfter []string `yaml:"keep_key_after"`
}
