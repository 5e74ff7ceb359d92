package ocspcache

import (
	"encoding/hex"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

// The header fields that differ between stored responses.
const (
	fieldLength = iota
	fieldModified
	fieldETag
	fieldExpires
	fieldCache
	fieldCount
)

// fields holds the values of these header fields. They are parts of one string,
// so that an answer costs two allocations.
type fields struct{ values [fieldCount]string }

// newFields formats the header fields of RFC 9919 section 6 for a response.
// Last-Modified is thisUpdate, which equals producedAt in our responses, the ETag
// is the hexadecimal SHA-256, and Expires is nextUpdate.
//
// An answer to a GET with a nonce has a URL that nobody will ask for again:
// no-store keeps it from pushing useful answers out of a cache. RFC 9919 forbids
// no-store for answers to requests of its profile, which have no nonce.
func newFields(s Stored, maxAge int64, unique bool) *fields {
	var text [224]byte
	var ends [fieldCount]int
	b := strconv.AppendInt(text[:0], int64(len(s.DER)), 10)
	ends[fieldLength] = len(b)
	b = appendDate(b, s.ThisUpdate)
	ends[fieldModified] = len(b)
	b = append(hex.AppendEncode(append(b, '"'), s.Digest), '"')
	ends[fieldETag] = len(b)
	b = appendDate(b, s.NextUpdate)
	ends[fieldExpires] = len(b)
	if unique {
		b = append(b, "no-store, no-transform"...)
	} else {
		b = strconv.AppendInt(append(b, "max-age="...), maxAge, 10)
		b = append(b, ", public, no-transform, must-revalidate"...)
	}
	ends[fieldCache] = len(b)

	all, start := string(b), 0
	f := new(fields)
	for i, end := range ends {
		f.values[i] = all[start:end]
		start = end
	}
	return f
}

// set puts the fields into a header, by their canonical names.
func (f *fields) set(h http.Header) {
	h["Content-Type"] = valueOCSP
	h["Content-Length"] = f.one(fieldLength)
	h["Last-Modified"] = f.one(fieldModified)
	h["Etag"] = f.one(fieldETag)
	h["Expires"] = f.one(fieldExpires)
	h["Cache-Control"] = f.one(fieldCache)
}

func (f *fields) one(i int) []string { return f.values[i : i+1 : i+1] }

// appendDate appends an HTTP-date, which is always in GMT (RFC 9110 section
// 5.6.7). It is [http.TimeFormat] at a fifth of its cost.
func appendDate(b []byte, unix int64) []byte {
	const days, months = "SunMonTueWedThuFriSat", "JanFebMarAprMayJunJulAugSepOctNovDec"
	t := time.Unix(unix, 0).UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	weekday := int(t.Weekday())
	b = append(b, days[3*weekday:3*weekday+3]...)
	b = append(b, ',', ' ', digit(day/10), digit(day), ' ')
	b = append(b, months[3*month-3:3*month]...)
	b = append(b, ' ', digit(year/1000), digit(year/100), digit(year/10), digit(year), ' ')
	return append(b, digit(hour/10), digit(hour), ':', digit(minute/10), digit(minute), ':', digit(second/10),
		digit(second), ' ', 'G', 'M', 'T')
}

// digit is the last decimal digit of n.
func digit(n int) byte { return '0' + byte(n%10) }

// notModified reports whether the client has the answer already: If-None-Match
// with any form of the ETag, or without it If-Modified-Since (RFC 9110 section
// 13.2.2).
func notModified(h http.Header, etag string, modified int64) bool {
	if lists, ok := h["If-None-Match"]; ok {
		for _, list := range lists {
			if matchesETag(list, etag) {
				return true
			}
		}
		return false
	}
	since := h["If-Modified-Since"]
	if len(since) != 1 {
		return false
	}
	t, err := http.ParseTime(since[0])
	return err == nil && modified <= t.Unix()
}

// matchesETag reports whether a list of entity tags names etag. The comparison is
// the weak one (RFC 9110 section 8.8.3.2).
func matchesETag(list, etag string) bool {
	for {
		list = strings.TrimLeft(list, " \t,")
		if list == "" {
			return false
		}
		if list[0] == '*' {
			return true
		}
		list = strings.TrimPrefix(list, "W/")
		if list == "" || list[0] != '"' {
			return false
		}
		end := strings.IndexByte(list[1:], '"')
		if end < 0 {
			return false
		}
		if list[:end+2] == etag {
			return true
		}
		list = textproto.TrimString(list[end+2:])
	}
}
