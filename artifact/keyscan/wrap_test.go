package keyscan

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/ascii85"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"net/url"
	"strings"
	"unicode/utf16"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

type wrapping = func([]byte) []byte

// through runs b through a writer that packs.
func through(b []byte, open func(io.Writer) (io.WriteCloser, error)) []byte {
	var out bytes.Buffer
	w := must(open(&out))
	_ = must(w.Write(b))
	if err := w.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}

func gzipped(b []byte) []byte {
	return through(b, func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil })
}

func zlibbed(b []byte) []byte {
	return through(b, func(w io.Writer) (io.WriteCloser, error) { return zlib.NewWriter(w), nil })
}

func deflated(b []byte) []byte {
	return through(b, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, 9) })
}

func xzed(b []byte) []byte {
	return through(b, func(w io.Writer) (io.WriteCloser, error) {
		return xz.WriterConfig{DictCap: 1 << 16}.NewWriter(w)
	})
}

func lzmaed(b []byte) []byte {
	return through(b, func(w io.Writer) (io.WriteCloser, error) {
		return lzma.WriterConfig{DictCap: 1 << 16}.NewWriter(w)
	})
}

func zstded(b []byte) []byte {
	return through(b, func(w io.Writer) (io.WriteCloser, error) {
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<16))
	})
}

func tarred(b []byte) []byte {
	return through(b, func(w io.Writer) (io.WriteCloser, error) {
		t := tar.NewWriter(w)
		return t, t.WriteHeader(&tar.Header{Name: "x", Size: int64(len(b)), Mode: 0o600})
	})
}

// zipped makes an archive of one member; compress gives the member's data for methods that archive/zip does not know.
func zipped(method uint16, compress wrapping) wrapping {
	return func(b []byte) []byte {
		var out bytes.Buffer
		z := zip.NewWriter(&out)
		if compress == nil {
			w := must(z.CreateHeader(&zip.FileHeader{Name: "logo.png", Method: method}))
			_ = must(w.Write(b))
		} else {
			packed := compress(b)
			w := must(z.CreateRaw(&zip.FileHeader{Name: "logo.png", Method: method,
				CompressedSize64:   uint64(len(packed)),
				UncompressedSize64: uint64(len(b))}))
			_ = must(w.Write(packed))
		}
		if err := z.Close(); err != nil {
			panic(err)
		}
		return out.Bytes()
	}
}

// lzmaMember makes the form that zip has of .lzma: version, size of the properties, properties, data.
func lzmaMember(b []byte) []byte {
	l := lzmaed(b)
	return append(append([]byte{9, 20, 5, 0}, l[:5]...), l[13:]...)
}

// folded breaks text into lines of n characters, each between a prefix and a suffix.
func folded(text string, n int, prefix, suffix string) []byte {
	var out strings.Builder
	for len(text) > 0 {
		k := min(n, len(text))
		out.WriteString(prefix + text[:k] + suffix)
		text = text[k:]
	}
	return []byte(out.String())
}

func base64Lines(n int, prefix, suffix string) wrapping {
	return func(b []byte) []byte { return folded(base64.StdEncoding.EncodeToString(b), n, prefix, suffix) }
}

func hexWith(format, between string, line int) wrapping {
	return func(b []byte) []byte {
		var out strings.Builder
		for i, c := range b {
			if i > 0 {
				out.WriteString(between)
				if line > 0 && i%line == 0 {
					out.WriteString("\n    ")
				}
			}
			fmt.Fprintf(&out, format, c)
		}
		return []byte(out.String() + "\n")
	}
}

func utf16ed(high int) wrapping {
	return func(b []byte) []byte {
		out := []byte{0xff, 0xfe}
		if high == 0 {
			out = []byte{0xfe, 0xff}
		}
		for _, u := range utf16.Encode([]rune(base64.StdEncoding.EncodeToString(b))) {
			pair := []byte{byte(u), byte(u >> 8)}
			if high == 0 {
				pair[0], pair[1] = pair[1], pair[0]
			}
			out = append(out, pair...)
		}
		return out
	}
}

// dumped prints lines of sixteen bytes behind an address.
func dumped(address string, step int, group string, swap bool, gutter bool) wrapping {
	return func(b []byte) []byte {
		var out strings.Builder
		for at := 0; at < len(b); at += 16 {
			line := b[at:min(at+16, len(b))]
			fmt.Fprintf(&out, address, at)
			for i := 0; i < len(line); i += step {
				piece := bytes.Clone(line[i:min(i+step, len(line))])
				if swap && len(piece) == 2 {
					piece[0], piece[1] = piece[1], piece[0]
				}
				out.WriteString(group + hex.EncodeToString(piece))
			}
			if gutter {
				out.WriteString("  |" + strings.Map(func(r rune) rune {
					if r < ' ' || r > '~' {
						return '.'
					}
					return r
				}, string([]rune(string(line)))) + "|")
			}
			out.WriteString("\n")
		}
		return []byte(out.String())
	}
}

func uuencoded(b []byte) []byte {
	var out strings.Builder
	out.WriteString("begin 644 logo.png\n")
	for len(b) > 0 {
		line := b[:min(45, len(b))]
		b = b[len(line):]
		out.WriteByte(byte(' ' + len(line)))
		for i := 0; i < len(line); i += 3 {
			var t [3]byte
			copy(t[:], line[i:])
			v := uint32(t[0])<<16 | uint32(t[1])<<8 | uint32(t[2])
			for shift := 18; shift >= 0; shift -= 6 {
				out.WriteByte(byte(' ' + v>>shift&63))
			}
		}
		out.WriteByte('\n')
	}
	return []byte(out.String() + "`\nend\n")
}

func ascii85ed(b []byte) string {
	var out bytes.Buffer
	w := ascii85.NewEncoder(&out)
	_ = must(w.Write(b))
	_ = w.Close()
	return out.String()
}

func each1(format string) wrapping {
	return func(b []byte) []byte {
		var out strings.Builder
		for _, c := range b {
			fmt.Fprintf(&out, format, c)
		}
		return []byte(out.String())
	}
}

// textWrappings are what people and programs do to data in text.
func textWrappings() map[string]wrapping {
	w := map[string]wrapping{
		"base64 in prose": func(b []byte) []byte {
			return []byte("The following text is shown as an example only " + base64.StdEncoding.EncodeToString(b) +
				" and so on")
		},
		"base64 in JSON": func(b []byte) []byte {
			return []byte(`{"data":"` +
				base64.RawURLEncoding.EncodeToString(b) + `"}`)
		},
		"base64 of base64": func(b []byte) []byte {
			return base64Lines(76, "",
				"\n")(base64Lines(64, "", "\n")(b))
		},
		"base64 of gzip": func(b []byte) []byte { return base64Lines(64, "", "\n")(gzipped(b)) },
		"base64 of zlib": func(b []byte) []byte { return base64Lines(64, "", "\n")(zlibbed(b)) },
		"base64 of gzip, prose": func(b []byte) []byte {
			return append([]byte("see below "),
				base64Lines(1000, "", "\n")(gzipped(b))...)
		},
		"base64 URL": func(b []byte) []byte { return []byte(base64.URLEncoding.EncodeToString(b)) },
		"base64 in data URL": func(b []byte) []byte {
			return []byte("data:image/png;base64," +
				base64.StdEncoding.EncodeToString(b))
		},
		"base64 piece by piece": func(b []byte) []byte { return pieces(b, 47) },
		"base64 in UTF-16LE":    utf16ed(1),
		"base64 in UTF-16BE":    utf16ed(0),
		"base32":                func(b []byte) []byte { return []byte(base32.StdEncoding.EncodeToString(b)) },
		"base32 lines": func(b []byte) []byte {
			return folded(base32.StdEncoding.EncodeToString(b), 8, "",
				" ")
		},
		"hex":                    hexWith("%02x", "", 0),
		"hex upper":              hexWith("%02X", "", 0),
		"hex colons":             hexWith("%02x", ":", 0),
		"hex colons, lines":      hexWith("%02X", ":", 15),
		"hex spaces":             hexWith("%02x", " ", 16),
		"hex dashes":             hexWith("%02X", "-", 0),
		"hex C array":            hexWith("0x%02x", ", ", 12),
		"hex C array, short":     hexWith("0x%x", ", ", 8),
		"hex C string":           hexWith(`\x%02x`, "", 0),
		"hex pair a line":        hexWith("%02x", "\n", 0),
		"hex in UTF-16":          func(b []byte) []byte { return widen(hexWith("%02x", "", 0)(b)) },
		"decimal list":           hexWith("%d", ", ", 10),
		"signed list":            func(b []byte) []byte { return signed(b) },
		"xxd":                    dumped("%08x:", 2, " ", false, true),
		"hexdump -C":             dumped("%08x ", 1, " ", false, true),
		"hexdump":                dumped("%07x", 2, " ", true, false),
		"od -tx1":                dumped("%07o", 1, " ", false, false),
		"od -tx2":                dumped("%07o", 2, " ", true, false),
		"BIO_dump":               dumped("%04x -", 1, " ", false, true),
		"percent":                each1("%%%02X"),
		"percent, mixed":         func(b []byte) []byte { return []byte(url.QueryEscape(string(b))) },
		"octal escapes":          each1(`\%03o`),
		"\\u escapes":            each1(`\u%04x`),
		"character references":   each1("&#%d;"),
		"character references x": each1("&#x%X;"),
		"quoted-printable":       each1("=%02X"),
		"uuencode":               uuencoded,
		"ASCII85":                func(b []byte) []byte { return []byte("<~" + ascii85ed(b) + "~>") },
		"as CERTIFICATE PEM": func(b []byte) []byte {
			return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE",
				Bytes: b})
		},
	}
	for _, n := range []int{4, 8, 12, 16, 20, 32, 39, 48, 64, 76, 500} {
		w[fmt.Sprintf("base64 lines of %d", n)] = base64Lines(n, "", "\n")
		w[fmt.Sprintf("base64 lines of %d, CRLF", n)] = base64Lines(n, "", "\r\n")
	}
	for _, prefix := range []string{"# ", "> ", "% ", "  * ", "\t", "; ", "| "} {
		w["base64 behind "+prefix] = base64Lines(64, prefix, "\n")
	}
	w["base64 C strings"] = base64Lines(64, `  "`, "\\n\"\n")
	w["base64 joined strings"] = base64Lines(40, `  "`, "\" +\n")
	w["base64 JSON lines"] = base64Lines(64, "", `\n`)
	w["base64 HTML"] = base64Lines(64, "<br/>", "\n")
	w["base64 XML"] = base64Lines(64, "<line>", "</line>\n")
	w["base64 list"] = base64Lines(16, `"`, "\",\n")
	return w
}

// pieces encodes every n octets by themselves, with padding.
func pieces(b []byte, n int) []byte {
	var out []byte
	for len(b) > 0 {
		k := min(n, len(b))
		out = append(out, base64.StdEncoding.EncodeToString(b[:k])+"\n"...)
		b = b[k:]
	}
	return out
}

func widen(b []byte) []byte {
	out := []byte{0xff, 0xfe}
	for _, c := range b {
		out = append(out, c, 0)
	}
	return out
}

func signed(b []byte) []byte {
	var parts []string
	for _, c := range b {
		parts = append(parts, fmt.Sprint(int8(c)))
	}
	return []byte("byte[] b = {" + strings.Join(parts, ",") + "};")
}

// packedWrappings are archives and compressed data.
func packedWrappings() map[string]wrapping {
	deflate := zipped(zip.Deflate, nil)
	return map[string]wrapping{
		"bare":                 func(b []byte) []byte { return b },
		"zip":                  deflate,
		"zip stored":           zipped(zip.Store, nil),
		"zip xz":               zipped(zipXZ, xzed),
		"zip zstd":             zipped(zipZstd, zstded),
		"zip LZMA":             zipped(14, lzmaMember),
		"zip of zlib":          func(b []byte) []byte { return zipped(zip.Store, nil)(zlibbed(b)) },
		"gzip":                 gzipped,
		"zlib":                 zlibbed,
		"deflate":              deflated,
		"xz":                   xzed,
		"lzma":                 lzmaed,
		"zstd":                 zstded,
		"tar":                  tarred,
		"tar of zlib":          func(b []byte) []byte { return tarred(zlibbed(b)) },
		"tar of deflate":       func(b []byte) []byte { return tarred(deflated(b)) },
		"tar.gz":               func(b []byte) []byte { return gzipped(tarred(b)) },
		"tar.xz":               func(b []byte) []byte { return xzed(tarred(b)) },
		"tar.zst":              func(b []byte) []byte { return zstded(tarred(b)) },
		"gzip of xz":           func(b []byte) []byte { return gzipped(xzed(b)) },
		"xz of gzip":           func(b []byte) []byte { return xzed(gzipped(b)) },
		"zip in gzip in zip":   func(b []byte) []byte { return deflate(gzipped(deflate(b))) },
		"zip behind a picture": func(b []byte) []byte { return append([]byte("\x89PNG\r\n\x1a\n...."), deflate(b)...) },
		"gzip behind text":     func(b []byte) []byte { return append([]byte("some text\n"), gzipped(b)...) },
		"xz behind text":       func(b []byte) []byte { return append([]byte("some text\n"), xzed(b)...) },
		"zstd behind text":     func(b []byte) []byte { return append([]byte("some text\n"), zstded(b)...) },
		"two gzip members":     func(b []byte) []byte { return append(gzipped([]byte("hello")), gzipped(b)...) },
		"before a PDF":         func(b []byte) []byte { return append(bytes.Clone(b), "%PDF-1.7\n%%EOF\n"...) },
		"behind a certificate": func(b []byte) []byte { return append(publicObjects()["certificate"], b...) },
		"behind PEM": func(b []byte) []byte {
			return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: publicObjects()["certificate"]}),
				b...)
		},
	}
}
