package keyscan

import (
	"bytes"
	"unicode/utf16"

	"seihon/artifact/pdf"
)

// glyphs says what the codes of a font mean.
type glyphs struct {
	width   int // octets in a code
	meaning map[uint32]string
}

// pageText scans the text that a content stream shows, in the order in which it stands there: as it reads, and without
// any white space, since a producer may place every glyph by itself.
func (d *document) pageText(name string, number int, b []byte) *Finding {
	for variant := range maxFontsByName {
		t := &textReader{d: d, number: number, variant: variant}
		if f := t.read(name, b); f != nil || d.s.stopped {
			return f
		}
		if !d.s.spend(2*len(t.out) + len(b)) {
			return nil
		}
		if len(t.out) >= minRun/2 {
			if f := d.s.inside(name+", text", t.out); f != nil || d.s.stopped {
				return f
			}
			if f := d.s.inside(name+", text", squeeze(t.out)); f != nil || d.s.stopped {
				return f
			}
		}
		if !t.ambiguous {
			return nil
		}
	}
	return nil
}

// A textReader collects the strings that a content stream shows.
type textReader struct {
	d         *document
	number    int
	variant   int  // which of several fonts of one name is taken
	ambiguous bool // there is one more to be tried
	font      *glyphs
	stack     []any // operands
	out       []byte
}

// maxOperands is how many operands are kept; no operator has more.
const maxOperands = 64

func (t *textReader) read(name string, b []byte) *Finding {
	l := pdf.NewLexer(b)
	for {
		v, ok := l.Next()
		if !ok {
			return nil
		}
		op, isOp := v.(pdf.Keyword)
		if !isOp {
			if len(t.stack) < maxOperands {
				t.stack = append(t.stack, v)
			}
			continue
		}
		if op == "BI" {
			if f := t.inlineImage(name, l, b); f != nil {
				return f
			}
		}
		t.operate(op)
		t.stack = t.stack[:0]
	}
}

func (t *textReader) operate(op pdf.Keyword) {
	switch op {
	case "Tf":
		if len(t.stack) > 0 {
			if name, ok := t.stack[0].(pdf.Name); ok {
				t.font = t.choose(name)
			}
		}
	case "Tj":
		t.show(t.stack)
	case "'", `"`:
		t.out = append(t.out, '\n')
		t.show(t.stack)
	case "TJ":
		for _, v := range t.stack {
			if a, ok := v.(pdf.Array); ok {
				t.showSpaced(a)
			}
		}
	case "Td", "TD", "T*", "Tm", "ET":
		if n := len(t.out); n > 0 && t.out[n-1] != '\n' {
			t.out = append(t.out, '\n')
		}
	}
}

// showSpaced shows the strings of TJ; a wide gap between them is a space.
func (t *textReader) showSpaced(a pdf.Array) {
	const wide = -180 // thousandths of the font's size
	for _, e := range a {
		switch e := e.(type) {
		case pdf.String:
			t.show([]any{e})
		case pdf.Number:
			if e < wide {
				t.out = append(t.out, ' ')
			}
		}
	}
}

func (t *textReader) show(operands []any) {
	for _, v := range operands {
		if s, ok := v.(pdf.String); ok {
			t.out = t.font.append(t.out, s)
		}
	}
}

// append appends what the codes of s mean. Without a table they mean themselves.
func (g *glyphs) append(out []byte, s []byte) []byte {
	if g == nil {
		return append(out, s...)
	}
	for i := 0; i+g.width <= len(s); i += g.width {
		code := uint32(0)
		for _, c := range s[i : i+g.width] {
			code = code<<8 | uint32(c)
		}
		switch text, ok := g.meaning[code]; {
		case ok:
			out = append(out, text...)
		case g.width == 1:
			out = append(out, byte(code))
		default:
			out = utf16Text(out, []byte{byte(code >> 8), byte(code)})
		}
	}
	return out
}

func utf16Text(out, b []byte) []byte {
	var units []uint16
	for i := 0; i+1 < len(b); i += 2 {
		units = append(units, uint16(b[i])<<8|uint16(b[i+1]))
	}
	return append(out, string(utf16.Decode(units))...)
}

// choose returns the font of that resource name. Names are local to a page; where several fonts have one name, each is
// tried.
func (t *textReader) choose(name pdf.Name) *glyphs {
	list, ok := t.d.names[name]
	if !ok {
		list = new([]*glyphs)
		for _, n := range t.d.fonts[name] {
			*list = append(*list, t.d.table(n))
		}
		t.d.names[name] = list
	}
	if len(*list) == 0 {
		return nil
	}
	if t.variant+1 < len(*list) {
		t.ambiguous = true
	}
	return (*list)[min(t.variant, len(*list)-1)]
}

// table reads what a font says about its codes, or returns nil.
func (d *document) table(number int) *glyphs {
	if g, ok := d.tables[number]; ok {
		return g
	}
	d.tables[number] = nil
	font, ok := d.file.Lookup(number)
	if !ok {
		return nil
	}
	dict := font.Dict()
	g := &glyphs{width: 1, meaning: map[uint32]string{}}
	if dict["Subtype"] == pdf.Name("Type0") {
		g.width = 2
	}
	if e, ok := d.file.Resolve(dict["Encoding"]).(pdf.Dict); ok {
		if list, ok := d.file.Resolve(e["Differences"]).(pdf.Array); ok {
			g.differences(list)
		}
	}
	if r, ok := dict["ToUnicode"].(pdf.Ref); ok {
		if o, ok := d.file.Lookup(r.Number); ok && o.Stream != nil {
			if data, err := d.file.Decode(&o); err == nil {
				g.toUnicode(data.Bytes)
			}
		}
	}
	d.tables[number] = g
	return g
}

// glyphNames are the names of glyphs that keys in text are made of; letters are named by themselves.
var glyphNames = map[pdf.Name]string{
	"zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
	"nine": "9", "plus": "+", "slash": "/", "equal": "=", "hyphen": "-", "minus": "-", "underscore": "_", "colon": ":",
	"space": " ", "period": ".", "comma": ",", "quotedbl": `"`, "braceleft": "{", "braceright": "}", "parenleft": "(",
	"parenright": ")", "semicolon": ";", "less": "<", "greater": ">", "backslash": `\`, "percent": "%",
}

// differences reads the array of that name, ISO 32000-1 section 9.6.6.1.
func (g *glyphs) differences(list pdf.Array) {
	code := uint32(0)
	for _, v := range list {
		switch v := v.(type) {
		case pdf.Number:
			code = uint32(v)
		case pdf.Name:
			if len(v) == 1 {
				g.meaning[code] = string(v)
			} else if text, ok := glyphNames[v]; ok {
				g.meaning[code] = text
			}
			code++
		}
	}
}

// maxMeanings bounds the table of one font; there are no more codes of two octets.
const maxMeanings = 1 << 16

// toUnicode reads a ToUnicode table, ISO 32000-1 section 9.10.3.
func (g *glyphs) toUnicode(b []byte) {
	l := pdf.NewLexer(b)
	var stack []any
	for {
		v, ok := l.Next()
		if !ok {
			return
		}
		op, isOp := v.(pdf.Keyword)
		if !isOp {
			if len(stack) < 1<<12 {
				stack = append(stack, v)
			}
			continue
		}
		switch op {
		case "endcodespacerange":
			if len(stack) > 0 {
				if s, ok := stack[0].(pdf.String); ok && len(s) > 0 && len(s) <= 4 {
					g.width = len(s)
				}
			}
		case "endbfchar":
			for i := 0; i+1 < len(stack); i += 2 {
				g.define(codeOf(stack[i]), stack[i+1], 0)
			}
		case "endbfrange":
			for i := 0; i+2 < len(stack); i += 3 {
				g.defineRange(codeOf(stack[i]), codeOf(stack[i+1]), stack[i+2])
			}
		}
		stack = stack[:0]
	}
}

func codeOf(v any) uint32 {
	s, _ := v.(pdf.String)
	n := uint32(0)
	for _, c := range s {
		n = n<<8 | uint32(c)
	}
	return n
}

func (g *glyphs) define(code uint32, v any, add byte) {
	s, ok := v.(pdf.String)
	if !ok || len(g.meaning) >= maxMeanings {
		return
	}
	s = bytes.Clone(s)
	if len(s) > 0 {
		s[len(s)-1] += add
	}
	if len(s) == 1 {
		g.meaning[code] = string(rune(s[0]))
		return
	}
	g.meaning[code] = string(utf16Text(nil, s))
}

func (g *glyphs) defineRange(lo, hi uint32, v any) {
	if hi < lo || hi-lo > 0xff {
		hi = lo + 0xff
	}
	list, isList := v.(pdf.Array)
	for code := lo; code <= hi; code++ {
		if isList {
			if int(code-lo) < len(list) {
				g.define(code, list[code-lo], 0)
			}
			continue
		}
		g.define(code, v, byte(code-lo))
	}
}

// inlineImage reads the dictionary and the data of an inline image, ISO 32000-1 section 8.9.7, and scans what its
// filters give.
func (t *textReader) inlineImage(name string, l *pdf.Lexer, b []byte) *Finding {
	dict := pdf.Dict{}
	for range maxOperands {
		k, ok := l.Next()
		if !ok {
			return nil
		}
		if k == pdf.Keyword("ID") {
			break
		}
		key, ok := k.(pdf.Name)
		if !ok {
			return nil
		}
		if dict[key], ok = l.Next(); !ok {
			return nil
		}
	}
	data := b[min(l.Pos()+1, len(b)):]
	end := bytes.Index(data, []byte("EI"))
	for end >= 0 && end+2 < len(data) && (end == 0 || !isBlank(data[end-1]) || !isBlank(data[end+2])) {
		next := bytes.Index(data[end+2:], []byte("EI"))
		if next < 0 {
			end = len(data)
			break
		}
		end += 2 + next
	}
	if end < 0 {
		end = len(data)
	}
	l.Seek(l.Pos() + 1 + end + 2)
	data = data[:min(end, len(data))]
	for short, full := range map[pdf.Name]pdf.Name{"F": "Filter", "DP": "DecodeParms"} {
		if dict[full] == nil {
			dict[full] = dict[short]
		}
	}
	out, err := t.d.file.DecodeInline(t.number, dict, data)
	if err != nil {
		t.d.s.opaque(opaqueObject(err))
		return nil
	}
	return t.d.s.inside(name+", inline image", out.Bytes)
}

func isBlank(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }
