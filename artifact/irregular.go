package artifact

import (
	"bytes"
	"crypto/mldsa"
	"crypto/x509"
	"math/big"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// An Irregularity is one thing in a certificate that RFC 5280 forbids and that leaves no doubt about what the
// certificate says. Existing CAs are known for them; crypto/x509 refuses most.
type Irregularity struct {
	Code string
	Text string // one sentence that names the field
}

// The codes of irregularities. That of a serial number is for who judges serial numbers.
const (
	// a name in a string type or with characters that current software does not read
	IrregularName      = "name-string"
	IrregularCritical  = "extension-critical" // an extension that must not be critical is (RFC 5280 section 4.2)
	IrregularParameter = "null-missing"       // the algorithm of an RSA key without its NULL (RFC 3279 section 2.3.1)
	IrregularVersion   = "version-1-ca"       // a CA certificate of version 1: nothing in it says that it is one
	IrregularUsage     = "usage-mldsa"        // an ML-DSA key with a use that is not a signature (RFC 9881 section 5)
)

// ParseCertificate reads one certificate as x509.ParseCertificate does, and also one with irregularities. The
// certificate has the octets of der, whatever had to be read in another way; its serial number may be negative. Who
// takes it in or publishes it has to ask for its Irregularities: section A does.
func ParseCertificate(der []byte) (*x509.Certificate, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		if c = parseIrregular(der); c == nil {
			return nil, err
		}
	}
	if c.Version == 1 && bytes.Equal(c.RawSubject, c.RawIssuer) &&
		checkSignature(c, c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil {
		c.IsCA, c.BasicConstraintsValid, c.MaxPathLen = true, true, -1 // a root of before there were extensions
	}
	return c, nil
}

// Irregularities names what is irregular in a certificate of ParseCertificate.
func Irregularities(c *x509.Certificate) []Irregularity {
	var found []Irregularity
	if c.Version == 1 && c.IsCA {
		found = append(found, Irregularity{IrregularVersion,
			"it is a CA certificate of version 1, and no basicConstraints say so (RFC 5280 section 4.2.1.9)"})
	}
	if _, ok := c.PublicKey.(*mldsa.PublicKey); ok && c.KeyUsage&notForMLDSA != 0 {
		found = append(found, Irregularity{IrregularUsage,
			"its key usage has more than signatures, which is all that its ML-DSA key makes (RFC 9881 section 5)"})
	}
	m := &mender{}
	if _, err := m.certificate(c.Raw); err == nil {
		found = append(found, m.found...)
	}
	return found
}

// notForMLDSA are the uses that RFC 9881 section 5 forbids.
const notForMLDSA = x509.KeyUsageKeyEncipherment | x509.KeyUsageDataEncipherment | x509.KeyUsageKeyAgreement |
	x509.KeyUsageEncipherOnly | x509.KeyUsageDecipherOnly

// parseIrregular lets crypto/x509 read a copy that is mended, and gives back the octets as they are; nil when that is
// not all that is wrong.
func parseIrregular(der []byte) *x509.Certificate {
	if shapeOf(der) != "certificate" {
		return nil
	}
	m := &mender{}
	mended, err := m.certificate(der)
	if err != nil {
		return nil
	}
	c, err := x509.ParseCertificate(mended)
	if err != nil {
		return nil
	}
	c.Raw, c.RawTBSCertificate = der, m.tbs
	c.RawIssuer, c.RawSubject, c.RawSubjectPublicKeyInfo = m.issuer, m.subject, m.keyInfo
	if m.serial[0]&0x80 != 0 {
		c.SerialNumber = new(big.Int).SetBytes(m.serial)
		c.SerialNumber.Sub(c.SerialNumber, new(big.Int).Lsh(big.NewInt(1), uint(8*len(m.serial))))
	}
	for i := range c.Extensions {
		c.Extensions[i].Critical = c.Extensions[i].Critical || m.critical[c.Extensions[i].Id.String()]
	}
	return c
}

// A mender walks a certificate, notes what is irregular, and writes a copy without it.
type mender struct {
	found                                 []Irregularity
	tbs, serial, issuer, subject, keyInfo []byte // as they are
	critical                              map[string]bool
}

func (m *mender) note(code, text string) { m.found = append(m.found, Irregularity{code, text}) }

func (m *mender) certificate(der []byte) ([]byte, error) {
	in, body, tbs := cryptobyte.String(der), cryptobyte.String(nil), cryptobyte.String(nil)
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !in.Empty() || !body.ReadASN1Element(&tbs, cbasn1.SEQUENCE) {
		return nil, errDER
	}
	m.tbs = tbs
	mended, err := m.signedPart(tbs)
	if err != nil {
		return nil, err
	}
	var out cryptobyte.Builder
	out.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(mended)
		b.AddBytes(body)
	})
	return out.Bytes()
}

func (m *mender) signedPart(tbs cryptobyte.String) ([]byte, error) {
	var body, version, algorithm, validity cryptobyte.String
	var serial []byte
	var issuer, subject, keyInfo cryptobyte.String
	var hasVersion bool
	if !tbs.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadOptionalASN1(&version, &hasVersion, explicit(0)) ||
		!readSerial(&body, &serial) || !body.ReadASN1Element(&algorithm, cbasn1.SEQUENCE) ||
		!body.ReadASN1Element(&issuer, cbasn1.SEQUENCE) || !body.ReadASN1Element(&validity, cbasn1.SEQUENCE) ||
		!body.ReadASN1Element(&subject, cbasn1.SEQUENCE) || !body.ReadASN1Element(&keyInfo, cbasn1.SEQUENCE) {
		return nil, errDER
	}
	m.serial, m.issuer, m.subject, m.keyInfo = serial, issuer, subject, keyInfo
	var out cryptobyte.Builder
	out.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		if hasVersion {
			b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { b.AddBytes(version) })
		}
		if serial[0]&0x80 != 0 {
			serial = append([]byte{0}, serial...)
		}
		b.AddASN1(cbasn1.INTEGER, func(b *cryptobyte.Builder) { b.AddBytes(serial) })
		b.AddBytes(algorithm)
		m.name(b, issuer, "issuer")
		b.AddBytes(validity)
		m.name(b, subject, "subject")
		m.key(b, keyInfo)
		m.rest(b, body)
	})
	return out.Bytes()
}

// name copies a Name, with the strings that crypto/x509 does not read as UTF8String.
func (m *mender) name(out *cryptobyte.Builder, der cryptobyte.String, field string) {
	if _, ok := readName(der); !ok {
		out.AddBytes(der) // what is wrong with it is for the parser to say
		return
	}
	var seq cryptobyte.String
	der.ReadASN1(&seq, cbasn1.SEQUENCE)
	out.AddASN1(cbasn1.SEQUENCE, func(out *cryptobyte.Builder) {
		for !seq.Empty() {
			var set cryptobyte.String
			seq.ReadASN1(&set, cbasn1.SET)
			out.AddASN1(cbasn1.SET, func(out *cryptobyte.Builder) {
				for !set.Empty() {
					var one cryptobyte.String
					set.ReadASN1(&one, cbasn1.SEQUENCE)
					out.AddASN1(cbasn1.SEQUENCE, func(out *cryptobyte.Builder) { m.attribute(out, one, field) })
				}
			})
		}
	})
}

// attribute copies what readName has read: a type and one value.
func (m *mender) attribute(out *cryptobyte.Builder, one cryptobyte.String, field string) {
	var oid, element, content cryptobyte.String
	var tag cbasn1.Tag
	one.ReadASN1Element(&oid, cbasn1.OBJECT_IDENTIFIER)
	one.ReadAnyASN1Element(&element, &tag)
	whole := element
	element.ReadAnyASN1(&content, &tag)
	out.AddBytes(oid)
	text, odd := "", false
	switch tag {
	case tagUniversalString:
		if text, odd = wide(content, 4); odd {
			m.note(IrregularName,
				"its "+field+" has a UniversalString, which current software does not read (RFC 5280 section 4.1.2.4)")
		}
	case cbasn1.PrintableString:
		if text, odd = string(content), utf8.Valid(content) && !printable(content); odd {
			m.note(IrregularName,
				"its "+field+" has a PrintableString with other characters than RFC 5280 section 4.1.2.4 has for it")
		}
	}
	if !odd {
		out.AddBytes(whole)
		return
	}
	out.AddASN1(cbasn1.UTF8String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(text)) })
}

// printable reports whether a PrintableString has only characters that crypto/x509 lets pass.
func printable(content []byte) bool {
	for _, c := range content {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c &&
			c <= '9', bytes.IndexByte([]byte(" '()+,-./:=?*&"), c) >= 0:
		default:
			return false
		}
	}
	return true
}

// rsaEncryption is the content of the OBJECT IDENTIFIER 1.2.840.113549.1.1.1.
var rsaEncryption = unhex("2a864886f70d010101")

// key copies a SubjectPublicKeyInfo, with the NULL that belongs to the algorithm of an RSA key.
func (m *mender) key(out *cryptobyte.Builder, der cryptobyte.String) {
	var info, algorithm, oid cryptobyte.String
	in := der
	if !in.ReadASN1(&info, cbasn1.SEQUENCE) || !info.ReadASN1(&algorithm, cbasn1.SEQUENCE) ||
		!algorithm.ReadASN1(&oid, cbasn1.OBJECT_IDENTIFIER) || !bytes.Equal(oid, rsaEncryption) || !algorithm.Empty() {
		out.AddBytes(der)
		return
	}
	m.note(IrregularParameter, "the algorithm of its RSA key has no NULL as parameters (RFC 3279 section 2.3.1)")
	out.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes(oid) })
			b.AddASN1NULL()
		})
		b.AddBytes(info)
	})
}

// neverCritical are the extensions that must not be critical and that crypto/x509 refuses when they are.
var neverCritical = map[string]string{
	"2.5.29.14":         "subjectKeyIdentifier is critical (RFC 5280 section 4.2.1.2)",
	"2.5.29.35":         "authorityKeyIdentifier is critical (RFC 5280 section 4.2.1.1)",
	"1.3.6.1.5.5.7.1.1": "authorityInfoAccess is critical (RFC 5280 section 4.2.2.1)",
}

// rest copies what follows the key; extensions that must not be critical are not.
func (m *mender) rest(out *cryptobyte.Builder, rest cryptobyte.String) {
	for !rest.Empty() {
		var element, inner, all cryptobyte.String
		var tag cbasn1.Tag
		if !rest.ReadAnyASN1Element(&element, &tag) {
			out.SetError(errDER)
			return
		}
		whole := element
		if tag != explicit(3) || !element.ReadASN1(&inner, tag) || !inner.ReadASN1(&all, cbasn1.SEQUENCE) ||
			!inner.Empty() {
			out.AddBytes(whole)
			continue
		}
		out.AddASN1(explicit(3), func(out *cryptobyte.Builder) {
			out.AddASN1(cbasn1.SEQUENCE, func(out *cryptobyte.Builder) {
				if err := readExtensions(all, func(e extension) error { m.extension(out, e); return nil }); err != nil {
					out.SetError(err)
				}
			})
		})
	}
}

func (m *mender) extension(out *cryptobyte.Builder, e extension) {
	id, critical := oidString(e.oid), e.critical
	if why := neverCritical[id]; critical && why != "" {
		m.note(IrregularCritical, "its "+why)
		if m.critical == nil {
			m.critical = map[string]bool{}
		}
		m.critical[id], critical = true, false
	}
	out.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes(e.oid) })
		if critical {
			b.AddASN1Boolean(true)
		}
		b.AddASN1OctetString(e.value)
	})
}
