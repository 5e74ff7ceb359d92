package keyscan

import (
	"bytes"
)

// The classes of characters in encoded text.
const (
	charBase64 = 1 << iota // a digit of base64, in either alphabet
	charHex                // a hexadecimal digit
	charBase32             // a digit of base32
	// what may stand between digits: white space, quotes, signs of comments and of source code
	charSkip
	charSeparator // what may stand between hexadecimal pairs
	charDecimal   // a list of decimal numbers
	charText      // anything that text is made of
)

var charClass = func() (t [256]uint8) {
	set := func(chars string, class uint8) {
		for i := range len(chars) {
			t[chars[i]] |= class
		}
	}
	const upper, lower = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
	set(upper+lower+"0123456789+/-_", charBase64)
	set("0123456789abcdefABCDEF", charHex)
	set(upper+"234567", charBase32)
	set(" \t\r\n\f\v\"'`,;\\>#*|%<&=", charSkip)
	set(" \t\r\n\f\v:,;-_.|\\xX\"'{}()[]&h#", charSeparator)
	set("0123456789 \t\r\n,;-[]{}()", charDecimal)
	for c := range 256 {
		if c >= ' ' && c < 0x7f || c == '\n' || c == '\r' || c == '\t' || c == '\f' {
			t[c] |= charText
		}
	}
	return t
}()

// minRun is the shortest piece of encoded text that is looked into. The smallest private key in DER (Ed25519 in PKCS#8,
// 48 bytes) takes 64 characters, and the head of a larger one is told by its first 30 bytes.
const minRun = 40

// scanText undoes what text does to data: base64, hexadecimal and other digits, escapes, and UTF-16.
func (s *scanner) scanText(b []byte, text bool) *Finding {
	if !text {
		return s.scanUTF16(b)
	}
	for _, scan := range []func([]byte) *Finding{s.scanBase64, s.scanHex, s.scanDump, s.scanBase32, s.scanBase32Others,
		s.scanDecimal, s.scanFigures, s.scanEscapes, s.scanMarkup, s.scanUU, s.scanFirmware, s.scanASCII85,
		s.scanNumber, s.scanBase85,
		s.scanYEnc, s.scanUTF16} {
		if f := scan(b); f != nil || s.stopped {
			return f
		}
	}
	return nil
}

// hasText reports whether b has a line of text, however short: no encoding of a key and no seal in text has fewer
// characters in a row. The dates of a revocation list have.
func hasText(b []byte) bool { return hasRun(b, charText, 20) }

// hasRun reports whether b has at least n characters of a class in a row.
func hasRun(b []byte, class uint8, n int) bool {
	start, _ := nextRun(b, 0, class, n)
	return start >= 0
}

// nextRun finds the next run of at least n characters of a class at or after from. It looks at one byte in n until it
// meets a candidate.
func nextRun(b []byte, from int, class uint8, n int) (start, end int) {
	for probe := from + n - 1; probe < len(b); probe += n {
		if charClass[b[probe]]&class == 0 {
			continue
		}
		lo := probe
		for lo > from && charClass[b[lo-1]]&class != 0 {
			lo--
		}
		hi := probe + 1
		for hi < len(b) && charClass[b[hi]]&class != 0 {
			hi++
		}
		if hi-lo >= n {
			return lo, hi
		}
		probe = hi - 1
	}
	return -1, -1
}

// eachRun calls f with every run of at least n characters of a class, until it finds something.
func (s *scanner) eachRun(b []byte, class uint8, n int, f func(run []byte) *Finding) *Finding {
	for at := 0; ; {
		start, end := nextRun(b, at, class, n)
		if start < 0 {
			return nil
		}
		at = end
		if !s.spend(end - start) {
			return nil
		}
		if found := f(b[start:end]); found != nil || s.stopped {
			return found
		}
	}
}

// scanBase64 decodes base64 text in lines of any length, whatever stands between them, from each of the four characters
// at which a quantum may begin. Ordinary prose is decoded as well; it costs time and holds no key.
func (s *scanner) scanBase64(b []byte) *Finding {
	return s.eachRun(b, charBase64|charSkip, minRun, func(run []byte) *Finding {
		text := cleanBase64(run)
		if len(text) < minRun {
			return nil
		}
		out := make([]byte, 0, len(text)/4*3+3)
		for shift := range 4 {
			if f := s.decoded("base64 text", decode64(out, text[shift:])); f != nil || s.stopped {
				return f
			}
		}
		// What is compressed is only told where it begins, so that an unbroken piece is also taken by itself.
		if lo, hi := nextRun(run, 0, charBase64, minRun); lo > 0 {
			head := decode64(out, cleanBase64(run[lo:min(hi+len(run), len(run))]))
			if startsPacked(head) {
				return s.inside("base64 text", bytes.Clone(head))
			}
		}
		return nil
	})
}

// cleanBase64 leaves only digits, in the standard alphabet, and the padding. It drops markup, escapes (\n), and the
// signs by which source code joins strings.
func cleanBase64(run []byte) []byte {
	text := make([]byte, 0, len(run))
	for i := 0; i < len(run); i++ {
		switch c := run[i]; {
		case c == '-':
			text = append(text, '+')
		case c == '_':
			text = append(text, '/')
		case charClass[c]&charBase64 != 0, c == '=':
			text = append(text, c)
		case c == '\\':
			if i+1 < len(run) && (run[i+1] == 'n' || run[i+1] == 'r' || run[i+1] == 't') {
				i++
			}
		case c == '"' || c == '\'' || c == '`':
			i += joins(run[i:])
		case c == '<':
			if end := bytes.IndexByte(run[i:min(len(run), i+64)], '>'); end > 0 {
				i += end
			}
		}
	}
	return text
}

// joins returns how many characters after a quote only join it with the next string: `" + "`.
func joins(b []byte) int {
	i := 1
	for plus := false; i < len(b) && i < 256; i++ {
		switch c := b[i]; {
		case c == b[0]:
			return i
		case c == '+' && !plus:
			plus = true
		case charClass[c]&charBase64 != 0:
			return 0
		}
	}
	return 0
}

var digit64 = func() (t [256]int8) {
	for i := range t {
		t[i] = -1
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		t[c] = int8(i)
	}
	return t
}()

// decode64 appends what text encodes to out[:0]. Padding ends a quantum and not the text, since lines may have been
// encoded one by one.
func decode64(out, text []byte) []byte {
	out = out[:0]
	bits, have := uint32(0), 0
	for _, c := range text {
		d := digit64[c]
		if d < 0 {
			bits, have = 0, 0
			continue
		}
		bits, have = bits<<6|uint32(d), have+6
		if have >= 8 {
			have -= 8
			out = append(out, byte(bits>>have))
		}
	}
	return out
}

// decoded scans decoded text. Keys are looked for, and packed data and text where they begin; random bytes are not
// followed any further.
func (s *scanner) decoded(what string, b []byte) *Finding {
	if len(b) < minRun/2 || s.stopped {
		return nil
	}
	if f := findOpen(b); f != nil {
		return wrap(f, what)
	}
	if startsPacked(b) || hasRun(b, charBase64|charSkip, minRun) || hasPacked(b) {
		return s.inside(what, bytes.Clone(b))
	}
	return nil
}

// scanHex decodes hexadecimal digits in pairs or in one piece, with anything between them that people put there.
func (s *scanner) scanHex(b []byte) *Finding {
	return s.eachRun(b, charHex|charSeparator, minRun, func(run []byte) *Finding {
		digits := cleanHex(run)
		if len(digits) < minRun {
			return nil
		}
		out := make([]byte, 0, len(digits)/2)
		for shift := range 2 {
			if f := s.decoded("hexadecimal text", decode16(out, digits[shift:])); f != nil || s.stopped {
				return f
			}
		}
		return nil
	})
}

// cleanHex leaves only digits. It drops the prefix 0x, and fills up a digit that stands alone in a list.
func cleanHex(run []byte) []byte {
	digits := make([]byte, 0, len(run))
	list := bytes.IndexByte(run, ',') >= 0 || bytes.IndexByte(run, ';') >= 0
	for i := 0; i < len(run); i++ {
		c := run[i]
		if charClass[c]&charHex == 0 {
			continue
		}
		if c == '0' && i+1 < len(run) && run[i+1]|0x20 == 'x' {
			i++
			continue
		}
		alone := (i == 0 || charClass[run[i-1]]&charHex == 0) && (i+1 == len(run) || charClass[run[i+1]]&charHex == 0)
		if alone && list {
			digits = append(digits, '0')
		}
		digits = append(digits, c)
	}
	return digits
}

func hexValue(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

func decode16(out, digits []byte) []byte {
	out = out[:0]
	for i := 0; i+1 < len(digits); i += 2 {
		out = append(out, hexValue(digits[i])<<4|hexValue(digits[i+1]))
	}
	return out
}

// scanBase32 decodes base32 text (RFC 4648 section 6) from each of the eight characters at which a quantum may begin.
func (s *scanner) scanBase32(b []byte) *Finding {
	const shortest = 64
	return s.eachRun(b, charBase32|charSkip, shortest, func(run []byte) *Finding {
		text := make([]byte, 0, len(run))
		for _, c := range run {
			switch {
			case c >= 'A' && c <= 'Z':
				text = append(text, c-'A')
			case c >= '2' && c <= '7':
				text = append(text, c-'2'+26)
			}
		}
		if len(text) < shortest {
			return nil
		}
		for shift := range 8 {
			out := make([]byte, 0, len(text)*5/8)
			bits, have := uint32(0), 0
			for _, d := range text[shift:] {
				if bits, have = bits<<5|uint32(d), have+5; have >= 8 {
					have -= 8
					out = append(out, byte(bits>>have))
				}
			}
			if f := s.decoded("base32 text", out); f != nil || s.stopped {
				return f
			}
		}
		return nil
	})
}

// scanDecimal decodes lists of decimal numbers that are octets, signed or not, as programs print byte arrays.
func (s *scanner) scanDecimal(b []byte) *Finding {
	const shortest = 80
	return s.eachRun(b, charDecimal, shortest, func(run []byte) *Finding {
		var out []byte
		for _, w := range bytes.FieldsFunc(run, func(r rune) bool { return r != '-' && (r < '0' || r > '9') }) {
			n, negative := 0, false
			if w[0] == '-' {
				w, negative = w[1:], true
			}
			if len(w) == 0 || len(w) > 3 {
				out = append(out, 0)
				continue
			}
			for _, c := range w {
				if c == '-' {
					n = 256
					break
				}
				n = n*10 + int(c-'0')
			}
			if negative {
				n = 256 - n
			}
			out = append(out, byte(n))
		}
		return s.decoded("a list of numbers", out)
	})
}
