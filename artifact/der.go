package artifact

import (
	"errors"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

var errDER = errors.New("it is not the DER encoding that was expected")

// readTime reads a Time: UTCTime or GeneralizedTime in the only forms RFC 5280 section 4.1.2.5 allows (seconds, no
// fraction, Z).
func readTime(s *cryptobyte.String, out *time.Time) bool {
	var content cryptobyte.String
	var tag cbasn1.Tag
	if !s.ReadAnyASN1(&content, &tag) {
		return false
	}
	var ok bool
	switch tag {
	case cbasn1.UTCTime:
		*out, ok = parseUTCTime(content)
	case cbasn1.GeneralizedTime:
		*out, ok = parseGeneralizedTime(content)
	}
	return ok
}

func parseUTCTime(b []byte) (time.Time, bool) {
	if len(b) != 13 {
		return time.Time{}, false
	}
	yy, ok := digits(b[:2])
	if !ok {
		return time.Time{}, false
	}
	year := 1900 + yy
	if yy < 50 { // RFC 5280 section 4.1.2.5.1
		year = 2000 + yy
	}
	return parseClock(year, b[2:])
}

func parseGeneralizedTime(b []byte) (time.Time, bool) {
	if len(b) != 15 {
		return time.Time{}, false
	}
	year, ok := digits(b[:4])
	if !ok {
		return time.Time{}, false
	}
	return parseClock(year, b[4:])
}

// parseClock parses MMDDHHMMSSZ.
func parseClock(year int, b []byte) (time.Time, bool) {
	if len(b) != 11 || b[10] != 'Z' {
		return time.Time{}, false
	}
	var f [5]int
	for i := range f {
		v, ok := digits(b[2*i : 2*i+2])
		if !ok {
			return time.Time{}, false
		}
		f[i] = v
	}
	if f[0] < 1 || f[0] > 12 || f[1] < 1 || f[2] > 23 || f[3] > 59 || f[4] > 59 {
		return time.Time{}, false
	}
	month, day := f[0], f[1]
	if day > daysIn(year, month) {
		return time.Time{}, false
	}
	// time.Date normalises and looks a zone up, which a list of a million entries feels.
	seconds := daysSinceEpoch(year, month, day)*86400 + int64(f[2])*3600 + int64(f[3])*60 + int64(f[4])
	return time.Unix(seconds, 0).UTC(), true
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysSinceEpoch counts the days from 1970-01-01 in the Gregorian calendar, with years that begin in March so that the
// leap day comes last.
func daysSinceEpoch(year, month, day int) int64 {
	y, m := int64(year), int64(month)
	if m <= 2 {
		y--
		m += 12
	}
	return 365*y + y/4 - y/100 + y/400 + (153*(m-3)+2)/5 + int64(day) - 1 - 719468
}

func digits(b []byte) (int, bool) {
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// readSerial reads an INTEGER and returns its content octets, which DER makes minimal and therefore comparable.
func readSerial(s *cryptobyte.String, out *[]byte) bool {
	var c cryptobyte.String
	if !s.ReadASN1(&c, cbasn1.INTEGER) || !minimalInteger(c) {
		return false
	}
	*out = c
	return true
}

func minimalInteger(c []byte) bool {
	if len(c) == 0 {
		return false
	}
	return len(c) == 1 || !(c[0] == 0 && c[1]&0x80 == 0 || c[0] == 0xff && c[1]&0x80 != 0)
}

// An extension is one X.509 Extension as slices of the input.
type extension struct {
	oid      []byte // content octets of the OBJECT IDENTIFIER
	critical bool
	value    cryptobyte.String
}

// readExtensions walks Extensions and refuses an empty list, an explicit FALSE and a repeated OID (RFC 5280 section
// 4.2).
func readExtensions(exts cryptobyte.String, visit func(extension) error) error {
	var seen [][]byte
	if exts.Empty() {
		return errors.New("an Extensions sequence is empty")
	}
	for !exts.Empty() {
		e, err := readExtension(&exts)
		if err != nil {
			return err
		}
		for _, o := range seen {
			if string(o) == string(e.oid) {
				return errors.New("extension " + oidString(e.oid) + " occurs twice")
			}
		}
		if len(seen) >= 64 {
			return errors.New("there are more than 64 extensions")
		}
		seen = append(seen, e.oid)
		if err := visit(e); err != nil {
			return err
		}
	}
	return nil
}

func readExtension(s *cryptobyte.String) (extension, error) {
	var body, oid, value cryptobyte.String
	var e extension
	if !s.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1(&oid, cbasn1.OBJECT_IDENTIFIER) || len(oid) == 0 {
		return e, errDER
	}
	if body.PeekASN1Tag(cbasn1.BOOLEAN) {
		var b cryptobyte.String
		if !body.ReadASN1(&b, cbasn1.BOOLEAN) || len(b) != 1 || b[0] != 0xff {
			return e, errors.New("an extension's critical flag is not a DER TRUE")
		}
		e.critical = true
	}
	if !body.ReadASN1(&value, cbasn1.OCTET_STRING) || !body.Empty() {
		return e, errDER
	}
	e.oid, e.value = oid, value
	return e, nil
}

// oidString writes content octets of an OBJECT IDENTIFIER in dotted form, for messages only.
func oidString(content []byte) string {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.OBJECT_IDENTIFIER, func(c *cryptobyte.Builder) { c.AddBytes(content) })
	der, err := b.Bytes()
	if err != nil {
		return "of unknown type"
	}
	s := cryptobyte.String(der)
	var oid asn1OID
	if !s.ReadASN1ObjectIdentifier(&oid) {
		return "of unknown type"
	}
	return oid.String()
}
