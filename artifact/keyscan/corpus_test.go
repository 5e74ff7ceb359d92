//go:build integration

package keyscan

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// corpus makes pages with what a policy has in it that looks like something else: digests, serial numbers, words about
// keys, formulas, tables of numbers and pictures of noise, in fonts that are embedded in subsets.
const corpus = `
import random, sys, os
from reportlab.pdfgen import canvas
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
import cairo
pdfmetrics.registerFont(TTFont("DejaVu", "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"))
random.seed(20261128)
words = "private key CA policy the of certificate HSM token PKCS#11 store /Launch /Encrypt stream obj prime exponent 0x30 MIIB kty d".split()
def line():
    kind = random.randrange(6)
    if kind == 0: return ":".join("%02x" % random.randrange(256) for _ in range(20))
    if kind == 1: return "Serial number: %x" % random.getrandbits(120)
    if kind == 2: return " ".join(str(random.randrange(256)) for _ in range(24))
    if kind == 3: return "".join(random.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") for _ in range(64))
    return " ".join(random.choice(words) for _ in range(12))
os.chdir(sys.argv[1])
for i in range(200):
    c = canvas.Canvas("reportlab-%d.pdf" % i, pageCompression=i % 2)
    for page in range(1 + i % 3):
        t = c.beginText(40, 780)
        t.setFont("DejaVu" if i % 4 else "Courier", 9)
        for _ in range(40): t.textLine(line())
        c.drawText(t)
        c.showPage()
    c.save()
for i in range(100):
    s = cairo.PDFSurface("cairo-%d.pdf" % i, 595, 842)
    x = cairo.Context(s)
    x.select_font_face("DejaVu Sans Mono" if i % 2 else "DejaVu Sans")
    for n in range(30):
        x.move_to(40, 40 + 20 * n); x.show_text(line())
    p = cairo.ImageSurface(cairo.FORMAT_ARGB32, 64, 64)
    d = p.get_data()
    for k in range(len(d)): d[k] = random.randrange(256)
    p.mark_dirty(); x.set_source_surface(p, 40, 700); x.paint()
    s.finish()
`

// TestNoFalseAlarmOnManyDocuments makes 700 documents and more with the tools of several producers.
func TestNoFalseAlarmOnManyDocuments(t *testing.T) {
	dir := t.TempDir()
	run := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	run("/usr/bin/python3", "-c", corpus, dir)
	made := must(filepath.Glob(filepath.Join(dir, "*.pdf")))
	for i, n := range made {
		out := filepath.Join(dir, fmt.Sprintf("again-%d.pdf", i))
		switch i % 9 {
		case 0, 5:
			run("qpdf", "--object-streams=generate", n, out)
		case 1, 6:
			run("qpdf", "--linearize", n, out)
		case 2, 7:
			run("qpdf", "--qdf", n, out)
		case 3, 8:
			run("qpdf", "--stream-data=uncompress", n, out)
		default:
			run("gs", "-q", "-dBATCH", "-dNOPAUSE", "-sDEVICE=pdfwrite", "-o", out, n)
		}
	}
	recorded(t, dir, run)
	all := must(filepath.Glob(filepath.Join(dir, "*.pdf")))
	if len(all) < 700 {
		t.Fatalf("there are only %d documents", len(all))
	}
	for _, n := range all {
		if r := Scan(must(os.ReadFile(n))); r.Key != nil || r.Opaque != "" || r.Encrypted != "" || r.Launches != "" {
			t.Errorf("%s: %v %+v", filepath.Base(n), r.Key, r)
		}
	}
	t.Logf("%d documents", len(all))
}

// recorded lays new pages over the documents that TeX, LibreOffice, browsers and scanners made, and packs each in
// several ways.
func recorded(t *testing.T, dir string, run func(name string, args ...string)) {
	t.Helper()
	ways := [][]string{{"--qdf"}, {"--object-streams=generate", "--recompress-flate"}, {"--linearize"},
		{"--stream-data=uncompress"},
		{"--object-streams=disable", "--compression-level=9", "--recompress-flate"},
		{"--coalesce-contents", "--normalize-content=y"}}
	for i, n := range must(filepath.Glob("testdata/pdf/*.pdf")) {
		for j, way := range ways {
			over := filepath.Join(dir, fmt.Sprintf("reportlab-%d.pdf", i*len(ways)+j))
			run("qpdf",
				append(way, n, "--overlay", over, "--", filepath.Join(dir, fmt.Sprintf("recorded-%d-%d.pdf", i, j)))...)
		}
	}
}
