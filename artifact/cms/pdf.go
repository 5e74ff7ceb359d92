package cms

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// byteRange is the signed region in a signature dictionary, ISO 32000-1 section 12.8.1.
var byteRange = regexp.MustCompile(`/ByteRange\s*\[\s*(\d{1,10})\s+(\d{1,10})\s+(\d{1,10})\s+(\d{1,10})\s*\]`)

// VerifyPDF checks every signature inside a PDF. It is an error when there is none, and when bytes follow the last one.
func VerifyPDF(pdf []byte, o Options) ([]*Signature, error) {
	ranges := byteRange.FindAllSubmatch(pdf, maxSigners+1)
	switch {
	case len(ranges) == 0:
		return nil, errors.New("verifying PDF: it carries no signature")
	case len(ranges) > maxSigners:
		return nil, fmt.Errorf("verifying PDF: it carries more than %d signatures", maxSigners)
	}
	var list []*Signature
	covered := 0
	for i, m := range ranges {
		der, signed, end, err := cut(pdf, m[1:])
		if err != nil {
			return nil, fmt.Errorf("verifying PDF: signature %d: %w", i, err)
		}
		found, err := verifyDetached(der, signed, o)
		if err != nil {
			return nil, fmt.Errorf("verifying PDF: signature %d: %w", i, err)
		}
		list, covered = append(list, found...), max(covered, end)
	}
	if covered != len(pdf) {
		return nil, fmt.Errorf("verifying PDF: %d bytes follow the last signature", len(pdf)-covered)
	}
	return list, nil
}

// cut takes the signature out of the region that is left out, and joins what is signed.
func cut(pdf []byte, fields [][]byte) (der, signed []byte, end int, err error) {
	var r [4]int
	for i, f := range fields {
		if r[i], err = strconv.Atoi(string(f)); err != nil {
			return nil, nil, 0, errors.New("the byte range is malformed")
		}
	}
	gap, resume := r[1], r[2]
	end = r[2] + r[3]
	if r[0] != 0 || gap+2 > resume || end > len(pdf) || pdf[gap] != '<' || pdf[resume-1] != '>' {
		return nil, nil, 0, errors.New("the byte range does not leave out just the signature")
	}
	text := pdf[gap+1 : resume-1]
	padded := make([]byte, hex.DecodedLen(len(text)))
	if _, err := hex.Decode(padded, text); err != nil {
		return nil, nil, 0, errors.New("the signature is not hexadecimal")
	}
	in, element := cryptobyte.String(padded), cryptobyte.String(nil)
	if !in.ReadASN1Element(&element, cbasn1.SEQUENCE) || len(bytes.Trim(in, "\x00")) > 0 { // the reserved space is filled with zeros
		return nil, nil, 0, errors.New("the signature is not one DER structure")
	}
	return element, bytes.Join([][]byte{pdf[:gap], pdf[resume:end]}, nil), end, nil
}
