package pdf

import (
	"errors"
	"fmt"
	"strconv"
)

// maxDepth bounds the nesting of arrays and dictionaries.
const maxDepth = 64

var errEnd = errors.New("the file ends within an object")

// lexer reads objects from b, starting at pos. Every position in it is within b.
type lexer struct {
	b   []byte
	pos int
}

// blank skips white space and comments.
func (l *lexer) blank() {
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

// word returns the next run of regular characters.
func (l *lexer) word() string {
	l.blank()
	start := l.pos
	for l.pos < len(l.b) && !space(l.b[l.pos]) && !delimiter(l.b[l.pos]) {
		l.pos++
	}
	return string(l.b[start:l.pos])
}

// accept consumes the keyword when it is next.
func (l *lexer) accept(keyword string) bool {
	start := l.pos
	if l.word() == keyword {
		return true
	}
	l.pos = start
	return false
}

// integer consumes a non-negative integer when it is next.
func (l *lexer) integer() (int, bool) {
	start := l.pos
	w := l.word()
	n, err := strconv.Atoi(w)
	if err != nil || n < 0 || w[0] == '+' {
		l.pos = start
		return 0, false
	}
	return n, true
}

// object reads the next object.
func (l *lexer) object(depth int) (Object, error) {
	l.blank()
	if l.pos == len(l.b) {
		return nil, errEnd
	}
	if depth > maxDepth {
		return nil, fmt.Errorf("objects are nested more than %d deep", maxDepth)
	}
	switch c := l.b[l.pos]; {
	case c == '/':
		l.pos++
		return l.name()
	case c == '(':
		l.pos++
		return l.literal()
	case c == '[':
		l.pos++
		return l.array(depth)
	case c == '<' && l.pos+1 < len(l.b) && l.b[l.pos+1] == '<':
		l.pos += 2
		return l.dict(depth)
	case c == '<':
		l.pos++
		return l.hexadecimal()
	case delimiter(c):
		return nil, fmt.Errorf("unexpected %q at byte %d", c, l.pos)
	}
	return l.atom()
}

// atom reads a number, a reference or a keyword.
func (l *lexer) atom() (Object, error) {
	start := l.pos
	if n, ok := l.integer(); ok {
		after := l.pos
		if g, ok := l.integer(); ok && l.accept("R") {
			return Ref{n, g}, nil
		}
		l.pos = after
		return Number(strconv.Itoa(n)), nil
	}
	w := l.word()
	switch w {
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "null":
		return nil, nil
	}
	if _, err := strconv.ParseFloat(w, 64); err != nil {
		return nil, fmt.Errorf("unexpected %.20q at byte %d", w, start)
	}
	return Number(w), nil
}

func (l *lexer) name() (Object, error) {
	var n []byte
	for l.pos < len(l.b) && !space(l.b[l.pos]) && !delimiter(l.b[l.pos]) {
		c := l.b[l.pos]
		l.pos++
		if c == '#' && l.pos+2 <= len(l.b) {
			if v, err := strconv.ParseUint(string(l.b[l.pos:l.pos+2]), 16, 8); err == nil {
				c = byte(v)
				l.pos += 2
			}
		}
		n = append(n, c)
	}
	return Name(n), nil
}

// literal reads a string in parentheses, ISO 32000-1 section 7.3.4.2.
func (l *lexer) literal() (Object, error) {
	s := String{}
	for open := 1; l.pos < len(l.b); {
		c := l.b[l.pos]
		l.pos++
		switch c {
		case '(':
			open++
		case ')':
			if open--; open == 0 {
				return s, nil
			}
		case '\\':
			s = l.escape(s)
			continue
		}
		s = append(s, c)
	}
	return nil, errEnd
}

func (l *lexer) escape(s String) String {
	if l.pos == len(l.b) {
		return s
	}
	c := l.b[l.pos]
	l.pos++
	switch c {
	case 'n':
		return append(s, '\n')
	case 'r':
		return append(s, '\r')
	case 't':
		return append(s, '\t')
	case 'b':
		return append(s, '\b')
	case 'f':
		return append(s, '\f')
	case '\n':
		return s
	case '\r':
		if l.pos < len(l.b) && l.b[l.pos] == '\n' {
			l.pos++
		}
		return s
	}
	if c < '0' || c > '7' {
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

func (l *lexer) hexadecimal() (Object, error) {
	s := String{}
	half, high := false, byte(0)
	for ; l.pos < len(l.b); l.pos++ {
		c := l.b[l.pos]
		var v byte
		switch {
		case c == '>':
			l.pos++
			if half {
				s = append(s, high)
			}
			return s, nil
		case space(c):
			continue
		case c >= '0' && c <= '9':
			v = c - '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			v = c | 0x20 - 'a' + 10
		default:
			return nil, fmt.Errorf("unexpected %q in a hexadecimal string at byte %d", c, l.pos)
		}
		if half {
			s = append(s, high|v)
		}
		half, high = !half, v<<4
	}
	return nil, errEnd
}

func (l *lexer) array(depth int) (Object, error) {
	a := Array{}
	for {
		l.blank()
		if l.pos < len(l.b) && l.b[l.pos] == ']' {
			l.pos++
			return a, nil
		}
		o, err := l.object(depth + 1)
		if err != nil {
			return nil, err
		}
		a = append(a, o)
	}
}

func (l *lexer) dict(depth int) (Object, error) {
	d := Dict{}
	for {
		l.blank()
		if l.pos+1 < len(l.b) && l.b[l.pos] == '>' && l.b[l.pos+1] == '>' {
			l.pos += 2
			return d, nil
		}
		k, err := l.object(depth + 1)
		if err != nil {
			return nil, err
		}
		key, ok := k.(Name)
		if !ok {
			return nil, fmt.Errorf("a dictionary key before byte %d is not a name", l.pos)
		}
		if d[key], err = l.object(depth + 1); err != nil {
			return nil, err
		}
	}
}
