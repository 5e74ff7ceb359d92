//go:build integration

package verify_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

var update = flag.Bool("update", false, "write the reference pictures anew")

// The tolerance of the reference pictures. A picture is judged by cells of 8 by 8 pixels, which are about a letter: a
// cell differs when the mean of its colour is further than 24 (of 441) from the reference's in RGB. One cell in 5,000
// may differ, and the size may not. Another hinting or smoothing of the same fonts stays below that; a colour, a plot
// or a line break does not.
const (
	cell         = 8
	farColour    = 24
	cellsPerMiss = 5000
)

// fixedFonts are what install-packages.sh installs, so that a machine's own fonts do not matter; a table of a hundred
// rules is not looked at to its end.
const fixedFonts = `*{font-family:"DejaVu Sans",IPAPGothic!important}pre,code,.digest{font-family:"DejaVu Sans Mono",IPAGothic!important}` +
	`[aria-labelledby=rules] tbody tr:nth-child(n+5){display:none}`

// A view is a page as somebody sees it.
type view struct {
	name  string
	page  []byte
	width int64
	en    bool // after a click on English
	print int  // page of the print-out; 0 is the screen
	dark  bool // as a browser that prefers dark colours
}

func views(t *testing.T) []view {
	report, clean, index := reportPage(t, false), reportPage(t, true), indexPage(t)
	shift := shiftPages(t)
	return []view{
		{name: "report-ja", page: report, width: 1000},
		{name: "report-en", page: report, width: 1000, en: true},
		{name: "report-narrow-en", page: report, width: 375, en: true},
		{name: "report-clean-ja", page: clean, width: 1000},
		{name: "report-print-1-ja", page: report, print: 1},
		{name: "report-print-1-en", page: report, print: 1, en: true},
		{name: "report-print-2-ja", page: report, print: 2},
		{name: "report-print-3-ja", page: report, print: 3},
		{name: "report-print-annex-en", page: report, print: 6, en: true},
		{name: "report-print-annex-ja", page: report, print: 6},
		{name: "index-ja", page: index, width: 1000},
		{name: "index-en", page: index, width: 1000, en: true},
		{name: "index-narrow-ja", page: index, width: 375},
		{name: "shift-ja", page: shift["shift, ja"], width: 1280},
		{name: "shift-en", page: shift["shift, en"], width: 1280},
		{name: "shift-dark-ja", page: shift["shift, ja"], width: 1280, dark: true},
		{name: "shift-narrow-en", page: shift["shift, en"], width: 375},
		{name: "shift-quiet-en", page: shift["quiet, en"], width: 1280},
		{name: "shift-unknown-ja", page: shift["unknown, ja"], width: 1280},
		{name: "shift-print-ja", page: shift["shift, ja"], print: 1},
	}
}

// anyStyle is the digest by which a page allows its own style only, without the fonts that a picture needs.
var anyStyle = regexp.MustCompile(`'sha256-[^']*'`)

func TestPicturesOfThePages(t *testing.T) {
	browser := newBrowser(t)
	for _, v := range views(t) {
		t.Run(v.name, func(t *testing.T) {
			got := v.picture(t, browser)
			path := filepath.Join("testdata", "golden", v.name+".png")
			if *update {
				check(os.WriteFile(path, encodePicture(thrifty(got)), 0o644))
				return
			}
			want := decodePicture(must(os.ReadFile(path)))
			if miss, diff := compare(got, want); miss != "" {
				kept := must(os.MkdirTemp("", "seihon-picture-"))
				write(kept, v.name+".png", encodePicture(got))
				write(kept, v.name+"-diff.png", encodePicture(diff))
				t.Errorf("%s: %s; the actual picture and the difference are in %s; if it is meant: go test -tags "+
					"integration -run Pictures ./verify -update", path, miss, kept)
			}
		})
	}
}

// TestPicturesBite spoils a page in ways that an eye would see, and wants the comparison to see them.
func TestPicturesBite(t *testing.T) {
	browser := newBrowser(t)
	v := views(t)[0]
	want := decodePicture(must(os.ReadFile(filepath.Join("testdata", "golden", v.name+".png"))))
	clean := v.page
	for name, style := range map[string]string{
		"the colour of bad news": ":root{--bad:#1c16a3!important}",
		"no plots":               "figure{visibility:hidden}",
		"no badges":              ".badge{visibility:hidden}",
		"larger letters":         "td{font-size:17px}",
	} {
		v.page = bytes.Replace(clean, []byte("</style>"), []byte(style+"</style>"), 1)
		if miss, _ := compare(v.picture(t, browser), want); miss == "" {
			t.Errorf("%s: the comparison sees no difference", name)
		}
	}
	v.page = clean
	if miss, _ := compare(v.picture(t, browser), want); miss != "" {
		t.Errorf("unspoiled: %s", miss)
	}
}

// picture takes the picture of a whole page, or of a page of its print-out.
func (v view) picture(t *testing.T, browser context.Context) *image.RGBA {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	defer cancel()
	dir := t.TempDir()
	write(dir, "page.html", bytes.Replace(anyStyle.ReplaceAll(v.page, []byte("'unsafe-inline'")), []byte("</style>"),
		[]byte(fixedFonts+"</style>"), 1))
	check(chromedp.Do(ctx, chromedp.EmulateViewport(max(v.width, 375), 900, chromedp.EmulateScale(0.75)),
		chromedp.Navigate("file://"+filepath.ToSlash(filepath.Join(dir, "page.html")))))
	if v.dark {
		colours(ctx, "dark")
	}
	if v.en {
		check(chromedp.Do(ctx, chromedp.Click(chromedp.CSS("label[for=lang-en]"))))
	}
	if v.print == 0 {
		_ = must(chromedp.Call(ctx, emulation.SetScrollbarsHidden, emulation.SetScrollbarsHiddenParams{Hidden: true}))
		return decodePicture(must(chromedp.Run(ctx, chromedp.FullScreenshot(100))))
	}
	write(dir, "page.pdf", must(chromedp.Run(ctx, chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4)))))
	page := fmt.Sprint(v.print)
	out, err := exec.CommandContext(t.Context(), "pdftoppm", "-r", "80", "-png", "-singlefile", "-f", page, "-l", page,
		filepath.Join(dir, "page.pdf"), filepath.Join(dir, "page")).CombinedOutput()
	if err != nil {
		t.Fatalf("running pdftoppm: %v\n%s", err, out)
	}
	return decodePicture(must(os.ReadFile(filepath.Join(dir, "page.png"))))
}

// compare says in what two pictures differ beyond the tolerance, and draws where.
func compare(got, want *image.RGBA) (miss string, diff *image.RGBA) {
	area := got.Bounds()
	diff = image.NewRGBA(area)
	draw.Draw(diff, area, got, area.Min, draw.Src)
	if area != want.Bounds() {
		return fmt.Sprintf("the size is %v instead of %v", area.Size(), want.Bounds().Size()), diff
	}
	cells, far := 0, 0
	for y := area.Min.Y; y < area.Max.Y; y += cell {
		for x := area.Min.X; x < area.Max.X; x += cell {
			r := image.Rect(x, y, x+cell, y+cell).Intersect(area)
			a, b := mean(got, r), mean(want, r)
			cells++
			if d := [3]float64{a[0] - b[0], a[1] - b[1], a[2] - b[2]}; d[0]*d[0]+d[1]*d[1]+
				d[2]*d[2] > farColour*farColour {
				far++
				draw.Draw(diff, r, image.NewUniform(color.RGBA{R: 255, B: 255, A: 255}), image.Point{}, draw.Src)
			}
		}
	}
	if far*cellsPerMiss > cells {
		return fmt.Sprintf("%d of %d cells differ", far, cells), diff
	}
	return "", diff
}

func mean(m *image.RGBA, area image.Rectangle) (sum [3]float64) {
	n := float64(area.Dx() * area.Dy())
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			c := m.RGBAAt(x, y)
			sum[0] += float64(c.R) / n
			sum[1] += float64(c.G) / n
			sum[2] += float64(c.B) / n
		}
	}
	return sum
}

func decodePicture(b []byte) *image.RGBA {
	m := must(png.Decode(bytes.NewReader(b)))
	out := image.NewRGBA(m.Bounds())
	draw.Draw(out, m.Bounds(), m, m.Bounds().Min, draw.Src)
	return out
}

// thrifty reduces a picture to the colours of the style sheets in steps to white, which keeps the references small.
func thrifty(m image.Image) *image.Paletted {
	var colours color.Palette
	for _, hex := range strings.Fields("1b2430 c9d1da f4f6f8 176b3a a3161c 7a4d00 2a6496 0b4f86 566170 dbe1e8") {
		var r, g, b uint8
		if _, err := fmt.Sscanf(hex, "%02x%02x%02x", &r, &g, &b); err != nil {
			panic(err)
		}
		for step := range 4 {
			towards := func(c uint8) uint8 { return c + uint8((255-int(c))*step/4) }
			colours = append(colours, color.RGBA{R: towards(r), G: towards(g), B: towards(b), A: 255})
		}
	}
	// of the dark page
	for _, hex := range strings.Fields("12161b 1a2027 303a45 2b343e e4e9ef a5b1be 6fabdd 74cf9b e8b75c ff938d") {
		var r, g, b uint8
		if _, err := fmt.Sscanf(hex, "%02x%02x%02x", &r, &g, &b); err != nil {
			panic(err)
		}
		for step := range 3 {
			towards := func(c, to uint8) uint8 { return uint8((int(c)*(3-step) + int(to)*step) / 3) }
			colours = append(colours, color.RGBA{R: towards(r, 0x1a), G: towards(g, 0x20), B: towards(b, 0x27), A: 255})
		}
	}
	colours = append(colours, color.White)
	out := image.NewPaletted(m.Bounds(), colours)
	draw.Draw(out, m.Bounds(), m, m.Bounds().Min, draw.Src)
	return out
}

func encodePicture(m image.Image) []byte {
	var b bytes.Buffer
	check((&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, m))
	return b.Bytes()
}
