package cert

import (
	"encoding/asn1"
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// UnmarshalName decodes a DER distinguished name strictly. Text of any of the string types of RFC 5280 comes out as
// UTF-8; TeletexString is refused because nobody agrees on what its bytes mean, and so is an RDN of several attributes.
func UnmarshalName(der []byte) (Name, error) {
	in := cryptobyte.String(der)
	var seq cryptobyte.String
	if !in.ReadASN1(&seq, cbasn1.SEQUENCE) || !in.Empty() {
		return nil, errors.New("parsing name: not one DER sequence")
	}
	var n Name
	for !seq.Empty() {
		var set, pair, value cryptobyte.String
		var oid asn1.ObjectIdentifier
		var tag cbasn1.Tag
		if !seq.ReadASN1(&set, cbasn1.SET) || !set.ReadASN1(&pair, cbasn1.SEQUENCE) ||
			!pair.ReadASN1ObjectIdentifier(&oid) || !pair.ReadAnyASN1(&value, &tag) || !pair.Empty() {
			return nil, errors.New("parsing name: malformed attribute")
		}
		if !set.Empty() {
			return nil, errors.New("parsing name: an RDN holds several attributes; send one attribute per RDN")
		}
		text, err := decodeText(tag, value)
		if err != nil {
			return nil, fmt.Errorf("parsing name: attribute %v: %w", oid, err)
		}
		n = append(n, Attribute{oid, text})
	}
	return n, nil
}

func decodeText(tag cbasn1.Tag, b []byte) (string, error) {
	const tagBMP, tagUniversal = cbasn1.Tag(30), cbasn1.Tag(28)
	switch tag {
	case cbasn1.UTF8String:
		if !utf8.Valid(b) {
			return "", errors.New("a UTF8String is not valid UTF-8")
		}
		return string(b), nil
	case cbasn1.PrintableString, cbasn1.IA5String:
		for _, c := range b {
			if c >= 0x80 {
				return "", errors.New("an ASCII string type holds other bytes")
			}
		}
		return string(b), nil
	case tagBMP:
		if len(b)%2 != 0 {
			return "", errors.New("a BMPString has an odd length")
		}
		units := make([]uint16, len(b)/2)
		for i := range units {
			units[i] = uint16(b[2*i])<<8 | uint16(b[2*i+1])
		}
		return string(utf16.Decode(units)), nil
	case tagUniversal:
		if len(b)%4 != 0 {
			return "", errors.New("a UniversalString has a length that is not a multiple of four")
		}
		runes := make([]rune, len(b)/4)
		for i := range runes {
			runes[i] = rune(b[4*i])<<24 | rune(b[4*i+1])<<16 | rune(b[4*i+2])<<8 | rune(b[4*i+3])
		}
		return string(runes), nil
	}
	return "", fmt.Errorf("string type with tag %#x is not accepted; use UTF8String", uint8(tag))
}
