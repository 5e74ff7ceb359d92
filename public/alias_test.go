package public

import (
	"slices"
	"strings"
	"testing"
)

func TestParseAlias(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"pki/SubCA.crl":               "pki/SubCA.crl",
		"CertEnroll/Sub+CA.crl":       "CertEnroll/Sub+CA.crl",
		"CertEnroll/Sub%20CA+.crl":    "CertEnroll/Sub CA+.crl",
		"CertEnroll/Sub CA+.crl":      "CertEnroll/Sub CA+.crl",
		"CertEnroll/%2Bx(1).crl":      "CertEnroll/+x(1).crl",
		"%E8%AA%8D%E8%A8%BC%E5%B1%80": "認証局",
		"crl/SUBCA.crl":               "crl/SUBCA.crl",
		"sub.crl":                     "sub.crl",
	} {
		a, err := ParseAlias(path, "crl/sub.crl")
		if err != nil || a.Name != want || a.Artifact != "crl/sub.crl" {
			t.Errorf("%q: %+v, %v; want %q", path, a, err, want)
		}
	}
}

func TestParseAliasRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ path, of, why string }{
		{"", "crl/sub.crl", "1 to 512 bytes"},
		{strings.Repeat("a", 513), "crl/sub.crl", "1 to 512 bytes"},
		{"/pki/a.crl", "crl/sub.crl", "begins with a slash"},
		{"http://a.example/a.crl", "crl/sub.crl", "a whole URL"},
		{"pki//a.crl", "crl/sub.crl", "an empty part"},
		{"pki/", "crl/sub.crl", "an empty part"},
		{"../a.crl", "crl/sub.crl", "leads elsewhere"},
		{"pki/%2e%2e/a.crl", "crl/sub.crl", "leads elsewhere"},
		{"pki/..%2fa.crl", "crl/sub.crl", "leads elsewhere"},
		{"pki/.a.crl", "crl/sub.crl", "begins with a dot"},
		{"pki\\a.crl", "crl/sub.crl", "a backslash"},
		{"c:a.crl", "crl/sub.crl", "a colon"},
		{"a%00.crl", "crl/sub.crl", "a control character"},
		{"a%0a.crl", "crl/sub.crl", "a control character"},
		{"a%ff.crl", "crl/sub.crl", "not UTF-8"},
		{"a%zz.crl", "crl/sub.crl", "percent-encoding is broken"},
		{"a.crl?x=1", "crl/sub.crl", "a query"},
		{"log/a.crl", "crl/sub.crl", "reserved"},
		{"LOG/a.crl", "crl/sub.crl", "reserved"},
		{"log", "crl/sub.crl", "reserved"},
		{"ocsp/a.crl", "crl/sub.crl", "reserved"},
		{"readyz", "crl/sub.crl", "reserved"},
		{"crl/sub.crl", "crl/sub.crl", "own name"},
		{"a.html", "crl/sub.crl", "index-page"},
		{"cert/x.cer", "crl/sub.crl", "by its name it is of kind certificate"},
		{"crl/x.crl", "cert/sub.cer", "by its name it is of kind crl"},
		{"crl/x-arl.crl", "crl/sub.crl", "by its name it is of kind arl"},
		{"a.txt", "index.html", "only lists, certificates and documents"},
		{"a.txt", "log/checkpoint", "only lists, certificates and documents"},
		{"a.txt", "nowhere/x", "no public folder"},
	} {
		if a, err := ParseAlias(c.path, c.of); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%q of %s: %+v, %v; want %q", c.path, c.of, a, err, c.why)
		}
	}
}

func TestAliases(t *testing.T) {
	t.Parallel()
	a := NewAliases([]Alias{{"z", "crl/b.crl"}, {"a", "crl/b.crl"}, {"m", "crl/a.crl"}})
	if of, ok := a.Of("m"); !ok || of != "crl/a.crl" {
		t.Errorf("m is of %q", of)
	}
	if of, ok := a.Of("crl/a.crl"); ok {
		t.Errorf("an artifact is no alias, and is one of %q", of)
	}
	if got := a.For("crl/b.crl"); !slices.Equal(got, []string{"a", "z"}) {
		t.Errorf("crl/b.crl has %q", got)
	}
}

func TestAliasClash(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b Alias
		why  string
	}{
		{Alias{"a", "x"}, Alias{"b", "y"}, ""},
		{Alias{"a", "x"}, Alias{"a", "y"}, "two artifacts"},
		{Alias{"a", "x"}, Alias{"A", "x"}, ""},
		{Alias{"a", "x"}, Alias{"A", "y"}, "in case only"},
		{Alias{"a", "x"}, Alias{"a/b", "x"}, "a file or a folder"},
		{Alias{"a/b", "x"}, Alias{"a", "x"}, "which is a file"},
	} {
		if got := c.a.Clash(c.b); got == "" != (c.why == "") || !strings.Contains(got, c.why) {
			t.Errorf("%v beside %v: %q, want %q", c.a, c.b, got, c.why)
		}
	}
}
