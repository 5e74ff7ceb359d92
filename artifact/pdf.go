package artifact

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
)

// byteRange is the signed region of a PDF signature dictionary (ISO 32000-1 section 12.8.1).
var byteRange = regexp.MustCompile(`/ByteRange\s*\[\s*(\d{1,10})\s+(\d{1,10})\s+(\d{1,10})\s+(\d{1,10})\s*\]`)

// maxPDFSignatures bounds the work for one document; each signature hashes all of it.
const maxPDFSignatures = 16

// VerifyDocument checks every signature embedded in a PDF document and returns the certificates of the signers of the
// last one, which covers the whole file. It returns none and no error when the document is not signed.
func VerifyDocument(pdf []byte) ([]*x509.Certificate, error) {
	ranges := byteRange.FindAllSubmatch(pdf, maxPDFSignatures+1)
	if len(ranges) > maxPDFSignatures {
		return nil, fmt.Errorf("checking document: it has more than %d signatures", maxPDFSignatures)
	}
	var last []*x509.Certificate
	covered := 0
	for i, m := range ranges {
		certs, end, err := verifyRange(pdf, m[1:])
		if err != nil {
			return nil, fmt.Errorf("checking document: signature %d: %w", i, err)
		}
		if end >= covered {
			covered, last = end, certs
		}
	}
	if len(ranges) > 0 && covered != len(pdf) {
		return nil, fmt.Errorf("checking document: %d bytes were added after the last signature", len(pdf)-covered)
	}
	return last, nil
}

func verifyRange(pdf []byte, fields [][]byte) (certs []*x509.Certificate, end int, err error) {
	var r [4]int
	for i, f := range fields {
		if r[i], err = strconv.Atoi(string(f)); err != nil {
			return nil, 0, errors.New("its byte range is malformed")
		}
	}
	gap := r[0] + r[1]
	end = r[2] + r[3]
	if r[0] != 0 || gap < 1 || gap+2 > r[2] || end > len(pdf) || pdf[gap] != '<' || pdf[r[2]-1] != '>' {
		return nil, 0, errors.New("its byte range does not leave out just the signature")
	}
	text := pdf[gap+1 : r[2]-1]
	der := make([]byte, hex.DecodedLen(len(text)))
	if _, err := hex.Decode(der, text); err != nil {
		return nil, 0, errors.New("its content is not hexadecimal")
	}
	after, ok := afterFirst(der)
	if !ok {
		return nil, 0, errors.New("its content is not CMS")
	}
	s, err := ParseSignedData(der[:len(der)-len(after)]) // the reserved space is padded
	if err != nil {
		return nil, 0, err
	}
	certs, err = s.Verify(bytes.Join([][]byte{pdf[:gap], pdf[r[2]:end]}, nil))
	return certs, end, err
}
