package ocspcache

import (
	"bytes"
	"crypto"
	"slices"
	"testing"
)

// FuzzParseBundle reads hostile bundles: nothing may crash, and what passes Check
// is exactly what a writer makes of the same responses.
func FuzzParseBundle(f *testing.F) {
	for _, content := range vectors(f) {
		f.Add(content)
		f.Add(content[:len(content)/2])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := ParseBundle(data)
		if err != nil {
			return
		}
		b.Lookup(testKey(crypto.SHA1, "sub", 1))
		for k, der := range b.All() {
			if found, ok := b.Lookup(k); ok && len(found) == 0 {
				t.Fatalf("empty response for %x, All gives %x", k.Serial, der)
			}
		}
		for range Members(b) {
		}
		if b.Check(t.Context()) != nil {
			return
		}
		var again bytes.Buffer
		w := NewBundleWriter(&again, b.Issuer(), b.Shard())
		for k, der := range b.All() {
			if err := w.Add(k, slices.Clone(der)); err != nil {
				t.Fatalf("a checked bundle has a response that is refused: %v", err)
			}
		}
		if _, err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.Bytes(), data) {
			t.Fatal("a checked bundle is not the one form of its responses")
		}
	})
}

// FuzzScanResponse reads hostile responses.
func FuzzScanResponse(f *testing.F) {
	k := testKey(crypto.SHA1, "sub", 1)
	f.Add(testResponse(k))
	f.Add(makeResponse(responseSpec{keys: []Key{k}, this: testNow, next: testNow, nonce: []byte("x")}))
	f.Fuzz(func(t *testing.T, der []byte) {
		s, err := scanResponse(der, k)
		if err == nil && (!k.names(s.key) || s.nextUpdate <= s.thisUpdate) {
			t.Fatalf("%x is read as %+v", der, s)
		}
	})
}
