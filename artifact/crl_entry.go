package artifact

import (
	"errors"
	"iter"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// A RevokedEntry is one line of a revocation list. Serial holds the content octets of the DER INTEGER.
type RevokedEntry struct {
	Serial         []byte
	Time           time.Time
	Reason         int // -1 when absent
	InvalidityDate time.Time
	// EarlyGeneralized says that the date is a GeneralizedTime before 2050 (RFC 5280 section 5.1.2.6).
	EarlyGeneralized bool
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
		return errors.New("it names the issuer of its certificate, as only an indirect list does (RFC 5280 " +
			"section 5.3.3)")
	default:
		if x.critical {
			return errors.New("critical extension " + oidString(x.oid) + " is not understood")
		}
	}
	return nil
}

// reasonExtension is the encoding of Extensions that hold a reason code alone, up to the code itself.
const reasonExtension = "\x30\x0c\x30\x0a\x06\x03\x55\x1d\x15\x04\x03\x0a\x01"

// commonEntry reads the form that nearly every entry has: lengths of one byte, a UTCTime, and no extension or a reason
// code alone. It returns the length read, or 0 when the entry has another form, well formed or not: the general parser
// judges it then. Lists have millions of entries, and all that can be told of one here is the same that the general
// parser tells.
func commonEntry(b []byte, e *RevokedEntry) (n int) {
	if len(b) < 2 || b[0] != 0x30 || b[1] >= 0x80 || len(b) < 2+int(b[1]) {
		return 0
	}
	n = 2 + int(b[1])
	b = b[2:n]
	if len(b) < 2 || b[0] != 0x02 || b[1] >= 0x80 || len(b) < 2+int(b[1])+15 {
		return 0
	}
	serial := b[2 : 2+int(b[1])]
	b = b[2+len(serial):]
	if !minimalInteger(serial) || b[0] != 0x17 || b[1] != 13 {
		return 0
	}
	t, ok := parseUTCTime(b[2:15])
	if !ok {
		return 0
	}
	*e = RevokedEntry{Serial: serial, Time: t, Reason: -1}
	switch b = b[15:]; {
	case len(b) == 0:
		return n
	case len(b) == len(reasonExtension)+1 && string(b[:len(reasonExtension)]) == reasonExtension:
		r := b[len(reasonExtension)]
		if r > 10 || r == 7 {
			return 0
		}
		e.Reason = int(r)
		return n
	}
	return 0
}
