package artifact

import (
	"crypto/x509"
	"errors"
	"fmt"
	"iter"
	"math/big"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// A RevocationList is an X.509 v2 CRL (RFC 5280 section 5). Every byte slice points into Raw; the entries are decoded anew
// each time they are walked, so that a list costs no memory beside its bytes.
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
	EarlyGeneralized                  bool     // thisUpdate or nextUpdate before 2050 is a GeneralizedTime (RFC 5280 section 5.1.2.4)

	rawEntries cryptobyte.String
	verified   atomic.Pointer[listVerdict]
	ordered    atomic.Bool // the entries were found to be in order
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

// A RevokedEntry is one line of a revocation list. Serial holds the content octets of the DER INTEGER.
type RevokedEntry struct {
	Serial         []byte
	Time           time.Time
	Reason         int // -1 when absent
	InvalidityDate time.Time
	// EarlyGeneralized says that the date is a GeneralizedTime before 2050 (RFC 5280 section 5.1.2.6).
	EarlyGeneralized bool
}

// ParseRevocationList parses exactly one DER CertificateList. The entries are not looked at: Entries reports their errors.
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

// Entries walks the revoked certificates in the order of the list and stops at the first malformed entry.
func (l *RevocationList) Entries() iter.Seq2[RevokedEntry, error] {
	return func(yield func(RevokedEntry, error) bool) {
		r := l.Reader()
		for e, more, err := r.Next(); more || err != nil; e, more, err = r.Next() {
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// Reader walks the revoked certificates one by one, for who walks two lists side by side.
func (l *RevocationList) Reader() *EntryReader { return &EntryReader{rest: l.rawEntries} }

// An EntryReader is a place in the entries of a list.
type EntryReader struct {
	rest cryptobyte.String
	n    int

	sorted *RevocationList // of a sorted walk: the list, and where its entries begin
	starts []uint32
}

// Next returns the next entry; more is false behind the last one. A malformed entry is an error.
func (r *EntryReader) Next() (e RevokedEntry, more bool, err error) {
	more, err = r.Read(&e)
	return e, more, err
}

// Read is Next into an entry of the caller's, for who walks millions of them.
func (r *EntryReader) Read(e *RevokedEntry) (more bool, err error) {
	if r.sorted != nil && len(r.starts) > 0 {
		*e, err = r.sorted.entryAt(r.starts[0])
		r.starts = r.starts[1:]
		return err == nil, err
	}
	if r.rest.Empty() {
		return false, nil
	}
	if err = readEntry(&r.rest, e); err != nil {
		return false, fmt.Errorf("parsing CRL entry %d: %w", r.n, err)
	}
	r.n++
	return true, nil
}

func readEntry(rest *cryptobyte.String, e *RevokedEntry) (err error) {
	if n := commonEntry(*rest, e); n > 0 {
		*rest = (*rest)[n:]
		return nil
	}
	*e, err = readGeneralEntry(rest)
	return err
}

func readGeneralEntry(rest *cryptobyte.String) (RevokedEntry, error) {
	e := RevokedEntry{Reason: -1}
	var body cryptobyte.String
	if !rest.ReadASN1(&body, cbasn1.SEQUENCE) || !readSerial(&body, &e.Serial) {
		return e, errDER
	}
	early := body.PeekASN1Tag(cbasn1.GeneralizedTime)
	if !readTime(&body, &e.Time) {
		return e, errors.New("its revocation date is malformed")
	}
	e.EarlyGeneralized = early && e.Time.Year() < 2050
	if body.Empty() {
		return e, nil
	}
	var exts cryptobyte.String
	if !body.ReadASN1(&exts, cbasn1.SEQUENCE) || !body.Empty() {
		return e, errDER
	}
	return e, readExtensions(exts, e.extension)
}

func (e *RevokedEntry) extension(x extension) error {
	v := x.value
	switch string(x.oid) {
	case ceReason:
		var r int
		if !v.ReadASN1Enum(&r) || !v.Empty() || r < 0 || r > 10 || r == 7 { // RFC 5280 section 5.3.1
			return errors.New("its reason code is malformed")
		}
		e.Reason = r
	case ceInvalidityDate:
		var c cryptobyte.String
		ok := v.ReadASN1(&c, cbasn1.GeneralizedTime) && v.Empty()
		if ok {
			e.InvalidityDate, ok = parseGeneralizedTime(c)
		}
		if !ok {
			return errors.New("its invalidity date is malformed")
		}
	case ceEntryIssuer: // it must be critical; without the flag it means the same
		return errors.New("it names the issuer of its certificate, as only an indirect list does (RFC 5280 section 5.3.3)")
	default:
		if x.critical {
			return errors.New("critical extension " + oidString(x.oid) + " is not understood")
		}
	}
	return nil
}

// CheckSignatureFrom verifies that issuer, a CA with the right to sign CRLs, signed the list.
func (l *RevocationList) CheckSignatureFrom(issuer *x509.Certificate) error {
	if !SameName(issuer.RawSubject, l.RawIssuer) {
		return fmt.Errorf("checking CRL: its issuer is not %q but %q", issuer.Subject.String(), NameText(l.RawIssuer))
	}
	if len(l.AuthorityKeyID) > 0 && len(issuer.SubjectKeyId) > 0 && string(l.AuthorityKeyID) != string(issuer.SubjectKeyId) {
		return fmt.Errorf("checking CRL: its authority key identifier is not the key identifier of %q", issuer.Subject.String())
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
