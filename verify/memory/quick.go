package memory

import (
	"bytes"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"seihon/ocspcache"
)

// quickAnswer reads the status out of a response of the usual form: one certificate, no more than
// the status looked at. A year of daily responses is read for it, so certificates and signature are
// passed over. ok is false for every other form, which the complete parser judges; so is the answer
// that a certificate was never issued, which an extension decides.
func quickAnswer(der []byte, key ocspcache.Key) (out standing, ok bool) {
	in := cryptobyte.String(der)
	var response, wrapper, body, oid, basic, seq, data, singles, single, certID cryptobyte.String
	explicit := func(n uint8) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific().Constructed() }
	if !in.ReadASN1(&response, cbasn1.SEQUENCE) || !response.SkipASN1(cbasn1.ENUM) ||
		!response.ReadASN1(&wrapper, explicit(0)) || !wrapper.ReadASN1(&body, cbasn1.SEQUENCE) ||
		!body.ReadASN1(&oid, cbasn1.OBJECT_IDENTIFIER) || !body.ReadASN1(&basic, cbasn1.OCTET_STRING) ||
		!basic.ReadASN1(&seq, cbasn1.SEQUENCE) || !seq.ReadASN1(&data, cbasn1.SEQUENCE) {
		return out, false
	}
	var any cryptobyte.String
	var tag cbasn1.Tag
	if !data.ReadAnyASN1(&any, &tag) || tag != explicit(1) && tag != explicit(2) ||
		!data.SkipASN1(cbasn1.GeneralizedTime) || !data.ReadASN1(&singles, cbasn1.SEQUENCE) ||
		!singles.ReadASN1(&single, cbasn1.SEQUENCE) || !singles.Empty() {
		return out, false
	}
	var name, hash, serial cryptobyte.String
	if !single.ReadASN1(&certID, cbasn1.SEQUENCE) || !certID.SkipASN1(cbasn1.SEQUENCE) ||
		!certID.ReadASN1(&name, cbasn1.OCTET_STRING) || !certID.ReadASN1(&hash, cbasn1.OCTET_STRING) ||
		!certID.ReadASN1(&serial, cbasn1.INTEGER) ||
		!bytes.Equal(hash, key.IssuerKeyHash) || !bytes.Equal(serial, key.Serial) || !single.ReadAnyASN1(&any, &tag) {
		return out, false
	}
	out.invalid = noDate
	switch tag {
	case cbasn1.Tag(0).ContextSpecific():
		out.status = good
		return out, len(any) == 0
	case cbasn1.Tag(2).ContextSpecific():
		out.status = unknown
		return out, len(any) == 0
	case explicit(1):
		out.status = revoked
		return out, readRevoked(any, &out) && out.at != 0
	}
	return out, false
}

// readRevoked reads RevokedInfo (RFC 6960 section 4.2.1).
func readRevoked(in cryptobyte.String, out *standing) bool {
	var at, reason cryptobyte.String
	var has bool
	tag := cbasn1.Tag(0).ContextSpecific().Constructed()
	if !in.ReadASN1(&at, cbasn1.GeneralizedTime) || !in.ReadOptionalASN1(&reason, &has, tag) || !in.Empty() {
		return false
	}
	t, err := time.Parse("20060102150405Z", string(at))
	if err != nil {
		return false
	}
	out.at = t.Unix()
	if has {
		var code int
		if !reason.ReadASN1Enum(&code) || !reason.Empty() || code < 0 || code > 10 {
			return false
		}
		out.reason = int8(code)
	}
	return true
}
