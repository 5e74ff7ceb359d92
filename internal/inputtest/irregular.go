package inputtest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// IrregularCertificates are certificates that existing CAs are known for: RFC 5280 forbids something in each, and
// nobody can doubt what it says. The name is the kind of the deviation.
func IrregularCertificates(ca *CA) []Deviant {
	var all []Deviant
	add := func(kind, says string, c Certificate) {
		if c.Serial == nil {
			c.Serial = Integer([]byte{0x30, byte(len(all))})
		}
		all = append(all, Deviant{kind, ca.Certificate(c), says})
	}
	add("serial-zero", "serial number 00 is zero", Certificate{Serial: Integer([]byte{0})})
	add("serial-negative", "serial number fe is negative", Certificate{Serial: Integer([]byte{0xfe})})
	add("serial-long", "has 21 octets, more than 20", Certificate{Serial: Integer(octets(0x7f, 21))})
	add("name-string", "its subject has a UniversalString", Certificate{Subject: universal("subscriber")})
	add("name-string", "its subject has a PrintableString with other characters",
		Certificate{Subject: Name(Printable, "a_b@example")})
	for _, e := range []struct {
		id    []byte
		value []byte
		says  string
	}{
		{oid(1, 3, 6, 1, 5, 5, 7, 1, 1),
			seq(seq(oid(1, 3, 6, 1, 5, 5, 7, 48, 1), primitive(6, []byte("http://ocsp.example")))),
			"its authorityInfoAccess is critical"},
		{oid(2, 5, 29, 35), seq(primitive(0, octets(1, 20))), "its authorityKeyIdentifier is critical"},
		{oid(2, 5, 29, 14), bytes(cbasn1.OCTET_STRING, octets(1, 20)), "its subjectKeyIdentifier is critical"},
	} {
		add("extension-critical", e.says, Certificate{Extensions: [][]byte{Extension(e.id, true, e.value)}})
	}
	add("null-missing", "the algorithm of its RSA key has no NULL", Certificate{SPKI: withoutNull()})
	return all
}

// NewRootV1 is a self-signed CA of version 1, whose certificate has no extensions.
func NewRootV1(name string) *CA {
	ca := NewCA(name)
	ca.Cert = must(x509.ParseCertificate(ca.Certificate(Certificate{Version: []byte{}, Subject: ca.name})))
	return ca
}

// universal is Name with the common name as a UniversalString.
func universal(cn string) []byte {
	var text []byte
	for _, r := range cn {
		text = append(text, byte(r>>24), byte(r>>16), byte(r>>8), byte(r))
	}
	return seq(
		bytes(cbasn1.SET, seq(oid(2, 5, 4, 6), bytes(Printable, []byte("JP")))),
		bytes(cbasn1.SET, seq(oid(2, 5, 4, 3), bytes(cbasn1.Tag(28), text))))
}

// withoutNull is the SubjectPublicKeyInfo of an RSA key whose algorithm lacks its parameters.
func withoutNull() []byte {
	key := must(rsa.GenerateKey(rand.Reader, 2048))
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(oid(1, 2, 840, 113549, 1, 1, 1)) })
		b.AddASN1BitString(x509.MarshalPKCS1PublicKey(&key.PublicKey))
	})
	return b.BytesOrPanic()
}
