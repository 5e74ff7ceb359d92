// Package der appends DER to byte slices. Lengths are computed before the content is written, so an
// encoder that knows the sizes of its parts allocates once and never moves a byte. It has only
// what CRLs and OCSP responses need; objects too small or too rare to matter use encoding/asn1 or
// cryptobyte instead.
package der

import (
	"errors"
	"fmt"
	"time"
)

// Tags, identifier octet whole.
const (
	Boolean         = 0x01
	Integer         = 0x02
	BitString       = 0x03
	OctetString     = 0x04
	Null            = 0x05
	OID             = 0x06
	Enumerated      = 0x0a
	UTCTime         = 0x17
	GeneralizedTime = 0x18
	Sequence        = 0x30
)

// Context returns the identifier octet of a constructed, context-specific tag.
func Context(n byte) byte { return 0xa0 | n }

// MaxSerial is the longest serial number and CRL number (RFC 5280 sections 4.1.2.2 and 5.2.3).
const MaxSerial = 20

// HeaderLen returns how many octets tag and length take in front of n octets.
func HeaderLen(n int) int {
	switch {
	case n < 0x80:
		return 2
	case n < 0x100:
		return 3
	case n < 0x10000:
		return 4
	case n < 0x1000000:
		return 5
	case n < 0x100000000:
		return 6
	default:
		return 7
	}
}

// Size returns how many octets an element with n octets of content takes.
func Size(n int) int { return HeaderLen(n) + n }

// AppendHeader appends tag and length of an element with n octets of content.
func AppendHeader(b []byte, tag byte, n int) []byte {
	b = append(b, tag)
	if n < 0x80 {
		return append(b, byte(n))
	}
	octets := HeaderLen(n) - 2
	b = append(b, 0x80|byte(octets))
	for shift := 8 * (octets - 1); shift >= 0; shift -= 8 {
		b = append(b, byte(n>>shift))
	}
	return b
}

// Append appends an element.
func Append(b []byte, tag byte, content []byte) []byte {
	return append(AppendHeader(b, tag, len(content)), content...)
}

// Wrap returns the concatenation of parts in one new element.
func Wrap(tag byte, parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	b := AppendHeader(make([]byte, 0, Size(n)), tag, n)
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// CheckSerial reports why content is not the content of a serial number: a positive, minimally
// encoded INTEGER of at most 20 octets.
func CheckSerial(content []byte) error {
	switch {
	case len(content) == 0:
		return errors.New("the serial number is empty")
	case len(content) > MaxSerial:
		return fmt.Errorf("the serial number has %d octets, RFC 5280 section 4.1.2.2 allows %d", len(content),
			MaxSerial)
	case content[0] >= 0x80:
		return fmt.Errorf("the serial number %x is negative: a positive one with the top bit set starts with 00",
			content)
	case content[0] == 0 && len(content) == 1:
		return errors.New("the serial number is zero, RFC 5280 section 4.1.2.2 wants it positive")
	case content[0] == 0 && content[1] < 0x80:
		return fmt.Errorf("the serial number %x has superfluous leading zeros", content)
	}
	return nil
}

// MaxMisissued is the longest serial number of a misissued certificate that can be listed and answered for; OCSP
// bundles have room for as many octets.
const MaxMisissued = 24

// CheckMisissued is CheckSerial for the serial number of a certificate that exists although RFC 5280 section 4.1.2.2
// forbids its serial number: zero, negative, or too long. It must be possible to revoke it.
func CheckMisissued(content []byte) error {
	switch {
	case len(content) == 0:
		return errors.New("the serial number is empty")
	case len(content) > MaxMisissued:
		return fmt.Errorf("the serial number has %d octets, more than %d are not handled", len(content), MaxMisissued)
	case len(content) > 1 && (content[0] == 0 && content[1] < 0x80 || content[0] == 0xff && content[1] >= 0x80):
		return fmt.Errorf("the serial number %x is not minimally encoded", content)
	}
	return nil
}

// GeneralizedTimeSize is the size of an element of AppendGeneralizedTime.
const GeneralizedTimeSize = 17

// AppendGeneralizedTime appends t as YYYYMMDDHHMMSSZ; a fraction of a second is dropped. The year
// of t must have four digits, see CheckTime.
func AppendGeneralizedTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	b = append(b, GeneralizedTime, 15)
	b = append2(b, year/100)
	return appendClock(b, year, month, day, t)
}

// AppendTime appends t as UTCTime through 2049 and as GeneralizedTime from 2050 on (RFC 5280
// sections 5.1.2.4 to 5.1.2.6).
func AppendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	if year < 1950 || year > 2049 {
		return AppendGeneralizedTime(b, t)
	}
	b = append(b, UTCTime, 13)
	return appendClock(b, year, month, day, t)
}

func appendClock(b []byte, year int, month time.Month, day int, t time.Time) []byte {
	hour, minute, second := t.Clock()
	b = append2(b, year%100)
	b = append2(b, int(month))
	b = append2(b, day)
	b = append2(b, hour)
	b = append2(b, minute)
	b = append2(b, second)
	return append(b, 'Z')
}

func append2(b []byte, n int) []byte {
	return append(b, '0'+byte(n/10), '0'+byte(n%10))
}

// CheckTime reports why t cannot be written: it is not set, or outside of the years that this
// package's users can mean.
func CheckTime(t time.Time) error {
	if t.IsZero() {
		return errors.New("it is not set")
	}
	if year := t.UTC().Year(); year < 1950 || year > 9999 {
		return fmt.Errorf("the year %d is outside of 1950 to 9999", year)
	}
	return nil
}
