package crl

import (
	"math/big"

	"seihon/hsmsign/internal/der"
)

// Object identifiers of the extensions, as DER content. Those of RFC 5280 are under 2.5.29.
var (
	oidNumber       = []byte{0x55, 0x1d, 20}
	oidDelta        = []byte{0x55, 0x1d, 27}
	oidScope        = []byte{0x55, 0x1d, 28}
	oidAuthorityKey = []byte{0x55, 0x1d, 35}
	oidFreshest     = []byte{0x55, 0x1d, 46}
	oidExpiredCerts = []byte{0x55, 0x1d, 60}
	oidNextPublish  = []byte{0x2b, 6, 1, 4, 1, 0x82, 0x37, 21, 4} // 1.3.6.1.4.1.311.21.4
)

var derTrue = []byte{der.Boolean, 1, 0xff}

// extensions encodes crlExtensions, which check has passed.
func (t *Template) extensions() []byte {
	list := [][]byte{
		extension(oidAuthorityKey, false, der.Wrap(der.Sequence, der.Wrap(0x80, t.Issuer.SubjectKeyId))),
		extension(oidNumber, false, der.Wrap(der.Integer, integer(t.Number))),
	}
	if t.BaseNumber != nil {
		list = append(list, extension(oidDelta, true, der.Wrap(der.Integer, integer(t.BaseNumber))))
	}
	if t.Scope != nil {
		list = append(list, extension(oidScope, !t.Scope.NotCritical, t.Scope.encode()))
	}
	if len(t.FreshestCRL) > 0 {
		// One distribution point with several names: all lead to the same delta CRL.
		point := der.Wrap(der.Sequence, fullName(t.FreshestCRL))
		list = append(list, extension(oidFreshest, false, der.Wrap(der.Sequence, point)))
	}
	if !t.ExpiredCertsOnCRL.IsZero() {
		list = append(list, extension(oidExpiredCerts, false, der.AppendGeneralizedTime(nil, t.ExpiredCertsOnCRL)))
	}
	if !t.NextPublish.IsZero() {
		list = append(list, extension(oidNextPublish, false, der.AppendTime(nil, t.NextPublish)))
	}
	return der.Wrap(der.Sequence, list...)
}

func extension(oid []byte, critical bool, value []byte) []byte {
	parts := [][]byte{der.Wrap(der.OID, oid)}
	if critical {
		parts = append(parts, derTrue) // DER leaves the default, FALSE, out
	}
	return der.Wrap(der.Sequence, append(parts, der.Wrap(der.OctetString, value))...)
}

// encode writes IssuingDistributionPoint.
func (s *Scope) encode() []byte {
	var parts [][]byte
	if len(s.URIs) > 0 {
		parts = append(parts, fullName(s.URIs))
	}
	if s.OnlyUserCerts {
		parts = append(parts, []byte{0x81, 1, 0xff})
	}
	if s.OnlyCACerts {
		parts = append(parts, []byte{0x82, 1, 0xff})
	}
	return der.Wrap(der.Sequence, parts...)
}

// fullName writes the distributionPoint field with URIs as its fullName. Being a CHOICE, the field's own
// tag is explicit; the two inside are implicit.
func fullName(uris []string) []byte {
	var names [][]byte
	for _, uri := range uris {
		names = append(names, der.Wrap(0x86, []byte(uri)))
	}
	return der.Wrap(der.Context(0), der.Wrap(der.Context(0), names...))
}

// integer returns the content of the DER INTEGER n, which is not negative.
func integer(n *big.Int) []byte {
	b := n.Bytes()
	if len(b) == 0 || b[0] >= 0x80 {
		b = append([]byte{0}, b...)
	}
	return b
}
