package timestamp

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Claimed gives the time that a stored response claims for message, without
// checking who signed it: for a reader to whom no authority is known, who
// hands the token on to somebody to whom one is. The imprint must be that of
// the message.
func Claimed(response, message []byte) (time.Time, error) {
	t, err := claimed(response, message)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading a time-stamp: %w", err)
	}
	return t, nil
}

func claimed(response, message []byte) (time.Time, error) {
	token, err := parseResponse(response)
	if err != nil {
		return time.Time{}, err
	}
	info, err := tstInfo(token)
	if err != nil {
		return time.Time{}, err
	}
	var imprint, alg cryptobyte.String
	var hash, text []byte
	// TSTInfo, RFC 3161 section 2.4.2: version, policy, imprint, serial, genTime.
	if !info.SkipASN1(cbasn1.INTEGER) || !info.SkipASN1(cbasn1.OBJECT_IDENTIFIER) ||
		!info.ReadASN1(&imprint, cbasn1.SEQUENCE) || !imprint.ReadASN1(&alg, cbasn1.SEQUENCE) ||
		!imprint.ReadASN1Bytes(&hash, cbasn1.OCTET_STRING) || !info.SkipASN1(cbasn1.INTEGER) ||
		!info.ReadASN1Bytes(&text, cbasn1.GeneralizedTime) {
		return time.Time{}, errors.New("the token's content is not a TSTInfo")
	}
	whole, _, _ := strings.Cut(strings.TrimSuffix(string(text), "Z"), ".") // a token may have fractions of a second
	at, err := time.Parse("20060102150405", whole)
	if err != nil {
		return time.Time{}, fmt.Errorf("its time %.40q is none", text)
	}
	if want := sha256.Sum256(message); !bytes.Equal(hash, want[:]) {
		return time.Time{}, errors.New("the token is over something else than this checkpoint, or not by SHA-256")
	}
	return at, nil
}

// tstInfo finds the content of a token: ContentInfo, SignedData, TSTInfo.
func tstInfo(token []byte) (cryptobyte.String, error) {
	explicit := cbasn1.Tag(0).ContextSpecific().Constructed()
	in := cryptobyte.String(token)
	var outer, wrapped, signed, content, text, info cryptobyte.String
	if !in.ReadASN1(&outer, cbasn1.SEQUENCE) || !outer.SkipASN1(cbasn1.OBJECT_IDENTIFIER) ||
		!outer.ReadASN1(&wrapped, explicit) || !wrapped.ReadASN1(&signed, cbasn1.SEQUENCE) ||
		!signed.SkipASN1(cbasn1.INTEGER) || !signed.SkipASN1(cbasn1.SET) ||
		!signed.ReadASN1(&content, cbasn1.SEQUENCE) || !content.SkipASN1(cbasn1.OBJECT_IDENTIFIER) ||
		!content.ReadASN1(&wrapped, explicit) || !wrapped.ReadASN1(&text, cbasn1.OCTET_STRING) ||
		!text.ReadASN1(&info, cbasn1.SEQUENCE) {
		return nil, errors.New("the token is not a signed TSTInfo")
	}
	return info, nil
}
