package evidence

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"seihon/artifact"
)

// A Question is about one certificate at one time.
type Question struct {
	Issuer      string            // its name in the log; "" with a certificate: whoever signed that
	Serial      []byte            // content octets of the DER INTEGER; not needed with a certificate
	Time        time.Time         // whole seconds
	Certificate *x509.Certificate // nil when only the serial is known
}

// A NoAnswer is a question that the master cannot answer: before it began,
// without a list in force, about a serial it never heard of.
type NoAnswer struct{ Why string }

func (e *NoAnswer) Error() string { return e.Why }

func noAnswer(format string, args ...any) error { return &NoAnswer{Why: fmt.Sprintf(format, args...)} }

// A BadQuestion is one that is wrong in itself: a time to come, or before the
// certificate began; a certificate of another authority.
type BadQuestion struct{ Why string }

func (e *BadQuestion) Error() string { return e.Why }

func badQuestion(format string, args ...any) error {
	return &BadQuestion{Why: fmt.Sprintf(format, args...)}
}

// complete checks the question and takes the serial from the certificate.
func (q *Question) complete(now time.Time) error {
	q.Time = q.Time.UTC().Truncate(time.Second)
	if q.Time.After(now) {
		return badQuestion("the time %s has not come yet: ask about a time up to now", stamp(q.Time))
	}
	c := q.Certificate
	if c == nil {
		if q.Issuer == "" || len(q.Serial) == 0 {
			return badQuestion("a question needs an issuer and a serial number, or a certificate")
		}
		return nil
	}
	serial := artifact.SerialBytes(c)
	if len(q.Serial) > 0 && string(q.Serial) != string(serial) {
		return badQuestion("the certificate has the serial %x, not %x: leave one of them away", serial, q.Serial)
	}
	q.Serial = serial
	if q.Time.Before(c.NotBefore) {
		return badQuestion("the certificate is valid from %s; at %s it did not exist", stamp(c.NotBefore),
			stamp(q.Time))
	}
	return nil
}

// ParseSerial reads a serial number in hexadecimal, as openssl prints it, and
// gives the content octets of its DER INTEGER: the fewest that keep it positive.
func ParseSerial(text string) ([]byte, error) {
	var serial []byte
	digits := 0
	var octet byte
	clean := make([]byte, 0, len(text))
	for i := range len(text) {
		if text[i] != ':' {
			clean = append(clean, text[i])
		}
	}
	if len(clean)%2 == 1 {
		clean = append([]byte{'0'}, clean...)
	}
	for _, c := range clean {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return nil, fmt.Errorf("the serial %.60q is not hexadecimal", text)
		}
		octet = octet<<4 | c
		if digits++; digits%2 == 0 {
			serial = append(serial, octet)
		}
	}
	for len(serial) > 1 && serial[0] == 0 {
		serial = serial[1:]
	}
	switch {
	case len(serial) == 0:
		return nil, errors.New("the serial is empty")
	case len(serial) > 20:
		return nil, fmt.Errorf("the serial has %d octets; RFC 5280 section 4.1.2.2 allows 20", len(serial))
	case serial[0]&0x80 != 0:
		serial = append([]byte{0}, serial...)
	}
	return serial, nil
}

// stamp writes a time as every text of this package does.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
