package artifact

import (
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// KeyInfo returns the SubjectPublicKeyInfo inside the DER of a certificate, without judging the rest; nil when there is
// none.
func KeyInfo(certificate []byte) []byte {
	in := cryptobyte.String(certificate)
	var cert, tbs, info cryptobyte.String
	version := asn1.Tag(0).Constructed().ContextSpecific()
	if !in.ReadASN1(&cert, asn1.SEQUENCE) || !cert.ReadASN1(&tbs, asn1.SEQUENCE) || !tbs.SkipOptionalASN1(version) ||
		!tbs.SkipASN1(asn1.INTEGER) { // serialNumber
		return nil
	}
	for range 4 { // signature, issuer, validity, subject
		if !tbs.SkipASN1(asn1.SEQUENCE) {
			return nil
		}
	}
	if !tbs.ReadASN1Element(&info, asn1.SEQUENCE) {
		return nil
	}
	return info
}
