package pdf

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Text returns an object's text.
func Text(o Object) string {
	var b bytes.Buffer
	write(&b, o)
	return b.String()
}

// With returns a copy of the dictionary in which the key has the value.
func (d Dict) With(key Name, value Object) Dict {
	c := maps.Clone(d)
	if c == nil {
		c = Dict{}
	}
	c[key] = value
	return c
}

// Page geometry of Make, in points: A4, 54 lines.
const (
	linesPerPage = 54
	leading      = 13
	top          = 780
	left         = 56
)

// Make returns a plain PDF 1.7 of one column of text in Helvetica. Characters outside Latin-1 become question marks:
// the standard fonts have no others. The same arguments give the same bytes.
func Make(title string, lines []string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	pages := slices.Collect(slices.Chunk(lines, linesPerPage))
	if len(pages) == 0 {
		pages = [][]string{nil}
	}
	const catalog, tree, font, info = 1, 2, 3, 4
	objects := []Object{
		Dict{"Type": Name("Catalog"), "Pages": Ref{tree, 0}, "Lang": String("en"),
			"ViewerPreferences": Dict{"DisplayDocTitle": true}},
		nil,
		Dict{"Type": Name("Font"), "Subtype": Name("Type1"), "BaseFont": Name("Helvetica"),
			"Encoding": Name("WinAnsiEncoding")},
		Dict{"Title": latin1(title), "Producer": String("Seihon")},
	}
	kids := Array{}
	for _, page := range pages {
		number := len(objects) + 1
		kids = append(kids, Ref{number, 0})
		objects = append(objects, Dict{
			"Type": Name("Page"), "Parent": Ref{tree, 0}, "Contents": Ref{number + 1, 0},
			"MediaBox":  Array{Number("0"), Number("0"), Number("595"), Number("842")},
			"Resources": Dict{"Font": Dict{"F1": Ref{font, 0}}},
		}, stream(page))
	}
	objects[tree-1] = Dict{"Type": Name("Pages"), "Kids": kids, "Count": decimal(len(kids))}
	offsets := make([]int, len(objects))
	for i, o := range objects {
		offsets[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n", i+1)
		if raw, ok := o.(Raw); ok {
			b.Write(raw)
		} else {
			write(&b, o)
		}
		b.WriteString("\nendobj\n")
	}
	sum := sha256.Sum256(b.Bytes())
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, at := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", at)
	}
	b.WriteString("trailer\n")
	id := String(sum[:16])
	write(&b,
		Dict{"Size": decimal(len(objects) + 1), "Root": Ref{catalog, 0}, "Info": Ref{info, 0}, "ID": Array{id, id}})
	fmt.Fprintf(&b, "\nstartxref\n%d\n%%%%EOF\n", start)
	return b.Bytes()
}

func stream(lines []string) Raw {
	var b bytes.Buffer
	fmt.Fprintf(&b, "BT /F1 10 Tf %d TL %d %d Td\n", leading, left, top)
	for _, line := range lines {
		write(&b, latin1(line))
		b.WriteString(" '\n")
	}
	b.WriteString("ET")
	return fmt.Appendf(nil, "<</Length %d>>\nstream\n%s\nendstream", b.Len(), b.String())
}

// latin1 keeps what WinAnsiEncoding and Latin-1 share.
func latin1(s string) String {
	return String(strings.Map(func(r rune) rune {
		if r < ' ' || r > 0xff || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)).narrow()
}

func (s String) narrow() String {
	out := String{}
	for _, r := range string(s) {
		out = append(out, byte(r))
	}
	return out
}
