package ocspcache

import "encoding/base64"

// The most that a request may hold: RFC 9919 section 5 sends by GET what fits
// 255 bytes of URL, and a nonce has at most 128 octets (RFC 9654).
const (
	maxGETRequest  = 1 << 10
	maxPOSTRequest = 10 << 10
	maxGETPath     = 8 << 10
	maxGETText     = (maxGETRequest*4 + 2) / 3
)

// decodeGET reads the request that follows the responder's path in a GET URL:
// the percent-encoded base64 of the DER (RFC 6960 appendix A.1), decoded into
// dst. path is as it was on the wire: cleaning it would lose the slashes of the
// base64.
//
// Clients differ, so beside the standard form it takes: leading slashes (a base
// URL that ends with one), slashes, '+' and '=' as they are, lower-case hex, a
// space where a '+' was, the URL-safe alphabet, absent padding, and a second
// percent-encoding of the whole.
func decodeGET(dst *[maxGETRequest]byte, path string) (der []byte, ok bool) {
	for len(path) > 0 && path[0] == '/' {
		path = path[1:]
	}
	if len(path) > maxGETPath {
		return nil, false
	}
	var text [maxGETText + 3]byte
	n := 0
	padding := false
	for len(path) > 0 {
		var c byte
		c, path = cutChar(path)
		switch {
		case c == '=':
			padding = true
			continue
		case padding:
			return nil, false
		case c == ' ' || c == '-':
			c = '+'
		case c == '_':
			c = '/'
		}
		if n == len(text) {
			return nil, false
		}
		text[n] = c
		n++
	}
	if base64.RawStdEncoding.DecodedLen(n) > len(dst) {
		return nil, false
	}
	// A character outside the alphabet fails here; line breaks, which the decoder
	// would skip, are refused first.
	for _, c := range text[:n] {
		if c == '\r' || c == '\n' {
			return nil, false
		}
	}
	size, err := base64.RawStdEncoding.Decode(dst[:], text[:n])
	return dst[:size], err == nil && size > 0
}

// cutChar splits the first character off a percent-encoded text. An encoded '%'
// that begins another escape is decoded again: some clients encode twice. Broken
// escapes give '%', which no base64 has.
func cutChar(s string) (c byte, rest string) {
	c, rest = cutEscape(s)
	if c != '%' || len(s) == len(rest)+1 {
		return c, rest
	}
	if len(rest) >= 2 {
		if hi, ok := unhex(rest[0]); ok {
			if lo, ok := unhex(rest[1]); ok {
				return hi<<4 | lo, rest[2:]
			}
		}
	}
	return c, rest
}

func cutEscape(s string) (c byte, rest string) {
	if s[0] != '%' || len(s) < 3 {
		return s[0], s[1:]
	}
	hi, ok := unhex(s[1])
	if !ok {
		return '%', s[1:]
	}
	lo, ok := unhex(s[2])
	if !ok {
		return '%', s[1:]
	}
	return hi<<4 | lo, s[3:]
}

func unhex(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
