package ocspcache

import (
	"bytes"
	"crypto"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"seihon/artifact"
)

var update = flag.Bool("update", false, "write the test vectors again")

// vectors are the bundles and the generation that docs/formats-ocsp.md describes.
func vectors(tb testing.TB) map[string][]byte {
	tb.Helper()
	k1, k256 := testKey(crypto.SHA1, "sub", 1), testKey(crypto.SHA256, "sub", 1)
	k1.Serial, k256.Serial = []byte{0x00, 0xc0, 0xff, 0xee}, []byte{0x00, 0xc0, 0xff, 0xee}
	next := testKey(crypto.SHA1, "sub", 2)
	next.Serial = []byte{0x0a}
	one, s1 := makeBundle(tb,
		"sub", 0, map[*Key][]byte{&k1: testResponse(k1), &k256: testResponse(k256), &next: testResponse(next)})
	empty, s2 := makeBundle(tb, "sub", 1, nil)
	g := &Generation{Issuer: "sub", Number: 7, ThisUpdate: s1.MaxThisUpdate, NextUpdate: s1.MinNextUpdate,
		Bundles: []GenerationBundle{
			{0, s1.Digest, s1.Size, s1.Count, s1.MinNextUpdate}, {1, s2.Digest, s2.Size, s2.Count, s2.MinNextUpdate},
		}}
	return map[string][]byte{"three.bundle": one, "empty.bundle": empty, "sub.generation": g.Body()}
}

func TestVectors(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile(filepath.Join("..", "docs", "formats-ocsp.md"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range vectors(t) {
		path := filepath.Join("testdata", "vectors", name)
		if *update {
			if err := os.WriteFile(path, content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(content, want) {
			t.Errorf("%s differs from its vector: the format has changed", name)
		}
		if line := "| `" + name + "` |"; !strings.Contains(string(doc), line) ||
			!strings.Contains(string(doc), digestOf(want)) {
			t.Errorf("docs/formats-ocsp.md lacks %s with SHA-256 %s", name, digestOf(want))
		}
	}
}

func TestMembers(t *testing.T) {
	t.Parallel()
	a := artifact.Parse(vectors(t)["three.bundle"])
	if a.Kind != artifact.OCSPBundle {
		t.Fatalf("bundle is taken for %s: %s", a.Kind, a.Problem)
	}
	if err := Attach(a); err != nil {
		t.Fatal(err)
	}
	n := 0
	for m, err := range a.Members {
		if err != nil {
			t.Fatal(err)
		}
		if m.Kind != artifact.OCSPResponse || m.OCSP == nil || m.Digest != artifact.Sum(m.Bytes) {
			t.Errorf("member %d is %+v", n, m)
		}
		n++
	}
	if n != 3 {
		t.Errorf("%d members, want 3", n)
	}
	// Damage in one response is an error in its place, not the end.
	b, err := ParseBundle(a.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	b.responses[0] ^= 0xff
	good, bad := 0, 0
	for _, err := range Members(b) {
		if err != nil {
			bad++
		} else {
			good++
		}
	}
	if good != 2 || bad != 1 {
		t.Errorf("damaged bundle has %d good and %d bad members", good, bad)
	}
	if err := Attach(&artifact.Artifact{Bytes: []byte("no bundle")}); err == nil {
		t.Error("Attach took something else")
	}
}
