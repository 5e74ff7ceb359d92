package pdf

import (
	"strconv"
)

// The values that a PDF object is made of. Null is nil, and a boolean is a bool.
type (
	// A Name is decoded: /#4caunch is "Launch".
	Name string
	// A String is decoded, whichever of the two notations it stood in.
	String []byte
	// A Number is kept as a float, which is exact for the integers that matter here.
	Number float64
	// A Ref names another object.
	Ref struct{ Number, Generation int }
	// An Array is a list of values.
	Array []any
	// A Dict maps names to values.
	Dict map[Name]any
	// A Keyword is a word that is no value: an operator of a content stream, or endobj.
	Keyword string
)

// maxDepth bounds the nesting of arrays and dictionaries.
const maxDepth = 64

// A Lexer reads values one after the other. Damaged input gives what can be made of it; it never fails and never
// stalls.
type Lexer struct {
	b   []byte
	pos int
}

// NewLexer returns a lexer for b, as for the operators of a content stream.
func NewLexer(b []byte) *Lexer { return &Lexer{b: b} }

// Pos returns the position of the next byte to be read.
func (l *Lexer) Pos() int { return l.pos }

// Seek sets the position of the next byte to be read.
func (l *Lexer) Seek(pos int) { l.pos = min(max(pos, 0), len(l.b)) }

func space(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == 0
}

func delimiter(c byte) bool {
	switch c {
	case '(', ')', '<', '>', '[', ']', '{', '}', '/', '%':
		return true
	}
	return false
}

// blank skips white space and comments.
func (l *Lexer) blank() {
	for l.pos < len(l.b) {
		switch c := l.b[l.pos]; {
		case space(c):
			l.pos++
		case c == '%':
			for l.pos < len(l.b) && l.b[l.pos] != '\n' && l.b[l.pos] != '\r' {
				l.pos++
			}
		default:
			return
		}
	}
}

// Next returns the next value or keyword; ok is false at the end.
func (l *Lexer) Next() (v any, ok bool) { return l.value(0, false) }

// value reads one value. Only the objects of a file have references, in a content stream two numbers before "R" cannot
// be.
func (l *Lexer) value(depth int, refs bool) (any, bool) {
	l.blank()
	if l.pos >= len(l.b) {
		return nil, false
	}
	switch c := l.b[l.pos]; c {
	case '/':
		l.pos++
		return l.name(), true
	case '(':
		l.pos++
		return l.literal(), true
	case '[':
		l.pos++
		return l.array(depth, refs), true
	case '<':
		l.pos++
		if l.pos < len(l.b) && l.b[l.pos] == '<' {
			l.pos++
			return l.dict(depth, refs), true
		}
		return l.hexadecimal(), true
	case ')', '>', ']', '{', '}':
		l.pos++
		return Keyword(c), true
	}
	return l.atom(refs), true
}

// word returns the next run of regular characters.
func (l *Lexer) word() []byte {
	start := l.pos
	for l.pos < len(l.b) && !space(l.b[l.pos]) && !delimiter(l.b[l.pos]) {
		l.pos++
	}
	return l.b[start:l.pos]
}

func (l *Lexer) atom(refs bool) any {
	w := l.word()
	switch string(w) {
	case "true":
		return true
	case "false":
		return false
	case "null":
		return nil
	}
	if c := w[0]; c > '9' || c < '0' && c != '+' && c != '-' && c != '.' {
		return Keyword(w)
	}
	n, err := strconv.ParseFloat(string(w), 64)
	if err != nil {
		return Keyword(w)
	}
	if refs {
		if r, ok := l.reference(w); ok {
			return r
		}
	}
	return Number(n)
}

// reference reads the rest of "12 0 R" when that is what follows the number w.
func (l *Lexer) reference(w []byte) (Ref, bool) {
	n, err := strconv.Atoi(string(w))
	if err != nil || n < 0 || w[0] == '+' {
		return Ref{}, false
	}
	start := l.pos
	l.blank()
	g, err := strconv.Atoi(string(l.word()))
	if err == nil && g >= 0 {
		l.blank()
		if string(l.word()) == "R" {
			return Ref{n, g}, true
		}
	}
	l.pos = start
	return Ref{}, false
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

func (l *Lexer) name() Name {
	w := l.word()
	n := make([]byte, 0, len(w))
	for i := 0; i < len(w); i++ {
		if w[i] == '#' && i+2 < len(w) {
			hi, ok := hexDigit(w[i+1])
			lo, ok2 := hexDigit(w[i+2])
			if ok && ok2 {
				n = append(n, hi<<4|lo)
				i += 2
				continue
			}
		}
		n = append(n, w[i])
	}
	return Name(n)
}

// literal reads a string in parentheses, ISO 32000-1 section 7.3.4.2.
func (l *Lexer) literal() String {
	s := String{}
	for open := 1; l.pos < len(l.b); {
		c := l.b[l.pos]
		l.pos++
		switch c {
		case '(':
			open++
		case ')':
			if open--; open == 0 {
				return s
			}
		case '\\':
			s = l.escape(s)
			continue
		}
		s = append(s, c)
	}
	return s
}

var escapes = map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', 'b': '\b', 'f': '\f'}

func (l *Lexer) escape(s String) String {
	if l.pos == len(l.b) {
		return s
	}
	c := l.b[l.pos]
	l.pos++
	switch {
	case escapes[c] != 0:
		return append(s, escapes[c])
	case c == '\n':
		return s
	case c == '\r':
		if l.pos < len(l.b) && l.b[l.pos] == '\n' {
			l.pos++
		}
		return s
	case c < '0' || c > '7':
		return append(s, c)
	}
	v := int(c - '0')
	for range 2 {
		if l.pos == len(l.b) || l.b[l.pos] < '0' || l.b[l.pos] > '7' {
			break
		}
		v = v*8 + int(l.b[l.pos]-'0')
		l.pos++
	}
	return append(s, byte(v))
}

func (l *Lexer) hexadecimal() String {
	end := l.pos
	for end < len(l.b) && l.b[end] != '>' {
		end++
	}
	s := unhex(l.b[l.pos:end])
	l.pos = min(end+1, len(l.b))
	return s
}

// unhex decodes hexadecimal digits and skips everything else; a last digit alone is followed by a zero.
func unhex(b []byte) []byte {
	out := make([]byte, 0, (len(b)+1)/2)
	half, high := false, byte(0)
	for _, c := range b {
		v, ok := hexDigit(c)
		switch {
		case !ok:
			continue
		case half:
			out = append(out, high|v)
		}
		half, high = !half, v<<4
	}
	if half {
		out = append(out, high)
	}
	return out
}

func (l *Lexer) array(depth int, refs bool) Array {
	a := Array{}
	for depth < maxDepth {
		v, ok := l.value(depth+1, refs)
		if !ok || v == Keyword("]") {
			break
		}
		if k, is := v.(Keyword); is && endsObject(k) {
			l.pos -= len(k)
			break
		}
		a = append(a, v)
	}
	return a
}

func (l *Lexer) dict(depth int, refs bool) Dict {
	d := Dict{}
	for depth < maxDepth {
		k, ok := l.value(depth+1, refs)
		if !ok {
			return d
		}
		switch key := k.(type) {
		case Name:
			v, ok := l.value(depth+1, refs)
			if !ok {
				return d
			}
			if v == Keyword(">") { // a key without a value
				l.pos--
				v = nil
			}
			d[key] = v
		case Keyword:
			if key == ">" {
				if l.pos < len(l.b) && l.b[l.pos] == '>' {
					l.pos++
				}
				return d
			}
			if endsObject(key) {
				l.pos -= len(key)
				return d
			}
		}
	}
	return d
}

// endsObject reports whether a keyword can only stand behind an object, so that what is still open was never closed.
func endsObject(k Keyword) bool {
	return k == "endobj" || k == "stream" || k == "endstream" || k == "obj"
}
