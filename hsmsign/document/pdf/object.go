package pdf

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// An Object is one of: nil (null), bool, Number, Name, String, Ref, Array, Dict. Streams are Dicts with data elsewhere.
type Object any

// Types of objects, ISO 32000-1 section 7.3.
type (
	Number string // as written, so that it is written back unchanged
	Name   string // without the slash, unescaped
	String []byte // unescaped
	Array  []Object
	Dict   map[Name]Object
	Ref    struct{ Number, Generation int }
)

// Int returns the value of an integer, and reports whether it is one.
func (n Number) Int() (int, bool) {
	i, err := strconv.Atoi(string(n))
	return i, err == nil
}

// write appends the object. Dictionaries are written in the order of their keys, strings in hexadecimal where they are
// not plain ASCII: one object has one form.
func write(b *bytes.Buffer, o Object) {
	switch v := o.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		fmt.Fprint(b, v)
	case Number:
		b.WriteString(string(v))
	case Name:
		writeName(b, v)
	case String:
		writeString(b, v)
	case Ref:
		fmt.Fprintf(b, "%d %d R", v.Number, v.Generation)
	case Array:
		b.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				b.WriteByte(' ')
			}
			write(b, e)
		}
		b.WriteByte(']')
	case Dict:
		b.WriteString("<<")
		for _, k := range slices.Sorted(maps.Keys(v)) {
			writeName(b, k)
			b.WriteByte(' ')
			write(b, v[k])
		}
		b.WriteString(">>")
	}
}

func writeName(b *bytes.Buffer, n Name) {
	b.WriteByte('/')
	for i := range len(n) {
		if c := n[i]; c <= ' ' || c >= 0x7f || c == '#' || delimiter(c) {
			fmt.Fprintf(b, "#%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
}

func writeString(b *bytes.Buffer, s String) {
	if bytes.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f }) {
		fmt.Fprintf(b, "<%X>", []byte(s))
		return
	}
	b.WriteByte('(')
	for _, c := range s {
		if c == '(' || c == ')' || c == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	b.WriteByte(')')
}

func delimiter(c byte) bool {
	switch c {
	case '(', ')', '<', '>', '[', ']', '{', '}', '/', '%':
		return true
	}
	return false
}

func space(c byte) bool {
	switch c {
	case 0, '\t', '\n', '\f', '\r', ' ':
		return true
	}
	return false
}
