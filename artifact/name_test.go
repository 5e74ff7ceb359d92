package artifact_test

import (
	"encoding/asn1"
	"testing"

	"seihon/artifact"
)

// attribute is an AttributeTypeAndValue whose value is written as it stands.
type attribute struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

type attributeSET []attribute

var (
	commonName   = asn1.ObjectIdentifier{2, 5, 4, 3}
	organisation = asn1.ObjectIdentifier{2, 5, 4, 10}
)

func text(oid asn1.ObjectIdentifier, tag int, value string) attribute {
	return attribute{oid, asn1.RawValue{Tag: tag, Bytes: []byte(value)}}
}

func distinguished(t *testing.T, rdns ...attributeSET) []byte {
	t.Helper()
	der, err := asn1.Marshal(rdns)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestSameName has the rules of RFC 5280 section 7.1: what does not matter in a name, and what does.
func TestSameName(t *testing.T) {
	t.Parallel()
	utf8, printable := asn1.TagUTF8String, asn1.TagPrintableString
	one := func(tag int, value string) []attributeSET { return []attributeSET{{text(commonName, tag, value)}} }
	org, cn := text(organisation, utf8, "Org"), text(commonName, utf8, "Sub")
	for _, c := range []struct {
		name string
		a, b []attributeSET
		same bool
	}{
		{"equal", one(utf8, "Sub CA"), one(utf8, "Sub CA"), true},
		{"another string type", one(utf8, "Sub CA"), one(printable, "Sub CA"), true},
		{"BMPString", one(utf8, "Sub"), one(asn1.TagBMPString, "\x00S\x00u\x00b"), true},
		{"another case", one(utf8, "Sub CA"), one(utf8, "SUB ca"), true},
		{"spaces around and between", one(utf8, "Sub CA"), one(utf8, "  Sub   CA "), true},
		{"full width folds by NFKC", one(utf8, "Sub"), one(utf8, "Ｓｕｂ"), true},
		{"no space against one", one(utf8, "SubCA"), one(utf8, "Sub CA"), false},
		{"another value", one(utf8, "Sub CA"), one(utf8, "Sub CB"), false},
		{"another attribute", one(utf8, "Sub"), []attributeSET{{text(organisation, utf8, "Sub")}}, false},
		{"order of RDNs", []attributeSET{{org}, {cn}}, []attributeSET{{cn}, {org}}, false},
		{"one RDN more", []attributeSET{{org}, {cn}}, []attributeSET{{org}}, false},
		{"two RDNs against one of two values", []attributeSET{{org}, {cn}}, []attributeSET{{org, cn}}, false},
		{"values that are no strings", one(asn1.TagOctetString, "Sub"), one(asn1.TagOctetString, "sub"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, b := distinguished(t, c.a...), distinguished(t, c.b...)
			if got := artifact.SameName(a, b); got != c.same {
				t.Errorf("SameName = %v, want %v", got, c.same)
			}
			if artifact.SameName(b, a) != artifact.SameName(a, b) {
				t.Error("the order of the two names matters")
			}
		})
	}
	if artifact.SameName([]byte{0x30, 0x05}, []byte{0x30, 0x06}) {
		t.Error("two texts that are no names are the same name")
	}
}
