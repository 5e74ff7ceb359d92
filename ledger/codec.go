package ledger

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"seihon/artifact"

	"golang.org/x/mod/sumdb/tlog"
)

// A coder reads or writes the canonical JSON (RFC 8785) of an entry. One table
// of fields per type, in the order of the names, serves both directions, so
// that what is written and what is accepted cannot drift apart. Reading is
// strict: since a value has exactly one encoding here, any other byte sequence
// (space, other order, a doubled or unknown name, an empty optional field,
// an unneeded escape, 1.0 or 1e3 for a number) is an error at its offset.
type coder struct {
	reading bool
	buf     []byte
	pos     int // reading: next byte
	first   bool
	err     error
}

// maxInt is the largest integer that every JSON reader keeps exactly (RFC 7493, section 2.2).
const maxInt = 1<<53 - 1

const timeFormat = "2006-01-02T15:04:05Z"

func (c *coder) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf(format, args...)
	}
}

func (c *coder) failAt(what string) { c.fail("at byte %d: %s", c.pos, what) }

// lit writes or expects the literal s.
func (c *coder) lit(s string) {
	if c.err != nil {
		return
	}
	if !c.reading {
		c.buf = append(c.buf, s...)
		return
	}
	if !c.has(s) {
		c.failAt("want " + strconv.Quote(s))
		return
	}
	c.pos += len(s)
}

// has reports whether s comes next.
func (c *coder) has(s string) bool {
	return len(c.buf)-c.pos >= len(s) && string(c.buf[c.pos:c.pos+len(s)]) == s
}

// object writes or reads an object whose fields body handles in order.
func (c *coder) object(body func()) {
	outer := c.first
	c.lit("{")
	c.first = true
	body()
	c.lit("}")
	c.first = outer
}

// key writes or expects a field's name; for an optional one that is absent it
// returns false.
func (c *coder) key(name string, present, optional bool) bool {
	if c.err != nil {
		return false
	}
	sep := `,"`
	if c.first {
		sep = `"`
	}
	if !c.reading {
		if optional && !present {
			return false
		}
		c.buf = append(append(append(c.buf, sep...), name...), `":`...)
		c.first = false
		return true
	}
	n := len(sep) + len(name) + 2
	rest := c.buf[c.pos:]
	if len(rest) < n || string(rest[:len(sep)]) != sep || string(rest[len(sep):n-2]) != name ||
		string(rest[n-2:n]) != `":` {
		if !optional {
			c.failAt("want the field " + strconv.Quote(name))
		}
		return false
	}
	c.pos += n
	c.first = false
	return true
}

// text is a required string, note an optional one.
func (c *coder) text(name string, s *string) {
	if c.key(name, true, false) {
		c.string(s)
	}
}

func (c *coder) note(name string, s *string) {
	if c.key(name, *s != "", true) {
		if c.string(s); c.reading && *s == "" {
			c.failAt("an empty optional string must be left out")
		}
	}
}

func (c *coder) string(s *string) {
	if c.err != nil {
		return
	}
	if !c.reading {
		if !utf8.ValidString(*s) {
			c.fail("%q is not UTF-8", *s)
			return
		}
		c.buf = appendString(c.buf, *s)
		return
	}
	*s = string(c.readString())
}

// readString reads a string; the result is only valid until the next call.
func (c *coder) readString() []byte {
	c.lit(`"`)
	start := c.pos
	var out []byte // set when there was an escape
	for c.err == nil && c.pos < len(c.buf) {
		switch b := c.buf[c.pos]; {
		case b == '"':
			raw := c.buf[start:c.pos]
			if out != nil {
				raw = append(out, raw...)
			}
			if !utf8.Valid(raw) {
				c.failAt("a string that is not UTF-8")
			}
			c.pos++
			return raw
		case b < 0x20:
			c.failAt("a control character that is not escaped")
		case b == '\\':
			out = append(out, c.buf[start:c.pos]...)
			out = append(out, c.escape())
			start = c.pos
		default:
			c.pos++
		}
	}
	c.failAt("a string without an end")
	return nil
}

// escape reads the one escape that RFC 8785, section 3.2.2.2, has for a byte.
func (c *coder) escape() byte {
	for b := range byte(0x80) {
		if e := escapes[b]; e != "" && c.has(e) {
			c.pos += len(e)
			return b
		}
	}
	c.failAt("an escape that is not canonical")
	return 0
}

var escapes = func() (t [0x80]string) {
	for b := range 0x20 {
		t[b] = fmt.Sprintf(`\u%04x`, b)
	}
	t['\b'], t['\t'], t['\n'], t['\f'], t['\r'] = `\b`, `\t`, `\n`, `\f`, `\r`
	t['"'], t['\\'] = `\"`, `\\`
	return t
}()

func appendString(buf []byte, s string) []byte {
	buf = append(buf, '"')
	for i := range len(s) {
		if b := s[i]; b < 0x80 && escapes[b] != "" {
			buf = append(buf, escapes[b]...)
		} else {
			buf = append(buf, b)
		}
	}
	return append(buf, '"')
}

// int is a required integer from 0 to 2^53-1.
func (c *coder) int(name string, n *int64) {
	if !c.key(name, true, false) {
		return
	}
	c.number(name, n)
}

// number is the value alone, as it also stands in a list.
func (c *coder) number(name string, n *int64) {
	if c.err != nil {
		return
	}
	if !c.reading {
		if *n < 0 || *n > maxInt {
			c.fail("%s: %d is out of range", name, *n)
			return
		}
		c.buf = strconv.AppendInt(c.buf, *n, 10)
		return
	}
	start, v := c.pos, int64(0)
	for c.pos < len(c.buf) && c.buf[c.pos] >= '0' && c.buf[c.pos] <= '9' && c.pos-start < 17 {
		v = v*10 + int64(c.buf[c.pos]-'0')
		c.pos++
	}
	if c.pos == start || v > maxInt || c.buf[start] == '0' && c.pos > start+1 {
		c.failAt("want an integer from 0 to 2^53-1 for " + strconv.Quote(name))
	}
	*n = v
}

func (c *coder) bool(name string, b *bool) {
	if !c.key(name, true, false) {
		return
	}
	switch {
	case c.reading:
		if *b = c.has("true"); *b {
			c.pos += 4
			return
		}
		c.lit("false")
	case *b:
		c.lit("true")
	default:
		c.lit("false")
	}
}

// time is a required time in whole seconds UTC.
func (c *coder) time(name string, t *time.Time) {
	if !c.key(name, true, false) {
		return
	}
	if !c.reading {
		u := t.UTC()
		if u.Year() < 1 || u.Year() > 9999 || u.Nanosecond() != 0 {
			c.fail("%s: %v is not a time in whole seconds", name, *t)
			return
		}
		c.buf = append(u.AppendFormat(append(c.buf, '"'), timeFormat), '"')
		return
	}
	b := c.readString()
	if c.err != nil {
		return
	}
	v, ok := parseTime(b)
	if !ok {
		c.failAt("want a time like " + timeFormat + " for " + strconv.Quote(name))
	}
	*t = v
}

// digest is a required SHA-256 in lower hex.
func (c *coder) digest(name string, d *artifact.Digest) {
	if !c.reading {
		s := d.String()
		c.text(name, &s)
		return
	}
	if !c.key(name, true, false) {
		return
	}
	v, ok := unhex(c.readString())
	if !ok {
		c.failAt("want 64 lower-case hex digits for " + strconv.Quote(name))
	}
	*d = v
}

// unhex is artifact.ParseDigest for bytes that are not kept.
func unhex(b []byte) (d artifact.Digest, ok bool) {
	if len(b) != 2*len(d) {
		return d, false
	}
	for i, x := range b {
		switch {
		case x >= '0' && x <= '9':
			x -= '0'
		case x >= 'a' && x <= 'f':
			x -= 'a' - 10
		default:
			return d, false
		}
		d[i/2] = d[i/2]<<4 | x
	}
	return d, true
}

// optionalDigest leaves a zero digest out.
func (c *coder) optionalDigest(name string, d *artifact.Digest) {
	if c.reading && !c.nextIs(name) || !c.reading && d.IsZero() {
		return
	}
	if c.digest(name, d); c.reading && d.IsZero() {
		c.failAt("a zero optional digest must be left out")
	}
}

// nextIs reports whether the next field is name.
func (c *coder) nextIs(name string) bool {
	if c.first {
		return c.has(`"` + name + `":`)
	}
	return c.has(`,"` + name + `":`)
}

// hash is a required Merkle hash in base64, as a checkpoint writes it.
func (c *coder) hash(name string, h *tlog.Hash) {
	if !c.reading {
		s := h.String()
		c.text(name, &s)
		return
	}
	if !c.key(name, true, false) {
		return
	}
	v, ok := parseHash(c.readString())
	if !ok {
		c.failAt("want the base64 of 32 bytes for " + strconv.Quote(name))
	}
	*h = v
}

var base64Strict = base64.StdEncoding.Strict()

// parseHash reads the one spelling of a Merkle hash. The decoder passes over
// line ends, hence the look at the length.
func parseHash(b []byte) (h tlog.Hash, ok bool) {
	var v [tlog.HashSize + 1]byte // as much as the digits may decode to
	if len(b) != base64.StdEncoding.EncodedLen(tlog.HashSize) {
		return h, false
	}
	n, err := base64Strict.Decode(v[:], b)
	copy(h[:], v[:])
	return h, err == nil && n == tlog.HashSize
}

func (c *coder) kind(name string, k *artifact.Kind) { c.text(name, (*string)(k)) }

// list is a required, possibly empty, array.
func list[T any](c *coder, name string, s *[]T, item func(*T)) {
	if !c.key(name, true, false) {
		return
	}
	c.lit("[")
	if !c.reading {
		for i := range *s {
			if i > 0 {
				c.lit(",")
			}
			item(&(*s)[i])
		}
		c.lit("]")
		return
	}
	for c.err == nil && !c.has("]") {
		if len(*s) > 0 {
			c.lit(",")
		}
		var v T
		item(&v)
		*s = append(*s, v)
	}
	c.lit("]")
}
