package inputtest

import (
	stdbytes "bytes"
	"compress/zlib"
	"fmt"
	"strings"
)

// A pdf writes a document with its cross-reference table.
type pdf struct {
	b       stdbytes.Buffer
	offsets []int
	extra   string // of the trailer
}

// object adds an object and returns its number.
func (p *pdf) object(content string) int {
	p.offsets = append(p.offsets, p.b.Len())
	fmt.Fprintf(&p.b, "%d 0 obj\n%s\nendobj\n", len(p.offsets), content)
	return len(p.offsets)
}

func stream(dictionary string, data []byte) string {
	return fmt.Sprintf("<<%s/Length %d>>\nstream\n%s\nendstream", dictionary, len(data), data)
}

func (p *pdf) bytes() []byte {
	at := p.b.Len()
	fmt.Fprintf(&p.b, "xref\n0 %d\n0000000000 65535 f \n", len(p.offsets)+1)
	for _, o := range p.offsets {
		fmt.Fprintf(&p.b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&p.b, "trailer <</Root 1 0 R/Size %d%s>>\nstartxref\n%d\n%%%%EOF\n", len(p.offsets)+1, p.extra, at)
	return p.b.Bytes()
}

// newPDF begins a document of one page; catalog is added to its catalog.
func newPDF(header, catalog string) *pdf {
	p := &pdf{}
	p.b.WriteString(header)
	p.object("<</Type/Catalog/Pages 2 0 R" + catalog + ">>")
	p.object("<</Type/Pages/Kids[3 0 R]/Count 1>>")
	p.object("<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R>>")
	return p
}

const header = "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"

func deflated(b []byte) []byte {
	var out stdbytes.Buffer
	w := zlib.NewWriter(&out)
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

// Documents returns the cases of documents: a CP or CPS is PDF, can be looked into to its last byte, and starts
// nothing.
func Documents() []Case {
	var all []Case
	page := []byte("BT /F1 12 Tf 40 800 Td (Certification Practice Statement) Tj ET")
	add := func(name string, accept bool, why string, der []byte) {
		all = append(all, Case{"document: " + name, der, accept, why})
	}
	text := func(name, content string, accept bool, why string) {
		p := newPDF(header, "")
		p.object(stream("", []byte(content)))
		add(name, accept, why, p.bytes())
	}
	with := func(name, catalog, object string, accept bool, why string) {
		p := newPDF(header, catalog)
		p.object(stream("", page))
		if object != "" {
			p.object(object)
		}
		add(name, accept, why, p.bytes())
	}
	for _, v := range []string{"1.0", "1.4", "1.7", "2.0"} {
		p := newPDF("%PDF-"+v+"\n%\xe2\xe3\xcf\xd3\n", "")
		p.object(stream("", page))
		add("version "+v, true, "ISO 32000 7.5.2", p.bytes())
	}
	good := all[2].DER
	add("cut off", false, "ISO 32000 7.5.5: ends with its trailer", good[:len(good)-20])
	add("with a line break after its end", true, "editors and mail add it", append(stdbytes.Clone(good), "\r\n"...))
	add("empty", false, "no document", []byte{})
	add("of its header alone", false, "ISO 32000 7.5.5", []byte(header))
	add("with something before its header", false, "whoever looks at the first bytes sees another file",
		append([]byte("MZ\x90\x00"), good...))
	text("a page that names /Launch and /Encrypt", "BT (the action /Launch, the key /Encrypt and /JavaScript) Tj ET",
		true, "text of a page is no name of the document")
	text("a page about private keys", "BT (-----BEGIN is how a private key in PEM begins) Tj ET", true,
		"text of a page")
	text("a page about tokens", "BT (CKO_PRIVATE_KEY, PKCS#11 token store object) Tj ET", true, "text of a page")
	text("a key as the text of a page",
		"BT (-----BEGIN EC PRIVATE KEY-----) Tj T* "+
			"(MHcCAQEEIBkg7QVeJ9wEYn2pQ9vXcQ0sPZ6mS5pTqv6d1B0yqk6ZoAoGCCqGSM49) Tj T* "+
			"(AwEHoUQDQgAE) Tj T* (-----END EC PRIVATE KEY-----) Tj ET", false,
		"section A, 3-4 (2) A: no key, however it is shown")
	const start = "section A: a document starts nothing"
	with("an action that starts a program", "/OpenAction 5 0 R", "<</S/Launch/F(cmd.exe)>>", false, start)
	with("the same with an escaped name", "/OpenAction 5 0 R", "<</S/#4caunch/F(cmd.exe)>>", false,
		"ISO 32000 7.3.5: #4c is L")
	with("an action that opens an address", "/OpenAction 5 0 R", "<</S/URI/URI(http://pki.example/)>>", true, "a link")
	hidden := deflated([]byte("6 0 <</S/Launch/F(cmd.exe)>>"))
	with("a start in an object stream", "", stream("/Type/ObjStm/N 1/First 4/Filter/FlateDecode", hidden), false,
		"ISO 32000 7.5.7")
	with("a form in XML", "/AcroForm <</XFA 5 0 R>>", stream("", []byte("<xdp/>")), true, "data, no program")
	locked := newPDF(header, "")
	locked.object(stream("", page))
	locked.object("<</Filter/Standard/V 1/R 2/O(" + strings.Repeat("o", 32) + ")/U(" + strings.Repeat("u", 32) +
		")/P -4>>")
	locked.extra = "/Encrypt 5 0 R/ID[(x)(x)]"
	add("encrypted", false, "what cannot be looked into cannot be cleared", locked.bytes())
	return append(all, attachments(page)...)
}

// attachments vary what is attached and how it is wrapped.
func attachments(page []byte) (all []Case) {
	const opaque = "what cannot be looked into cannot be cleared"
	note := []byte("a note about this version")
	for _, v := range []struct {
		name, filter string
		data         []byte
		accept       bool
		why          string
	}{
		{"a note", "", note, true, ""}, {"a compressed note", "/Filter/FlateDecode", deflated(note), true, ""},
		{"a note in hex", "/Filter/ASCIIHexDecode", []byte(fmt.Sprintf("%x>", note)), true, ""},
		{"a note in a chain of filters", "/Filter[/ASCIIHexDecode/FlateDecode]",
			[]byte(fmt.Sprintf("%x>", deflated(note))), true, ""},
		{"with an abbreviated filter", "/Filter/Fl", deflated(note), true,
			"ISO 32000 7.4, 8.9.7: of inline images; readers take it"},
		{"with an escaped name of a filter", "/Filter/Fl#61teDecode", deflated(note), true,
			"ISO 32000 7.3.5: #61 is a"},
		{"with an unknown filter", "/Filter/Brotli", note, false, opaque},
		{"with the filter Crypt", "/Filter/Crypt", note, true,
			"ISO 32000 7.4.10: the identity, where nothing is encrypted"},
		{"that is not what its filter says", "/Filter/FlateDecode", note, false, opaque},
		{"compressed data that is cut off", "/Filter/FlateDecode", deflated(note)[:12], false, opaque},
		{"an encrypted archive", "",
			[]byte("PK\x03\x04\x14\x00\x01\x00\x00\x00!\x00!\x00\x00\x00\x00\x00\x10\x00\x00\x00\x10\x00\x00\x00\x05\x00\x00\x00a.keysecretsecretsecr"), false, opaque},
		{"an xz archive that is cut off", "", []byte("\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4F"), false, opaque},
		{"a key in PEM", "", []byte(dummyPEM), false, "section A: no private key"},
		{"a compressed key", "/Filter/FlateDecode", deflated([]byte(dummyPEM)), false, "section A: no private key"},
	} {
		p := newPDF(header, "/Names<</EmbeddedFiles<</Names[(a)5 0 R]>>>>")
		p.object(stream("", page))
		p.object("<</Type/Filespec/F(a)/EF<</F 6 0 R>>>>")
		p.object(stream("/Type/EmbeddedFile"+v.filter, v.data))
		all = append(all, Case{"document: attachment: " + v.name, p.bytes(), v.accept, v.why})
	}
	return all
}

// dummyPEM is a key on P-256 that guards nothing: the scalar 1.
const dummyPEM = "-----BEGIN EC PRIVATE KEY-----\n" +
	"MDECAQEEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAaAKBggqhkjO\n" +
	"PQMBBw==\n-----END EC PRIVATE KEY-----\n"
