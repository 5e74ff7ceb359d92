package artifact

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

func (d Digest) bytes() []byte { return d[:] }

// A cmsForm is a detached signature as no honest tool makes it.
type cmsForm struct {
	sha1      bool      // the digest algorithm is SHA-1, the signature's is not
	attribute asn1OID   // the content-type attribute; nil = id-data
	digestOf  []byte    // what the message digest is of; nil = the content
	signer    authority // who signs
}

var (
	idData       = asn1OID{1, 2, 840, 113549, 1, 7, 1}
	idSigned     = asn1OID{1, 2, 840, 113549, 1, 7, 2}
	idTSTInfo    = asn1OID{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	attrType     = asn1OID{1, 2, 840, 113549, 1, 9, 3}
	attrDigest   = asn1OID{1, 2, 840, 113549, 1, 9, 4}
	ecdsaSHA256  = asn1OID{1, 2, 840, 10045, 4, 3, 2}
	digestSHA1   = asn1OID{1, 3, 14, 3, 2, 26}
	digestSHA256 = asn1OID{2, 16, 840, 1, 101, 3, 4, 2, 1}
)

func (f cmsForm) make(content []byte) []byte {
	if f.attribute == nil {
		f.attribute = idData
	}
	if f.digestOf != nil {
		content = f.digestOf
	}
	sum, algorithm := sha256.Sum256(content), digestSHA256
	digest := sum[:]
	if f.sha1 {
		old := sha1.Sum(content)
		digest, algorithm = old[:], digestSHA1
	}
	seq := func(b *cryptobyte.Builder, fill func(b *cryptobyte.Builder)) { b.AddASN1(cbasn1.SEQUENCE, fill) }
	oid := func(o asn1OID) func(b *cryptobyte.Builder) {
		return func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(o) }
	}
	var attrs cryptobyte.Builder
	attribute := func(o asn1OID, value func(b *cryptobyte.Builder)) {
		seq(&attrs, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(o)
			b.AddASN1(cbasn1.SET, value)
		})
	}
	attribute(attrType, oid(f.attribute))
	attribute(attrDigest, func(b *cryptobyte.Builder) { b.AddASN1OctetString(digest) })
	list := must(attrs.Bytes())
	var set cryptobyte.Builder
	set.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) { b.AddBytes(list) })
	signed := sha256.Sum256(must(set.Bytes()))
	sig := must(f.signer.key.Sign(rand.Reader, signed[:], crypto.SHA256))
	var out cryptobyte.Builder
	seq(&out, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(idSigned)
		b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
			seq(b, func(b *cryptobyte.Builder) {
				b.AddASN1Int64(1)
				b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) { seq(b, oid(algorithm)) })
				seq(b, oid(idData))
				b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { b.AddBytes(f.signer.cert.Raw) })
				b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
					seq(b, func(b *cryptobyte.Builder) {
						b.AddASN1Int64(1)
						seq(b, func(b *cryptobyte.Builder) {
							b.AddBytes(f.signer.cert.RawIssuer)
							b.AddASN1BigInt(new(big.Int).Set(f.signer.cert.SerialNumber))
						})
						seq(b, oid(algorithm))
						b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { b.AddBytes(list) })
						seq(b, oid(ecdsaSHA256))
						b.AddASN1OctetString(sig)
					})
				})
			})
		})
	})
	return must(out.Bytes())
}

// TestSignedAttributes: the digest algorithm and each signed attribute count, also where the signature itself holds.
func TestSignedAttributes(t *testing.T) {
	t.Parallel()
	content := []byte("the CPS")
	signer := sharedPKI().leaf
	for _, c := range []struct {
		name string
		form cmsForm
		want string
	}{
		{"good", cmsForm{}, ""},
		{"SHA-1 under a signature with SHA-256", cmsForm{sha1: true}, "SHA-1"},
		{"content type of a time stamp", cmsForm{attribute: idTSTInfo}, "content type"},
		{"digest of other content", cmsForm{digestOf: []byte("another")}, "other content"},
	} {
		c.form.signer = signer
		s, err := ParseSignedData(c.form.make(content))
		if err == nil {
			_, err = s.Verify(content)
		}
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// signedPDF signs before + hole + after in place of the hole. numbers, if not nil, replaces the byte range.
func signedPDF(before, after string, numbers func(r [4]int) [4]int) []byte {
	const room = 4096
	form := func(r [4]int) string {
		return before + fmt.Sprintf("/ByteRange [%10d %10d %10d %10d]/Contents ", r[0], r[1], r[2], r[3])
	}
	head := len(form([4]int{}))
	r := [4]int{0, head, head + room + 2, len(after)}
	if numbers != nil {
		r = numbers(r)
	}
	text := form(r)
	whole := text + "<" + strings.Repeat("0", room) + ">" + after
	end := min(r[2]+r[3], len(whole))
	der := cmsForm{signer: sharedPKI().leaf}.make([]byte(whole[:min(r[0]+r[1], len(whole))] +
		whole[min(r[2], end):end]))
	hexed := hex.EncodeToString(der)
	return []byte(text + "<" + hexed + strings.Repeat("0", room-len(hexed)) + ">" + after)
}

// TestSignedRange: a signature in a PDF covers every byte but itself, or the document is refused.
func TestSignedRange(t *testing.T) {
	t.Parallel()
	const before, after = "%PDF-1.7\n1 0 obj <</Type/Sig", ">> endobj\n%%EOF\n"
	shift := func(i, by int) func(r [4]int) [4]int {
		return func(r [4]int) [4]int {
			r[i] += by
			return r
		}
	}
	good := signedPDF(before, after, nil)
	if certs, err := VerifyDocument(good); err != nil || len(certs) != 1 {
		t.Fatalf("a good document: %d signers, %v", len(certs), err)
	}
	for _, c := range []struct {
		name string
		pdf  []byte
		want string
	}{
		{"a byte behind the last signature", append(bytes.Clone(good), '\n'),
			"1 bytes were added after the last signature"},
		{"an object behind the last signature", append(bytes.Clone(good), "2 0 obj <<>> endobj\n%%EOF\n"...),
			"were added after"},
		{"the last byte is not covered", signedPDF(before, after, shift(3, -1)), "1 bytes were added after"},
		{"the range ends behind the file", signedPDF(before, after, shift(3, 1)),
			"does not leave out just the signature"},
		{"the first byte is not covered",
			signedPDF(before, after, func(r [4]int) [4]int { return [4]int{1, r[1] - 1, r[2], r[3]} }),
			"does not leave out just the signature"},
		{"the gap ends early",
			signedPDF(before, after, func(r [4]int) [4]int { return [4]int{0, r[1], r[2] - 2, r[3] + 2} }),
			"does not leave out just the signature"},
		{"the gap begins early", signedPDF(before, after, shift(1, -1)), "does not leave out just the signature"},
		{"the gap ends late", signedPDF(before, ">"+after, shift(2, 2)), "does not leave out just the signature"},
		{"a changed byte", bytes.Replace(good, []byte("/Type/Sig"), []byte("/Type/Sug"), 1), "other content"},
	} {
		if certs, err := VerifyDocument(c.pdf); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %d signers, %v; want %q", c.name, len(certs), err, c.want)
		}
	}
}
