package cms_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

var (
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidSignedData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidTSTInfo       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	oidContentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningTime   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 5}
	oidESSCert       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 12}
	oidESSCertV2     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
	oidSHA256        = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidSHA384        = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}
	oidECDSASHA256   = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	oidECDSASHA384   = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}
	oidRSASHA512     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13}
)

// A person has a certificate and its key, and a root that issued it.
type person struct {
	root, cert *x509.Certificate
	key        crypto.Signer
}

// newPerson makes a person with P-256 keys. A test can change the certificate before the root
// signs it.
func newPerson(t *testing.T, change func(*x509.Certificate)) person {
	t.Helper()
	var keys [2]*ecdsa.PrivateKey
	for i := range keys {
		var err error
		if keys[i], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Root"},
		NotBefore: at.AddDate(-1, 0, 0), NotAfter: at.AddDate(9, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	root := issue(t, ca, ca, keys[0], keys[0])
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Signer"},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature}
	if change != nil {
		change(leaf)
	}
	return person{root: root, cert: issue(t, leaf, root, keys[1], keys[0]), key: keys[1]}
}

func issue(t *testing.T, c, parent *x509.Certificate, key, by crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// An attribute of a signer has a type and values, each of them DER.
type attribute struct {
	oid    asn1.ObjectIdentifier
	values [][]byte
}

// A form is a CMS signature that is still to be written. newForm fills it in as it ought to be, a
// test changes one entry, and der signs what then stands there, so that nothing but the changed
// entry is wrong.
type form struct {
	outer, inner asn1.ObjectIdentifier // types of the structure and of its content
	content      []byte                // enclosed; nil when detached
	certificate  *x509.Certificate
	attributes   []attribute
	algorithm    []byte // AlgorithmIdentifier of the signature
	sign         func(attributes []byte) ([]byte, error)
	unsigned     bool // no signer at all
}

// newForm is the form of a detached signature over content of a type.
func newForm(t *testing.T, p person, inner asn1.ObjectIdentifier, content []byte) *form {
	t.Helper()
	imprint := sha256.Sum256(content)
	named := sha256.Sum256(p.cert.Raw)
	return &form{outer: oidSignedData, inner: inner, certificate: p.cert, attributes: []attribute{
		{oidContentType, [][]byte{value(t, inner)}},
		{oidMessageDigest, [][]byte{value(t, imprint[:])}},
		{oidSigningTime, [][]byte{value(t, at)}},
		{oidESSCertV2, [][]byte{signingCertificate(t, named[:], nil)}},
	}, algorithm: algorithmOf(t, oidECDSASHA256, false), sign: func(b []byte) ([]byte, error) {
		digest := sha256.Sum256(b)
		return p.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	}}
}

// set replaces the values of an attribute; without any, the attribute is left out.
func (f *form) set(oid asn1.ObjectIdentifier, values ...[]byte) {
	var list []attribute
	for _, a := range f.attributes {
		if a.oid.Equal(oid) {
			if a.values = values; len(values) == 0 {
				continue
			}
		}
		list = append(list, a)
	}
	f.attributes = list
}

// der writes and signs the form.
func (f *form) der(t *testing.T) []byte {
	t.Helper()
	body := cryptobyte.NewBuilder(nil)
	for _, a := range f.attributes {
		body.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(a.oid)
			b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
				for _, v := range a.values {
					b.AddBytes(v)
				}
			})
		})
	}
	attributes := body.BytesOrPanic()
	set := cryptobyte.NewBuilder(nil)
	set.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) { b.AddBytes(attributes) })
	signature, err := f.sign(set.BytesOrPanic())
	if err != nil {
		t.Fatal(err)
	}
	digest := algorithmOf(t, oidSHA256, false)
	signer := func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(f.certificate.RawIssuer)
			b.AddASN1BigInt(f.certificate.SerialNumber)
		})
		b.AddBytes(digest)
		b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { b.AddBytes(attributes) })
		b.AddBytes(f.algorithm)
		b.AddASN1OctetString(signature)
	}
	out := cryptobyte.NewBuilder(nil)
	out.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(f.outer)
		b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1Int64(1)
				b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) { b.AddBytes(digest) })
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(f.inner)
					if f.content != nil {
						b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { b.AddASN1OctetString(f.content) })
					}
				})
				b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { b.AddBytes(f.certificate.Raw) })
				b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
					if !f.unsigned {
						b.AddASN1(cbasn1.SEQUENCE, signer)
					}
				})
			})
		})
	})
	return out.BytesOrPanic()
}

func explicit(n uint8) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific().Constructed() }

// value is the DER of v.
func value(t *testing.T, v any) []byte {
	t.Helper()
	der, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// signingCertificate is the value of a signing-certificate attribute, of either version: the hash
// of a certificate (SHA-1 in the first version, SHA-256 in the second), and its issuer and serial
// number unless c is nil.
func signingCertificate(t *testing.T, hash []byte, c *x509.Certificate) []byte {
	t.Helper()
	out := cryptobyte.NewBuilder(nil)
	sequence := func(b *cryptobyte.Builder, f func(*cryptobyte.Builder)) {
		b.AddASN1(cbasn1.SEQUENCE, f)
	}
	sequence(out, func(b *cryptobyte.Builder) {
		sequence(b, func(b *cryptobyte.Builder) {
			sequence(b, func(b *cryptobyte.Builder) {
				b.AddASN1OctetString(hash)
				if c == nil {
					return
				}
				sequence(b, func(b *cryptobyte.Builder) {
					sequence(b, func(b *cryptobyte.Builder) {
						b.AddASN1(explicit(4), func(b *cryptobyte.Builder) { b.AddBytes(c.RawIssuer) })
					})
					b.AddASN1BigInt(c.SerialNumber)
				})
			})
		})
	})
	return out.BytesOrPanic()
}

// bySHA1 is the first version of the signing-certificate attribute for a certificate.
func bySHA1(t *testing.T, c *x509.Certificate) attribute {
	named := sha1.Sum(c.Raw)
	return attribute{oidESSCert, [][]byte{signingCertificate(t, named[:], nil)}}
}
