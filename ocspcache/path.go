package ocspcache

// The most that a request may hold: RFC 9919 section 5 sends by GET what fits
// 255 bytes of URL, and a nonce has at most 128 octets (RFC 9654).
const (
	maxGETRequest  = 1 << 10
	maxPOSTRequest = 10 << 10
	maxGETPath     = 8 << 10
)

// sextets gives the value of each character of base64, of its URL-safe alphabet,
// and of the space, which is what a '+' becomes on the way through a form decoder.
// 0xff is no character of base64.
var sextets = func() (table [256]byte) {
	for i := range table {
		table[i] = 0xff
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for i := range len(alphabet) {
		table[alphabet[i]] = byte(i)
	}
	table[' '], table['-'], table['_'] = table['+'], table['+'], table['/']
	return table
}()

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
	bits, count, size := uint32(0), 0, 0
	padding := false
	for i := 0; i < len(path); {
		c := path[i]
		i++
		if c == '%' {
			var rest string
			c, rest = cutChar(path[i-1:])
			i = len(path) - len(rest)
		}
		if c == '=' {
			padding = true
			continue
		}
		sextet := sextets[c]
		if sextet == 0xff || padding {
			return nil, false
		}
		bits = bits<<6 | uint32(sextet)
		if count++; count%4 == 0 {
			if size+3 > len(dst) {
				return nil, false
			}
			dst[size], dst[size+1], dst[size+2] = byte(bits>>16), byte(bits>>8), byte(bits)
			size += 3
		}
	}
	switch count % 4 {
	case 1:
		return nil, false
	case 2, 3:
		bits <<= uint(4-count%4) * 6
		for n := count%4 - 1; n > 0; n-- {
			if size == len(dst) {
				return nil, false
			}
			dst[size] = byte(bits >> 16)
			bits <<= 8
			size++
		}
	}
	return dst[:size], size > 0
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
