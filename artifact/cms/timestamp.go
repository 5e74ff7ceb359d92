package cms

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Timestamp is a verified RFC 3161 time-stamp token.
type Timestamp struct {
	Time        time.Time // genTime
	Policy      string    // the TSA's policy, dotted
	Serial      *big.Int
	Nonce       *big.Int // nil when absent
	Certificate *x509.Certificate
	Chain       []*x509.Certificate

	hash    crypto.Hash
	imprint []byte
}

var (
	oidTSTInfo         = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	oidExtendedKeyUse  = asn1.ObjectIdentifier{2, 5, 29, 37}
	generalizedPattern = regexp.MustCompile(`^\d{14}(\.\d{1,9})?Z$`)
)

// VerifyTimestamp checks a token (DER TimeStampToken) over message: its imprint, its signature, and the authority's
// chain to one of the anchors at the time it states. A nil list of anchors checks all but the chain.
func VerifyTimestamp(token, message []byte, anchors []*x509.Certificate) (*Timestamp, error) {
	t, err := verifyTimestamp(token, message, anchors)
	if err != nil {
		return nil, fmt.Errorf("verifying time stamp: %w", err)
	}
	return t, nil
}

func verifyTimestamp(token, message []byte, anchors []*x509.Certificate) (*Timestamp, error) {
	s, err := parse(token)
	if err != nil {
		return nil, err
	}
	if !s.contentType.Equal(oidTSTInfo) || s.content == nil || len(s.signers) != 1 {
		return nil, errors.New("it is not a token with TSTInfo and one signer")
	}
	t := &Timestamp{}
	if err := t.read(s.content); err != nil {
		return nil, fmt.Errorf("parsing TSTInfo: %w", err)
	}
	h := t.hash.New()
	h.Write(message)
	if !bytes.Equal(h.Sum(nil), t.imprint) {
		return nil, errors.New("it was made for other data")
	}
	if t.Certificate, err = s.signers[0].check(s, s.content, false); err != nil {
		return nil, err
	}
	if !criticalUsage(t.Certificate) {
		return nil, fmt.Errorf("the certificate of %q lacks the critical usage timeStamping (RFC 3161 section 2.3)",
			t.Certificate.Subject)
	}
	if anchors == nil {
		return t, nil
	}
	t.Chain, err = chain(t.Certificate, s.certificates, anchors, t.Time, x509.ExtKeyUsageTimeStamping)
	return t, err
}

// criticalUsage reports whether the certificate's extended key usage is critical and timeStamping alone.
func criticalUsage(c *x509.Certificate) bool {
	if len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageTimeStamping || len(c.UnknownExtKeyUsage) > 0 {
		return false
	}
	for _, e := range c.Extensions {
		if e.Id.Equal(oidExtendedKeyUse) {
			return e.Critical
		}
	}
	return false
}

// read parses TSTInfo, RFC 3161 section 2.4.2.
func (t *Timestamp) read(der []byte) error {
	in := cryptobyte.String(der)
	var body, imprint, hashed, when, skip cryptobyte.String
	var version int64
	var policy asn1.ObjectIdentifier
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !in.Empty() || !body.ReadASN1Integer(&version) || version != 1 ||
		!body.ReadASN1ObjectIdentifier(&policy) || !body.ReadASN1(&imprint, cbasn1.SEQUENCE) {
		return errDER
	}
	var err error
	if t.hash, err = readHash(&imprint); err != nil {
		return err
	}
	t.Serial = new(big.Int)
	if !imprint.ReadASN1(&hashed, cbasn1.OCTET_STRING) || !imprint.Empty() || !body.ReadASN1Integer(t.Serial) ||
		!body.ReadASN1(&when, cbasn1.GeneralizedTime) {
		return errDER
	}
	t.imprint, t.Policy = hashed, policy.String()
	if t.Time, err = generalizedTime(string(when)); err != nil {
		return err
	}
	var has bool
	// accuracy, ordering
	if !body.ReadOptionalASN1(&skip, &has, cbasn1.SEQUENCE) || !body.ReadOptionalASN1(&skip, &has, cbasn1.BOOLEAN) {
		return errDER
	}
	if body.PeekASN1Tag(cbasn1.INTEGER) {
		t.Nonce = new(big.Int)
		if !body.ReadASN1Integer(t.Nonce) {
			return errDER
		}
	}
	if !body.ReadOptionalASN1(&skip, &has, explicit(0)) || !body.ReadOptionalASN1(&skip, &has, explicit(1)) ||
		!body.Empty() {
		return errDER
	}
	return nil
}

// generalizedTime allows the fraction of a second that RFC 3161 allows and RFC 5280 does not.
func generalizedTime(s string) (time.Time, error) {
	if !generalizedPattern.MatchString(s) {
		return time.Time{}, fmt.Errorf("time %q is not a GeneralizedTime in UTC", s)
	}
	return time.Parse("20060102150405Z0700", s)
}
