package artifact

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

func headerLen(der []byte) int {
	in, body := cryptobyte.String(der), cryptobyte.String(nil)
	in.ReadAnyASN1(&body, new(cbasn1.Tag))
	return len(der) - len(body)
}

// respond wraps and signs (ECDSA with SHA-256) the content of a ResponseData that the oracle cannot make itself.
func respond(data []byte, signer authority) []byte {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(data) })
	tbs := must(b.Bytes())
	h := sha256.Sum256(tbs)
	sig := must(signer.key.Sign(rand.Reader, h[:], crypto.SHA256))
	var basic cryptobyte.Builder
	basic.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(tbs)
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(asn1OID{1, 2, 840, 10045, 4, 3, 2})
		})
		b.AddASN1BitString(sig)
	})
	var out cryptobyte.Builder
	out.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.ENUM, func(b *cryptobyte.Builder) { b.AddUint8(0) })
		b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes(oidBasic) })
				b.AddASN1(cbasn1.OCTET_STRING, func(b *cryptobyte.Builder) { b.AddBytes(must(basic.Bytes())) })
			})
		})
	})
	return must(out.Bytes())
}
