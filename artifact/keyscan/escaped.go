package keyscan

import (
	"bytes"
	"encoding/ascii85"
	"regexp"
	"strconv"
)

// An escape is one way of writing a character by its number.
type escape struct {
	what  string
	sign  string         // what it begins with
	form  *regexp.Regexp // one escape, with the number as group 1
	base  int
	extra map[string]string // escapes that are no numbers
}

var escapes = []escape{
	{"percent-encoded text", "%", regexp.MustCompile(`^%([0-9A-Fa-f]{2})`), 16, nil},
	{"escaped text", `\x`, regexp.MustCompile(`^\\x([0-9A-Fa-f]{2})`), 16, nil},
	{"escaped text", `\u`, regexp.MustCompile(`^\\u(00[0-9A-Fa-f]{2})`), 16, nil},
	{"octal-escaped text", `\`, regexp.MustCompile(`^\\([0-3][0-7]{2})`), 8,
		map[string]string{`\n`: "\n", `\r`: "\r", `\t`: "\t", `\\`: `\`, `\"`: `"`, `\(`: "(", `\)`: ")"}},
	{"character references", "&#x", regexp.MustCompile(`^&#[xX]([0-9A-Fa-f]{1,4});`), 16, nil},
	{"character references", "&#", regexp.MustCompile(`^&#([0-9]{1,3});`), 10, nil},
	{"quoted-printable text", "=", regexp.MustCompile(`^=([0-9A-F]{2})`), 16,
		map[string]string{"=\n": "", "=\r\n": ""}},
}

// minEscapes is how many escapes a text must have to be undone.
const minEscapes = 8

// least is how many of its kind: one is enough to hide a name of JSON.
func (e *escape) least() int {
	if e.sign == `\u` {
		return 1
	}
	return minEscapes
}

// scanEscapes undoes each kind of escape in every piece of text.
func (s *scanner) scanEscapes(b []byte) *Finding {
	return s.eachRun(b, charText, minRun, func(run []byte) *Finding {
		for i := range escapes {
			e := &escapes[i]
			if bytes.Count(run, []byte(e.sign)) < e.least() || !s.spend(len(run)) {
				continue
			}
			if f := s.unescape(e, run); f != nil || s.stopped {
				return f
			}
			if e.sign != "%" || bytes.IndexByte(run, '+') < 0 {
				continue
			}
			form := bytes.ReplaceAll(run, []byte("+"), []byte(" ")) // in forms a plus sign is a space
			if f := s.unescape(e, form); f != nil || s.stopped {
				return f
			}
		}
		return nil
	})
}

func (s *scanner) unescape(e *escape, b []byte) *Finding {
	out, n := e.undo(b)
	if n < e.least() {
		return nil
	}
	return s.inside(e.what, out)
}

// undo returns b with the escapes replaced, and how many there were.
func (e *escape) undo(b []byte) ([]byte, int) {
	out, n := make([]byte, 0, len(b)), 0
	for len(b) > 0 {
		i := bytes.Index(b, []byte(e.sign))
		if i < 0 {
			break
		}
		out = append(out, b[:i]...)
		b = b[i:]
		if m := e.form.FindSubmatch(b[:min(len(b), 16)]); m != nil {
			v, _ := strconv.ParseUint(string(m[1]), e.base, 32) // the form holds only digits
			out = append(out, byte(v))
			b = b[len(m[0]):]
			n++
			continue
		}
		text, skip := e.named(b)
		out = append(out, text...)
		b = b[skip:]
		if skip > len(e.sign) {
			n++
		}
	}
	return append(out, b...), n
}

func (e *escape) named(b []byte) (text string, skip int) {
	for from, to := range e.extra {
		if bytes.HasPrefix(b, []byte(from)) {
			return to, len(from)
		}
	}
	return e.sign, len(e.sign)
}

// scanUTF16 drops the zero octets from text in UTF-16, which is told by there being so many of them.
func (s *scanner) scanUTF16(b []byte) *Finding {
	if zeros := bytes.Count(b, []byte{0}); len(b) < minRun || zeros*5 < len(b)*2 || zeros*5 > len(b)*4 ||
		!s.spend(len(b)) {
		return nil
	}
	text := bytes.ReplaceAll(b, []byte{0}, nil)
	if !hasRun(text, charText, minRun) {
		return nil
	}
	return s.inside("UTF-16 text", text)
}

var (
	// uuBegin is the first line of uuencoded data.
	uuBegin = regexp.MustCompile(`(?m)^begin [0-7]{3,4} [^\r\n]+\r?\n`)

	// A line of a hex dump begins with an address of three to sixteen digits. What xxd and others print behind the
	// bytes is separated by at least two spaces, by an asterisk or by a bar.
	dumpLine = regexp.MustCompile(`(?m)^[ \t]*(?:0x)?[0-9A-Fa-f]{3,16}(?:[ \t]*[:|][ \t]*|[ \t]+-[ \t]+|[ \t]+)((?:[0-9A-Fa-f]{2,8}[ \t-]){3,32}[0-9A-Fa-f]{0,8}|(?:[0-9A-Fa-f]{2,8}[ \t-]){0,31}[0-9A-Fa-f]{2,8})`)
)

// scanUU decodes uuencoded data.
func (s *scanner) scanUU(b []byte) *Finding {
	if !bytes.Contains(b, []byte("begin ")) || !s.spend(len(b)) {
		return nil
	}
	for _, m := range uuBegin.FindAllIndex(b, 64) {
		if f := s.decoded("uuencoded data", unuu(b[m[1]:])); f != nil || s.stopped {
			return f
		}
	}
	return nil
}

func unuu(b []byte) []byte {
	var out []byte
	for line := range bytes.Lines(b) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 || string(line) == "end" || line[0] < ' ' || line[0] > '`' {
			break
		}
		size, bits, have, start := int(line[0]-' ')&63, uint32(0), 0, len(out)
		for _, c := range line[1:] {
			if bits, have = bits<<6|uint32(c-' ')&63, have+6; have >= 8 && len(out)-start < size {
				have -= 8
				out = append(out, byte(bits>>have))
			}
		}
	}
	return out
}

// scanASCII85 decodes what stands between <~ and ~>.
func (s *scanner) scanASCII85(b []byte) *Finding {
	return each(b, "<~", func(at int) *Finding {
		text := b[at+2:]
		end := bytes.Index(text, []byte("~>"))
		if end < 0 || !s.spend(end) {
			return nil
		}
		out := make([]byte, end+4)
		n, _, _ := ascii85.Decode(out, text[:end], true) // what follows an error is not of it
		return s.decoded("ASCII85 text", out[:n])
	})
}

// scanDump takes the bytes out of a hex dump: xxd, hexdump, od, and what openssl prints in diagnostics. Some of them
// print words of two octets in the order of the machine, so that each pair is also taken in reverse.
func (s *scanner) scanDump(b []byte) *Finding {
	if !bytes.Contains(b, []byte("0010")) && !bytes.Contains(b, []byte("0000020")) || !s.spend(len(b)) {
		return nil
	}
	var digits []byte
	for _, m := range dumpLine.FindAllSubmatch(b, -1) {
		digits = append(digits, cleanHex(m[1])...)
	}
	if len(digits) < minRun {
		return nil
	}
	out := decode16(nil, digits)
	if f := s.decoded("hex dump", out); f != nil || s.stopped {
		return f
	}
	for i := 0; i+1 < len(out); i += 2 {
		out[i], out[i+1] = out[i+1], out[i]
	}
	return s.decoded("hex dump", out)
}
