package artifact

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// A SignedData is a CMS SignedData (RFC 5652 section 5): a detached signature, or the degenerate form that only carries
// certificates.
type SignedData struct {
	Raw          []byte
	ContentType  []byte // content octets of the OID
	Detached     bool   // no content is enclosed
	Content      []byte // the enclosed content otherwise
	Certificates []*x509.Certificate
	Signers      []Signer
}

// A Signer is one SignerInfo.
type Signer struct {
	Issuer, Serial []byte // DER Name and serial's content octets, when named so
	KeyID          []byte // otherwise the subject key identifier
	Digest         crypto.Hash
	Algorithm      x509.SignatureAlgorithm
	SigningTime    time.Time // zero when not claimed
	Signature      []byte

	signedAttrs   []byte // as they stand, with the IMPLICIT tag
	contentType   []byte
	messageDigest []byte
}

var (
	oidSignedData    = unhex("2a864886f70d010702")
	oidRSAEncryption = unhex("2a864886f70d010101")
	oidContentType   = unhex("2a864886f70d010903")
	oidMessageDigest = unhex("2a864886f70d010904")
	oidSigningTime   = unhex("2a864886f70d010905")
)

// ParseSignedData parses exactly one DER ContentInfo with a SignedData in it.
func ParseSignedData(der []byte) (*SignedData, error) {
	s := &SignedData{Raw: der, Detached: true}
	if err := s.parse(); err != nil {
		return nil, fmt.Errorf("parsing CMS: %w", err)
	}
	return s, nil
}

func (s *SignedData) parse() error {
	in := cryptobyte.String(s.Raw)
	var info, oid, wrapper, body cryptobyte.String
	if !in.ReadASN1(&info, cbasn1.SEQUENCE) || !info.ReadASN1(&oid, cbasn1.OBJECT_IDENTIFIER) {
		return errDER
	}
	if !in.Empty() {
		return fmt.Errorf("%d bytes follow the object", len(in))
	}
	if !bytes.Equal(oid, oidSignedData) {
		return errors.New("its content is not SignedData")
	}
	if !info.ReadASN1(&wrapper, explicit(0)) || !info.Empty() || !wrapper.ReadASN1(&body, cbasn1.SEQUENCE) ||
		!wrapper.Empty() {
		return errDER
	}
	var version int
	var digests, encap, certs, crls, signers, contentType cryptobyte.String
	var hasCerts, hasCRLs bool
	if !body.ReadASN1Integer(&version) || !body.ReadASN1(&digests, cbasn1.SET) ||
		!body.ReadASN1(&encap, cbasn1.SEQUENCE) ||
		!body.ReadOptionalASN1(&certs, &hasCerts, explicit(0)) ||
		!body.ReadOptionalASN1(&crls, &hasCRLs, explicit(1)) ||
		!body.ReadASN1(&signers, cbasn1.SET) || !body.Empty() ||
		!encap.ReadASN1(&contentType, cbasn1.OBJECT_IDENTIFIER) {
		return errDER
	}
	s.ContentType = contentType
	if err := s.parseContent(encap); err != nil {
		return err
	}
	if err := s.parseCertificates(certs); err != nil {
		return err
	}
	for !signers.Empty() {
		if len(s.Signers) >= 16 {
			return errors.New("it has more than 16 signers")
		}
		g, err := readSigner(&signers)
		if err != nil {
			return fmt.Errorf("signer %d: %w", len(s.Signers), err)
		}
		s.Signers = append(s.Signers, g)
	}
	return nil
}

func (s *SignedData) parseContent(encap cryptobyte.String) error {
	if encap.Empty() {
		return nil
	}
	var wrapper, content cryptobyte.String
	if !encap.ReadASN1(&wrapper, explicit(0)) || !encap.Empty() || !wrapper.ReadASN1(&content, cbasn1.OCTET_STRING) ||
		!wrapper.Empty() {
		return errDER
	}
	s.Detached, s.Content = false, content
	return nil
}

func (s *SignedData) parseCertificates(certs cryptobyte.String) error {
	for !certs.Empty() {
		var der cryptobyte.String
		if !certs.ReadASN1Element(&der, cbasn1.SEQUENCE) {
			return errDER
		}
		if len(s.Certificates) >= 256 {
			return errors.New("it has more than 256 certificates")
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Errorf("certificate %d: %w", len(s.Certificates), err)
		}
		s.Certificates = append(s.Certificates, c)
	}
	return nil
}

func readSigner(in *cryptobyte.String) (Signer, error) {
	var g Signer
	var body, sigAlg, attrs, unsigned, sig cryptobyte.String
	var version int
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1Integer(&version) {
		return g, errDER
	}
	if body.PeekASN1Tag(cbasn1.SEQUENCE) {
		var id, name cryptobyte.String
		if !body.ReadASN1(&id, cbasn1.SEQUENCE) || !id.ReadASN1Element(&name, cbasn1.SEQUENCE) ||
			!readSerial(&id, &g.Serial) || !id.Empty() {
			return g, errDER
		}
		g.Issuer = name
	} else {
		var id cryptobyte.String
		if !body.ReadASN1(&id, cbasn1.Tag(0).ContextSpecific()) {
			return g, errDER
		}
		g.KeyID = id
	}
	var err error
	if g.Digest, err = readHashAlgorithm(&body); err != nil {
		return g, err
	}
	var has bool
	if body.PeekASN1Tag(explicit(0)) {
		if !body.ReadASN1Element(&attrs, explicit(0)) {
			return g, errDER
		}
		g.signedAttrs = attrs
	}
	if !body.ReadASN1(&sigAlg, cbasn1.SEQUENCE) || !body.ReadASN1(&sig, cbasn1.OCTET_STRING) ||
		!body.ReadOptionalASN1(&unsigned, &has, explicit(1)) || !body.Empty() {
		return g, errDER
	}
	g.Signature = sig
	if g.Algorithm, err = cmsAlgorithm(sigAlg, g.Digest); err != nil {
		return g, err
	}
	return g, g.readAttributes()
}

// cmsAlgorithm also understands the habit of writing the key's algorithm where the signature's belongs (RFC 3370
// section 3.2).
func cmsAlgorithm(alg cryptobyte.String, digest crypto.Hash) (x509.SignatureAlgorithm, error) {
	peek := alg
	var oid cryptobyte.String
	if peek.ReadASN1(&oid, cbasn1.OBJECT_IDENTIFIER) && bytes.Equal(oid, oidRSAEncryption) {
		switch digest {
		case crypto.SHA256:
			return x509.SHA256WithRSA, nil
		case crypto.SHA384:
			return x509.SHA384WithRSA, nil
		case crypto.SHA512:
			return x509.SHA512WithRSA, nil
		}
		return x509.UnknownSignatureAlgorithm, nil
	}
	return signatureAlgorithm(alg)
}

func (g *Signer) readAttributes() error {
	if g.signedAttrs == nil {
		return nil
	}
	in := cryptobyte.String(g.signedAttrs)
	var attrs cryptobyte.String
	if !in.ReadASN1(&attrs, explicit(0)) {
		return errDER
	}
	for !attrs.Empty() {
		var attr, oid, values cryptobyte.String
		if !attrs.ReadASN1(&attr, cbasn1.SEQUENCE) || !attr.ReadASN1(&oid, cbasn1.OBJECT_IDENTIFIER) ||
			!attr.ReadASN1(&values, cbasn1.SET) || !attr.Empty() {
			return errDER
		}
		var v cryptobyte.String
		ok := true
		switch {
		case bytes.Equal(oid, oidContentType):
			ok = values.ReadASN1(&v, cbasn1.OBJECT_IDENTIFIER) && values.Empty() && g.contentType == nil
			g.contentType = v
		case bytes.Equal(oid, oidMessageDigest):
			ok = values.ReadASN1(&v, cbasn1.OCTET_STRING) && values.Empty() && g.messageDigest == nil
			g.messageDigest = v
		case bytes.Equal(oid, oidSigningTime):
			ok = readTime(&values, &g.SigningTime) && values.Empty()
		}
		if !ok {
			return fmt.Errorf("signed attribute %s is malformed", oidString(oid))
		}
	}
	return nil
}

// certificate returns the signer's certificate among certs, or nil.
func (g *Signer) certificate(certs []*x509.Certificate) *x509.Certificate {
	for _, c := range certs {
		switch {
		case g.KeyID != nil && bytes.Equal(g.KeyID, c.SubjectKeyId):
			return c
		case g.Issuer != nil && bytes.Equal(g.Issuer, c.RawIssuer) && bytes.Equal(g.Serial, SerialBytes(c)):
			return c
		}
	}
	return nil
}

// MayBeOf reports whether the signers can have signed content with this digest. A signer who names a digest of another
// kind may have, one who names another SHA-256 has not.
func (s *SignedData) MayBeOf(content Digest) bool {
	return !slices.ContainsFunc(s.Signers, func(g Signer) bool {
		return g.Digest == crypto.SHA256 && g.signedAttrs != nil && !bytes.Equal(g.messageDigest, content[:])
	})
}

// Verify checks every signature over the detached content and returns the signers' certificates, in order. Whether they
// are anyone's to trust is for the caller to say.
func (s *SignedData) Verify(content []byte) ([]*x509.Certificate, error) {
	if len(s.Signers) == 0 {
		return nil, errors.New("checking CMS: nobody signed it")
	}
	var certs []*x509.Certificate
	for i := range s.Signers {
		c, err := s.Signers[i].verify(s, content)
		if err != nil {
			return nil, fmt.Errorf("checking CMS: signer %d: %w", i, err)
		}
		certs = append(certs, c)
	}
	return certs, nil
}

func (g *Signer) verify(s *SignedData, content []byte) (*x509.Certificate, error) {
	cert := g.certificate(s.Certificates)
	if cert == nil {
		return nil, errors.New("its certificate is not enclosed")
	}
	if g.signedAttrs == nil {
		return cert, checkSignature(cert, g.Algorithm, content, g.Signature)
	}
	if g.Digest == crypto.SHA1 {
		return nil, errors.New("its digest is SHA-1")
	}
	h := g.Digest.New()
	h.Write(content)
	if !bytes.Equal(g.messageDigest, h.Sum(nil)) {
		return nil, errors.New("it was made for other content")
	}
	if !bytes.Equal(g.contentType, s.ContentType) {
		return nil, errors.New("its content type attribute is not that of the content")
	}
	signed := bytes.Clone(g.signedAttrs)
	signed[0] = 0x31 // signed as SET OF, RFC 5652 section 5.4
	return cert, checkSignature(cert, g.Algorithm, signed, g.Signature)
}

// SerialBytes returns the serial number of c as the content octets of its DER INTEGER, of a misissued negative one,
// too.
func SerialBytes(c *x509.Certificate) []byte {
	n := c.SerialNumber
	if n.Sign() < 0 { // two's complement, in as few octets as hold the sign
		size := new(big.Int).Not(n).BitLen()/8 + 1
		return new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), uint(8*size))).Bytes()
	}
	b := n.Bytes()
	if len(b) == 0 || b[0]&0x80 != 0 {
		return append([]byte{0}, b...)
	}
	return b
}

// SignerCertificates returns the certificates that the signers name, without checking any signature.
func (s *SignedData) SignerCertificates() ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for i := range s.Signers {
		c := s.Signers[i].certificate(s.Certificates)
		if c == nil {
			return nil, fmt.Errorf("checking CMS: signer %d: its certificate is not enclosed", i)
		}
		certs = append(certs, c)
	}
	return certs, nil
}
