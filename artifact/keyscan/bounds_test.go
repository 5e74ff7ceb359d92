//go:build !race

// Time and memory are measured, which means nothing under the race detector, and takes ten minutes there.

package keyscan

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"
)

// TestHostileInputIsBounded feeds what would take quadratic time or endless memory without limits.
func TestHostileInputIsBounded(t *testing.T) {
	bomb := gzipped(gzipped(make([]byte, maxLayer+1)))
	header := "PK\x03\x04" + strings.Repeat("\x00", 4) + "\x08\x00" + strings.Repeat("\x00", 16) + "\x01\x00\x00\x00x"
	empty := strings.Repeat("\x00\x00\x00\xff\xff", 100)
	flate := zlibbed(make([]byte, 60<<20))
	for name, b := range map[string][]byte{
		"bomb":           bomb,
		"many bombs":     bytes.Repeat(gzipped(make([]byte, 60<<20)), 12),
		"shared streams": []byte(strings.Repeat(header+empty, 4000)),
		"stream words":   []byte("%PDF-1.7 " + strings.Repeat("stream", 400000)),
		"streams":        []byte("%PDF-1.7 " + strings.Repeat("1 0 obj<<>>stream\n", 100000)),
		"open strings":   []byte("%PDF-1.7 " + strings.Repeat("1 0 obj(", 100000)),
		"open dicts":     []byte("%PDF-1.7 " + strings.Repeat("1 0 obj<<", 100000)),
		"nested arrays":  []byte("%PDF-1.7 1 0 obj " + strings.Repeat("[", 1<<20)),
		"nested dicts":   []byte("%PDF-1.7 1 0 obj " + strings.Repeat("<</A", 1<<20)),
		"trailers":       []byte("%PDF-1.7 " + strings.Repeat("trailer<<", 100000)),
		"references":     []byte("%PDF-1.7 " + strings.Repeat("1 0 obj 1 0 R ", 100000)),
		"PDF headers":    []byte(strings.Repeat("%PDF-1.7\n1 0 obj<<>>stream\n", 20000)),
		"PDF bombs": pdfObjects(strings.Split(strings.Repeat(stream("/Filter/FlateDecode", flate)+"\x01", 8),
			"\x01")...),
		"gzip headers": []byte(strings.Repeat("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff", 400000)),
		"xz headers":   bytes.Repeat(xzed([]byte("x"))[:28], 100000),
		"zstd headers": bytes.Repeat(zstded([]byte("x")), 100000),
		"versions":     bytes.Repeat([]byte{0x30, 0x80, 2, 1, 0}, 400000),
		"packets":      bytes.Repeat([]byte{0x95, 0x01, 0x00, 4}, 1<<20),
		"kty":          bytes.Repeat([]byte(`"kty":`), 200000),
		"private":      bytes.Repeat([]byte("private key: "), 200000),
		"prim":         bytes.Repeat([]byte("prim: INTEGER :00 "), 60000),
		"COSE":         bytes.Repeat([]byte{0xa5, 0x01, 0x23, 0x58}, 400000),
		"percent":      bytes.Repeat([]byte("%2525"), 400000),
		"LZW":          inStream("/Filter/LZWDecode", same)(lzwed(make([]byte, 32<<20), 1)),
		"run length":   inStream("/Filter/RunLengthDecode", same)(bytes.Repeat([]byte{129, 0}, 1<<18)),
		"filter chain": inStream("/Filter["+strings.Repeat("/Fl", 8)+"]",
			same)(zlibbed(zlibbed(zlibbed(make([]byte, 60<<20))))),
		"operators":        inStream("", same)(bytes.Repeat([]byte("(x) Tj BI ID EI "), 100000)),
		"base64 of base64": bytes.Repeat([]byte("QUFB"), 1<<20),
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		start := time.Now()
		peak := peakHeap(func() { Scan(b) })
		d := time.Since(start)
		runtime.ReadMemStats(&after)
		t.Logf("%-16s %8d bytes in %8v, heap peak %4d MiB", name, len(b), d.Round(time.Millisecond), peak>>20)
		if d > 60*time.Second {
			t.Errorf("%s took %v for %d bytes", name, d, len(b))
		}
		if peak > 640<<20 {
			t.Errorf("%s took %d MiB for %d bytes", name, peak>>20, len(b))
		}
	}
	if r := Scan(bomb); r.Key != nil || !strings.Contains(r.Opaque, "unpacks to more") {
		t.Errorf("a bomb: %v, %s", r.Key, r.Opaque)
	}
}

// peakHeap runs f and returns how many bytes the heap grew by at most, sampled.
func peakHeap(f func()) uint64 {
	read := func() uint64 {
		s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(s)
		return s[0].Value.Uint64()
	}
	base, peak, done := read(), uint64(0), make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	for {
		select {
		case <-done:
			return peak
		case <-time.After(5 * time.Millisecond):
			if now := read(); now > base {
				peak = max(peak, now-base)
			}
		}
	}
}

// bigPDF makes a document of about n bytes: pages of text, pictures as they come from a scanner, fonts.
func bigPDF(n int) []byte {
	noise := make([]byte, 1<<20)
	src := rand.NewChaCha8([32]byte{3})
	objects := []string{catalog}
	for size := 0; size < n; {
		_, _ = src.Read(noise)
		var text strings.Builder
		for i := range 300 {
			fmt.Fprintf(&text,
				"BT /F1 10 Tf 72 %d Td (Line %d of a certificate policy: the CA keeps its keys in hardware.) Tj ET\n",
				800-i, i)
		}
		picture := stream("/Type/XObject/Subtype/Image/Filter/DCTDecode", noise)
		flate := stream("/Type/XObject/Subtype/Image/Filter/FlateDecode", zlibbed(noise))
		objects = append(objects, stream("/Filter/FlateDecode", zlibbed([]byte(text.String()))), picture, flate)
		size += len(picture) + len(flate)
	}
	return pdfObjects(objects...)
}

func TestLargeDocument(t *testing.T) {
	b := bigPDF(50 << 20)
	start := time.Now()
	var r Report
	peak := peakHeap(func() { r = Scan(b) })
	t.Logf("%d MiB in %v, heap peak %d MiB", len(b)>>20, time.Since(start).Round(time.Millisecond), peak>>20)
	if r.Key != nil || r.Opaque != "" {
		t.Errorf("%v, %s", r.Key, r.Opaque)
	}
	if peak > 256<<20 {
		t.Errorf("the search took %d MiB", peak>>20)
	}
}

func BenchmarkFind(b *testing.B) {
	noise := make([]byte, 16<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise)
	for name, in := range map[string][]byte{"noise": noise, "response": publicObjects()["response"],
		"text": bytes.Repeat([]byte("A line of text, then.\n"), 1<<18), "document": bigPDF(8 << 20)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				if f, _ := Find(in); f != nil {
					b.Fatal(f)
				}
			}
		})
	}
}
