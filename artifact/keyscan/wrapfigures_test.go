package keyscan

import (
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
)

// columns prints sixteen octets a line behind an octal address, as od does, in numbers of some octets in the order of
// the machine.
func columns(format string, size int) wrapping {
	return func(b []byte) []byte {
		var out strings.Builder
		for at := 0; at < len(b); at += 16 {
			fmt.Fprintf(&out, "%07o", at)
			line := append([]byte(nil), b[at:min(at+16, len(b))]...)
			for len(line)%size != 0 {
				line = append(line, 0)
			}
			for ; len(line) > 0; line = line[size:] {
				var n [8]byte
				copy(n[:], line[:size])
				fmt.Fprintf(&out, format, binary.LittleEndian.Uint64(n[:]))
			}
			out.WriteString("\n")
		}
		fmt.Fprintf(&out, "%07o\n", len(b))
		return []byte(out.String())
	}
}

// table makes a table of a page, sixteen cells a row.
func table(format string) wrapping {
	return func(b []byte) []byte {
		out := "<table class=\"data\">"
		for at := 0; at < len(b); at += 16 {
			out += "<tr>"
			for _, c := range b[at:min(at+16, len(b))] {
				out += fmt.Sprintf("<td>"+format+"</td>", c)
			}
			out += "</tr>\n"
		}
		return []byte(out + "</table>")
	}
}

// picture makes a PNG picture with one chunk of text.
func picture(name, head string) wrapping {
	return func(b []byte) []byte {
		chunk := func(name string, data []byte) []byte {
			out := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
			out = append(append(out, name...), data...)
			return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[4:]))
		}
		out := append([]byte(magicPNG), chunk("IHDR", []byte{0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0})...)
		out = append(out, chunk(name, append([]byte(head), zlibbed(b)...))...)
		return append(append(out, chunk("IDAT", zlibbed([]byte{0, 0, 0, 0}))...), chunk("IEND", nil)...)
	}
}

// image makes the lines of a program image, after a prefix, with a byte that counts more octets than the data.
func image(prefix string, more int, address string) wrapping {
	return func(b []byte) []byte {
		var out strings.Builder
		for at := 0; at < len(b); at += 16 {
			line := b[at:min(at+16, len(b))]
			fmt.Fprintf(&out, "%s%02X"+address+"%s00\n", prefix, len(line)+more, at,
				strings.ToUpper(hex.EncodeToString(line)))
		}
		return []byte(out.String())
	}
}

// figureWrappings are numbers instead of octets, and what else a tolerant decoder reads.
func figureWrappings() map[string]wrapping {
	return map[string]wrapping{
		"od -tu1": columns(" %3d", 1), "od -to1": columns(" %03o", 1), "od": columns(" %06o", 2),
		"od -tu2": columns(" %5d", 2), "od -tx4": columns(" %08x", 4),
		"octal list": hexWith("%03o", " ", 0), "octal C array": hexWith("0%o", ", ", 12),
		"binary list": hexWith("%08b", " ", 8), "binary digits": hexWith("%08b", "", 0),
		"binary array": hexWith("0b%08b", ", ", 8),
		"table of hex": table("%02x"), "table of numbers": table("%d"),
		"Markdown table":  dumped("| %04x", 1, " | ", false, false),
		"base32 small":    func(b []byte) []byte { return []byte(strings.ToLower(base32.StdEncoding.EncodeToString(b))) },
		"base32hex":       func(b []byte) []byte { return folded(base32.HexEncoding.EncodeToString(b), 60, "", "\n") },
		"PNG zTXt":        picture("zTXt", "Comment\x00\x00"),
		"PNG iTXt":        picture("iTXt", "Comment\x00\x01\x00en\x00\x00"),
		"PNG iCCP":        picture("iCCP", "profile\x00\x00"),
		"Intel hex":       image(":", 0, "%04X00"),
		"Motorola S":      image("S1", 3, "%04X"),
		"Motorola S, 32":  image("S3", 5, "%08X"),
		"an escaped line": func(b []byte) []byte { return []byte(`{"a":"` + `\u0062` + base64Text(b) + `"}`) },
	}
}

func base64Text(b []byte) string { return string(base64Lines(1<<20, "", "")(b)) }

// TestEscapedNameOfJSON: a JSON Web Key whose name of the private part is written with one escape is one still.
func TestEscapedNameOfJSON(t *testing.T) {
	const jwk = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}`
	for _, text := range []string{jwk, strings.Replace(jwk, `"d"`, `"\u0064"`, 1),
		strings.Replace(jwk, `"kty"`, `"\u006bty"`, 1), strings.Replace(jwk, `"EC"`, `"\u0045C"`, 1)} {
		if Scan([]byte(text)).Key == nil {
			t.Errorf("no key in %s", text)
		}
	}
	if f := Scan([]byte(strings.Replace(jwk, `"d"`, `"\u0065"`, 1))).Key; f != nil {
		t.Errorf("a public key is taken for %v", f)
	}
}
