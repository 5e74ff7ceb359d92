package artifact

import (
	"errors"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

var errDER = errors.New("it is not the DER encoding that was expected")

// readTime reads a Time: UTCTime or GeneralizedTime in the only forms RFC 5280 section 4.1.2.5 allows (seconds, no fraction, Z).
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
	t := time.Date(year, time.Month(f[0]), f[1], f[2], f[3], f[4], 0, time.UTC)
	return t, t.Day() == f[1] // refuses 31 February, which time.Date would roll over
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

// readExtensions walks Extensions and refuses an empty list, an explicit FALSE and a repeated OID (RFC 5280 section 4.2).
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
