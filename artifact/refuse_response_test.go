package artifact

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"slices"
	"testing"
	"time"

	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ocsp"
)

// The members of a ResponseData, of a SingleResponse, and of a CertID.
const (
	dataResponder = iota
	dataProduced
	dataSingles
)

const (
	singleID = iota
	singleStatus
	singleThis
	singleNext
)

const (
	idHash = iota
	idName
	idKey
)

// responseData is a good ResponseData of the subordinate CA about a revoked certificate, and its
// only single response.
func responseData(p *pki) (data, single []byte) {
	data = must(ParseResponse(p.revoke)).RawTBS
	return data, members(members(data)[dataSingles])[0]
}

func octetString(b []byte) []byte { return element(cbasn1.OCTET_STRING, b) }

// TestResponseRules: each response here breaks one rule and is signed well.
func TestResponseRules(t *testing.T) {
	t.Parallel()
	p := sharedPKI()
	data, single := responseData(p)
	sign := func(data []byte) []byte { return respond(data[headerLen(data):], p.sub) }
	with := func(singles ...[]byte) []byte {
		return sign(replaced(data, dataSingles, sequence(singles...)))
	}
	repeated := func(n int) []byte { return with(slices.Repeat([][]byte{single}, n)...) }
	version := func(n byte) []byte {
		v := element(explicit(0), element(cbasn1.INTEGER, []byte{n}))
		return sign(replaced(data, dataResponder, v, members(data)[dataResponder]))
	}
	responder := func(size int) []byte {
		hash := make([]byte, size)
		copy(hash, PublicKeyHash(p.sub.cert, crypto.SHA1))
		return sign(replaced(data, dataResponder, element(explicit(2), octetString(hash))))
	}
	extended := func(critical bool) []byte {
		flag := []byte{}
		if critical {
			flag = element(cbasn1.BOOLEAN, []byte{0xff})
		}
		e := sequence(element(cbasn1.OBJECT_IDENTIFIER, []byte{0x2a, 3}), flag, octetString([]byte{5, 0}))
		next := members(single)[singleNext]
		return with(replaced(single, singleNext, next, element(explicit(1), sequence(e))))
	}
	identified := func(field, size int) []byte {
		id := replaced(members(single)[singleID], field, octetString(make([]byte, size)))
		return with(replaced(single, singleID, id))
	}
	reason := func(n byte) []byte {
		at := element(cbasn1.GeneralizedTime, []byte("20261124050000Z"))
		code := element(explicit(0), element(cbasn1.ENUM, []byte{n}))
		return with(replaced(single, singleStatus, element(explicit(1), at, code)))
	}
	const hashes = "issuer hashes are not as long"
	for name, c := range map[string]struct {
		der  []byte
		want string
	}{
		"as it was": {sign(data), ""},
		"another type": {bytes.Replace(p.revoke, oidBasic, oidNonce, 1),
			"its type is not id-pkix-ocsp-basic"},
		"version 1": {version(0), "its version is written out or not v1"},
		"version 2": {version(1), "its version is written out or not v1"},

		"16 single responses": {repeated(16), ""},
		"17 single responses": {repeated(17), "more than 16 single responses"},

		"a responder's SHA-1":                  {responder(20), ""},
		"a responder's SHA-1 without an octet": {responder(19), "responder key hash is not a SHA-1"},
		"a responder's hash of 32 octets":      {responder(32), "responder key hash is not a SHA-1"},
		"no hash of the responder":             {responder(0), "responder key hash is not a SHA-1"},

		"an extension of a single response": {extended(false), ""},
		"a critical extension of a single response": {extended(true),
			"critical extension 1.2.3 is not understood"},

		"a name hash of 19 octets": {identified(idName, 19), hashes},
		"a name hash of 32 octets": {identified(idName, 32), hashes},
		"a key hash of 19 octets":  {identified(idKey, 19), hashes},
		"a key hash of 32 octets":  {identified(idKey, 32), hashes},
		"no key hash":              {identified(idKey, 0), hashes},

		"reason 0":  {reason(0), ""},
		"reason 10": {reason(10), ""},
		"reason 7":  {reason(7), "reason code 7 does not exist"},
		"reason 11": {reason(11), "reason code 11 does not exist"},
		"reason -1": {reason(0xff), "reason code -1 does not exist"},
	} {
		r, err := ParseResponse(c.der)
		if err == nil {
			err = r.CheckSignatureFrom(p.sub.cert)
		}
		expect(t, name, err, c.want)
	}
}

// TestResponseSignature: a response counts only as its signer signed it, for the issuer by itself
// and for a set of issuers.
func TestResponseSignature(t *testing.T) {
	t.Parallel()
	p := sharedPKI()
	made := func(ca authority) []byte {
		return makeResponse(ca, ca, ocsp.Response{SerialNumber: big.NewInt(7)}, false)
	}
	changed := func(der []byte) []byte {
		bad := bytes.Clone(der)
		bad[len(bad)-1] ^= 1
		return bad
	}
	for name, c := range map[string]struct {
		der    []byte
		issuer authority
		want   string
	}{
		"P-256":                  {made(p.sub), p.sub, ""},
		"P-256, one bit changed": {changed(made(p.sub)), p.sub, "does not verify"},
		"RSA":                    {made(p.rsa), p.rsa, ""},
		"RSA, one bit changed":   {changed(made(p.rsa)), p.rsa, "does not verify"},
		"a namesake's signature": {made(authority{p.sub.cert, p.foreign.key}), p.sub, "does not verify"},
		"another CA's signature": {made(authority{p.sub.cert, p.root.key}), p.sub, "does not verify"},
	} {
		expectChecked(t, name, c.der, c.issuer, p.trust(t), c.want)
	}
}

// expectChecked has a response checked with the certificate of its issuer, and by a set that knows all.
func expectChecked(t *testing.T, name string, der []byte, issuer authority, set *Trust, want string) {
	t.Helper()
	r := must(ParseResponse(der))
	expect(t, name, r.CheckSignatureFrom(issuer.cert), want)
	_, _, err := set.CheckResponse(r)
	expect(t, name+", by the set", err, want)
}

// TestDelegate: who signs for a CA was made its responder by the CA itself, under its name, and
// signs while that holds.
func TestDelegate(t *testing.T) {
	t.Parallel()
	p := sharedPKI()
	data, _ := responseData(p)
	named := func(d authority, produced time.Time) []byte {
		id := element(explicit(1), d.cert.RawSubject)
		at := element(cbasn1.GeneralizedTime, []byte(produced.Format("20060102150405Z")))
		of := replaced(replaced(data, dataResponder, id), dataProduced, at)
		return respond(of[headerLen(of):], d, d.cert)
	}
	template := func() *x509.Certificate {
		return &x509.Certificate{Subject: pkix.Name{CommonName: "Responder"},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}}
	}
	delegate := issue(template(), &p.sub, ecKey())
	first, last := delegate.cert.NotBefore, delegate.cert.NotAfter
	renamed := issue(caTemplate("Sub under another name"), &p.root, p.sub.key)
	stranger := issue(template(), &renamed, ecKey())
	const invalid = "was not valid when the response was produced"
	for name, c := range map[string]struct {
		der  []byte
		want string
	}{
		"in its first second":          {named(delegate, first), ""},
		"a second before it was valid": {named(delegate, first.Add(-time.Second)), invalid},
		"in its last second":           {named(delegate, last), ""},
		"a second after it was valid":  {named(delegate, last.Add(time.Second)), invalid},
		"issued by the key of the CA, by another name": {named(stranger, testNow),
			"was not issued by"},
	} {
		expectChecked(t, name, c.der, p.sub, p.trust(t), c.want)
	}
}

// TestOneIssuer: all that one response says is said for one issuer, and it says something.
func TestOneIssuer(t *testing.T) {
	t.Parallel()
	p := sharedPKI()
	data, single := responseData(p)
	about := func(ca authority, h crypto.Hash, oid []byte) []byte {
		id := members(single)[singleID]
		id = replaced(id, idHash, sequence(element(cbasn1.OBJECT_IDENTIFIER, oid)))
		id = replaced(id, idName, octetString(NameHash(ca.cert, h)))
		return replaced(single, singleID, replaced(id, idKey, octetString(PublicKeyHash(ca.cert, h))))
	}
	sha1, sha256 := about(p.sub, crypto.SHA1, oidSHA1), about(p.sub, crypto.SHA256, oidSHA256)
	root, foreign := about(p.root, crypto.SHA1, oidSHA1), about(p.foreign, crypto.SHA1, oidSHA1)
	root256 := about(p.root, crypto.SHA256, oidSHA256)
	const mixed = "its single responses speak of different issuers"
	for name, c := range map[string]struct {
		singles [][]byte
		want    string
	}{
		"one hash":                            {[][]byte{sha1, sha1}, ""},
		"two hashes":                          {[][]byte{sha1, sha256}, ""},
		"another trusted CA, too":             {[][]byte{sha1, root}, mixed},
		"another CA, too, under another hash": {[][]byte{sha1, root256}, mixed},
		"another CA of the same name, too":    {[][]byte{sha1, foreign}, mixed},
		"another CA in the third of them":     {[][]byte{sha1, sha1, root}, mixed},
		"a CA that is not trusted, and no other": {[][]byte{foreign},
			"names no trusted CA"},
	} {
		of := replaced(data, dataSingles, sequence(c.singles...))
		r := must(ParseResponse(respond(of[headerLen(of):], p.sub)))
		_, _, err := p.trust(t).CheckResponse(r)
		expect(t, name, err, c.want)
	}
	_, _, err := p.trust(t).CheckResponse(&Response{})
	expect(t, "nothing said", err, "it has no single response")
}

// TestTrustTakesOnlyCAs: what a trusted CA signed becomes an issuer only when it is a CA, too.
func TestTrustTakesOnlyCAs(t *testing.T) {
	t.Parallel()
	p := sharedPKI()
	child := func(name string, of *authority) *x509.Certificate {
		return issue(caTemplate(name), of, ecKey()).cert
	}
	for name, c := range map[string]struct {
		cert *x509.Certificate
		want string
	}{
		"a CA below a trusted one": {child("Sub 2", &p.sub), ""},
		"a subscriber":             {p.leaf.cert, "it is not a CA certificate"},
		"a delegate":               {p.delegate.cert, "it is not a CA certificate"},
		"a CA of a namesake":       {child("Leaf", &p.foreign), "does not verify"},
		"a CA of nobody here":      {child("Nobody", nil), "no trusted issuer has"},
	} {
		trust := p.trust(t)
		before := len(trust.Issuers())
		expect(t, name, trust.Add(c.cert), c.want)
		if added := len(trust.Issuers()) - before; (added == 1) != (c.want == "") {
			t.Errorf("%s: %d issuers were added", name, added)
		}
	}
}
