package inputtest

import (
	"fmt"
	"strings"
	"time"

	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// A value is one way to fill a field.
type value struct {
	name   string
	der    []byte
	accept bool
	why    string
}

func octets(first byte, n int) []byte {
	b := []byte(strings.Repeat("\x5a", n))
	b[0] = first
	return b
}

// serials are serial numbers; minimal says that they are DER, so that a certificate with one can exist.
func serials() []value {
	const bound, sign, form = "RFC 5280 4.1.2.2: at most 20 octets", "RFC 5280 4.1.2.2: positive",
		"X.690 8.3.2: as few octets as possible"
	return []value{
		{"serial 1", Integer([]byte{1}), true, "the smallest"},
		{"serial 127", Integer([]byte{0x7f}), true, ""},
		{"serial 128", Integer([]byte{0, 0x80}), true, "a leading zero keeps it positive"},
		{"serial 256", Integer([]byte{1, 0}), true, ""},
		{"serial of 8 octets", Integer(octets(0x7f, 8)), true, ""},
		{"serial of 19 octets", Integer(octets(0x7f, 19)), true, ""},
		{"serial of 20 octets", Integer(octets(0x7f, 20)), true, "the longest"},
		{"serial of 20 octets with its sign", Integer(append([]byte{0}, octets(0x80, 19)...)), true,
			"the octets count, not the bits"},
		{"serial of 21 octets with its sign", Integer(append([]byte{0}, octets(0x80, 20)...)), false, bound},
		{"serial of 21 octets", Integer(octets(0x7f, 21)), false, bound},
		{"serial of 22 octets", Integer(octets(0x7f, 22)), false, bound},
		{"serial of 24 octets", Integer(octets(0x7f, 24)), false, bound},
		{"serial 0", Integer([]byte{0}), false, sign},
		{"serial -1", Integer([]byte{0xff}), false, sign},
		{"serial -128", Integer([]byte{0x80}), false, sign},
		{"serial -129", Integer([]byte{0xff, 0x7f}), false, sign},
		{"negative serial of 20 octets", Integer(octets(0x80, 20)), false, sign},
		{"serial 1 in two octets", Integer([]byte{0, 1}), false, form},
		{"serial -1 in two octets", Integer([]byte{0xff, 0xff}), false, form},
		{"serial without octets", Integer(nil), false, "X.690 8.3.1: at least one octet"},
		{"serial as ENUMERATED", bytes(cbasn1.ENUM, []byte{1}), false, "RFC 5280 4.1.2.2: an INTEGER"},
		{"serial as text", bytes(cbasn1.UTF8String, []byte("1")), false, "RFC 5280 4.1.2.2: an INTEGER"},
	}
}

func utc(text string) []byte         { return bytes(cbasn1.UTCTime, []byte(text)) }
func generalized(text string) []byte { return bytes(cbasn1.GeneralizedTime, []byte(text)) }

// brokenTimes are encodings that RFC 5280 4.1.2.5 and X.690 11.7 forbid wherever a Time stands.
func brokenTimes() []value {
	const form = "RFC 5280 4.1.2.5.1: YYMMDDHHMMSSZ"
	const long = "RFC 5280 4.1.2.5.2: YYYYMMDDHHMMSSZ"
	var all []value
	for _, v := range []struct{ name, text, why string }{
		{"without seconds", "2611271200Z", form}, {"with an offset", "261127120000+0900", form},
		{"without Z", "261127120000", form},
		{"with a small z", "261127120000z", form}, {"month 13", "261327120000Z", form},
		{"month 0", "260027120000Z", form},
		{"day 0", "261100120000Z", form}, {"30 February", "260230120000Z", form},
		{"29 February of 2026", "260229120000Z", form},
		{"hour 24", "261127240000Z", form}, {"minute 60", "261127126000Z", form}, {"second 60", "261127120060Z", form},
		{"letters", "26112712000AZ", form}, {"empty", "", form}, {"with a space", " 61127120000Z", form},
	} {
		all = append(all, value{"UTCTime " + v.name, utc(v.text), false, v.why})
	}
	for _, v := range []struct{ name, text string }{
		{"with a fraction", "20261127120000.5Z"}, {"with an offset", "20261127120000+0900"},
		{"without Z", "20261127120000"},
		{"without seconds", "202611271200Z"}, {"month 13", "20261327120000Z"}, {"hour 24", "20261127240000Z"},
		{"empty", ""},
	} {
		all = append(all, value{"GeneralizedTime " + v.name, generalized(v.text), false, long})
	}
	return append(all,
		value{"a number for a time", Integer([]byte{1}), false, "RFC 5280 4.1.2.5: a Time"},
		value{"text for a time", bytes(cbasn1.UTF8String, []byte("261127120000Z")), false, "RFC 5280 4.1.2.5: a Time"})
}

// names are spellings of the CA's name; others are not.
func names(cn string) []value {
	const prep = "RFC 5280 7.1: case, spaces and the type of a string do not matter"
	return []value{
		{"name in UTF8String", Name(UTF8, cn), true, ""},
		{"name in PrintableString", Name(Printable, cn), true, prep},
		{"name in T61String", Name(T61, cn), true, prep},
		{"name in BMPString", Name(BMP, cn), true, prep},
		{"name in capitals", Name(UTF8, strings.ToUpper(cn)), true, prep},
		{"name with two spaces", Name(UTF8, strings.ReplaceAll(cn, " ", "  ")), true, prep},
		{"name with a space at the end", Name(UTF8, cn+" "), true, prep},
		{"name in full width", Name(UTF8, wideLetters(cn)), true, "RFC 4518 2.3: compatible characters are one (NFKC)"},
		{"another name", Name(UTF8, cn+" 2"), false, "RFC 5280 6.3.3 (f): another issuer"},
		{"a shorter name", Name(UTF8, cn[:len(cn)-1]), false, "another issuer"},
		{"the name without country", seq(bytes(cbasn1.SET, seq(oid(2, 5, 4, 3), bytes(UTF8, []byte(cn))))), false,
			"another issuer"},
		{"the name in another attribute", seq(bytes(cbasn1.SET, seq(oid(2, 5, 4, 6), bytes(Printable, []byte("JP")))),
			bytes(cbasn1.SET, seq(oid(2, 5, 4, 10), bytes(UTF8, []byte(cn))))), false, "another issuer"},
		{"an empty name", seq(), false, "another issuer"},
	}
}

// wideLetters writes ASCII letters in their full-width forms.
func wideLetters(s string) string {
	return strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f {
			return r - 0x20 + 0xff00
		}
		return r
	}, s)
}

// extensions are additional extensions in any place.
func extensions() []value {
	return []value{
		{"an unknown extension", Extension(oidUnknown, false, []byte{5, 0}), true,
			"RFC 5280 4.2: what is not critical may be ignored"},
		{"an unknown critical extension", Extension(oidUnknown, true, []byte{5, 0}), false,
			"RFC 5280 4.2, 5.2, 5.3: critical and unknown is refused"},
		{"an extension with FALSE written out",
			seq(oidUnknown, bytes(cbasn1.BOOLEAN, []byte{0}), bytes(cbasn1.OCTET_STRING, []byte{5, 0})), false,
			"X.690 11.5"},
		{"an extension with a BER TRUE",
			seq(oidUnknown, bytes(cbasn1.BOOLEAN, []byte{1}), bytes(cbasn1.OCTET_STRING, []byte{5, 0})), false,
			"X.690 11.1"},
		{"an extension without value", seq(oidUnknown), false, "RFC 5280 4.1: extnValue"},
	}
}

func label(place, name string) string { return fmt.Sprintf("%s: %s", place, name) }

var midnight = time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
