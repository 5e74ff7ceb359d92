package override

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"seihon/artifact"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func TestOverride(t *testing.T) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := []ed25519.PublicKey{{1, 2}, pub}
	o := Override{Digest: artifact.Sum([]byte("import")), Allow: []string{Changed, Vanished}, Reason: "ticket 4711",
		Expires: noon.Add(time.Hour)}
	file, err := o.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := parsed.Permits(keys, o.Digest, Vanished, noon); err != nil {
		t.Error(err)
	}
	for what, err := range map[string]error{
		"other bytes":   parsed.Permits(keys, artifact.Sum([]byte("another import")), Vanished, noon),
		"at its end":    parsed.Permits(keys, o.Digest, Vanished, o.Expires),
		"another thing": parsed.Permits(keys, o.Digest, Older, noon),
		"nobody's keys": parsed.Permits(keys[:1], o.Digest, Vanished, noon),
	} {
		if err == nil {
			t.Errorf("%s: permitted", what)
		}
	}
	for n := range file { // any changed octet
		bad := bytes.Clone(file)
		bad[n] ^= 1
		if p, err := Parse(bad); err == nil && p.Permits(keys, o.Digest, Vanished, noon) == nil {
			t.Fatalf("octet %d may be changed:\n%s", n, bad)
		}
	}
	for name, edit := range map[string]func(*Override){
		"no digest":    func(o *Override) { o.Digest = artifact.Digest{} },
		"no reason":    func(o *Override) { o.Reason = " " },
		"two lines":    func(o *Override) { o.Reason = "a\nallow shrink" },
		"no expiry":    func(o *Override) { o.Expires = time.Time{} },
		"nothing":      func(o *Override) { o.Allow = nil },
		"not sorted":   func(o *Override) { o.Allow = []string{Vanished, Changed} },
		"twice":        func(o *Override) { o.Allow = []string{Changed, Changed} },
		"all there is": func(o *Override) { o.Allow = []string{"conflict"} },
	} {
		bad := o
		edit(&bad)
		if _, err := bad.Sign(key); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
	for name, text := range map[string]string{"empty": "", "trailing": string(file) + "\n",
		"no end": string(file[:len(file)-1]), "CRLF": strings.ReplaceAll(string(file), "\n", "\r\n"),
		"a fraction of a second": strings.Replace(string(file), "00Z\n", "00.0Z\n", 1),
		"another spacing":        strings.Replace(string(file), "allow "+Changed+" ", "allow "+Changed+"  ", 1),
		"a CR in the signature":  string(file[:len(file)-1]) + "\r\n"} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: parsed", name)
		}
	}
}

func FuzzParseOverride(f *testing.F) {
	o := Override{Digest: artifact.Sum(nil), Allow: []string{Older}, Reason: "because", Expires: noon}
	file, err := o.Sign(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Fuzz(func(t *testing.T, b []byte) {
		if o, err := Parse(b); err == nil && !bytes.HasPrefix(b, o.statement().body()) {
			t.Fatalf("parsed what is not canonical: %q", b)
		}
	})
}

func TestStatusText(t *testing.T) {
	for text, want := range map[string]Status{
		"good":   {State: Good},
		"absent": {State: Absent},
		"revoked 20261128T120000Z 1 20261127T120000Z": {Revoked, noon, 1, noon.AddDate(0, 0, -1)},
		"revoked 20261128T120000Z - -":                {Revoked, noon, NoReason, time.Time{}},
	} {
		got, err := ParseStatus(text)
		if err != nil || got != want || want.String() != text {
			t.Errorf("%q is %+v, %v; written %q", text, got, err, want.String())
		}
	}
	all := []Status{{State: Good}, {State: Absent}, {State: Revoked, Time: noon},
		{Revoked, noon, NoReason, time.Time{}}, {Revoked, noon, 0, time.Time{}}, {Revoked, noon, 1, time.Time{}},
		{Revoked, noon, 1, noon}, {Revoked, noon.Add(time.Second), 1, noon},
		{Revoked, noon.Add(time.Millisecond), 1, noon.Add(time.Millisecond)}}
	for _, a := range all {
		for _, b := range all {
			if a.Equal(b) != (a.String() == b.String()) {
				t.Errorf("%q and %q are equal: %v", a, b, a.Equal(b))
			}
		}
	}
	if got := (Status{State: Revoked, Time: noon}).String(); got != "revoked 20261128T120000Z - -" {
		t.Errorf("reason 0 is written %q", got)
	}
	for _, bad := range []string{"", "Good", "revoked", "revoked 20261128T120000Z 0 -", "revoked 2026 1 -",
		"revoked 20261128T120000Z 1 - ", "good ", "revoked 20261128T120000Z 01 -"} {
		if s, err := ParseStatus(bad); err == nil {
			t.Errorf("%q is read as %+v", bad, s)
		}
	}
}
