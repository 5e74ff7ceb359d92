package cms

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Bounds for what one file may make us do.
const (
	maxSigners      = 16
	maxCertificates = 64
)

var (
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidSignedData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidContentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningTime   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 5}
	oidESSCert       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 12}
	oidESSCertV2     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
	oidTimestamp     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 14}

	// singles are attributes with one value (RFC 5652 section 11, RFC 5035): of two, readers
	// disagree on which one counts.
	singles = []asn1.ObjectIdentifier{oidContentType, oidMessageDigest, oidSigningTime, oidESSCert, oidESSCertV2}

	errDER = errors.New("it is not well-formed DER")
)

type signedData struct {
	contentType  asn1.ObjectIdentifier
	content      []byte // nil when detached
	certificates []*x509.Certificate
	signers      []signerInfo
}

type signerInfo struct {
	issuer      []byte   // DER name, with serial; or
	serial      *big.Int //
	keyID       []byte   // subject key identifier
	digest      crypto.Hash
	attributes  []byte // the signed attributes as they stand
	algorithm   x509.SignatureAlgorithm
	signature   []byte
	contentType asn1.ObjectIdentifier
	imprint     []byte // message-digest
	signingTime time.Time
	ess         []essCert
	timestamp   []byte // DER token, unsigned
}

func explicit(n uint8) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific().Constructed() }

// parse reads exactly one ContentInfo with SignedData, RFC 5652 sections 3 and 5.
func parse(der []byte) (*signedData, error) {
	in := cryptobyte.String(der)
	var info, wrapper, body cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !in.ReadASN1(&info, cbasn1.SEQUENCE) || !info.ReadASN1ObjectIdentifier(&oid) {
		return nil, errDER
	}
	if !in.Empty() {
		return nil, fmt.Errorf("%d bytes follow the structure", len(in))
	}
	if !oid.Equal(oidSignedData) {
		return nil, fmt.Errorf("the structure is %v, want SignedData", oid)
	}
	if !info.ReadASN1(&wrapper, explicit(0)) || !info.Empty() || !wrapper.ReadASN1(&body, cbasn1.SEQUENCE) ||
		!wrapper.Empty() {
		return nil, errDER
	}
	s := &signedData{}
	var version int64
	var digests, encapsulated, certs, crls, signers cryptobyte.String
	var has bool
	if !body.ReadASN1Integer(&version) || !body.ReadASN1(&digests, cbasn1.SET) ||
		!body.ReadASN1(&encapsulated, cbasn1.SEQUENCE) ||
		!body.ReadOptionalASN1(&certs, &has, explicit(0)) || !body.ReadOptionalASN1(&crls, &has, explicit(1)) ||
		!body.ReadASN1(&signers, cbasn1.SET) || !body.Empty() {
		return nil, errDER
	}
	if err := s.readContent(encapsulated); err != nil {
		return nil, err
	}
	if err := s.readCertificates(certs); err != nil {
		return nil, err
	}
	for !signers.Empty() {
		if len(s.signers) == maxSigners {
			return nil, fmt.Errorf("more than %d signers", maxSigners)
		}
		var g signerInfo
		if err := g.read(&signers); err != nil {
			return nil, fmt.Errorf("signer %d: %w", len(s.signers), err)
		}
		s.signers = append(s.signers, g)
	}
	return s, nil
}

func (s *signedData) readContent(in cryptobyte.String) error {
	if !in.ReadASN1ObjectIdentifier(&s.contentType) {
		return errDER
	}
	if in.Empty() {
		return nil
	}
	var wrapper, content cryptobyte.String
	if !in.ReadASN1(&wrapper, explicit(0)) || !in.Empty() || !wrapper.ReadASN1(&content, cbasn1.OCTET_STRING) ||
		!wrapper.Empty() {
		return errDER
	}
	s.content = append([]byte{}, content...)
	return nil
}

func (s *signedData) readCertificates(in cryptobyte.String) error {
	for !in.Empty() {
		var der cryptobyte.String
		var tag cbasn1.Tag
		if !in.ReadAnyASN1Element(&der, &tag) {
			return errDER
		}
		if tag != cbasn1.SEQUENCE { // attribute and other certificates say nothing to us
			continue
		}
		if len(s.certificates) == maxCertificates {
			return fmt.Errorf("more than %d certificates", maxCertificates)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Errorf("certificate %d: %w", len(s.certificates), err)
		}
		s.certificates = append(s.certificates, c)
	}
	return nil
}

func (g *signerInfo) read(in *cryptobyte.String) error {
	var body, attributes, signature, unsigned cryptobyte.String
	var version int64
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1Integer(&version) || !g.readID(&body) {
		return errDER
	}
	var err error
	if g.digest, err = readHash(&body); err != nil {
		return err
	}
	if !body.PeekASN1Tag(explicit(0)) {
		return errors.New("it has no signed attributes")
	}
	if !body.ReadASN1Element(&attributes, explicit(0)) {
		return errDER
	}
	g.attributes = attributes
	if g.algorithm, err = readAlgorithm(&body, g.digest); err != nil {
		return err
	}
	var has bool
	if !body.ReadASN1(&signature, cbasn1.OCTET_STRING) || !body.ReadOptionalASN1(&unsigned, &has, explicit(1)) ||
		!body.Empty() {
		return errDER
	}
	g.signature = signature
	if err := g.readAttributes(); err != nil {
		return err
	}
	return eachAttribute(unsigned, func(oid asn1.ObjectIdentifier, value cryptobyte.String, _ bool) bool {
		if oid.Equal(oidTimestamp) {
			g.timestamp = value
		}
		return true
	})
}

func (g *signerInfo) readID(in *cryptobyte.String) bool {
	if in.PeekASN1Tag(cbasn1.SEQUENCE) {
		var id, name cryptobyte.String
		g.serial = new(big.Int)
		if !in.ReadASN1(&id, cbasn1.SEQUENCE) || !id.ReadASN1Element(&name, cbasn1.SEQUENCE) ||
			!id.ReadASN1Integer(g.serial) {
			return false
		}
		g.issuer = name
		return id.Empty()
	}
	var id cryptobyte.String
	ok := in.ReadASN1(&id, cbasn1.Tag(0).ContextSpecific())
	g.keyID = id
	return ok && len(id) > 0
}

// eachAttribute calls f with the first value of every attribute, and whether there is no other; an
// attribute that occurs twice is an error, because readers disagree on which one counts.
func eachAttribute(in cryptobyte.String,
	f func(oid asn1.ObjectIdentifier, value cryptobyte.String, alone bool) bool) error {
	seen := map[string]bool{}
	for !in.Empty() {
		var attribute, values, value cryptobyte.String
		var oid asn1.ObjectIdentifier
		var tag cbasn1.Tag
		if !in.ReadASN1(&attribute, cbasn1.SEQUENCE) || !attribute.ReadASN1ObjectIdentifier(&oid) ||
			!attribute.ReadASN1(&values, cbasn1.SET) || !attribute.Empty() || !values.ReadAnyASN1Element(&value, &tag) {
			return errDER
		}
		if seen[oid.String()] {
			return fmt.Errorf("attribute %v occurs twice", oid)
		}
		seen[oid.String()] = true
		if !f(oid, value, values.Empty()) {
			return fmt.Errorf("attribute %v is malformed", oid)
		}
	}
	return nil
}

func (g *signerInfo) readAttributes() error {
	in, body := cryptobyte.String(g.attributes), cryptobyte.String(nil)
	if !in.ReadASN1(&body, explicit(0)) {
		return errDER
	}
	return eachAttribute(body, func(oid asn1.ObjectIdentifier, v cryptobyte.String, alone bool) bool {
		switch {
		case !alone && slices.ContainsFunc(singles, oid.Equal):
			return false
		case oid.Equal(oidContentType):
			return v.ReadASN1ObjectIdentifier(&g.contentType) && v.Empty()
		case oid.Equal(oidMessageDigest):
			var b cryptobyte.String
			ok := v.ReadASN1(&b, cbasn1.OCTET_STRING) && v.Empty()
			g.imprint = b
			return ok
		case oid.Equal(oidSigningTime):
			if v.PeekASN1Tag(cbasn1.UTCTime) {
				return v.ReadASN1UTCTime(&g.signingTime) && v.Empty()
			}
			return v.ReadASN1GeneralizedTime(&g.signingTime) && v.Empty()
		case oid.Equal(oidESSCertV2):
			return readESS(v, false, &g.ess)
		case oid.Equal(oidESSCert):
			return readESS(v, true, &g.ess)
		}
		return true
	})
}

// certificate returns the certificate that the signer names.
func (g *signerInfo) certificate(list []*x509.Certificate) *x509.Certificate {
	for _, c := range list {
		if g.keyID != nil && bytes.Equal(g.keyID, c.SubjectKeyId) ||
			g.issuer != nil && bytes.Equal(g.issuer, c.RawIssuer) && g.serial.Cmp(c.SerialNumber) == 0 {
			return c
		}
	}
	return nil
}

// check verifies the signature itself over content and returns the signer's certificate.
func (g *signerInfo) check(s *signedData, content []byte, allowUnbound bool) (*x509.Certificate, error) {
	c := g.certificate(s.certificates)
	if c == nil {
		return nil, errors.New("its certificate is not enclosed")
	}
	if !g.contentType.Equal(s.contentType) {
		return nil, fmt.Errorf("the content-type attribute is %v, but the content is %v", g.contentType, s.contentType)
	}
	h := g.digest.New()
	h.Write(content)
	if !bytes.Equal(g.imprint, h.Sum(nil)) {
		return nil, errors.New("it was made for other content: the message digests differ")
	}
	signed := bytes.Clone(g.attributes)
	signed[0] = 0x31 // the signature covers the attributes as a SET OF, RFC 5652 section 5.4
	if err := c.CheckSignature(g.algorithm, signed, g.signature); err != nil {
		return nil, fmt.Errorf("the signature by %q does not verify: %w", c.Subject, err)
	}
	if len(g.ess) == 0 {
		if allowUnbound {
			return c, nil
		}
		return nil,
			errors.New("it has no signing-certificate-v2 attribute, so it does not say which certificate was meant")
	}
	return c, g.ess[0].check(c)
}
