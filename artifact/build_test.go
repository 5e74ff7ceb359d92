package artifact

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

func headerLen(der []byte) int {
	in, body := cryptobyte.String(der), cryptobyte.String(nil)
	in.ReadAnyASN1(&body, new(cbasn1.Tag))
	return len(der) - len(body)
}

// element is the DER element with that tag and those parts as its content.
func element(tag cbasn1.Tag, parts ...[]byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(tag, func(b *cryptobyte.Builder) {
		for _, p := range parts {
			b.AddBytes(p)
		}
	})
	return must(b.Bytes())
}

func sequence(parts ...[]byte) []byte { return element(cbasn1.SEQUENCE, parts...) }

// members are the elements inside of the element der.
func members(der []byte) (all [][]byte) {
	rest := cryptobyte.String(der[headerLen(der):])
	for !rest.Empty() {
		var e cryptobyte.String
		if !rest.ReadAnyASN1Element(&e, new(cbasn1.Tag)) {
			panic("a test takes apart what is not DER")
		}
		all = append(all, e)
	}
	return all
}

// replaced is the sequence der with its nth member replaced, by any number of elements.
func replaced(der []byte, n int, by ...[]byte) []byte {
	all := members(der)
	parts := append(append([][]byte{}, all[:n]...), by...)
	return sequence(append(parts, all[n+1:]...)...)
}

// expect reports an error that does not say want. Where want is empty there must be no error.
func expect(t *testing.T, name string, err error, want string) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("%s: the error is %v, want %q", name, err, want)
	}
}

// respond wraps and signs (ECDSA with SHA-256) the content of a ResponseData that the oracle cannot
// make itself.
func respond(data []byte, signer authority, embedded ...*x509.Certificate) []byte {
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
		if len(embedded) == 0 {
			return
		}
		b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				for _, c := range embedded {
					b.AddBytes(c.Raw)
				}
			})
		})
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
