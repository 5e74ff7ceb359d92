package artifact

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"seihon/artifact/keyscan"
)

// Parse says what b is. It never fails: what it does not know is Unrecognised, and what holds a private key anywhere is
// PrivateKey, whatever else it is. The artifact keeps b.
func Parse(b []byte) *Artifact {
	if len(b) < longInput {
		return ParseKnown(b, Sum(b))
	}
	digest := make(chan Digest, 1)
	go func() { digest <- Sum(b) }()
	a := ParseKnown(b, Digest{})
	a.Digest = <-digest
	return a
}

// longInput is from how many octets on the digest is computed while the rest is looked at.
const longInput = 1 << 20

// ParseKnown is Parse for a caller who has computed the digest of b already.
func ParseKnown(b []byte, digest Digest) *Artifact {
	a := &Artifact{Digest: digest, Bytes: b, Kind: Unrecognised}
	found := keyscan.Scan(b)
	if found.Key != nil {
		a.Kind, a.Problem = PrivateKey, found.Key.String()
		return a
	}
	a.classify()
	switch {
	case a.Kind == Document && found.Encrypted != "":
		a.Problem = fmt.Sprintf("the document is encrypted (%s), so that nothing can be said about what it holds",
			found.Encrypted)
	case a.Kind == Document && found.Launches != "":
		a.Problem = fmt.Sprintf("the document starts programs (%s)", found.Launches)
	case found.Opaque == "":
	case a.Kind == Document:
		a.Problem = "it cannot be searched for private keys: " + found.Opaque
	default:
		// What cannot be looked into cannot be cleared, whatever it looks like from outside.
		a.Kind, a.Problem = Unrecognised, "it cannot be searched for private keys: "+found.Opaque
	}
	return a
}

// The first bytes of the module's own formats and of others that are told apart by them.
const (
	BundleMagic     = "SEIHONB1"
	GenerationMagic = "seihon/ocsp-generation/v1\n"
	ManifestMagic   = "seihon/manifest/v2\n"
	ManifestMagicV1 = "seihon/manifest/v1\n"

	magicZstd   = "\x28\xb5\x2f\xfd"
	magicPDF    = "%PDF-"
	magicSQLite = "SQLite format 3\x00"
)

// classify looks only at content. Bytes that begin with the right magic may still be damaged: who owns the format
// checks that.
func (a *Artifact) classify() {
	b := a.Bytes
	switch {
	case len(b) == 0:
		a.Problem = "it is empty"
	case bytes.HasPrefix(b, []byte(BundleMagic)):
		a.Kind = OCSPBundle
	case bytes.HasPrefix(b, []byte(GenerationMagic)):
		a.Kind = OCSPGeneration
	case bytes.HasPrefix(b, []byte(ManifestMagic)), bytes.HasPrefix(b, []byte(ManifestMagicV1)), bytes.HasPrefix(b,
		[]byte(magicZstd)):
		a.Kind = Manifest
	case bytes.HasPrefix(b, []byte(magicSQLite)):
		a.Kind, a.Problem = LedgerMaster, "it is an SQLite database, which only the signing room and the master have"
	case bytes.HasPrefix(b, []byte(magicPDF)):
		a.document()
	case b[0] == 0x30:
		a.der()
	case isEntryBundle(b):
		a.Kind = Tile
	case utf8.Valid(b):
		a.text()
	default:
		a.unknown()
	}
}

// unknown handles bytes without any structure. Hash tiles are such bytes, and only their equality with the master tells
// them from a raw key, so the kind says what they may be and section A asks the ledger.
func (a *Artifact) unknown() {
	switch {
	case isHashTile(a.Bytes):
		a.Kind = Tile
	case isUTF16(a.Bytes):
		a.Problem = "it is text in UTF-16, as Windows writes it; certificates and lists are published in DER"
	default:
		a.Problem = "its content is none of the forms that are published"
	}
}

// isHashTile reports whether b can be at most 256 hashes of 32 octets (c2sp.org/tlog-tiles). A hash looks like random
// octets: that 32 of them have fewer than 20 values, or that none is above 127, does not happen in practice.
func isHashTile(b []byte) bool {
	const width, fewest = 32, 20
	if len(b) == 0 || len(b)%width != 0 || len(b) > 256*width {
		return false
	}
	for at := 0; at < len(b); at += width {
		var seen [256]bool
		values, high := 0, false
		for _, c := range b[at : at+width] {
			if !seen[c] {
				seen[c] = true
				values++
			}
			high = high || c > 127
		}
		if values < fewest || !high {
			return false
		}
	}
	return true
}

func (a *Artifact) document() {
	a.Kind = Document
	if !bytes.Contains(a.Bytes[max(0, len(a.Bytes)-2048):], []byte("%%EOF")) {
		a.Problem = "the document has no end mark: it is cut off, or something follows it"
	}
}

// der tells the ASN.1 objects apart.
func (a *Artifact) der() {
	after, ok := afterFirst(a.Bytes)
	if ok && len(after) > 0 {
		first := &Artifact{Bytes: a.Bytes[:len(a.Bytes)-len(after)], Kind: Unrecognised}
		first.der()
		a.Trailing = len(after)
		a.Problem = fmt.Sprintf("%d bytes follow the first object, a %s", len(after), first.Kind)
		return
	}
	c, asCertificate := ParseCertificate(a.Bytes)
	if asCertificate == nil {
		a.Certificates = []*x509.Certificate{c}
		a.Kind = certificateKind(c)
		return
	}
	l, asList := ParseRevocationList(a.Bytes)
	if asList == nil {
		a.CRL, a.Kind = l, listKind(l)
		return
	}
	r, asResponse := ParseResponse(a.Bytes)
	if asResponse == nil {
		a.OCSP, a.Kind = r, OCSPResponse
		return
	}
	s, asCMS := ParseSignedData(a.Bytes)
	if asCMS == nil {
		a.signedData(s)
		return
	}
	if _, err := x509.ParseCertificateRequest(a.Bytes); err == nil {
		a.Kind, a.Problem = RegistrationData, "it is a certificate request"
		return
	}
	a.Problem = "it is an ASN.1 object, but no certificate, CRL, OCSP response or CMS signature"
	switch shapeOf(a.Bytes) {
	case "certificate":
		a.Problem = "it has the form of a certificate, but not the strict one: " + reason(asCertificate)
	case "list":
		a.Problem = "it has the form of a CRL, but not the strict one: " + reason(asList)
	case "response":
		a.Problem = "it has the form of an OCSP response, but not the strict one: " + reason(asResponse)
	case "CMS":
		a.Problem = "it has the form of a CMS object, but not that of a signature: " + reason(asCMS)
	}
}

// afterFirst returns what follows the first DER element of b.
func afterFirst(b []byte) (after []byte, ok bool) {
	in, first := cryptobyte.String(b), cryptobyte.String(nil)
	ok = in.ReadAnyASN1Element(&first, new(cbasn1.Tag))
	return in, ok
}

func (a *Artifact) signedData(s *SignedData) {
	a.Signature, a.Certificates = s, s.Certificates
	switch {
	case len(s.Signers) > 0 && s.Detached:
		a.Kind = DocumentSignature
	case len(s.Signers) > 0:
		a.Problem = "it is a CMS signature that encloses its content"
	case len(s.Certificates) > 0 && s.Detached:
		a.Kind = CertificateBundle
	default:
		a.Problem = "it is a CMS object without signatures and certificates"
	}
}

// certificateKind tells the kinds of one certificate apart as far as its bytes allow.
func certificateKind(c *x509.Certificate) Kind {
	switch {
	case c.IsCA && c.BasicConstraintsValid && bytes.Equal(c.RawSubject, c.RawIssuer):
		if checkSignature(c, c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) != nil {
			return LinkCertificate // the same name, another key
		}
		return CACertificate
	case c.IsCA && c.BasicConstraintsValid:
		return CACertificate
	case IsOCSPSigner(c):
		return OCSPSignerCertificate
	}
	return SubscriberCertificate
}

func listKind(l *RevocationList) Kind {
	switch {
	case l.BaseNumber != nil:
		return DeltaCRL
	case l.IDP != nil && l.IDP.OnlyCA:
		return ARL
	}
	return CRL
}
