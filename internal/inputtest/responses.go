package inputtest

import (
	"fmt"
	"time"

	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Responses returns the cases of OCSP responses.
func Responses(ca *CA) []Case {
	var all []Case
	add := func(name string, r Response, accept bool, why string) {
		all = append(all, Case{"response: " + name, ca.Response(r), accept, why})
	}
	one := func(name string, s Single, accept bool, why string) {
		add(name, Response{Singles: []Single{s}}, accept, why)
	}
	one("plain", Single{}, true, "")
	one("SHA-1", Single{SHA1: true}, true, "RFC 9919 3.1.1: for clients that still ask so")
	for _, v := range serials() {
		one(v.name, Single{Serial: v.der}, v.accept, v.why)
	}
	for _, v := range brokenTimes() {
		if v.der[0] == byte(cbasn1.UTCTime) {
			v.why = "RFC 6960 4.2.2.1: GeneralizedTime"
		}
		add(label("producedAt", v.name), Response{Produced: v.der, Singles: []Single{{}}}, false, v.why)
		one(label("thisUpdate", v.name), Single{This: v.der}, false, v.why)
		one(label("nextUpdate", v.name), Single{Next: explicit(0, v.der)}, false, v.why)
		one(label("revocation time", v.name), Single{Status: Revoked(v.der, 1)}, false, v.why)
	}
	hour := Now.Add(-time.Hour)
	for name, der := range map[string][]byte{"thisUpdate": UTC(hour)} {
		one(name+": a right UTCTime", Single{This: der}, false, "RFC 6960 4.2.2.1: GeneralizedTime")
	}
	add("producedAt: now", Response{Produced: Generalized(Now), Singles: []Single{{}}}, true, "")
	add("producedAt: in the future", Response{Produced: Generalized(Now.Add(6 * time.Minute)), Singles: []Single{{}}},
		false, "RFC 6960 2.4: nobody signs in the future")
	one("thisUpdate: after producedAt", Single{This: Generalized(Now.Add(-time.Minute))}, false,
		"RFC 6960 2.4: known only after it was said")
	one("thisUpdate: in the future", Single{This: Generalized(Now.Add(6 * time.Minute))}, false,
		"RFC 6960 2.4: not yet")
	one("nextUpdate: absent", Single{Next: []byte{}}, false, "RFC 9919 3.2.4: required")
	one("nextUpdate: passed",
		Single{This: Generalized(Now.Add(-3 * day)), Next: explicit(0, Generalized(Now.Add(-time.Second)))}, false,
		"stale")
	one("nextUpdate: the second of thisUpdate", Single{Next: explicit(0, Generalized(hour))}, false,
		"valid for no time")
	one("revoked", Single{Status: Revoked(Generalized(hour), -1)}, true, "")
	one("revoked: in the future", Single{Status: Revoked(Generalized(Now.Add(day)), 1)}, false,
		"RFC 6960 4.4.8, 2.2: announced, not done")
	one("revoked: five minutes after thisUpdate", Single{Status: Revoked(Generalized(hour.Add(5*time.Minute)), 1)},
		true, "two clocks")
	one("revoked: after thisUpdate", Single{Status: Revoked(Generalized(hour.Add(301*time.Second)), 1)}, false,
		"announced, not done")
	for r := range 13 {
		one(fmt.Sprintf("reason %d", r), Single{Status: Revoked(Generalized(hour), r)}, r <= 10 && r != 7,
			"RFC 5280 5.3.1")
	}
	one("unknown", Single{Status: primitive(2, nil)}, true, "RFC 6960 2.2")
	one("no such status", Single{Status: primitive(3, nil)}, false, "RFC 6960 4.2.1")
	one("good with content", Single{Status: primitive(0, []byte{5, 0})}, false, "RFC 6960 4.2.1: NULL")
	for _, v := range extensions() {
		one(label("single extension", v.name), Single{Extensions: [][]byte{v.der}}, v.accept, v.why)
		add(label("extension", v.name), Response{Singles: []Single{{}}, Extensions: [][]byte{v.der}}, v.accept, v.why)
	}
	add("nonce",
		Response{Singles: []Single{{}}, Extensions: [][]byte{Extension(oid(1, 3, 6, 1, 5, 5, 7, 48, 1, 2), false,
			bytes(cbasn1.OCTET_STRING, octets(1, 16)))}}, false, "made on request, by a key that was online")
	revoked := Single{Status: Revoked(Generalized(hour), 1)}
	sha1 := revoked
	sha1.SHA1 = true
	add("two hashes, one status", Response{Singles: []Single{revoked, sha1}}, true, "RFC 9919 3.1.1")
	add("good and revoked", Response{Singles: []Single{{}, revoked}}, false, "contradicts itself")
	add("good under one hash, revoked under the other", Response{Singles: []Single{{}, sha1}}, false,
		"contradicts itself")
	other := Single{Status: Revoked(Generalized(hour), 4)}
	add("revoked for two reasons", Response{Singles: []Single{revoked, other}}, false, "contradicts itself")
	add("two certificates", Response{Singles: []Single{{}, {Serial: Integer([]byte{0x11}), Status: revoked.Status}}},
		true, "")
	return all
}

// Certificates returns the cases of certificates that a CA has issued and that are to be taken over. A wrong serial is
// no reason against it: the certificate exists, so it must be possible to revoke it.
func Certificates(ca *CA) []Case {
	var all []Case
	add := func(name string, c Certificate, accept bool, why string) {
		all = append(all, Case{"certificate: " + name, ca.Certificate(c), accept, why})
	}
	add("plain", Certificate{}, true, "")
	for _, v := range serials() {
		exists := v.accept || v.why == "RFC 5280 4.1.2.2: at most 20 octets" || v.why == "RFC 5280 4.1.2.2: positive"
		add(v.name, Certificate{Serial: v.der}, exists, v.why)
	}
	for _, v := range names(ca.Cert.Subject.CommonName) {
		add(label("issuer", v.name), Certificate{Issuer: v.der}, v.accept, v.why)
	}
	// one moment to every reader, so that the certificate exists and its status must be told
	readable := map[string]bool{
		"UTCTime without seconds": true, "UTCTime with an offset": true, "GeneralizedTime with an offset": true,
	}
	for _, v := range brokenTimes() {
		add(label("notBefore", v.name), Certificate{NotBefore: v.der}, readable[v.name], v.why)
		add(label("notAfter", v.name), Certificate{NotAfter: v.der}, readable[v.name], v.why)
	}
	add("notAfter: 2050", Certificate{NotAfter: generalized("20500101000000Z")}, true, "RFC 5280 4.1.2.5")
	add("notAfter: the end of time", Certificate{NotAfter: generalized("99991231235959Z")}, true, "RFC 5280 4.1.2.5")
	add("notAfter: GeneralizedTime before 2050", Certificate{NotAfter: generalized("20280101000000Z")}, true,
		"against RFC 5280 4.1.2.5, and it exists")
	add("notAfter: before notBefore", Certificate{NotAfter: Time(Now.Add(-60 * day))}, true,
		"never valid, and it exists")
	return all
}
