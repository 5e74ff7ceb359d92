package crl

import (
	"errors"
	"fmt"

	"seihon/hsmsign/internal/der"
)

// Extensions of an entry up to where their value starts: SEQUENCE, OBJECT IDENTIFIER, OCTET STRING. Neither is
// critical (RFC 5280 section 5.3).
var (
	reasonHead     = []byte{der.Sequence, 10, der.OID, 3, 0x55, 0x1d, 21, der.OctetString, 3, der.Enumerated, 1}
	invalidityHead = []byte{der.Sequence, 24, der.OID, 3, 0x55, 0x1d, 24, der.OctetString, der.GeneralizedTimeSize}
)

const (
	reasonSize     = 12
	invaliditySize = 26
)

// Check reports why e can be on no list, complete or delta.
func (e *Entry) Check() error { return e.check(true) }

// check reports why e cannot be listed.
func (e *Entry) check(delta bool) error {
	check := der.CheckSerial
	if e.Misissued {
		check = der.CheckMisissued
	}
	if err := check(e.Serial); err != nil {
		return err
	}
	if err := der.CheckTime(e.Time); err != nil {
		return fmt.Errorf("the revocation time of serial number %x: %w", e.Serial, err)
	}
	if !e.InvalidityDate.IsZero() {
		if err := der.CheckTime(e.InvalidityDate); err != nil {
			return fmt.Errorf("the invalidity date of serial number %x: %w", e.Serial, err)
		}
	}
	if err := checkReason(e.Reason, delta); err != nil {
		return fmt.Errorf("the reason of serial number %x: %w", e.Serial, err)
	}
	return nil
}

func checkReason(reason int, delta bool) error {
	switch {
	case reason < Absent || reason == 7 || reason > AACompromise:
		return fmt.Errorf("%d is no reason code of RFC 5280 section 5.3.1", reason)
	case reason == RemoveFromCRL && !delta:
		return errors.New("removeFromCRL (8) appears in delta CRLs only (RFC 5280 section 5.3.1)")
	}
	return nil
}

// appendEntry appends e, which check has passed. An entry never has more than 79 octets of content, so all
// lengths take one octet: nextSerial depends on it.
func appendEntry(b []byte, e *Entry) []byte {
	start := len(b)
	b = append(b, der.Sequence, 0)
	b = der.Append(b, der.Integer, e.Serial)
	b = der.AppendTime(b, e.Time)
	hasReason, hasDate := e.Reason > Unspecified, !e.InvalidityDate.IsZero()
	if hasReason || hasDate {
		n := 0
		if hasReason {
			n += reasonSize
		}
		if hasDate {
			n += invaliditySize
		}
		b = append(b, der.Sequence, byte(n))
	}
	if hasReason {
		b = append(append(b, reasonHead...), byte(e.Reason))
	}
	if hasDate {
		b = der.AppendGeneralizedTime(append(b, invalidityHead...), e.InvalidityDate)
	}
	b[start+1] = byte(len(b) - start - 2)
	return b
}
