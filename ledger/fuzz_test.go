package ledger

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	jcs "github.com/cyberphone/json-canonicalization/go/src/webpki.org/jsoncanonicalizer"
)

// seedFiles adds the committed vectors that match a pattern to a corpus.
func seedFiles(f *testing.F, pattern string) {
	f.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(paths) == 0 {
		f.Fatalf("%s: %d files, %v", pattern, len(paths), err)
	}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
}

func FuzzParseEntry(f *testing.F) {
	seedFiles(f, "entries/*.json")
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ParseEntry(b)
		if err != nil {
			return
		}
		again, err := e.Encode()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("accepted %q, encodes as %q, %v", b, again, err)
		}
		if canonical, err := jcs.Transform(b); err != nil || !bytes.Equal(canonical, b) {
			t.Fatalf("accepted %q, RFC 8785 has %q, %v", b, canonical, err)
		}
	})
}

func FuzzParseLine(f *testing.F) {
	for _, s := range strings.Split(lineA+lineB, "\n") {
		f.Add(s)
	}
	f.Add("crl/ca.crl crl e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 12 20261124T060000Z " +
		"20261124T070000Z ca 42")
	f.Add(strings.TrimSuffix(listLine("crl/ca/history/3.crl", "history"), "\n"))
	f.Fuzz(func(t *testing.T, s string) {
		if l, err := ParseLine(s); err == nil && l.String() != s && l.text(fieldsV1) != s {
			t.Fatalf("accepted %q, which is %q", s, l.String())
		}
	})
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(manifestHeader + lineA + lineB))
	f.Add([]byte(manifestHeader + listLine("crl/ca/history/3.crl", "history")))
	f.Add([]byte(manifestHeaderV1 + strings.ReplaceAll(lineA+lineB, " -\n", "\n")))
	f.Add([]byte(manifestHeader))
	f.Add([]byte(manifestHeader + lineA + strings.TrimSuffix(lineB, "\n")))
	f.Fuzz(func(t *testing.T, text []byte) {
		var last string
		// The count and the root are wrong, so that every text ends in an error.
		for l, err := range parseManifest(text, &Batch{Count: -1}) {
			if err == nil && l.Name <= last {
				t.Fatalf("%q after %q", l.Name, last)
			}
			last = l.Name
		}
	})
}

func FuzzInflate(f *testing.F) {
	f.Add(deflate(f, manifestHeader+lineA), int64(len(manifestHeader+lineA)))
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd}, int64(1))
	f.Fuzz(func(t *testing.T, b []byte, size int64) {
		if size < 0 || size > 1<<20 {
			return
		}
		if out, err := inflate(bytes.NewReader(b), size); err == nil && int64(len(out)) != size {
			t.Fatalf("%d bytes for %d", len(out), size)
		}
	})
}

func FuzzParseCheckpoint(f *testing.F) {
	seedFiles(f, "log/log/checkpoints/*")
	v := vectorVerifier(f, "testdata")
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCheckpoint(b)
		if err == nil && !strings.HasPrefix(string(b), c.text()) {
			t.Fatalf("%q is read as %q", b, c.text())
		}
		if _, err2 := v.Open(b); err2 == nil && err != nil {
			t.Fatalf("%q is verified and not parsed: %v", b, err)
		}
	})
}

func FuzzParseKey(f *testing.F) {
	seedFiles(f, "keys/*.vkey")
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := ParseKey(string(b))
		if err != nil {
			return
		}
		if again, err := ParseKey(k.String()); err != nil || again.KeyHash() != k.KeyHash() ||
			again.Name() != k.Name() {
			t.Fatalf("%q is read as %q, %v", b, k, err)
		}
	})
}

func FuzzVerifyProof(f *testing.F) {
	seedFiles(f, "proofs/*")
	v := vectorVerifier(f, "testdata")
	f.Fuzz(func(t *testing.T, b []byte) {
		if l, _, err := VerifyProof(b, v); err == nil && l.Name != "crl/ca.crl" {
			t.Fatalf("a proof of %q was made up", l.Name)
		}
	})
}

func FuzzSplitBundle(f *testing.F) {
	f.Add(appendRecord(appendRecord(nil, []byte("a")), nil), 2)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		if n < 0 || n > tileWidth {
			return
		}
		records, err := splitBundle(b, n)
		if err != nil {
			return
		}
		var again []byte
		for _, r := range records {
			again = appendRecord(again, r)
		}
		if len(records) != n || !bytes.Equal(again, b) {
			t.Fatalf("%x is split into %x", b, records)
		}
	})
}

func FuzzParseTilePath(f *testing.F) {
	for _, s := range []string{"tile/0/000", "tile/entries/x001/234.p/7", "tile/3/x999/x999/999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		level, n, w, err := parseTilePath(s)
		if err != nil {
			return
		}
		again := entriesPath(n, w)
		if level >= 0 {
			again = tilePath(level, n, w)
		}
		if again != s {
			t.Fatalf("%q is read as %q", s, again)
		}
	})
}
