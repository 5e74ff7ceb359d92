package artifact

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// A Response is a successful BasicOCSPResponse (RFC 6960 section 4.2.1). Byte slices point into Raw.
type Response struct {
	Raw, RawTBS, Signature []byte
	SignatureAlgorithm     x509.SignatureAlgorithm
	ResponderKeyHash       []byte // the SHA-1 of the responder's key when it is named byKey, otherwise nil
	ResponderName          []byte // the DER Name when the responder is named byName, otherwise nil
	ProducedAt             time.Time
	Singles                []Single
	Certificates           []*x509.Certificate
	Nonce                  []byte // not nil when a nonce extension is present, even an empty one
	// the responder says "revoked" of certificates that were never issued, too (RFC 6960 section 4.4.8)
	ExtendedRevoke    bool
	UnhandledCritical []string

	verified atomic.Pointer[responseVerdict]
}

// A responseVerdict remembers who signed a response, and by which trust set.
type responseVerdict struct {
	trust          *Trust
	issuer, signer *x509.Certificate
}

// A Single is one SingleResponse.
type Single struct {
	CertID        CertID
	Status        int // StatusGood, StatusRevoked, StatusUnknown
	RevokedAt     time.Time
	Reason        int // -1 when absent or not revoked
	ThisUpdate    time.Time
	NextUpdate    time.Time // zero when absent
	ArchiveCutoff time.Time
}

// The certificate states of RFC 6960 section 2.2.
const (
	StatusGood = iota
	StatusRevoked
	StatusUnknown
)

// A CertID names a certificate (RFC 6960 section 4.1.1). Serial holds the content octets of the DER INTEGER.
type CertID struct {
	Hash                                  crypto.Hash
	IssuerNameHash, IssuerKeyHash, Serial []byte
}

var (
	oidBasic          = unhex("2b0601050507300101")
	oidNonce          = unhex("2b0601050507300102")
	oidArchiveCutoff  = unhex("2b0601050507300106")
	oidExtendedRevoke = unhex("2b0601050507300109")
)

// asn1NULL is the only value of the extended-revoke extension.
const asn1NULL = "\x05\x00"

// maxSingles bounds the singles of one response. Pre-signed responses hold one or, with two CertID hashes, two.
const maxSingles = 16

// A certificateParser turns the DER of an embedded certificate into a certificate; CertificateCache is the one that
// remembers.
type certificateParser func(der []byte) (*x509.Certificate, error)

// ParseResponse parses exactly one DER OCSPResponse whose status is successful.
func ParseResponse(der []byte) (*Response, error) { return parseResponse(der, x509.ParseCertificate) }

func parseResponse(der []byte, parseCert certificateParser) (*Response, error) {
	r := &Response{Raw: der}
	if err := r.parse(parseCert); err != nil {
		return nil, fmt.Errorf("parsing OCSP response: %w", err)
	}
	return r, nil
}

func explicit(n uint8) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific().Constructed() }

func (r *Response) parse(parseCert certificateParser) error {
	in := cryptobyte.String(r.Raw)
	var outer, wrapper, body, oid, basic cryptobyte.String
	var status int
	if !in.ReadASN1(&outer, cbasn1.SEQUENCE) || !outer.ReadASN1Enum(&status) {
		return errDER
	}
	if !in.Empty() {
		return fmt.Errorf("%d bytes follow the response", len(in))
	}
	if status != 0 {
		return fmt.Errorf("its status is %d, not successful", status)
	}
	if !outer.ReadASN1(&wrapper, explicit(0)) || !outer.Empty() || !wrapper.ReadASN1(&body, cbasn1.SEQUENCE) ||
		!wrapper.Empty() ||
		!body.ReadASN1(&oid, cbasn1.OBJECT_IDENTIFIER) || !body.ReadASN1(&basic, cbasn1.OCTET_STRING) || !body.Empty() {
		return errDER
	}
	if string(oid) != string(oidBasic) {
		return errors.New("its type is not id-pkix-ocsp-basic")
	}
	var seq cryptobyte.String
	if !basic.ReadASN1(&seq, cbasn1.SEQUENCE) || !basic.Empty() {
		return errDER
	}
	return r.parseBasic(seq, parseCert)
}

func (r *Response) parseBasic(seq cryptobyte.String, parseCert certificateParser) error {
	var tbs, data, alg, wrapper, certs cryptobyte.String
	if !seq.ReadASN1Element(&tbs, cbasn1.SEQUENCE) || !seq.ReadASN1(&alg, cbasn1.SEQUENCE) ||
		!seq.ReadASN1BitStringAsBytes(&r.Signature) {
		return errDER
	}
	r.RawTBS = tbs
	var err error
	if r.SignatureAlgorithm, err = signatureAlgorithm(alg); err != nil {
		return err
	}
	if !seq.Empty() {
		if !seq.ReadASN1(&wrapper, explicit(0)) || !seq.Empty() || !wrapper.ReadASN1(&certs, cbasn1.SEQUENCE) ||
			!wrapper.Empty() {
			return errDER
		}
		for !certs.Empty() {
			var der cryptobyte.String
			if !certs.ReadASN1Element(&der, cbasn1.SEQUENCE) || len(r.Certificates) >= 8 {
				return errDER
			}
			c, err := parseCert(der)
			if err != nil {
				return fmt.Errorf("embedded certificate %d: %w", len(r.Certificates), err)
			}
			r.Certificates = append(r.Certificates, c)
		}
	}
	if !tbs.ReadASN1(&data, cbasn1.SEQUENCE) {
		return errDER
	}
	return r.parseData(data)
}

func (r *Response) parseData(data cryptobyte.String) error {
	if data.PeekASN1Tag(explicit(0)) {
		return errors.New("its version is written out or not v1") // DER leaves the DEFAULT v1 out
	}
	if err := r.parseResponderID(&data); err != nil {
		return err
	}
	var produced, singles cryptobyte.String
	var ok bool
	if !data.ReadASN1(&produced, cbasn1.GeneralizedTime) {
		return errDER
	}
	if r.ProducedAt, ok = parseGeneralizedTime(produced); !ok {
		return errors.New("its producedAt is malformed")
	}
	if !data.ReadASN1(&singles, cbasn1.SEQUENCE) || singles.Empty() {
		return errDER
	}
	r.Singles = make([]Single, 0, 1)
	for !singles.Empty() {
		if len(r.Singles) >= maxSingles {
			return fmt.Errorf("it has more than %d single responses", maxSingles)
		}
		s, err := readSingle(&singles)
		if err != nil {
			return fmt.Errorf("single response %d: %w", len(r.Singles), err)
		}
		r.Singles = append(r.Singles, s)
	}
	if data.Empty() {
		return nil
	}
	var wrapper, exts cryptobyte.String
	if !data.ReadASN1(&wrapper, explicit(1)) || !data.Empty() || !wrapper.ReadASN1(&exts, cbasn1.SEQUENCE) ||
		!wrapper.Empty() {
		return errDER
	}
	return readExtensions(exts, func(e extension) error {
		switch {
		case string(e.oid) == string(oidNonce):
			r.Nonce = append([]byte{}, e.value...)
		case string(e.oid) == string(oidExtendedRevoke):
			if string(e.value) != asn1NULL {
				return errors.New("its extended-revoke extension is malformed")
			}
			r.ExtendedRevoke = true
		case e.critical:
			r.UnhandledCritical = append(r.UnhandledCritical, oidString(e.oid))
		}
		return nil
	})
}

func (r *Response) parseResponderID(data *cryptobyte.String) error {
	var id, inner cryptobyte.String
	switch {
	case data.PeekASN1Tag(explicit(1)):
		if !data.ReadASN1(&id, explicit(1)) || !id.ReadASN1Element(&inner, cbasn1.SEQUENCE) || !id.Empty() {
			return errDER
		}
		r.ResponderName = inner
	case data.PeekASN1Tag(explicit(2)):
		if !data.ReadASN1(&id, explicit(2)) || !id.ReadASN1(&inner, cbasn1.OCTET_STRING) || !id.Empty() {
			return errDER
		}
		if len(inner) != crypto.SHA1.Size() {
			return errors.New("its responder key hash is not a SHA-1")
		}
		r.ResponderKeyHash = inner
	default:
		return errors.New("it has no responder ID")
	}
	return nil
}

func readSingle(in *cryptobyte.String) (Single, error) {
	s := Single{Reason: -1}
	var body cryptobyte.String
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) {
		return s, errDER
	}
	var err error
	if s.CertID, err = readCertID(&body); err != nil {
		return s, err
	}
	if err := s.readStatus(&body); err != nil {
		return s, err
	}
	if s.ThisUpdate, err = readGeneralized(&body); err != nil {
		return s, fmt.Errorf("thisUpdate: %w", err)
	}
	var next, wrapper, exts cryptobyte.String
	var has bool
	if !body.ReadOptionalASN1(&next, &has, explicit(0)) {
		return s, errDER
	}
	if has {
		if s.NextUpdate, err = readGeneralized(&next); err != nil || !next.Empty() {
			return s, errors.New("its nextUpdate is malformed")
		}
	}
	if body.Empty() {
		return s, nil
	}
	if !body.ReadASN1(&wrapper, explicit(1)) || !body.Empty() || !wrapper.ReadASN1(&exts, cbasn1.SEQUENCE) ||
		!wrapper.Empty() {
		return s, errDER
	}
	return s, readExtensions(exts, s.extension)
}

func (s *Single) extension(e extension) error {
	if string(e.oid) == string(oidArchiveCutoff) {
		v := e.value
		var err error
		if s.ArchiveCutoff, err = readGeneralized(&v); err != nil || !v.Empty() {
			return errors.New("its archive cutoff is malformed")
		}
		return nil
	}
	if e.critical {
		return errors.New("critical extension " + oidString(e.oid) + " is not understood")
	}
	return nil
}

func readGeneralized(s *cryptobyte.String) (time.Time, error) {
	var c cryptobyte.String
	if s.ReadASN1(&c, cbasn1.GeneralizedTime) {
		if t, ok := parseGeneralizedTime(c); ok {
			return t, nil
		}
	}
	return time.Time{}, errors.New("it is not a GeneralizedTime in whole seconds with Z")
}

func readCertID(s *cryptobyte.String) (CertID, error) {
	var id CertID
	var body, name, key cryptobyte.String
	if !s.ReadASN1(&body, cbasn1.SEQUENCE) {
		return id, errDER
	}
	var err error
	if id.Hash, err = readHashAlgorithm(&body); err != nil {
		return id, err
	}
	if !body.ReadASN1(&name, cbasn1.OCTET_STRING) || !body.ReadASN1(&key, cbasn1.OCTET_STRING) ||
		!readSerial(&body, &id.Serial) || !body.Empty() {
		return id, errDER
	}
	if len(name) != id.Hash.Size() || len(key) != id.Hash.Size() {
		return id, errors.New("its issuer hashes are not as long as the hash algorithm says")
	}
	id.IssuerNameHash, id.IssuerKeyHash = name, key
	return id, nil
}

// NeverIssued reports whether r says of s that the certificate was never issued: revoked, on hold since 1970-01-01, in
// a response with the extended-revoke extension (RFC 6960 section 2.2). Less than that is a revocation like any other.
func (r *Response) NeverIssued(s *Single) bool {
	return r.ExtendedRevoke && s.Status == StatusRevoked && s.Reason == reasonHold && s.RevokedAt.Unix() == 0
}

// reasonHold is certificateHold of RFC 5280 section 5.3.1.
const reasonHold = 6

func (s *Single) readStatus(body *cryptobyte.String) error {
	var c cryptobyte.String
	var tag cbasn1.Tag
	if !body.ReadAnyASN1(&c, &tag) {
		return errDER
	}
	switch tag {
	case cbasn1.Tag(0).ContextSpecific():
		s.Status = StatusGood
	case cbasn1.Tag(2).ContextSpecific():
		s.Status = StatusUnknown
	case explicit(1):
		s.Status = StatusRevoked
		return s.readRevoked(c)
	default:
		return errors.New("its certificate status is none of good, revoked, unknown")
	}
	if !c.Empty() {
		return errDER
	}
	return nil
}

func (s *Single) readRevoked(c cryptobyte.String) error {
	var err error
	if s.RevokedAt, err = readGeneralized(&c); err != nil {
		return fmt.Errorf("revocation time: %w", err)
	}
	if c.Empty() {
		return nil
	}
	var wrapper cryptobyte.String
	if !c.ReadASN1(&wrapper, explicit(0)) || !c.Empty() || !wrapper.ReadASN1Enum(&s.Reason) || !wrapper.Empty() {
		return errDER
	}
	if s.Reason < 0 || s.Reason > 10 || s.Reason == 7 {
		return fmt.Errorf("reason code %d does not exist", s.Reason)
	}
	return nil
}
