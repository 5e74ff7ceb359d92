package ledger

import (
	"bytes"
	"strings"
	"testing"
)

// TestSignatureHasOneSpelling: the last character before the padding of a signature's base64
// carries bits that decode to nothing. A checkpoint in which they are set is not ours.
func TestSignatureHasOneSpelling(t *testing.T) {
	f := newFixture(t)
	cp, err := Open(t.Context(), f.dir, f.v)
	if err != nil {
		t.Fatal(err)
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	note := cp.Checkpoint()
	tried := 0
	for i := range note {
		if note[i] != '=' || note[i-1] == '=' {
			continue
		}
		other := bytes.Clone(note)
		other[i-1] = alphabet[strings.IndexByte(alphabet, note[i-1])^1]
		tried++
		if _, err := f.v.Open(other); err == nil {
			t.Errorf("a second spelling of the signature at byte %d is believed", i-1)
		}
	}
	if tried == 0 {
		t.Fatal("no signature with padding to try")
	}
}

// TestManifestOfNoSize: an entry's word about the size is bounded before anything is read.
func TestManifestOfNoSize(t *testing.T) {
	f := newFixture(t)
	l := f.open(t, f.dir)
	for _, size := range []int64{-1, 0, int64(len(manifestHeader)) - 1, maxManifest + 1} {
		if _, err := l.Manifest(t.Context(), &Batch{Size: size}); err == nil ||
			!strings.Contains(err.Error(), "its entry gives it") {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}
