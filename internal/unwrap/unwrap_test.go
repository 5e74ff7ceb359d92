package unwrap

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"
)

// wide writes a text in UTF-16, little endian or big.
func wide(s string, big, mark bool) []byte {
	var b []byte
	if mark {
		s = "\ufeff" + s
	}
	for _, u := range utf16.Encode([]rune(s)) {
		if big {
			b = append(b, byte(u>>8), byte(u))
		} else {
			b = append(b, byte(u), byte(u>>8))
		}
	}
	return b
}

func TestText(t *testing.T) {
	const text = "serial,subject\n01,CN=山田 𠮷男\n"
	for name, b := range map[string][]byte{
		"plain": []byte(text), "utf-8 mark": []byte("\ufeff" + text),
		"utf-16le": wide(text, false, true), "utf-16be": wide(text, true, true),
		"utf-16le without mark": wide(text, false, false), "utf-16be without mark": wide(text, true, false),
	} {
		if got := string(Text(b)); got != text {
			t.Errorf("%s: read %q", name, got)
		}
		got, err := io.ReadAll(iotest.OneByteReader(NewReader(bytes.NewReader(b))))
		if err != nil || string(got) != text {
			t.Errorf("%s: streamed %q, %v", name, got, err)
		}
	}
	if _, err := io.ReadAll(NewReader(bytes.NewReader(append(wide("ab", false, true), 'x')))); err == nil {
		t.Error("half a character passed")
	}
	if got := Text(nil); len(got) != 0 {
		t.Errorf("nothing became %q", got)
	}
}

func TestBlocks(t *testing.T) {
	der := []byte{0x30, 3, 2, 1, 5}
	armour := pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
	bare := base64.StdEncoding.EncodeToString(der)
	for name, b := range map[string][]byte{
		"der": der, "pem": armour, "pem with text before": append([]byte("Certificate Revocation List\n"), armour...),
		"pem with mark": append([]byte("\ufeff"), armour...), "pem in utf-16": wide(string(armour), false, true),
		"bare base64": []byte(bare), "bare base64 in lines": []byte(bare[:4] + "\r\n" + bare[4:] + "\r\n"),
	} {
		got, err := One(b, "X509 CRL")
		if err != nil || !bytes.Equal(got, der) {
			t.Errorf("%s: %x, %v", name, got, err)
		}
	}
	for want, b := range map[string][]byte{
		"empty":                   {},
		`PEM block "CERTIFICATE"`: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		"damaged":                 armour[:len(armour)-20],
		"2 PEM blocks":            append(bytes.Clone(armour), armour...),
	} {
		if _, err := One(b, "X509 CRL"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want one with %q", err, want)
		}
	}
	// What has no wrapping is for the parser to judge.
	for _, b := range []string{"hello, world", "0123456789abcdef", "\x00\x01\x02"} {
		if got, err := One([]byte(b), "X509 CRL"); err != nil || string(got) != b {
			t.Errorf("%q became %q, %v", b, got, err)
		}
	}
}
