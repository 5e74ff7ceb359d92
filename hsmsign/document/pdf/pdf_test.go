package pdf_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"seihon/hsmsign/document/pdf"
)

func sample() []byte {
	return pdf.Make("CPS (1.0) é 規程", slices.Repeat([]string{"1 Introduction \\ (text)"}, 120))
}

func TestMakeIsDeterministicAndReadable(t *testing.T) {
	if !bytes.Equal(sample(), sample()) {
		t.Error("two different files")
	}
	for name, b := range map[string][]byte{"table": sample(), "stream": pdf.Packed(t, sample()),
		"empty": pdf.Make("", nil)} {
		f, err := pdf.Open(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		page, _, err := f.FirstPage()
		if err != nil || page["Type"] != pdf.Name("Page") {
			t.Errorf("%s: first page %v, %v", name, page, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	good := string(sample())
	replace := func(from, to string) string {
		if !strings.Contains(good, from) {
			t.Fatalf("the sample has no %q", from)
		}
		return strings.ReplaceAll(good, from, to+strings.Repeat(" ", max(0, len(from)-len(to))))
	}
	for _, c := range []struct{ name, file, want string }{
		{"empty", "", "not a PDF"},
		{"text", "Dear reader", "not a PDF"},
		{"HTML", "<!doctype html>", "not a PDF"},
		{"header only", "%PDF-1.7\n", "%%EOF"},
		{"header and end only", "%PDF-1.7\n%%EOF\n", "startxref"},
		{"something before the header", "\n" + good, "not a PDF"},
		{"truncated", good[:len(good)-200], "%%EOF"},
		{"cut in the middle", good[:len(good)/2], "%%EOF"},
		{"something appended", good + "MZ\x90", "follow"},
		{"much appended", good + strings.Repeat("x", 5000), "%%EOF"},
		{"startxref outside", good[:strings.LastIndex(good, "startxref")] + "startxref\n999999\n%%EOF", "startxref"},
		{"startxref to nowhere", good[:strings.LastIndex(good, "startxref")] + "startxref\n20\n%%EOF",
			"neither a table nor a stream"},
		{"no catalog", replace("/Root 1 0 R", "/Roof 1 0 R"), "no catalog"},
		{"catalog missing", replace("/Root 1 0 R", "/Root 99 0 R"), "catalog is missing"},
		{"catalog of another type", replace("/Type /Catalog", "/Type /Cat"), "not of type Catalog"},
		{"no pages", replace("/Kids [5 0 R 7 0 R 9 0 R]", "/Kids []"), "no page"},
		{"page loop", replace("/Kids [5 0 R 7 0 R 9 0 R]", "/Kids [2 0 R]"), "too deep or loops"},
		{"wrong offset", replace("2 0 obj", "7 0 obj"), "is not at byte"},
	} {
		if _, err := pdf.Open([]byte(c.file)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", c.name, err, c.want)
		}
	}
}

func TestUpdateKeepsTheKindOfCrossReference(t *testing.T) {
	for name, b := range map[string][]byte{"table": sample(), "stream": pdf.Packed(t, sample())} {
		for round := range 3 {
			f, err := pdf.Open(b)
			if err != nil {
				t.Fatalf("%s, round %d: %v", name, round, err)
			}
			u, err := f.Update()
			if err != nil {
				t.Fatal(err)
			}
			page, ref, err := f.FirstPage()
			if err != nil {
				t.Fatal(err)
			}
			note := u.New()
			u.Set(note, pdf.Dict{"Round": pdf.Number(fmt.Sprint(round))})
			u.Set(ref, page.With("Note", note))
			out, at := u.Bytes(note)
			if !bytes.HasPrefix(out, b) || !bytes.HasPrefix(out[at:], []byte("<</Round")) {
				t.Fatalf("%s: the update is not an appendix, or the position is wrong", name)
			}
			b = out
			f, err = pdf.Open(b)
			if err != nil {
				t.Fatalf("%s, round %d: %v", name, round, err)
			}
			page, _, err = f.FirstPage()
			if err != nil {
				t.Fatal(err)
			}
			d, err := f.Dict(page["Note"])
			if err != nil || d["Round"] != pdf.Number(fmt.Sprint(round)) {
				t.Errorf("%s: read back %v, %v", name, d, err)
			}
			if got := bytes.Contains(out[len(out)-300:], []byte("trailer")); got != (name == "table") {
				t.Errorf("%s: the kind of cross-reference changed", name)
			}
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(sample())
	f.Add(pdf.Packed(f, pdf.Make("a", []string{"b"})))
	f.Add([]byte("%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Kids[3 0 R]>>endobj\nxref\n0 " +
		"1\n0000000000 65535 f \ntrailer<</Root 1 0 R/Size 3/Prev 0>>startxref 80 %%EOF"))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := pdf.Open(b)
		if err != nil || file.Encrypted() {
			return
		}
		u, err := file.Update()
		if err != nil {
			return
		}
		page, ref, err := file.FirstPage()
		if err != nil {
			t.Fatal("opened, but without a page:", err)
		}
		u.Set(ref, page.With("Fuzz", pdf.Number("1")))
		out, _ := u.Bytes(ref)
		again, err := pdf.Open(out)
		if err != nil {
			t.Fatalf("the update cannot be read: %v\n%q", err, out)
		}
		if page, _, err := again.FirstPage(); err != nil || page["Fuzz"] != pdf.Number("1") {
			t.Fatalf("the update is lost: %v, %v\n%q", page, err, out)
		}
	})
}
