package verify_test

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

var (
	signedDataOID = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	dataOID       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	sha256OID     = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	ecdsaOID      = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
)

// signedData writes the CMS frame around certificates and signers.
func signedData(certs []*x509.Certificate, signers func(*cryptobyte.Builder)) []byte {
	tag0 := cbasn1.Tag(0).ContextSpecific().Constructed()
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(signedDataOID)
		b.AddASN1(tag0, func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1Int64(1)
				b.AddASN1(cbasn1.SET, func(*cryptobyte.Builder) {})
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(dataOID) })
				b.AddASN1(tag0, func(b *cryptobyte.Builder) {
					for _, c := range certs {
						b.AddBytes(c.Raw)
					}
				})
				b.AddASN1(cbasn1.SET, signers)
			})
		})
	})
	return must(b.Bytes())
}

// plainCMS signs content the short way, whatever the certificate is for.
func plainCMS(by *ca, content []byte) []byte {
	h := sha256.Sum256(content)
	return cmsOf(by.cert, must(by.key.Sign(rand.Reader, h[:], crypto.SHA256)))
}

// cmsOf frames an ECDSA signature with SHA-256, without attributes.
func cmsOf(cert *x509.Certificate, sig []byte) []byte {
	alg := func(oid asn1.ObjectIdentifier) func(*cryptobyte.Builder) {
		return func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oid) }
	}
	return signedData([]*x509.Certificate{cert}, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(1)
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddBytes(cert.RawIssuer)
				b.AddASN1BigInt(cert.SerialNumber)
			})
			b.AddASN1(cbasn1.SEQUENCE, alg(sha256OID))
			b.AddASN1(cbasn1.SEQUENCE, alg(ecdsaOID))
			b.AddASN1OctetString(sig)
		})
	})
}
