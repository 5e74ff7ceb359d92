package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"seihon/inventory"
)

// OpenSSLIndex reads the database of "openssl ca" (index.txt): six fields with
// tabs between them,
//
//	status  expiry  revocation[,reason[,detail]]  serial  file  subject
//
// Status is V (valid), R (revoked) or E (expired), times are UTCTime or
// GeneralizedTime, serials hexadecimal; the file name is "unknown" in practice
// and is not used.
func OpenSSLIndex(r io.Reader, o Options) inventory.Source {
	kind := o.kind()
	return newText(r, "openssl-index", o, func(line []byte, r *inventory.Record) (bool, error) {
		r.Kind = kind
		return parseIndexLine(line, r)
	})
}

// parseIndexLine reads one line; a comment is not a record. Comments are what OpenSSL's
// TXT_DB allows, so hand-edited files have them.
func parseIndexLine(line []byte, r *inventory.Record) (bool, error) {
	if line[0] == '#' {
		return false, nil
	}
	var fields [6][]byte
	n := 0
	for rest := line; ; n++ {
		if n == len(fields) {
			return false, errors.New("more than the 6 fields of an OpenSSL index")
		}
		end := unescapedTab(rest)
		if end < 0 {
			fields[n] = rest
			break
		}
		fields[n], rest = rest[:end], rest[end+1:]
	}
	if n != len(fields)-1 {
		return false, fmt.Errorf("%d fields, an OpenSSL index has 6 with tabs between them", n+1)
	}
	var err error
	if r.Serial, err = parseHexSerial(fields[3]); err != nil {
		return false, err
	}
	if r.NotAfter, err = parseASN1Time(fields[1]); err != nil {
		return false, fmt.Errorf("serial %s: expiry: %w", fields[3], err)
	}
	r.Subject = string(bytes.ReplaceAll(fields[5], []byte("\\\t"), []byte("\t")))
	switch string(fields[0]) {
	case "V", "E":
		if len(fields[2]) > 0 {
			return false, fmt.Errorf("serial %s: status %s with a revocation date", fields[3], fields[0])
		}
		r.State = inventory.Issued
	case "R":
		r.State = inventory.Revoked
		if r.Revocation, err = parseIndexRevocation(fields[2]); err != nil {
			return false, fmt.Errorf("serial %s: %w", fields[3], err)
		}
	default:
		return false, fmt.Errorf("serial %s: status %q is not V, R or E", fields[3], fields[0])
	}
	return true, nil
}

// unescapedTab finds the end of a field: TXT_DB writes a tab inside a field
// as backslash, tab.
func unescapedTab(b []byte) int {
	for from := 0; ; {
		n := bytes.IndexByte(b[from:], '\t')
		if n < 0 {
			return -1
		}
		if from+n == 0 || b[from+n-1] != '\\' {
			return from + n
		}
		from += n + 1
	}
}

// parseIndexRevocation reads date[,reason[,detail]]. OpenSSL's own names
// holdInstruction, keyTime and CAkeyTime stand for a reason and a detail: the
// hold instruction, or the date since when the key is compromised, which is an
// invalidity date (RFC 5280 5.3.2).
func parseIndexRevocation(b []byte) (inventory.Revocation, error) {
	r := inventory.Revocation{Reason: inventory.NoReason}
	date, rest, hasReason := bytes.Cut(b, []byte{','})
	var err error
	if r.Time, err = parseASN1Time(date); err != nil {
		return r, fmt.Errorf("revocation date: %w", err)
	}
	if !hasReason {
		return r, nil
	}
	reason, detail, hasDetail := bytes.Cut(rest, []byte{','})
	switch {
	case len(reason) == 0:
		return r, errors.New("a comma without a revocation reason")
	case bytes.EqualFold(reason, []byte("holdInstruction")):
		r.Reason = 6
		return r, nil
	case bytes.EqualFold(reason, []byte("keyTime")), bytes.EqualFold(reason, []byte("CAkeyTime")):
		r.Reason = 1
		if len(reason) == len("CAkeyTime") {
			r.Reason = 2
		}
		if r.InvalidityDate, err = parseASN1Time(detail); err != nil {
			return r, fmt.Errorf("compromise date: %w", err)
		}
		return r, nil
	case hasDetail:
		return r, fmt.Errorf("revocation reason %q has the detail %q, which is not known", reason, detail)
	}
	r.Reason, err = inventory.ParseReason(string(reason))
	return r, err
}

// parseHexSerial is inventory.ParseSerial of bytes.
func parseHexSerial(b []byte) ([]byte, error) {
	return inventory.ParseSerial(string(b))
}

// parseASN1Time reads the content of a UTCTime (YYMMDDHHMM[SS]Z, the years
// 1950 to 2049: RFC 5280 4.1.2.5.1) or a GeneralizedTime (YYYYMMDDHHMMSSZ).
func parseASN1Time(b []byte) (time.Time, error) {
	bad := fmt.Errorf("%q is neither a UTCTime nor a GeneralizedTime", b)
	if len(b) == 0 || b[len(b)-1] != 'Z' {
		return time.Time{}, bad
	}
	digits := b[:len(b)-1]
	var two [7]int
	if len(digits) < 10 || len(digits) > 14 || len(digits)%2 != 0 {
		return time.Time{}, bad
	}
	for n := 0; n < len(digits); n += 2 {
		hi, lo := digits[n]-'0', digits[n+1]-'0'
		if hi > 9 || lo > 9 {
			return time.Time{}, bad
		}
		two[n/2] = int(hi)*10 + int(lo)
	}
	year, f := two[0], two[1:6]
	switch {
	case len(digits) == 14:
		year, f = two[0]*100+two[1], two[2:7]
	case year < 50:
		year += 2000
	default:
		year += 1900
	}
	t := time.Date(year, time.Month(f[0]), f[1], f[2], f[3], f[4], 0, time.UTC)
	if int(t.Month()) != f[0] || t.Day() != f[1] || t.Hour() != f[2] || t.Minute() != f[3] || t.Second() != f[4] {
		return time.Time{}, fmt.Errorf("%q is not a date", b)
	}
	return t, nil
}
