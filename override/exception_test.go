package override

import (
	"bytes"
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"seihon/artifact"
)

// TestException: what was signed is read back; a changed octet, another order or a missing field is refused, and the
// signature of an override is none of an exception.
func TestException(t *testing.T) {
	public, key, _ := ed25519.GenerateKey(nil)
	until := time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)
	good := Exception{Key: artifact.Sum([]byte("key")), Allow: []string{"aia", "time"}, Reason: "ticket 1",
		Expires: until}
	text, err := good.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ParseException(text)
	if err != nil || !e.SignedBy([]ed25519.PublicKey{public}) || !bytes.Equal(e.Text(), text) {
		t.Fatalf("%v, signed %v", err, e)
	}
	for _, c := range []struct {
		key    artifact.Digest
		kind   string
		dated  time.Time
		covers bool
	}{
		{good.Key, "time", until.Add(-time.Second), true}, {good.Key, "time", until, false},
		{good.Key, "other", until.Add(-time.Second), false},
		{artifact.Sum(nil), "time", until.Add(-time.Second), false},
	} {
		if e.Covers(c.key, c.kind, c.dated) != c.covers {
			t.Errorf("covers %v: want %v", c, c.covers)
		}
	}
	for _, c := range [][2]string{
		{"allow aia time", "allow time aia"}, {"allow aia time", "allow aia aia"}, {"allow aia time", "allow "},
		{"reason ticket 1", "reason "},
		{"expires 2027", "expires 20270"}, {"key ", "key"}, {"seihon/exception/v1", "seihon/override/v1"},
		{"signature ", "signature *"}, {"signature ", "signature \r"}, {"\nkey", "\n\nkey"},
	} {
		if _, err := ParseException([]byte(strings.Replace(string(text), c[0], c[1], 1))); err == nil {
			t.Errorf("%q for %q is read", c[1], c[0])
		}
	}
	e, err = ParseException([]byte(strings.Replace(string(text), "ticket 1", "ticket 2", 1)))
	if err != nil || e.SignedBy([]ed25519.PublicKey{public}) {
		t.Errorf("%v: another reason is signed", err)
	}
	if _, err := (&Exception{Key: good.Key, Allow: []string{"b", "a"}, Reason: "r",
		Expires: until}).Sign(key); err == nil {
		t.Error("unsorted kinds are signed")
	}
}
