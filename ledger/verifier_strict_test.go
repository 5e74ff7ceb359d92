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
