package room

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"

	"seihon/artifact"
	"seihon/inventory"
)

// maxBy bounds the name of who asked, in octets.
const maxBy = 200

// Asked makes the record of who asked, by name and by the document in which: of the
// document, its kind by content and its SHA-256 are recorded, the document itself is
// kept by the operator. nil means that there is none.
func Asked(by string, document []byte) (inventory.Asked, error) {
	a := inventory.Asked{By: by}
	if err := checkBy(by); err != nil {
		return a, err
	}
	if document == nil {
		return a, nil
	}
	if len(document) == 0 {
		return a, errors.New("the request is an empty file")
	}
	a.Request = DocumentKind(document) + " sha256:" + artifact.Sum(document).String()
	return a, nil
}

func checkBy(by string) error {
	if len(by) > maxBy {
		return fmt.Errorf("the name of who asked has %d octets, at most %d are recorded", len(by), maxBy)
	}
	if !utf8.ValidString(by) {
		return errors.New("the name of who asked is not UTF-8")
	}
	for _, c := range by {
		if !unicode.IsPrint(c) {
			return fmt.Errorf("the name of who asked has the character %U, which cannot be printed", c)
		}
	}
	return nil
}

// documentKinds tells documents apart by how they begin.
var documentKinds = []struct{ begin, kind string }{
	{"%PDF-", "pdf"}, {"PK\x03\x04", "zip"}, {"\x89PNG\r\n\x1a\n", "png"}, {"\xff\xd8\xff", "jpeg"},
	{"II*\x00", "tiff"}, {"MM\x00*", "tiff"},
	{"-----BEGIN CMS-----", "cms"}, {"-----BEGIN PKCS7-----", "cms"}, {"-----BEGIN PKCS #7", "cms"}, {"<?xml", "xml"},
}

// DocumentKind says what a document is by its content.
func DocumentKind(b []byte) string {
	for _, k := range documentKinds {
		if bytes.HasPrefix(b, []byte(k.begin)) {
			return k.kind
		}
	}
	der := b
	if block, _ := pem.Decode(b); block != nil {
		der = block.Bytes
	}
	if isCMS(der) {
		return "cms"
	}
	if _, err := x509.ParseCertificateRequest(der); err == nil {
		return "pkcs10"
	}
	if isText(b) {
		return "text"
	}
	return "binary"
}

// oidCMS is the arc of CMS content types (RFC 5652): data, signed, enveloped and so on.
var oidCMS = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7}

func isCMS(der []byte) bool {
	var info struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue `asn1:"explicit,tag:0,optional"`
	}
	rest, err := asn1.Unmarshal(der, &info)
	return err == nil && len(rest) == 0 && len(info.Type) == len(oidCMS)+1 && info.Type[:len(oidCMS)].Equal(oidCMS)
}

func isText(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	return bytes.IndexFunc(b,
		func(c rune) bool { return unicode.IsControl(c) && !bytes.ContainsRune([]byte("\t\n\f\r"), c) }) < 0
}
