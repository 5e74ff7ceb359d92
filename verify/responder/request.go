package responder

import (
	"crypto"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"seihon/artifact"
)

// Request writes the canonical OCSPRequest for one certificate (RFC 6960 section 4.1.1).
func Request(id artifact.CertID) []byte {
	oids := map[crypto.Hash][]byte{
		crypto.SHA1: {0x2b, 0x0e, 0x03, 0x02, 0x1a}, crypto.SHA256: {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01},
		crypto.SHA384: {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02}, crypto.SHA512: {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03},
	}
	bytesOf := func(tag cbasn1.Tag, v []byte) func(*cryptobyte.Builder) {
		return func(b *cryptobyte.Builder) { b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(v) }) }
	}
	var b cryptobyte.Builder
	seq := func(b *cryptobyte.Builder, f func(*cryptobyte.Builder)) { b.AddASN1(cbasn1.SEQUENCE, f) }
	seq(&b, func(b *cryptobyte.Builder) { // OCSPRequest
		seq(b, func(b *cryptobyte.Builder) { // TBSRequest
			seq(b, func(b *cryptobyte.Builder) { // requestList
				seq(b, func(b *cryptobyte.Builder) { // Request
					seq(b, func(b *cryptobyte.Builder) { // CertID
						seq(b, func(b *cryptobyte.Builder) {
							bytesOf(cbasn1.OBJECT_IDENTIFIER, oids[id.Hash])(b)
							b.AddASN1NULL()
						})
						bytesOf(cbasn1.OCTET_STRING, id.IssuerNameHash)(b)
						bytesOf(cbasn1.OCTET_STRING, id.IssuerKeyHash)(b)
						bytesOf(cbasn1.INTEGER, id.Serial)(b)
					})
				})
			})
		})
	})
	der, err := b.Bytes()
	if err != nil {
		return nil // only lengths beyond what a CertID can have make it fail
	}
	return der
}
