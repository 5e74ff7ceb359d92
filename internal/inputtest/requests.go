package inputtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"slices"

	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// A request is a template of a certificate request (RFC 2986); what is nil gets a good value.
type request struct {
	version, subject, spki, attributes, algorithm, signature []byte
	tail                                                     []byte // after it
}

// Object identifiers of requests.
var (
	oidChallenge  = oid(1, 2, 840, 113549, 1, 9, 7)
	oidExtensions = oid(1, 2, 840, 113549, 1, 9, 14)
	oidAltName    = oid(2, 5, 29, 17)
	oidECKey      = oid(1, 2, 840, 10045, 2, 1)
	oidP256       = oid(1, 2, 840, 10045, 3, 1, 7)
	oidRSAKey     = oid(1, 2, 840, 113549, 1, 1, 1)
)

// attributeSet wraps attributes as a request has them: [0] IMPLICIT SET OF.
func attributeSet(all ...[]byte) []byte { return explicit(0, all...) }

// wished is the attribute extensionRequest (RFC 2985 section 5.4.2).
func wished(extensions ...[]byte) []byte {
	return seq(oidExtensions, bytes(cbasn1.SET, seq(extensions...)))
}

func makeRequest(key *ecdsa.PrivateKey, r request) []byte {
	or := func(b *[]byte, good []byte) {
		if *b == nil {
			*b = good
		}
	}
	or(&r.version, Integer([]byte{0}))
	or(&r.subject, Name(UTF8, "subscriber"))
	or(&r.spki, must(x509.MarshalPKIXPublicKey(key.Public())))
	or(&r.attributes, attributeSet())
	or(&r.algorithm, algorithm())
	tbs := seq(r.version, r.subject, r.spki, r.attributes)
	digest := sha256.Sum256(tbs)
	or(&r.signature, must(key.Sign(nil, digest[:], crypto.SHA256)))
	return append(seq(tbs, r.algorithm, bytes(cbasn1.BIT_STRING, []byte{0}, r.signature)), r.tail...)
}

// Requests returns the cases of certificate requests, as they come from subscribers.
func Requests() []Case {
	seed := sha256.Sum256([]byte("seihon input test subscriber"))
	seed[0] = 0
	key := must(ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:]))
	var all []Case
	add := func(name string, r request, accept bool, why string) {
		all = append(all, Case{"request: " + name, makeRequest(key, r), accept, why})
	}
	add("plain", request{}, true, "")
	for _, v := range []value{
		{"1", Integer([]byte{1}), false, "RFC 2986 4.1: version v1(0)"},
		{"-1", Integer([]byte{0xff}), false, "RFC 2986 4.1: version v1(0)"},
		{"text", bytes(cbasn1.UTF8String, []byte("0")), false, "RFC 2986 4.1: an INTEGER"},
	} {
		add(label("version", v.name), request{version: v.der}, v.accept, v.why)
	}
	for _, v := range []value{
		{"UTF8String", Name(UTF8, "利用者"), true, ""}, {"PrintableString", Name(Printable, "subscriber"), true, ""},
		{"BMPString", Name(BMP, "subscriber"), true, "RFC 5280 4.1.2.4: legal in old names"},
		{"T61String", Name(T61, "subscriber"), false,
			"RFC 5280 4.1.2.4: not for new subjects, and its characters are not agreed on"},
		{"with a line break", Name(UTF8, "sub\nscriber"), false, "no name that a person could read in a list"},
		{"with a zero octet", Name(UTF8, "good\x00.evil"), false, "RFC 5280 8: a C program reads another name"},
		{"that turns the direction of text", Name(UTF8, "sub\u202escriber"), false, "shown as another name"},
		{"not UTF-8", Name(UTF8, "\xff\xfe"), false, "X.690 8.23.10: UTF-8"},
		{"an illegal PrintableString", Name(Printable, "a@b_c"), false, "X.680 41.4: not among its characters"},
		{"empty", seq(), false, "RFC 5280 4.1.2.6: a subscriber of an accredited CA has a name"},
		{"of one digit country", seq(bytes(cbasn1.SET, seq(oid(2, 5, 4, 6), bytes(Printable, []byte("J"))))), false,
			"X.520 6.3.1: two letters"},
		{"no name at all", bytes(cbasn1.OCTET_STRING, []byte("x")), false, "RFC 2986 4.1: a Name"},
	} {
		add(label("subject", v.name), request{subject: v.der}, v.accept, v.why)
	}
	all = append(all, requestKeys(key)...)
	return append(all, requestWishes(key)...)
}

// requestKeys vary the key and the proof that the subscriber has it.
func requestKeys(key *ecdsa.PrivateKey) []Case {
	var all []Case
	add := func(name string, r request, accept bool, why string) {
		all = append(all, Case{"request: " + name, makeRequest(key, r), accept, why})
	}
	point := must(key.PublicKey.Bytes())
	ec := func(curve, point []byte) []byte {
		return seq(seq(oidECKey, curve), bytes(cbasn1.BIT_STRING, []byte{0}, point))
	}
	off := slices.Clone(point)
	off[40] ^= 1
	modulus := func(bits int, last byte) []byte {
		n := slices.Repeat([]byte{0xc5}, bits/8)
		n[len(n)-1] = last
		return Integer(append([]byte{0}, n...))
	}
	rsa := func(null, n, e []byte) []byte {
		return seq(seq(oidRSAKey, null), bytes(cbasn1.BIT_STRING, []byte{0}, seq(n, e)))
	}
	null, e65537 := null(), Integer([]byte{1, 0, 1})
	const proof = "RFC 2986 4.2: proof of possession"
	for _, v := range []value{
		{"of another curve", ec(oid(1, 3, 132, 0, 10), point), false,
			"RFC 5480 2.1.1.1: no curve of the profile (secp256k1)"},
		{"of P-224", ec(oid(1, 3, 132, 0, 33), append([]byte{4}, make([]byte, 56)...)), false,
			"below 128 bits of security"},
		{"off its curve", ec(oidP256, off), false, "SEC 1 3.2.2: a point of the curve"},
		{"at infinity", ec(oidP256, []byte{0}), false, "SEC 1 3.2.2.1: not the point at infinity"},
		{"without curve", ec(nil, point), false, "RFC 5480 2.1.1: namedCurve"},
		{"with NULL for a curve", ec(null, point), false, "RFC 5480 2.1.1: not implicitCurve"},
		{"RSA of 1024 bits", rsa(null, modulus(1024, 0xc5), e65537), false, "below 112 bits of security"},
		{"RSA with an even modulus", rsa(null, modulus(2048, 0xc4), e65537), false, "no product of two odd primes"},
		{"RSA with exponent 1", rsa(null, modulus(2048, 0xc5), Integer([]byte{1})), false, "FIPS 186-5 A.1.1"},
		{"RSA with exponent 3", rsa(null, modulus(2048, 0xc5), Integer([]byte{3})), false, "FIPS 186-5 A.1.1"},
		{"RSA with an even exponent", rsa(null, modulus(2048, 0xc5), Integer([]byte{1, 0, 2})), false,
			"FIPS 186-5 A.1.1"},
		{"RSA with a negative modulus", rsa(null, Integer(slices.Repeat([]byte{0xc5}, 256)), e65537), false,
			"RFC 8017 3.1: positive"},
		{"RSA without NULL", rsa(nil, modulus(2048, 0xc5), e65537), false, "RFC 3279 2.3.1: NULL"},
		{"RSA that did not sign", rsa(null, modulus(2048, 0xc5), e65537), false, proof},
		{"of no known algorithm", seq(seq(oidUnknown), bytes(cbasn1.BIT_STRING, []byte{0, 1})), false,
			"no key that could be checked"},
		{"missing", []byte{}, false, "RFC 2986 4.1: subjectPKInfo"},
	} {
		add(label("key", v.name), request{spki: v.der}, v.accept, v.why)
	}
	add("signature: another's", request{signature: must(NewCA("x").key.Sign(nil, make([]byte, 32), crypto.SHA256))},
		false, proof)
	add("signature: empty", request{signature: []byte{}}, false, proof)
	add("signature: of SHA-1", request{algorithm: seq(oid(1, 2, 840, 10045, 4, 1))}, false,
		"RFC 9155: SHA-1 proves nothing")
	add("signature: of RSA", request{algorithm: seq(oid(1, 2, 840, 113549, 1, 1, 11), null)}, false,
		"another algorithm than the key's")
	add("followed by something", request{tail: []byte{5, 0}}, false, "one object")
	return all
}

// requestWishes vary the attributes. A CA decides by its profile; what a request wishes beside is left unheard, but
// must be readable.
func requestWishes(key *ecdsa.PrivateKey) []Case {
	var all []Case
	add := func(name string, attributes []byte, accept bool, why string) {
		all = append(all,
			Case{"request: attributes: " + name, makeRequest(key, request{attributes: attributes}), accept, why})
	}
	const unheard = "RFC 2986 4.2: the CA decides; the profile does not give it"
	password := seq(oidChallenge, bytes(cbasn1.SET, bytes(UTF8, []byte("secret"))))
	altName := Extension(oidAltName, false, seq(primitive(2, []byte("host.example"))))
	caWish := Extension(oidBasicConstraints, true, seq(bytes(cbasn1.BOOLEAN, []byte{0xff})))
	usage := Extension(oidKeyUsage, true, []byte{3, 2, 1, 6})
	add("a challenge password", attributeSet(password), true, "RFC 2985 5.4.1: legal, old tools send it")
	add("key usage", attributeSet(wished(usage)), true, unheard)
	add("to be a CA", attributeSet(wished(caWish)), true, unheard)
	add("an unknown extension", attributeSet(wished(Extension(oidUnknown, false, null()))), true, unheard)
	add("an unknown critical extension", attributeSet(wished(Extension(oidUnknown, true, null()))), true, unheard)
	add("an alternative name", attributeSet(wished(altName)), false,
		"the profile does not allow it, and the certificate would lack it")
	add("absent", []byte{}, false, "RFC 2986 4.1: attributes, an empty set when there are none")
	add("no extension", attributeSet(wished()), true, "asks for nothing")
	add("the same extension twice", attributeSet(wished(usage, usage)), false, "RFC 5280 4.2: one instance")
	add("an unknown attribute", attributeSet(seq(oidUnknown, bytes(cbasn1.SET, null()))), true, unheard)
	add("the version of Windows", attributeSet(seq(oid(1, 3, 6, 1, 4, 1, 311, 13, 2, 3), bytes(cbasn1.SET,
		bytes(cbasn1.IA5String, []byte("10.0.1"))))), true,
		"certreq.exe sends it")
	add("not of a set", attributeSet(seq(oidExtensions, seq(usage))), false, "RFC 2986 4.1: SET OF")
	return all
}

func null() []byte { return []byte{5, 0} }
