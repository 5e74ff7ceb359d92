// Package inputtest makes objects that a CA, a stranger or a broken program might hand in: certificates, lists,
// responses and requests with one field wrong, at its boundary, or odd but legal, each with the verdict that the RFC
// gives and why. crypto/x509 refuses to make most of them, so they are built here from their parts.
package inputtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// A Case is one object, whether it may come in, and why.
type Case struct {
	Name   string
	DER    []byte
	Accept bool
	Why    string // the section of the RFC, or what a reader would make of it
}

// A CA signs cases. Its key guards nothing.
type CA struct {
	Cert *x509.Certificate
	key  *ecdsa.PrivateKey
	name []byte
}

// Now is the present of the cases.
var Now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// NewCA makes a self-signed CA; the same name gives the same key.
func NewCA(name string) *CA {
	seed := sha256.Sum256([]byte("seihon input test " + name))
	seed[0] = 0 // below the order of the curve
	ca := &CA{key: must(ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:])), name: Name(UTF8, name)}
	c := Certificate{Subject: ca.name, Extensions: [][]byte{
		Extension(oidBasicConstraints, true, seq(bytes(cbasn1.BOOLEAN, []byte{0xff}))),
		Extension(oidKeyUsage, true, []byte{3, 2, 1, 6}),
	}}
	ca.Cert = must(x509.ParseCertificate(ca.Certificate(c)))
	return ca
}

// The string types in which a name can be written.
const (
	UTF8      = cbasn1.UTF8String
	Printable = cbasn1.PrintableString
	T61       = cbasn1.T61String
	BMP       = cbasn1.Tag(30)
)

// Name is the Name C=JP, CN=cn with the common name in a string type.
func Name(tag cbasn1.Tag, cn string) []byte {
	text := []byte(cn)
	if tag == BMP {
		text = nil
		for _, r := range cn {
			text = append(text, byte(r>>8), byte(r))
		}
	}
	return seq(
		bytes(cbasn1.SET, seq(oid(2, 5, 4, 6), bytes(Printable, []byte("JP")))),
		bytes(cbasn1.SET, seq(oid(2, 5, 4, 3), bytes(tag, text))))
}

var (
	oidBasicConstraints = oid(2, 5, 29, 19)
	oidKeyUsage         = oid(2, 5, 29, 15)
	oidReason           = oid(2, 5, 29, 21)
	oidInvalidity       = oid(2, 5, 29, 24)
	oidEntryIssuer      = oid(2, 5, 29, 29)
	oidNumber           = oid(2, 5, 29, 20)
	oidIDP              = oid(2, 5, 29, 28)
	oidDelta            = oid(2, 5, 29, 27)
	oidUnknown          = oid(1, 3, 6, 1, 4, 1, 99999, 1)
	oidECDSA            = oid(1, 2, 840, 10045, 4, 3, 2)
)

// bytes is one element with its content.
func bytes(tag cbasn1.Tag, content ...[]byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(tag, func(b *cryptobyte.Builder) {
		for _, c := range content {
			b.AddBytes(c)
		}
	})
	return b.BytesOrPanic()
}

func seq(parts ...[]byte) []byte { return bytes(cbasn1.SEQUENCE, parts...) }

func explicit(n uint8, parts ...[]byte) []byte {
	return bytes(cbasn1.Tag(n).ContextSpecific().Constructed(), parts...)
}

func primitive(n uint8, content []byte) []byte {
	return bytes(cbasn1.Tag(n).ContextSpecific(), content)
}

func oid(arcs ...int) []byte {
	var b cryptobyte.Builder
	b.AddASN1ObjectIdentifier(arcs)
	return b.BytesOrPanic()
}

// Integer is an INTEGER of those content octets.
func Integer(content []byte) []byte { return bytes(cbasn1.INTEGER, content) }

// UTC and Generalized write a time, the second also where RFC 5280 wants the first.
func UTC(t time.Time) []byte { return bytes(cbasn1.UTCTime, []byte(t.Format("060102150405Z"))) }

// Generalized writes a GeneralizedTime.
func Generalized(t time.Time) []byte {
	return bytes(cbasn1.GeneralizedTime, []byte(t.Format("20060102150405Z")))
}

// Time writes t as RFC 5280 section 4.1.2.5 says.
func Time(t time.Time) []byte {
	if t.Year() >= 2050 {
		return Generalized(t)
	}
	return UTC(t)
}

// Extension is one Extension.
func Extension(id []byte, critical bool, value []byte) []byte {
	flag := []byte{}
	if critical {
		flag = bytes(cbasn1.BOOLEAN, []byte{0xff})
	}
	return seq(id, flag, bytes(cbasn1.OCTET_STRING, value))
}

func algorithm() []byte { return seq(oidECDSA) }

// sign wraps a to-be-signed part with algorithm and signature.
func (ca *CA) sign(tbs []byte, more ...[]byte) []byte {
	digest := sha256.Sum256(tbs)
	sig := must(ca.key.Sign(nil, digest[:], crypto.SHA256)) // RFC 6979: the same bytes every time
	return seq(append([][]byte{tbs, algorithm(), bytes(cbasn1.BIT_STRING, []byte{0}, sig)}, more...)...)
}

func (ca *CA) spki() []byte { return must(x509.MarshalPKIXPublicKey(ca.key.Public())) }

// A Certificate is a template; what is nil gets a good value.
type Certificate struct {
	Serial, Issuer, Subject, NotBefore, NotAfter, SPKI []byte
	Version                                            []byte
	Extensions                                         [][]byte
}

// Certificate makes it.
func (ca *CA) Certificate(c Certificate) []byte {
	or := func(b *[]byte, good []byte) {
		if *b == nil {
			*b = good
		}
	}
	or(&c.Serial, Integer([]byte{0x10}))
	or(&c.Issuer, ca.name)
	or(&c.Subject, Name(UTF8, "subscriber"))
	or(&c.NotBefore, Time(Now.Add(-30*day)))
	or(&c.NotAfter, Time(Now.Add(700*day)))
	or(&c.SPKI, ca.spki())
	or(&c.Version, explicit(0, Integer([]byte{2})))
	exts := []byte{}
	if len(c.Extensions) > 0 {
		exts = explicit(3, seq(c.Extensions...))
	}
	return ca.sign(seq(c.Version, c.Serial, algorithm(), c.Issuer, seq(c.NotBefore, c.NotAfter), c.Subject, c.SPKI,
		exts))
}

// An Entry is a template of a list's line.
type Entry struct {
	Serial, Time []byte
	Extensions   [][]byte
}

func (e Entry) der() []byte {
	if e.Serial == nil {
		e.Serial = Integer([]byte{0x10})
	}
	if e.Time == nil {
		e.Time = Time(Now.Add(-2 * day))
	}
	exts := []byte{}
	if len(e.Extensions) > 0 {
		exts = seq(e.Extensions...)
	}
	return seq(e.Serial, e.Time, exts)
}

// A List is a template; what is nil gets a good value.
type List struct {
	Version, Issuer, This, Next []byte
	Entries                     []Entry
	Extensions                  [][]byte // beside the number
	Number                      []byte   // the INTEGER; nil = 7
	NoNumber                    bool
}

// List makes it.
func (ca *CA) List(l List) []byte {
	or := func(b *[]byte, good []byte) {
		if *b == nil {
			*b = good
		}
	}
	or(&l.Version, Integer([]byte{1}))
	or(&l.Issuer, ca.name)
	or(&l.This, Time(Now.Add(-time.Hour)))
	or(&l.Next, Time(Now.Add(3*day)))
	or(&l.Number, Integer([]byte{7}))
	entries := []byte{}
	if len(l.Entries) > 0 {
		var all [][]byte
		for _, e := range l.Entries {
			all = append(all, e.der())
		}
		entries = seq(all...)
	}
	exts := l.Extensions
	if !l.NoNumber {
		exts = append([][]byte{Extension(oidNumber, false, l.Number)}, exts...)
	}
	wrapped := []byte{}
	if len(exts) > 0 {
		wrapped = explicit(0, seq(exts...))
	}
	return ca.sign(seq(l.Version, algorithm(), l.Issuer, l.This, l.Next, entries, wrapped))
}

// A Single is a template of a SingleResponse.
type Single struct {
	Serial, Status, This, Next []byte
	SHA1                       bool
	Extensions                 [][]byte
}

// A Response is a template.
type Response struct {
	Produced   []byte
	Singles    []Single
	Extensions [][]byte
}

func (ca *CA) certID(s Single) []byte {
	spki := cryptobyte.String(ca.Cert.RawSubjectPublicKeyInfo)
	var body, alg cryptobyte.String
	var key []byte
	if !spki.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1(&alg, cbasn1.SEQUENCE) ||
		!body.ReadASN1BitStringAsBytes(&key) {
		panic("the CA's own key cannot be read")
	}
	if s.SHA1 {
		n, k := sha1.Sum(ca.name), sha1.Sum(key)
		return seq(seq(oid(1, 3, 14, 3, 2, 26)), bytes(cbasn1.OCTET_STRING, n[:]), bytes(cbasn1.OCTET_STRING, k[:]),
			s.Serial)
	}
	n, k := sha256.Sum256(ca.name), sha256.Sum256(key)
	return seq(seq(oid(2, 16, 840, 1, 101, 3, 4, 2, 1)), bytes(cbasn1.OCTET_STRING, n[:]),
		bytes(cbasn1.OCTET_STRING, k[:]), s.Serial)
}

// Good is the status good.
func Good() []byte { return primitive(0, nil) }

// Revoked is the status revoked; reason < 0 leaves it out.
func Revoked(at []byte, reason int) []byte {
	if reason < 0 {
		return explicit(1, at)
	}
	return explicit(1, at, explicit(0, bytes(cbasn1.ENUM, []byte{byte(reason)})))
}

// Response makes it, signed by the CA itself.
func (ca *CA) Response(r Response) []byte {
	if r.Produced == nil {
		r.Produced = Generalized(Now.Add(-time.Hour))
	}
	var singles [][]byte
	for _, s := range r.Singles {
		if s.Serial == nil {
			s.Serial = Integer([]byte{0x10})
		}
		if s.Status == nil {
			s.Status = Good()
		}
		if s.This == nil {
			s.This = Generalized(Now.Add(-time.Hour))
		}
		if s.Next == nil {
			s.Next = explicit(0, Generalized(Now.Add(3*day)))
		}
		exts := []byte{}
		if len(s.Extensions) > 0 {
			exts = explicit(1, seq(s.Extensions...))
		}
		singles = append(singles, seq(ca.certID(s), s.Status, s.This, s.Next, exts))
	}
	exts := []byte{}
	if len(r.Extensions) > 0 {
		exts = explicit(1, seq(r.Extensions...))
	}
	key := sha1Key(ca.Cert)
	basic := ca.sign(seq(explicit(2, bytes(cbasn1.OCTET_STRING, key)), r.Produced, seq(singles...), exts))
	return seq(bytes(cbasn1.ENUM, []byte{0}),
		explicit(0, seq(oid(1, 3, 6, 1, 5, 5, 7, 48, 1, 1), bytes(cbasn1.OCTET_STRING, basic))))
}

func sha1Key(c *x509.Certificate) []byte {
	spki := cryptobyte.String(c.RawSubjectPublicKeyInfo)
	var body, alg cryptobyte.String
	var key []byte
	if !spki.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1(&alg, cbasn1.SEQUENCE) ||
		!body.ReadASN1BitStringAsBytes(&key) {
		panic(fmt.Sprintf("the key of %s cannot be read", c.Subject))
	}
	sum := sha1.Sum(key)
	return sum[:]
}
