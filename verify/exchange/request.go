package exchange

import (
	"crypto"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"seihon/artifact"
)

// Request writes the canonical OCSPRequest for one certificate (RFC 6960 section 4.1.1), with a nonce unless that is
// nil (RFC 9654).
func Request(id artifact.CertID, nonce []byte) []byte {
	oids := map[crypto.Hash][]byte{
		crypto.SHA1:   {0x2b, 0x0e, 0x03, 0x02, 0x1a},
		crypto.SHA256: {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01},
		crypto.SHA384: {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02},
		crypto.SHA512: {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03},
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
			if nonce != nil {
				b.AddASN1(cbasn1.Tag(2).ContextSpecific().Constructed(), nonceExtension(nonce))
			}
		})
	})
	der, err := b.Bytes()
	if err != nil {
		return nil // only lengths beyond what a CertID can have make it fail
	}
	return der
}

// nonceExtension writes Extensions with the nonce alone.
func nonceExtension(nonce []byte) func(*cryptobyte.Builder) {
	return func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier([]int{1, 3, 6, 1, 5, 5, 7, 48, 1, 2})
				b.AddASN1OctetString(NonceValue(nonce))
			})
		})
	}
}

// NonceValue is the value of the extension for a nonce: an OCTET STRING in the octets of the extension.
func NonceValue(nonce []byte) []byte { return append([]byte{4, byte(len(nonce))}, nonce...) }
