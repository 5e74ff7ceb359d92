package cms

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// byteRange is the signed region in a signature dictionary, ISO 32000-1 section 12.8.1.
var byteRange = regexp.MustCompile(`/ByteRange\s*\[\s*(\d{1,10})\s+(\d{1,10})\s+(\d{1,10})\s+(\d{1,10})\s*\]`)

// claimed is the time in a signature dictionary, ISO 32000-1 section 7.9.4, which PAdES uses instead of the attribute.
var claimed = regexp.MustCompile(`/M\s*\(D:(\d{14})(?:Z|([+-]\d{2})'(\d{2})'?)`)

// VerifyPDF checks every signature inside a PDF. It is an error when there is none, and when bytes follow the last one.
func VerifyPDF(pdf []byte, o Options) ([]*Signature, error) {
	ranges := byteRange.FindAllSubmatchIndex(pdf, maxSigners+1)
	switch {
	case len(ranges) == 0:
		return nil, errors.New("verifying PDF: it carries no signature")
	case len(ranges) > maxSigners:
		return nil, fmt.Errorf("verifying PDF: it carries more than %d signatures", maxSigners)
	}
	var list []*Signature
	covered := 0
	for i, m := range ranges {
		found, end, err := verifyRange(pdf, m, o)
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

// verifyRange checks the signature whose byte range the match m has found.
func verifyRange(pdf []byte, m []int, o Options) (found []*Signature, end int, err error) {
	var r [4]int
	for i := range r {
		if r[i], err = strconv.Atoi(string(pdf[m[2+2*i]:m[3+2*i]])); err != nil {
			return nil, 0, errors.New("the byte range is malformed")
		}
	}
	gap, resume := r[1], r[2]
	end = r[2] + r[3]
	if r[0] != 0 || gap+2 > resume || end > len(pdf) || pdf[gap] != '<' || pdf[resume-1] != '>' {
		return nil, 0, errors.New("the byte range does not leave out just the signature")
	}
	der, err := unpad(pdf[gap+1 : resume-1])
	if err != nil {
		return nil, 0, err
	}
	o.claimed = claimedTime(pdf, m[0], gap, resume)
	found, err = verifyDetached(der, bytes.Join([][]byte{pdf[:gap], pdf[resume:end]}, nil), o)
	return found, end, err
}

// claimedTime looks for /M in the dictionary around the byte range, or returns zero.
func claimedTime(pdf []byte, at, gap, resume int) time.Time {
	begin := max(bytes.LastIndex(pdf[:min(at, gap)], []byte(" obj")), 0)
	after := pdf[resume:]
	if i := bytes.Index(after, []byte("endobj")); i >= 0 {
		after = after[:i]
	}
	for _, part := range [][]byte{pdf[begin:gap], after} {
		f := claimed.FindSubmatch(part)
		if f == nil {
			continue
		}
		zone := "+0000"
		if len(f[2]) > 0 {
			zone = string(f[2]) + string(f[3])
		}
		if t, err := time.Parse("20060102150405-0700", string(f[1])+zone); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// unpad decodes the hexadecimal string and takes the CMS out of the reserved space, which is filled with zeros.
func unpad(text []byte) ([]byte, error) {
	padded := make([]byte, hex.DecodedLen(len(text)))
	if _, err := hex.Decode(padded, text); err != nil {
		return nil, errors.New("the signature is not hexadecimal")
	}
	in, element := cryptobyte.String(padded), cryptobyte.String(nil)
	if !in.ReadASN1Element(&element, cbasn1.SEQUENCE) || len(bytes.Trim(in, "\x00")) > 0 {
		return nil, errors.New("the signature is not one DER structure")
	}
	return element, nil
}
