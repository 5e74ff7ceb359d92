package artifact

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// A RevocationList is an X.509 v2 CRL (RFC 5280 section 5). Every byte slice points into Raw; the entries are decoded
// anew each time they are walked, so that a list costs no memory beside its bytes.
type RevocationList struct {
	Raw, RawTBS, RawIssuer, Signature []byte
	SignatureAlgorithm                x509.SignatureAlgorithm
	ThisUpdate                        time.Time
	NextUpdate                        time.Time // zero when absent
	Number                            *big.Int  // nil when absent
	BaseNumber                        *big.Int  // BaseCRLNumber; nil unless this is a delta
	DeltaCritical                     bool      // whether the delta CRL indicator is critical, as it must be
	AuthorityKeyID                    []byte
	IDP                               *DistributionPoint
	FreshestCRL                       []string
	ExpiredCertsOnCRL                 time.Time
	UnhandledCritical                 []string // OIDs of critical extensions this package does not understand
	// thisUpdate or nextUpdate before 2050 is a GeneralizedTime (RFC 5280 section 5.1.2.4)
	EarlyGeneralized bool

	rawEntries cryptobyte.String
	file       *io.SectionReader // where the entries are, if they are not in rawEntries (OpenRevocationList)
	verified   atomic.Pointer[listVerdict]
	ordered    atomic.Bool // the entries were found to be in order
	count      atomic.Int64
}

// A listVerdict remembers that a trust set found the list's signature good, since hashing a long list takes long.
type listVerdict struct {
	trust  *Trust
	issuer *x509.Certificate
}

// A DistributionPoint is an IssuingDistributionPoint extension (RFC 5280 section 5.2.5).
type DistributionPoint struct {
	URIs                                      []string
	OnlyUser, OnlyCA, Indirect, OnlyAttribute bool
	OnlySomeReasons                           bool
	Critical                                  bool
}

// ParseRevocationList parses exactly one DER CertificateList. The entries are not looked at: Entries reports their
// errors.
func ParseRevocationList(der []byte) (*RevocationList, error) {
	l := &RevocationList{Raw: der}
	if err := l.parse(); err != nil {
		return nil, fmt.Errorf("parsing CRL: %w", err)
	}
	return l, nil
}

func (l *RevocationList) parse() error {
	in := cryptobyte.String(l.Raw)
	var list, tbs, outerAlg cryptobyte.String
	if !in.ReadASN1(&list, cbasn1.SEQUENCE) {
		return errDER
	}
	if !in.Empty() {
		return fmt.Errorf("%d bytes follow the list", len(in))
	}
	var rawTBS cryptobyte.String
	if !list.ReadASN1Element(&rawTBS, cbasn1.SEQUENCE) || !list.ReadASN1(&outerAlg, cbasn1.SEQUENCE) ||
		!list.ReadASN1BitStringAsBytes(&l.Signature) || !list.Empty() {
		return errDER
	}
	l.RawTBS = rawTBS
	if !rawTBS.ReadASN1(&tbs, cbasn1.SEQUENCE) {
		return errDER
	}
	return l.parseTBS(tbs, outerAlg)
}

func (l *RevocationList) parseTBS(tbs, outerAlg cryptobyte.String) error {
	var version int
	var alg, issuer cryptobyte.String
	if !tbs.PeekASN1Tag(cbasn1.INTEGER) {
		return errors.New("it is a version 1 list, which has no CRL number")
	}
	if !tbs.ReadASN1Integer(&version) || version != 1 {
		return errors.New("its version is not v2")
	}
	if !tbs.ReadASN1(&alg, cbasn1.SEQUENCE) || !tbs.ReadASN1Element(&issuer, cbasn1.SEQUENCE) {
		return errDER
	}
	if string(alg) != string(outerAlg) {
		return errors.New("its two signature algorithm fields differ")
	}
	var err error
	if l.SignatureAlgorithm, err = signatureAlgorithm(alg); err != nil {
		return err
	}
	l.RawIssuer = issuer
	early := tbs.PeekASN1Tag(cbasn1.GeneralizedTime)
	if !readTime(&tbs, &l.ThisUpdate) {
		return errors.New("its thisUpdate is malformed")
	}
	l.EarlyGeneralized = early && l.ThisUpdate.Year() < 2050
	early = tbs.PeekASN1Tag(cbasn1.GeneralizedTime)
	if early || tbs.PeekASN1Tag(cbasn1.UTCTime) {
		if !readTime(&tbs, &l.NextUpdate) {
			return errors.New("its nextUpdate is malformed")
		}
		l.EarlyGeneralized = l.EarlyGeneralized || early && l.NextUpdate.Year() < 2050
	}
	if tbs.PeekASN1Tag(cbasn1.SEQUENCE) {
		if !tbs.ReadASN1(&l.rawEntries, cbasn1.SEQUENCE) {
			return errDER
		}
		if l.rawEntries.Empty() { // RFC 5280 section 5.1.2.6: absent, not empty
			return errors.New("its list of entries is present but empty")
		}
	}
	if tbs.Empty() {
		return nil
	}
	var wrapper, exts cryptobyte.String
	if !tbs.ReadASN1(&wrapper, cbasn1.Tag(0).ContextSpecific().Constructed()) || !tbs.Empty() ||
		!wrapper.ReadASN1(&exts, cbasn1.SEQUENCE) || !wrapper.Empty() {
		return errDER
	}
	return readExtensions(exts, l.extension)
}

// Object identifiers of CRL and entry extensions, id-ce (2.5.29).n.
const (
	ceReason         = "\x55\x1d\x15"
	ceEntryIssuer    = "\x55\x1d\x1d"
	ceInvalidityDate = "\x55\x1d\x18"
	ceDelta          = "\x55\x1d\x1b"
	ceIDP            = "\x55\x1d\x1c"
	ceNumber         = "\x55\x1d\x14"
	ceAKI            = "\x55\x1d\x23"
	ceFreshest       = "\x55\x1d\x2e"
	ceExpired        = "\x55\x1d\x3c"
)

func (l *RevocationList) extension(e extension) error {
	v := e.value
	ok := true
	switch string(e.oid) {
	case ceNumber:
		l.Number, ok = readNumber(&v)
	case ceDelta:
		l.BaseNumber, ok = readNumber(&v)
		l.DeltaCritical = e.critical
	case ceAKI:
		var seq, id cryptobyte.String
		var has bool
		ok = v.ReadASN1(&seq, cbasn1.SEQUENCE) && seq.ReadOptionalASN1(&id, &has, cbasn1.Tag(0).ContextSpecific())
		if has {
			l.AuthorityKeyID = id
		}
	case ceIDP:
		l.IDP, ok = readIDP(&v)
		if ok {
			l.IDP.Critical = e.critical
		}
	case ceFreshest:
		l.FreshestCRL, ok = readDistributionPoints(&v)
	case ceExpired:
		var c cryptobyte.String
		if ok = v.ReadASN1(&c, cbasn1.GeneralizedTime); ok {
			l.ExpiredCertsOnCRL, ok = parseGeneralizedTime(c)
		}
	default:
		if e.critical {
			l.UnhandledCritical = append(l.UnhandledCritical, oidString(e.oid))
		}
		return nil
	}
	if !ok || !v.Empty() {
		return fmt.Errorf("its extension %s is malformed", oidString(e.oid))
	}
	return nil
}

// readNumber reads a CRLNumber: non-negative, at most 20 octets (RFC 5280 section 5.2.3).
func readNumber(s *cryptobyte.String) (*big.Int, bool) {
	var c []byte
	if !readSerial(s, &c) || c[0]&0x80 != 0 || len(c) > 20 {
		return nil, false
	}
	return new(big.Int).SetBytes(c), true
}

func readIDP(s *cryptobyte.String) (*DistributionPoint, bool) {
	var seq, name cryptobyte.String
	var has bool
	p := new(DistributionPoint)
	if !s.ReadASN1(&seq, cbasn1.SEQUENCE) || seq.Empty() || // RFC 5280 section 5.2.5: never an empty sequence
		!seq.ReadOptionalASN1(&name, &has, cbasn1.Tag(0).ContextSpecific().Constructed()) {
		return nil, false
	}
	if has && !readPointName(name, &p.URIs) {
		return nil, false
	}
	last := cbasn1.Tag(0)
	for !seq.Empty() {
		var c cryptobyte.String
		var tag cbasn1.Tag
		if !seq.ReadAnyASN1(&c, &tag) || tag <= last {
			return nil, false
		}
		last = tag
		switch tag {
		case cbasn1.Tag(3).ContextSpecific():
			p.OnlySomeReasons = true
			continue
		case cbasn1.Tag(1).ContextSpecific():
			p.OnlyUser = true
		case cbasn1.Tag(2).ContextSpecific():
			p.OnlyCA = true
		case cbasn1.Tag(4).ContextSpecific():
			p.Indirect = true
		case cbasn1.Tag(5).ContextSpecific():
			p.OnlyAttribute = true
		default:
			return nil, false
		}
		if len(c) != 1 || c[0] != 0xff { // DER: a DEFAULT FALSE is never encoded
			return nil, false
		}
	}
	return p, true
}

// readPointName reads DistributionPointName and keeps its URIs.
func readPointName(s cryptobyte.String, uris *[]string) bool {
	if s.PeekASN1Tag(cbasn1.Tag(1).ContextSpecific().Constructed()) {
		return s.SkipASN1(cbasn1.Tag(1).ContextSpecific().Constructed()) && s.Empty()
	}
	var names cryptobyte.String
	if !s.ReadASN1(&names, cbasn1.Tag(0).ContextSpecific().Constructed()) || !s.Empty() {
		return false
	}
	for !names.Empty() {
		var c cryptobyte.String
		var tag cbasn1.Tag
		if !names.ReadAnyASN1(&c, &tag) {
			return false
		}
		if tag == cbasn1.Tag(6).ContextSpecific() {
			*uris = append(*uris, string(c))
		}
	}
	return true
}

// readDistributionPoints reads CRLDistributionPoints and keeps the URIs.
func readDistributionPoints(s *cryptobyte.String) ([]string, bool) {
	var points cryptobyte.String
	if !s.ReadASN1(&points, cbasn1.SEQUENCE) {
		return nil, false
	}
	var uris []string
	for !points.Empty() {
		var point, name cryptobyte.String
		var has bool
		if !points.ReadASN1(&point, cbasn1.SEQUENCE) ||
			!point.ReadOptionalASN1(&name, &has, cbasn1.Tag(0).ContextSpecific().Constructed()) {
			return nil, false
		}
		if has && !readPointName(name, &uris) {
			return nil, false
		}
	}
	return uris, true
}

// CheckSignatureFrom verifies that issuer, a CA with the right to sign CRLs, signed the list.
func (l *RevocationList) CheckSignatureFrom(issuer *x509.Certificate) error {
	if !SameName(issuer.RawSubject, l.RawIssuer) {
		return fmt.Errorf("checking CRL: its issuer is not %q but %q", issuer.Subject.String(), NameText(l.RawIssuer))
	}
	if len(l.AuthorityKeyID) > 0 && len(issuer.SubjectKeyId) > 0 && string(l.AuthorityKeyID) != string(issuer.SubjectKeyId) {
		return fmt.Errorf("checking CRL: its authority key identifier is not the key identifier of %q",
			issuer.Subject.String())
	}
	if !issuer.BasicConstraintsValid || !issuer.IsCA {
		return fmt.Errorf("checking CRL: %q is not a CA", issuer.Subject.String())
	}
	if issuer.KeyUsage != 0 && issuer.KeyUsage&x509.KeyUsageCRLSign == 0 {
		return fmt.Errorf("checking CRL: the key usage of %q does not allow signing CRLs", issuer.Subject.String())
	}
	if err := checkSignature(issuer, l.SignatureAlgorithm, l.RawTBS, l.Signature); err != nil {
		return fmt.Errorf("checking CRL: %w", err)
	}
	return nil
}
