package keyscan

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// An encoder is one filter of PDF, the other way round.
type encoder struct {
	name   string
	encode wrapping
}

func encoders() []encoder {
	return []encoder{
		{"FlateDecode", zlibbed},
		{"LZWDecode", func(b []byte) []byte { return lzwed(b, 1) }},
		{"ASCIIHexDecode", func(b []byte) []byte { return folded(hex.EncodeToString(b)+">", 72, "", "\n") }},
		{"ASCII85Decode", func(b []byte) []byte { return folded(ascii85ed(b)+"~>", 72, "", "\n") }},
		{"RunLengthDecode", runlength},
	}
}

func runlength(b []byte) []byte {
	var out []byte
	for len(b) > 0 {
		n := 1
		for n < len(b) && n < 128 && b[n] == b[0] {
			n++
		}
		if n > 2 {
			out = append(out, byte(257-n), b[0])
			b = b[n:]
			continue
		}
		n = min(100, len(b))
		out = append(append(out, byte(n-1)), b[:n]...)
		b = b[n:]
	}
	return append(out, 128)
}

// lzwed encodes as PDF and TIFF do. It clears its table as late as it can.
func lzwed(b []byte, early int) []byte {
	var out []byte
	bits, have, width, next := uint64(0), 0, 9, 258
	table := map[string]int{}
	put := func(code int) {
		bits, have = bits<<width|uint64(code), have+width
		for have >= 8 {
			have -= 8
			out = append(out, byte(bits>>have))
		}
	}
	code := func(s []byte) int {
		if len(s) == 1 {
			return int(s[0])
		}
		return table[string(s)]
	}
	put(256)
	for start := 0; start < len(b); {
		end := start + 1
		for end < len(b) && table[string(b[start:end+1])] != 0 {
			end++
		}
		put(code(b[start:end]))
		if end < len(b) {
			table[string(b[start:end+1])] = next
			next++
		}
		if next+early-1 >= 1<<width && width < 12 {
			width++
		}
		if next >= 4094 {
			put(256)
			width, next, table = 9, 258, map[string]int{}
		}
		start = end
	}
	put(257)
	if have > 0 {
		out = append(out, byte(bits<<(8-have)))
	}
	return out
}

// pdfObjects makes a file of the given objects, numbered from 1, and nothing else that a reader would need.
func pdfObjects(objects ...string) []byte {
	var out bytes.Buffer
	out.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	for i, o := range objects {
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	fmt.Fprintf(&out, "trailer\n<</Root 1 0 R/Size %d>>\nstartxref\n0\n%%%%EOF\n", len(objects)+1)
	return out.Bytes()
}

const catalog = "<</Type/Catalog/Pages 2 0 R>>"

func stream(dict string, data []byte) string {
	return fmt.Sprintf("<<%s/Length %d>>\nstream\n%s\nendstream", dict, len(data), data)
}

func inStream(dict string, encode wrapping) wrapping {
	return func(b []byte) []byte { return pdfObjects(catalog, stream(dict, encode(b))) }
}

func same(b []byte) []byte { return b }

func literal(b []byte) string {
	var out strings.Builder
	for _, c := range b {
		fmt.Fprintf(&out, `\%03o`, c)
	}
	return "(" + out.String() + ")"
}

func hexString(b []byte) string { return fmt.Sprintf("<%X>", b) }

// inObjectStream puts one object into an object stream.
func inObjectStream(value func([]byte) string) wrapping {
	return func(b []byte) []byte {
		table := "7 0 "
		return pdfObjects(catalog, stream(fmt.Sprintf("/Type/ObjStm/N 1/First %d/Filter/FlateDecode", len(table)),
			zlibbed([]byte(table+value(b)))))
	}
}

// predicted applies PNG's filter of one kind, or TIFF's, to rows of eight octets.
func predicted(kind byte) wrapping {
	const row = 8
	return func(b []byte) []byte {
		b = append(bytes.Clone(b), make([]byte, (row-len(b)%row)%row)...)
		var out []byte
		above := make([]byte, row)
		for at := 0; at < len(b); at += row {
			line := b[at : at+row]
			if kind != 255 {
				out = append(out, kind)
			}
			for i, c := range line {
				var left, corner byte
				if i > 0 {
					left, corner = line[i-1], above[i-1]
				}
				switch kind {
				case 1, 255:
					c -= left
				case 2:
					c -= above[i]
				case 3:
					c -= byte((int(left) + int(above[i])) / 2)
				case 4:
					c -= paethOf(left, above[i], corner)
				}
				out = append(out, c)
			}
			above = line
		}
		return zlibbed(out)
	}
}

func paethOf(a, b, c byte) byte {
	p := int(a) + int(b) - int(c)
	abs := func(n int) int { return max(n, -n) }
	pa, pb, pc := abs(p-int(a)), abs(p-int(b)), abs(p-int(c))
	if pa <= pb && pa <= pc {
		return a
	}
	if pb <= pc {
		return b
	}
	return c
}

// page shows text; show turns one line into operators.
func page(font, more string, show func(line string) string, encode wrapping) wrapping {
	return func(b []byte) []byte {
		var content strings.Builder
		content.WriteString("BT /F1 10 Tf 72 720 Td\n")
		for _, line := range strings.Split(base64.StdEncoding.EncodeToString(b), "\n") {
			for _, l := range strings.SplitAfter(string(folded(line, 60, "", "\n")), "\n") {
				if l = strings.TrimSpace(l); l != "" {
					content.WriteString(show(l) + " 0 -12 Td\n")
				}
			}
		}
		content.WriteString("ET")
		objects := []string{catalog, "<</Type/Pages/Kids[3 0 R]/Count 1>>",
			"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
			stream("/Filter/FlateDecode", zlibbed(encode([]byte(content.String())))), font}
		if more != "" {
			objects = append(objects, more)
		}
		return pdfObjects(objects...)
	}
}

const (
	helvetica = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
	identity  = "<</Type/Font/Subtype/Type0/BaseFont/ABCDEF+X/Encoding/Identity-H/ToUnicode 6 0 R>>"
	shifted   = "<</Type/Font/Subtype/Type1/BaseFont/X/ToUnicode 6 0 R>>"
)

// differences is a font whose codes are those of ASCII plus 100.
func differencesFont() string {
	names := map[rune]string{'+': "plus", '/': "slash", '=': "equal"}
	for i, n := range []string{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"} {
		names[rune('0'+i)] = n
	}
	var list strings.Builder
	for c := '+'; c <= 'z'; c++ {
		n := names[c]
		if n == "" {
			n = string(c)
		}
		if strings.ContainsAny(n, "<>[](){}%,-.:;?@\\^_`") {
			n = "x" + fmt.Sprint(int(c))
		}
		fmt.Fprintf(&list, "/%s", n)
	}
	return fmt.Sprintf("<</Type/Font/Subtype/Type3/Encoding<</Differences[%d%s]>>>>", '+'+100, list.String())
}

// identityTable maps glyph g to the character g+29, as subset fonts of TrueType often do.
func identityTable() string {
	var table strings.Builder
	table.WriteString("begincmap 1 begincodespacerange <0000> <ffff> endcodespacerange\n2 beginbfrange\n" +
		"<0003> <0042> <0020>\nendbfrange\n1 beginbfchar\n")
	for c := 0x60; c < 0x7f; c++ {
		fmt.Fprintf(&table, "<%04x> <%04x>\n", c-29, c)
	}
	table.WriteString("endbfchar endcmap")
	return stream("", []byte(table.String()))
}

func shiftedTable() string {
	return stream("/Filter/FlateDecode",
		zlibbed([]byte("begincmap 1 begincodespacerange <00> <ff> endcodespacerange 1 beginbfrange\n"+
			"<80> <ff> <0020>\nendbfrange endcmap")))
}

func glyphIDs(line string) string {
	var out strings.Builder
	for _, c := range line {
		fmt.Fprintf(&out, "%04x", c-29)
	}
	return "<" + out.String() + ">"
}

func shiftedCodes(by int) func(string) string {
	return func(line string) string {
		var out strings.Builder
		for _, c := range line {
			fmt.Fprintf(&out, "%02x", int(c)+by)
		}
		return "<" + out.String() + "> Tj"
	}
}

func kerned(line string) string {
	var out strings.Builder
	for _, c := range line {
		fmt.Fprintf(&out, "(%c)-20 ", c)
	}
	return "[" + out.String() + "] TJ"
}

func glyphByGlyph(line string) string {
	var out strings.Builder
	for _, c := range line {
		fmt.Fprintf(&out, "(%c) Tj 6 0 Td ", c)
	}
	return out.String()
}

func pdfWrappings() map[string]wrapping {
	attach := func(name string, pack wrapping) wrapping {
		return func(b []byte) []byte {
			return pdfObjects(catalog, "<</Type/Filespec/F("+name+")/EF<</F 3 0 R>>>>",
				stream("/Type/EmbeddedFile/Filter/FlateDecode", zlibbed(pack(b))))
		}
	}
	w := map[string]wrapping{
		"PDF: no filter":       inStream("", same),
		"PDF: name with #":     inStream("/Filter/#46lateDecode", zlibbed),
		"PDF: abbreviation Fl": inStream("/Filter/Fl", zlibbed),
		"PDF: abbreviation A85": inStream("/Filter[/A85/Fl]",
			func(b []byte) []byte { return []byte(ascii85ed(zlibbed(b)) + "~>") }),
		"PDF: LZW without early": inStream("/Filter/LZWDecode/DecodeParms<</EarlyChange 0>>",
			func(b []byte) []byte { return lzwed(b, 0) }),
		"PDF: identity crypt filter": inStream("/Filter[/Crypt/FlateDecode]/DecodeParms[<</Name/Identity>>null]",
			zlibbed),
		"PDF: filter it does not say": inStream("", zlibbed),
		"PDF: packed again": inStream("/Filter/FlateDecode",
			func(b []byte) []byte { return zlibbed(zlibbed(b)) }),
		"PDF: behind the end": inStream("/Filter/FlateDecode",
			func(b []byte) []byte { return append(zlibbed([]byte("hello")), gzipped(b)...) }),
		"PDF: comment": func(b []byte) []byte {
			return append(pdfObjects(catalog),
				base64Lines(64, "% ", "\n")(b)...)
		},
		"PDF: base64 in a stream": inStream("/Filter/FlateDecode",
			func(b []byte) []byte { return zlibbed(base64Lines(16, "", "\n")(b)) }),
		"PDF: PDF in a stream": inStream("/Filter/FlateDecode",
			func(b []byte) []byte { return zlibbed(inStream("/Filter/FlateDecode", zlibbed)(b)) }),
		"PDF: picture's bytes": inStream("/Subtype/Image/Filter/DCTDecode",
			func(b []byte) []byte { return append([]byte("\xff\xd8\xff\xfe..\xff\xd9"), b...) }),
		"PDF: indirect filter": func(b []byte) []byte {
			return pdfObjects(catalog, stream("/Filter 3 0 R", zlibbed(b)), "[/FlateDecode]")
		},
		"PDF: indirect filter names": func(b []byte) []byte {
			return pdfObjects(catalog, stream("/Filter[3 0 R]", zlibbed(b)), "/FlateDecode")
		},
		"PDF: wrong length": func(b []byte) []byte {
			return bytes.Replace(inStream("/Filter/FlateDecode", zlibbed)(b), []byte("/Length "), []byte("/Length 9"),
				1)
		},
		"PDF: no length": func(b []byte) []byte {
			return bytes.Replace(inStream("/Filter/FlateDecode", zlibbed)(b), []byte("/Length "), []byte("/Long "), 1)
		},
		"PDF: replaced object": func(b []byte) []byte {
			return append(inStream("/Filter/FlateDecode", zlibbed)(b), "2 0 obj\n<<>>\nendobj\n%%EOF\n"...)
		},
		"PDF: literal string": func(b []byte) []byte {
			return pdfObjects(catalog,
				"<</Info "+literal(b)+">>")
		},
		"PDF: hex string": func(b []byte) []byte {
			return pdfObjects(catalog,
				"<</Info "+hexString(b)+">>")
		},
		"PDF: base64 in literal string": func(b []byte) []byte {
			return pdfObjects(catalog,
				"<</X "+literal(base64Lines(64, "", "\n")(b))+">>")
		},
		"PDF: strings in an array": func(b []byte) []byte {
			var list strings.Builder
			for _, p := range bytes.SplitAfter(folded(base64.StdEncoding.EncodeToString(b), 10, "", "\n"),
				[]byte("\n")) {
				list.WriteString(hexString(bytes.TrimSpace(p)))
			}
			return pdfObjects(catalog, "["+list.String()+"]")
		},
		"PDF: name": func(b []byte) []byte {
			return pdfObjects(catalog,
				"/"+string(each1("#%02x")(b)))
		},
		"PDF: object stream":       inObjectStream(func(b []byte) string { return literal(b) }),
		"PDF: object stream, hex":  inObjectStream(func(b []byte) string { return "<</X[" + hexString(b) + "]>>" }),
		"PDF: attachment":          attach("logo.png", same),
		"PDF: zip attachment":      attach("logo.zip", zipped(zip.Deflate, nil)),
		"PDF: xz attachment":       attach("logo.xz", xzed),
		"PDF: tar.gz attachment":   attach("logo.tgz", func(b []byte) []byte { return gzipped(tarred(b)) }),
		"PDF: hex dump attachment": attach("logo.txt", dumped("%08x:", 2, " ", false, true)),
		"PDF: base64 attachment":   attach("logo.txt", base64Lines(20, "", "\n")),
		"PDF: page text":           page(helvetica, "", func(l string) string { return "(" + l + ") Tj" }, same),
		"PDF: page text, quote":    page(helvetica, "", func(l string) string { return "(" + l + ") '" }, same),
		"PDF: page text, kerned":   page(helvetica, "", kerned, same),
		"PDF: page text, glyphs":   page(helvetica, "", glyphByGlyph, same),
		"PDF: page text, hex": page(helvetica, "", func(l string) string { return hexString([]byte(l)) + " Tj" },
			same),
		"PDF: page text, glyph IDs": page(identity, identityTable(),
			func(l string) string { return glyphIDs(l) + " Tj" }, same),
		"PDF: page text, code table": page(shifted, shiftedTable(), shiftedCodes(0x60), same),
		"PDF: page text, Type3":      page(differencesFont(), "", shiftedCodes(100), same),
		"PDF: inline image": inStream("", func(b []byte) []byte {
			return []byte("q BI /W 8 /H 8 /F[/AHx/Fl] ID " + hex.EncodeToString(zlibbed(b)) + "> EI Q (x) Tj")
		}),
		"PDF in zip": func(b []byte) []byte {
			return zipped(zip.Deflate,
				nil)(inStream("/Filter/FlateDecode", zlibbed)(b))
		},
		"PDF in a prefix": func(b []byte) []byte {
			return append([]byte("GIF89a"),
				inStream("/Filter/FlateDecode", zlibbed)(b)...)
		},
	}
	for _, outer := range encoders() {
		w["PDF: "+outer.name] = inStream("/Filter/"+outer.name, outer.encode)
		for _, inner := range encoders() {
			w["PDF: "+outer.name+" over "+inner.name] = inStream("/Filter[/"+outer.name+"/"+inner.name+"]",
				func(b []byte) []byte { return outer.encode(inner.encode(b)) })
		}
	}
	for _, kind := range []byte{0, 1, 2, 3, 4} {
		w[fmt.Sprintf("PDF: PNG predictor %d",
			kind)] = inStream("/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 8>>", predicted(kind))
	}
	w["PDF: TIFF predictor"] = inStream("/Filter[/FlateDecode]/DecodeParms[<</Predictor 2/Columns 8>>]", predicted(255))
	return w
}
