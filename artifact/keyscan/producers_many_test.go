//go:build integration && producers

package keyscan

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// pages are pictures as scanners send them: text and noise in grey, black and white, and colour.
const pages = `
import random, sys, os
from PIL import Image, ImageDraw
random.seed(20261129)
os.chdir(sys.argv[1])
for i in range(60):
    mode = ("1", "L", "RGB")[i % 3]
    p = Image.effect_noise((420, 594), 20 + i).convert("RGB").convert(mode)
    d = ImageDraw.Draw(p)
    for n in range(30): d.text((30, 20 + 18 * n), "".join(random.choice("0123456789abcdef:") for _ in range(60)), fill=0)
    p.save("scan-%d.%s" % (i, ("tif", "jpg", "png")[i % 3]), **({"compression": "group4"} if mode == "1" else {}))
`

// TestManyProducers wants no false alarm on what these programs make. They are large: `make test-producers` installs
// them.
func TestManyProducers(t *testing.T) {
	dir := t.TempDir()
	manyProducers(t, dir, func(name string, args ...string) {
		t.Helper()
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	})
	all := must(filepath.Glob(filepath.Join(dir, "*.pdf")))
	if len(all) < 100 {
		t.Fatalf("there are only %d documents", len(all))
	}
	for _, n := range all {
		if r := Scan(must(os.ReadFile(n))); r.Key != nil || r.Opaque != "" || r.Encrypted != "" || r.Launches != "" {
			t.Errorf("%s: %v %+v", filepath.Base(n), r.Key, r)
		}
	}
	t.Logf("%d documents", len(all))
}

// manyProducers lets TeX, LibreOffice (from HTML and, as tagged PDF, from Word's format), WeasyPrint and img2pdf make
// documents with what looks like keys and is none.
func manyProducers(t *testing.T, dir string, run func(name string, args ...string)) {
	t.Helper()
	r := rand.New(rand.NewPCG(20261129, 22))
	hex := func(n int) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = fmt.Sprintf("%02x", r.IntN(256))
		}
		return strings.Join(parts, ":")
	}
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("HOME", t.TempDir())
	for i := range 16 {
		body := strings.Repeat(fmt.Sprintf("The private key of the CA is kept in an HSM. $d = e^{-1} \\bmod "+
			"\\varphi(%d)$.\n\n", r.IntN(1<<30)), 20)
		for range 20 {
			body += "\\texttt{" + hex(16) + "}\n\n"
		}
		run("pdflatex", "-interaction=batchmode", "-output-directory", dir,
			write(fmt.Sprintf("tex-%d.tex", i), "\\documentclass{article}\\begin{document}\n"+body+"\\end{document}\n"))
	}
	var html []string
	for i := range 24 {
		rows := ""
		for range 30 {
			rows += fmt.Sprintf("<tr><td>Serial %x</td><td>%s</td></tr>", r.Uint64(), hex(20))
		}
		html = append(html, write(fmt.Sprintf("office-%d.html", i),
			"<!DOCTYPE html><meta charset=utf-8><h1>認証業務規程</h1><p>/Launch, /Encrypt, PKCS#11 token store object"+
				"<table border=1>"+rows+"</table>"))
	}
	run("soffice", append([]string{"--headless", "--convert-to", "pdf", "--outdir", dir}, html[:12]...)...)
	run("soffice", append([]string{"--headless", "--convert-to", "docx:Office Open XML Text",
		"--infilter=HTML (StarWriter)", "--outdir", dir}, html[12:18]...)...)
	words, err := filepath.Glob(filepath.Join(dir, "*.docx"))
	if err != nil || len(words) != 6 {
		t.Fatalf("LibreOffice made %d files of Word, not 6: %v", len(words), err)
	}
	run("soffice", append([]string{"--headless", "--convert-to",
		`pdf:writer_pdf_Export:{"UseTaggedPDF":{"type":"boolean","value":"true"}}`, "--outdir", dir}, words...)...)
	for i, h := range html[18:] {
		run("weasyprint", h, filepath.Join(dir, fmt.Sprintf("weasyprint-%d.pdf", i)))
	}
	run("/usr/bin/python3", "-c", pages, dir)
	for i := range 60 {
		picture := filepath.Join(dir, fmt.Sprintf("scan-%d.%s", i, []string{"tif", "jpg", "png"}[i%3]))
		run("img2pdf", "-o", filepath.Join(dir, fmt.Sprintf("scan-%d.pdf", i)), picture)
	}
}
