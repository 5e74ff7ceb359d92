package artifact

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// shapeOf says what an ASN.1 object that no parser takes was probably meant to be, by the tags of its first elements.
func shapeOf(der []byte) string {
	var tag cbasn1.Tag
	var body, first cryptobyte.String
	in := cryptobyte.String(der)
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadAnyASN1(&first, &tag) {
		return ""
	}
	switch tag {
	case cbasn1.ENUM:
		return "response"
	case cbasn1.OBJECT_IDENTIFIER:
		return "CMS"
	case cbasn1.SEQUENCE:
		return signedShape(first)
	}
	return ""
}

// signedShape tells a TBSCertificate from a TBSCertList: the fifth element of the one is the validity, a SEQUENCE,
// where the other has a time (RFC 5280 sections 4.1 and 5.1).
func signedShape(tbs cryptobyte.String) string {
	var tags []cbasn1.Tag
	for !tbs.Empty() && len(tags) < 5 {
		var tag cbasn1.Tag
		if !tbs.ReadAnyASN1(new(cryptobyte.String), &tag) {
			break
		}
		if tag == explicit(0) || tag == cbasn1.INTEGER {
			continue // version, serial number
		}
		tags = append(tags, tag)
	}
	if len(tags) < 3 || tags[0] != cbasn1.SEQUENCE || tags[1] != cbasn1.SEQUENCE {
		return ""
	}
	switch tags[2] {
	case cbasn1.SEQUENCE:
		return "certificate"
	case cbasn1.UTCTime, cbasn1.GeneralizedTime:
		return "list"
	}
	return ""
}

// reason is a parser's error without the name of the parser.
func reason(err error) string {
	text := err.Error()
	for _, prefix := range []string{"x509: ", "parsing CRL: ", "parsing OCSP response: ", "parsing CMS: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return text
}

// isUTF16 reports whether b begins with the byte-order mark of UTF-16.
func isUTF16(b []byte) bool {
	return bytes.HasPrefix(b, []byte{0xff, 0xfe}) || bytes.HasPrefix(b, []byte{0xfe, 0xff})
}

// bom is the byte-order mark in UTF-8, which Windows puts before text.
const bom = "\xef\xbb\xbf"

// toDER are the commands that make the published form from PEM.
var toDER = map[Kind]string{
	CACertificate: "openssl x509 -outform DER", CRL: "openssl crl -outform DER",
	DocumentSignature: "openssl pkcs7 -outform DER",
}

// pem describes PEM text. What is published is DER, so that PEM is never a published kind, but what it holds decides
// under which rule it is refused.
func (a *Artifact) pem() {
	var first Kind
	var n int
	rest := bytes.TrimPrefix(a.Bytes, []byte(bom))
	for ; n < 1000; n++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		inner := &Artifact{Bytes: block.Bytes, Kind: Unrecognised}
		inner.classify()
		if inner.Kind == RegistrationData {
			a.Kind, a.Problem = RegistrationData, "it holds a certificate request in PEM"
			return
		}
		if n == 0 {
			first = inner.Kind
		}
	}
	a.Problem = "it is PEM text; certificates and CRLs are published as one DER object each"
	if n != 1 || first == Unrecognised {
		return
	}
	a.Problem = fmt.Sprintf("it is a %s in PEM, and is published in DER", first)
	if first.IsCertificate() {
		first = CACertificate
	} else if first.IsRevocationList() {
		first = CRL
	}
	if command := toDER[first]; command != "" {
		a.Problem += ": " + command
	}
}

// bare describes text that is no known form by itself: base64 without the lines of PEM, and text behind a byte-order
// mark.
func (a *Artifact) bare() {
	text := bytes.TrimPrefix(a.Bytes, []byte(bom))
	der, err := base64.StdEncoding.DecodeString(string(bytes.Join(bytes.Fields(text), nil)))
	if err == nil && len(der) > 16 && der[0] == 0x30 { // a SEQUENCE; most words are base64 as well
		inner := &Artifact{Bytes: der, Kind: Unrecognised}
		inner.classify()
		a.Problem = "it is an ASN.1 object in base64; what is published is DER: openssl base64 -d"
		if inner.Kind != Unrecognised {
			a.Problem = fmt.Sprintf("it is a %s in base64, and is published in DER: openssl base64 -d", inner.Kind)
		}
		return
	}
	a.Problem = "its content is none of the forms that are published"
	if len(text) < len(a.Bytes) {
		a.Problem = "it is text that begins with a byte-order mark, as Windows writes it, and none of the forms that " +
			"are published"
	}
}
