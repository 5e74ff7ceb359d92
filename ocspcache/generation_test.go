package ocspcache

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

const testGeneration = `seihon/ocsp-generation/v1
issuer sub-2
number 18
this-update 20261124T050000Z
next-update 20261127T050000Z
bundle 0 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae 1200 3 20261127T050000Z
bundle 1 fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9 264 0 -
`

func TestGeneration(t *testing.T) {
	t.Parallel()
	for _, proof := range []string{"", "c2sp.org/tlog-proof@v1\nindex 7\n\nfoo\n"} {
		text := testGeneration
		if proof != "" {
			text += "\n" + proof
		}
		g, got, err := ParseGeneration([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != proof {
			t.Errorf("proof is %q, want %q", got, proof)
		}
		if string(g.Body()) != testGeneration {
			t.Errorf("body is %q", g.Body())
		}
		if proof != "" && string(g.Public(got)) != text {
			t.Errorf("public copy is %q", g.Public(got))
		}
		if g.Issuer != "sub-2" || g.Number != 18 || len(g.Bundles) != 2 || g.Bundles[0].Count != 3 ||
			!g.Bundles[1].NextUpdate.IsZero() ||
			!g.ThisUpdate.Equal(time.Date(2026, 11, 24, 5, 0, 0, 0, time.UTC)) {
			t.Errorf("generation is %+v", g)
		}
	}
}

func TestGenerationRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(string) string{
		"empty":    func(string) string { return "" },
		"version":  func(s string) string { return strings.Replace(s, "/v1", "/v2", 1) },
		"cut off":  func(s string) string { return s[:len(s)-1] },
		"CR":       func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
		"issuer":   func(s string) string { return strings.Replace(s, "sub-2", "../sub", 1) },
		"number":   func(s string) string { return strings.Replace(s, "number 18", "number 018", 1) },
		"negative": func(s string) string { return strings.Replace(s, "number 18", "number -1", 1) },
		"time":     func(s string) string { return strings.Replace(s, "20261124T", "20261332T", 1) },
		"order of lines": func(s string) string {
			return strings.Replace(s, "issuer sub-2\nnumber 18", "number 18\nissuer sub-2", 1)
		},
		"shard order":  func(s string) string { return strings.Replace(s, "bundle 1", "bundle 2", 1) },
		"digest":       func(s string) string { return strings.Replace(s, "2c26", "2C26", 1) },
		"short digest": func(s string) string { return strings.Replace(s, "2c26", "2c", 1) },
		"size":         func(s string) string { return strings.Replace(s, " 1200 ", " -1 ", 1) },
		"count":        func(s string) string { return strings.Replace(s, " 3 ", " x ", 1) },
		"spaces":       func(s string) string { return strings.Replace(s, " 3 ", "  3 ", 1) },
		"extra field":  func(s string) string { return strings.Replace(s, " -\n", " - x\n", 1) },
		"long":         func(s string) string { return s + strings.Repeat("x", maxGenerationBytes) },
	} {
		if g, _, err := ParseGeneration([]byte(change(testGeneration))); err == nil {
			t.Errorf("%s: taken as %+v", name, g)
		}
	}
}

func FuzzParseGeneration(f *testing.F) {
	f.Add([]byte(testGeneration))
	f.Add([]byte(testGeneration + "\nproof\n"))
	f.Add([]byte("seihon/ocsp-generation/v1\nissuer a\nnumber 0\nthis-update -\nnext-update -\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		g, proof, err := ParseGeneration(b)
		if err != nil {
			return
		}
		public := g.Body()
		if len(public) != len(b) {
			public = g.Public(proof)
		}
		if !bytes.Equal(public, b) {
			t.Errorf("%q is read and written as %q", b, public)
		}
	})
}
