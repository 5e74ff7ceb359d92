package ocspcache

import (
	"bytes"
	"errors"
	"fmt"
)

// maxResponse is the longest response that a bundle holds. Real ones have 300 to
// 5,000 bytes; the largest carry an RSA-4096 delegate's certificate.
const maxResponse = 64 << 10

// oidBasic is id-pkix-ocsp-basic.
const oidBasic = oidOCSPArc + "\x01"

// scanned is what an index entry says of a response.
type scanned struct {
	key                    Key
	thisUpdate, nextUpdate int64 // Unix seconds
}

// scanResponse walks through a response once, without allocating, and returns
// the facts of its SingleResponse for want. An empty issuer name hash in want
// matches any. It is no full check, which is artifact.ParseResponse's work; it
// makes sure that what a bundle says of a response is in the response.
func scanResponse(der []byte, want Key) (scanned, error) {
	var none scanned
	if len(der) > maxResponse {
		return none, fmt.Errorf("response has %d bytes, at most %d are possible", len(der), maxResponse)
	}
	data, err := cutResponseData(der)
	if err != nil {
		return none, err
	}
	singles, exts, ok := cut(data, tagSequence)
	if !ok {
		return none, errors.New("responses are missing")
	}
	if err := refuseNonce(exts); err != nil {
		return none, err
	}
	for len(singles) > 0 {
		single, rest, ok := cut(singles, tagSequence)
		if !ok {
			return none, errors.New("a SingleResponse is broken")
		}
		key, single, ok := cutCertID(single)
		if !ok {
			return none, errors.New("a CertID is broken")
		}
		if want.names(key) {
			s := scanned{key: key}
			return s, s.readTimes(single)
		}
		singles = rest
	}
	return none, fmt.Errorf("response does not speak of serial %x of issuer key %x", want.Serial, want.IssuerKeyHash)
}

// names reports whether an answer about k is one for the asked key.
func (k Key) names(found Key) bool {
	return k.Hash == found.Hash && bytes.Equal(k.Serial, found.Serial) &&
		bytes.Equal(k.IssuerKeyHash, found.IssuerKeyHash) &&
		(len(k.IssuerNameHash) == 0 || bytes.Equal(k.IssuerNameHash, found.IssuerNameHash))
}

// cutResponseData opens a successful BasicOCSPResponse (RFC 6960 section 4.2.1)
// up to the responses in its ResponseData.
func cutResponseData(der []byte) ([]byte, error) {
	body, ok := only(der, tagSequence)
	if !ok {
		return nil, errors.New("response is not exactly one SEQUENCE")
	}
	status, body, ok := cut(body, tagEnumerated)
	if !ok || len(status) != 1 {
		return nil, errors.New("response status is missing")
	}
	if status[0] != 0 {
		return nil, fmt.Errorf("response status is %d, not successful", status[0])
	}
	body, ok = only(body, tagContext0)
	if ok {
		body, ok = only(body, tagSequence)
	}
	oid, body, found := cut(body, tagOID)
	if !ok || !found || string(oid) != oidBasic {
		return nil, errors.New("response type is not id-pkix-ocsp-basic")
	}
	basic, ok := only(body, tagOctetString)
	if ok {
		basic, ok = only(basic, tagSequence)
	}
	data, _, found := cut(basic, tagSequence)
	if !ok || !found {
		return nil, errors.New("BasicOCSPResponse is broken")
	}
	if data, ok = skip(data, tagContext0); !ok {
		return nil, errors.New("version is broken")
	}
	tag, _, data, ok := cutTLV(data)
	if !ok || tag != tagContext1 && tag != tagContext2 {
		return nil, errors.New("responder ID is missing")
	}
	if _, data, ok = cut(data, tagGeneralizedTime); !ok {
		return nil, errors.New("producedAt is missing")
	}
	return data, nil
}

// refuseNonce reads the optional responseExtensions. A nonce would be the echo of
// one request, and the answer wrong for every other.
func refuseNonce(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	list, ok := only(b, tagContext1)
	if ok {
		list, ok = only(list, tagSequence)
	}
	if !ok {
		return errors.New("bytes after the responses are no extensions")
	}
	for len(list) > 0 {
		oid, _, rest, ok := cutExtension(list)
		if !ok {
			return errors.New("a response extension is broken")
		}
		if string(oid) == oidNonce {
			return errors.New("response carries a nonce")
		}
		list = rest
	}
	return nil
}

// readTimes reads certStatus, thisUpdate and nextUpdate off what follows a CertID.
func (s *scanned) readTimes(single []byte) error {
	tag, _, rest, ok := cutTLV(single)
	if !ok || tag != 0x80 && tag != 0xa1 && tag != 0x82 {
		return errors.New("certStatus is none of good, revoked and unknown")
	}
	this, rest, ok := cut(rest, tagGeneralizedTime)
	if ok {
		s.thisUpdate, ok = unixTime(this)
	}
	if !ok {
		return errors.New("thisUpdate is not in the form YYYYMMDDHHMMSSZ")
	}
	next, _, ok := cut(rest, tagContext0)
	if !ok {
		return errors.New("nextUpdate is missing")
	}
	if next, ok = only(next, tagGeneralizedTime); ok {
		s.nextUpdate, ok = unixTime(next)
	}
	if !ok {
		return errors.New("nextUpdate is not in the form YYYYMMDDHHMMSSZ")
	}
	if s.nextUpdate <= s.thisUpdate {
		return errors.New("nextUpdate is not after thisUpdate")
	}
	return nil
}

// unixTime reads the one form of GeneralizedTime that RFC 5280 section 4.1.2.5.2
// leaves: YYYYMMDDHHMMSSZ.
func unixTime(b []byte) (int64, bool) {
	if len(b) != 15 || b[14] != 'Z' {
		return 0, false
	}
	var n [7]int
	for i := range n {
		hi, lo := b[2*i]-'0', b[2*i+1]-'0'
		if hi > 9 || lo > 9 {
			return 0, false
		}
		n[i] = int(hi)*10 + int(lo)
	}
	year, month, day, hour, minute, second := n[0]*100+n[1], n[2], n[3], n[4], n[5], n[6]
	if year < 1 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 ||
		second > 59 {
		return 0, false
	}
	// Counting the year from March puts the leap day at its end.
	if month -= 3; month < 0 {
		month += 12
		year--
	}
	days := year*365 + year/4 - year/100 + year/400 + (153*month+2)/5 + day - 1
	const to1970 = 719468 // days from 1 March of year 0
	return int64(days-to1970)*86400 + int64(hour*3600+minute*60+second), true
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
