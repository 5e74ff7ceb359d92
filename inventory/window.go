package inventory

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"seihon/override"
)

// The window in which dates from outside must lie. Before 1988 there was no X.509; a smaller number is a sentinel (0,
// -1) or has another unit. RFC 5280 4.1.2.5 ends at 9999, which also stands for "no end".
var (
	Earliest = time.Date(1988, 1, 1, 0, 0, 0, 0, time.UTC)
	Latest   = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// maxText bounds a subject and a consent from outside.
const maxText = 4096

// CheckDate reports why t cannot be a date of a certificate.
func CheckDate(t time.Time) error {
	switch {
	case t.Before(Earliest):
		return fmt.Errorf("%s is before %d, when there were no certificates: leave it out when there is no date",
			t.UTC().Format(time.RFC3339), Earliest.Year())
	case t.After(Latest):
		return fmt.Errorf("the year %d is beyond 9999: is the unit right?", t.UTC().Year())
	}
	return nil
}

// checkDates holds the dates of a record against the window and against each other. Those of a certificate that the CA
// signed are what they are.
func checkDates(r *Record) error {
	if r.Proven {
		if r.NotAfter.Unix() == 0 {
			return errors.New("it expired at the first second of 1970: nothing is to be said about it")
		}
	} else {
		for _, d := range []struct {
			name string
			t    time.Time
		}{{"not_before", r.NotBefore}, {"not_after", r.NotAfter}} {
			if d.t.IsZero() {
				continue
			}
			if err := CheckDate(d.t); err != nil {
				return fmt.Errorf("%s: %w", d.name, err)
			}
		}
		if !r.NotBefore.IsZero() && !r.NotAfter.IsZero() && r.NotAfter.Before(r.NotBefore) {
			return fmt.Errorf("not_after %s is before not_before %s", stamp(r.NotAfter), stamp(r.NotBefore))
		}
	}
	if r.State != Revoked {
		return nil
	}
	return checkRevocationDates(r.Revocation)
}

// checkRevocationDates holds the dates of a revocation against the window.
func checkRevocationDates(r Revocation) error {
	if !r.Time.IsZero() {
		if err := CheckDate(r.Time); err != nil {
			return fmt.Errorf("the revocation date: %w", err)
		}
	}
	if !r.InvalidityDate.IsZero() {
		if err := CheckDate(r.InvalidityDate); err != nil {
			return fmt.Errorf("the invalidity date: %w", err)
		}
	}
	return nil
}

// checkText refuses text that no database, report or terminal should be given.
func checkText(name, s string) error {
	switch {
	case len(s) > maxText:
		return fmt.Errorf("%s has %d octets, at most %d are taken", name, len(s), maxText)
	case !utf8.ValidString(s):
		return fmt.Errorf("%s %q is not UTF-8: save the file as UTF-8 (is it Shift_JIS?)", name, s)
	}
	for _, c := range s {
		if unicode.IsControl(c) {
			return fmt.Errorf("%s %q has a control character", name, s)
		}
	}
	return nil
}

// CheckSignedSerial reports why serial cannot be the content of the DER INTEGER in a certificate that exists. Such a
// serial may break RFC 5280 4.1.2.2: a certificate that was misissued with a negative or an overlong one must be
// revoked all the same.
func CheckSignedSerial(serial []byte) error {
	switch {
	case len(serial) == 0:
		return errors.New("serial is empty")
	case len(serial) > MaxSignedSerial:
		return fmt.Errorf("serial %x has %d octets: more than %d are not handled", serial, len(serial), MaxSignedSerial)
	case len(serial) > 1 && (serial[0] == 0 && serial[1]&0x80 == 0 || serial[0] == 0xff && serial[1]&0x80 != 0):
		return fmt.Errorf("serial %x is not minimally encoded", serial)
	}
	return nil
}

// MaxSignedSerial is the longest serial of a misissued certificate that is handled, in content octets.
const MaxSignedSerial = 24

// checkPlausible judges a revocation against the time of issue, as far as that is known.
func (j *judge) checkPlausible(r *Record, notBefore int64) {
	if notBefore == 0 {
		notBefore = seconds(r.NotBefore)
	}
	if r.State != Revoked || notBefore == 0 || r.Revocation.Time.Unix() >= notBefore {
		return
	}
	j.result.Overridden++
	j.problem(override.Implausible, r.Serial, fmt.Sprintf("revoked at %s, before the certificate was issued (%s)",
		stamp(r.Revocation.Time), stamp(fromSeconds(notBefore))))
}

// At says where in its source a record stands, with what is wrong there.
func (r *Record) At(format string, err error) error {
	switch {
	case r.File != "":
		return fmt.Errorf("certificate file %q: %w", r.File, err)
	case r.Line > 0 && format == "sql":
		return fmt.Errorf("row %d: %w", r.Line, err)
	case r.Line > 0 && strings.HasPrefix(format, "crl"):
		return fmt.Errorf("entry %d: %w", r.Line, err)
	case r.Line > 0:
		return fmt.Errorf("parsing %s line %d: %w", format, r.Line, err)
	}
	return err
}
