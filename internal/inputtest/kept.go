package inputtest

import (
	"crypto"
	"crypto/x509"
	"time"

	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Namesake is another CA of the same name; the same word gives the same key.
func Namesake(ca *CA, word string) *CA {
	other := NewCA(word + string(ca.name))
	other.name = ca.name
	other.Cert = must(x509.ParseCertificate(other.Certifies(other, Certificate{})))
	return other
}

// Certifies is a certificate for name and key of a CA: its own, a link or a cross certificate.
func (ca *CA) Certifies(other *CA, c Certificate) []byte {
	c.Subject, c.SPKI = other.name, other.spki()
	c.Extensions = [][]byte{
		Extension(oidBasicConstraints, true, seq(bytes(cbasn1.BOOLEAN, []byte{0xff}))),
		Extension(oidKeyUsage, true, []byte{3, 2, 1, 6}),
	}
	return ca.Certificate(c)
}

// Responder is the certificate of a delegated OCSP signer.
func (ca *CA) Responder(key crypto.PublicKey) []byte { return ca.ResponderUntil(key, Now.Add(60*day)) }

// ResponderUntil is one that ends at a time.
func (ca *CA) ResponderUntil(key crypto.PublicKey, end time.Time) []byte {
	return ca.Certificate(Certificate{
		Serial: Integer([]byte{0x70}), Subject: Name(UTF8, "responder"), SPKI: must(x509.MarshalPKIXPublicKey(key)),
		NotAfter: Time(end),
		Extensions: [][]byte{
			Extension(oidKeyUsage, true, []byte{3, 2, 7, 0x80}),
			Extension(oid(2, 5, 29, 37), false, seq(oid(1, 3, 6, 1, 5, 5, 7, 3, 9))),
			Extension(oid(1, 3, 6, 1, 5, 5, 7, 48, 1, 5), false, []byte{5, 0}),
		},
	})
}

// OnlyUser and OnlyCA are distribution points of a list that covers only subscribers' or only CA certificates.
func OnlyUser() []byte { return Extension(oidIDP, true, seq(primitive(1, []byte{0xff}))) }

// OnlyCA is the other of the two.
func OnlyCA() []byte { return Extension(oidIDP, true, seq(primitive(2, []byte{0xff}))) }

// Delta makes a list a delta to the list with that number.
func Delta(base byte) []byte { return Extension(oidDelta, true, Integer([]byte{base})) }

// Point is a distribution point with an address.
func Point(uri string) []byte {
	return Extension(oidIDP, true, seq(explicit(0, explicit(0, primitive(6, []byte(uri))))))
}
