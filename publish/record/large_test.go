package record

import (
	"encoding/binary"
	"runtime"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"seihon/artifact"
)

// largeList is the DER of a list with n entries in the order of their serials, without a real signature: the
// record compares what lists say, section A judges who says it.
func largeList(t *testing.T, n int, number int64) *artifact.RevocationList {
	t.Helper()
	var entries []byte
	for i := range n {
		serial := make([]byte, 16)
		serial[0] = 1
		binary.BigEndian.PutUint64(serial[8:], uint64(i))
		entries = append(entries, 0x30, 2+16+2+13+14)
		entries = append(append(entries, 2, 16), serial...)
		entries = append(append(entries, 0x17, 13), "261124060000Z"...)
		entries = append(entries, "\x30\x0c\x30\x0a\x06\x03\x55\x1d\x15\x04\x03\x0a\x01\x01"...)
	}
	algorithm := func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE,
			func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier([]int{1, 2, 840, 10045, 4, 3, 2}) })
	}
	b := cryptobyte.NewBuilder(make([]byte, 0, len(entries)+512))
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(1)
			algorithm(b)
			b.AddASN1(cbasn1.SEQUENCE, func(*cryptobyte.Builder) {})
			b.AddASN1UTCTime(time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC))
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(entries) })
			b.AddASN1(cbasn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1ObjectIdentifier([]int{2, 5, 29, 20})
						b.AddASN1(cbasn1.OCTET_STRING, func(b *cryptobyte.Builder) { b.AddASN1Int64(number) })
					})
				})
			})
		})
		algorithm(b)
		b.AddASN1BitString([]byte{0})
	})
	l, err := artifact.ParseRevocationList(b.BytesOrPanic())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestLargeLists compares a list of a million entries with its successor, in 128 MiB with both lists.
func TestLargeLists(t *testing.T) {
	const n = 1_000_000
	was, now := largeList(t, n, 1), largeList(t, n-1, 2)
	start := time.Now()
	count := 0
	for _, l := range []*artifact.RevocationList{was, now} {
		for _, err := range l.Entries() {
			if err != nil {
				t.Fatal(err)
			}
			count++
		}
	}
	parsing := time.Since(start)
	runtime.GC()
	done, peak := make(chan struct{}), make(chan uint64)
	go func() {
		most := uint64(0)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
			select {
			case <-done:
				peak <- most
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	p := &pair{checker: &checker{verdict: &Verdict{}, words: words{read: true}}}
	start = time.Now()
	if err := p.merge(t.Context(), was, now); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	close(done)
	most := <-peak
	if count != 2*n-1 || p.verdict.Count != 1 {
		t.Errorf("%d entries, %d faults; want one that vanished", count, p.verdict.Count)
	}
	if most > 128<<20 {
		t.Errorf("%d MiB of heap with both lists of %d bytes, want at most 128 MiB", most>>20, len(was.Raw))
	}
	t.Logf("compared in %v, %.2f × of walking both once (%v); %d MiB of heap, the lists included", took,
		float64(took)/float64(parsing), parsing, most>>20)
}
