package sectiona

import (
	"crypto"
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

func p7c(certs ...*x509.Certificate) []byte { return signedData(certs, func(*cryptobyte.Builder) {}) }

// detached signs content without attributes.
func detached(p party, content []byte) []byte {
	h := sha256.Sum256(content)
	sig := must(p.key.Sign(nil, h[:], crypto.SHA256))
	alg := func(oid asn1.ObjectIdentifier) func(*cryptobyte.Builder) {
		return func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oid) }
	}
	return signedData([]*x509.Certificate{p.cert}, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(1)
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddBytes(p.cert.RawIssuer)
				b.AddASN1BigInt(p.cert.SerialNumber)
			})
			b.AddASN1(cbasn1.SEQUENCE, alg(sha256OID))
			b.AddASN1(cbasn1.SEQUENCE, alg(ecdsaOID))
			b.AddASN1OctetString(sig)
		})
	})
}
