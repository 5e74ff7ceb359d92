package ocspcache

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
)

// slashy returns a request whose base64 has '+', '/' and "//" in it.
func slashy(tb testing.TB) (der []byte, text string) {
	for n := range uint64(1 << 20) {
		k := testKey(crypto.SHA1, "sub", n)
		k.IssuerNameHash = bytes.Repeat([]byte{0xff}, 20)
		der = makeRequest([]Key{k}, nil)
		text = base64.StdEncoding.EncodeToString(der)
		if strings.Contains(text, "+") && strings.Contains(text, "//") && strings.HasSuffix(text, "=") {
			return der, text
		}
	}
	tb.Fatal("no such request")
	return nil, ""
}

func TestDecodeGET(t *testing.T) {
	t.Parallel()
	der, text := slashy(t)
	lower := strings.NewReplacer("%2F", "%2f", "%2B", "%2b", "%3D", "%3d")
	for name, path := range map[string]string{
		"as it is":         text,
		"escaped":          url.QueryEscape(text),
		"lower hex":        lower.Replace(url.QueryEscape(text)),
		"path escape":      url.PathEscape(text),
		"twice":            url.QueryEscape(url.QueryEscape(text)),
		"twice, lower":     lower.Replace(url.QueryEscape(lower.Replace(url.QueryEscape(text)))),
		"everything":       everyByte(text),
		"space":            strings.ReplaceAll(text, "+", "%20"),
		"url alphabet":     strings.NewReplacer("+", "-", "/", "_").Replace(text),
		"no padding":       strings.TrimRight(text, "="),
		"leading slash":    "/" + text,
		"leading slashes":  "///" + url.QueryEscape(text),
		"too much padding": text + "==",
	} {
		var buf [maxGETRequest]byte
		if got, ok := decodeGET(&buf, path); !ok || !bytes.Equal(got, der) {
			t.Errorf("%s: %q is %x, %v", name, path, got, ok)
		}
	}
	for name, path := range map[string]string{
		"empty":           "",
		"only slashes":    "//",
		"dot":             text + ".",
		"line break":      text[:8] + "%0A" + text[8:],
		"CR":              text[:8] + "\r" + text[8:],
		"NUL":             text[:8] + "%00" + text[8:],
		"broken escape":   "%4" + text,
		"broken escape 2": "%zz" + text,
		"percent at end":  text + "%",
		"three times":     url.QueryEscape(url.QueryEscape(url.QueryEscape(text))),
		"inner padding":   text + text,
		"one character":   "M",
		"UTF-8":           "Mé" + text,
		"oversize":        base64.StdEncoding.EncodeToString(make([]byte, maxGETRequest+1)),
		"long":            strings.Repeat("%4D", maxGETPath),
	} {
		var buf [maxGETRequest]byte
		if got, ok := decodeGET(&buf, path); ok {
			t.Errorf("%s: %q is taken as %x", name, path, got)
		}
	}
	var buf [maxGETRequest]byte
	most := base64.RawStdEncoding.EncodeToString(make([]byte, maxGETRequest))
	if got, ok := decodeGET(&buf, most); !ok || len(got) != maxGETRequest {
		t.Errorf("a request of %d bytes is refused", maxGETRequest)
	}
}

func everyByte(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteString("%" + strings.ToUpper(string("0123456789abcdef"[s[i]>>4])+string("0123456789abcdef"[s[i]&15])))
	}
	return b.String()
}

func FuzzDecodeGET(f *testing.F) {
	_, text := slashy(f)
	f.Add(text)
	f.Add(url.QueryEscape(text))
	f.Add("/" + url.QueryEscape(url.QueryEscape(text)))
	for _, q := range recorded(f) {
		f.Add(q.target)
	}
	f.Fuzz(func(t *testing.T, path string) {
		var buf, again [maxGETRequest]byte
		der, ok := decodeGET(&buf, path)
		if !ok {
			return
		}
		back, ok := decodeGET(&again, url.QueryEscape(base64.StdEncoding.EncodeToString(der)))
		if !ok || !bytes.Equal(der, back) {
			t.Fatalf("%q is %x, which comes back as %x", path, der, back)
		}
	})
}
