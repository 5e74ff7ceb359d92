package document_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"seihon/artifact"
	"seihon/hsmsign/document"
)

func indexData(t testing.TB) document.IndexData {
	o := newOperator(t, "p256")
	return document.IndexData{
		Title: "Example Repository", TitleJA: "見本リポジトリ", Operator: `Example <script>alert("x")</script> Corp`,
		Updated:      noon,
		Certificates: []document.IndexCertificate{{URL: "cert/root.cer", DER: o.ca.Raw}},
		CRLs: []document.IndexCRL{
			{URL: "crl/root.crl", Kind: "crl", Issuer: "root", Number: "12", ThisUpdate: noon,
				NextUpdate: noon.AddDate(0, 0, 7)},
			{URL: "crl/old.crl", Kind: "arl", Issuer: "old", Number: "99", ThisUpdate: noon,
				NextUpdate: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)},
		},
		OCSP: []string{"http://ocsp.example.jp/ocsp"},
		Documents: []document.Version{{Name: "cps", Version: "1.0", Title: "認証業務規程", Effective: noon,
			Digest: artifact.Sum([]byte("pdf")), URL: "docs/cps-1.0.pdf", Signature: "docs/cps-1.0.pdf.p7s"}},
		Origin: "repository.example.jp/master", Keys: []string{"repository.example.jp/master+abcd+AjBZ"},
	}
}

func TestIndexPage(t *testing.T) {
	d := indexData(t)
	page, err := document.IndexPage(d)
	if err != nil {
		t.Fatal(err)
	}
	again, err := document.IndexPage(d)
	if err != nil || !bytes.Equal(page, again) {
		t.Error("two different pages")
	}
	sum := sha256.Sum256(d.Certificates[0].DER)
	plain := strings.ReplaceAll(string(page), " ", "")
	for _, want := range []string{
		strings.ToUpper(hex.EncodeToString(sum[:])), "crl/root.crl",
		noon.AddDate(0, 0, 7).Format("2006-01-02 15:04:05 UTC"), "最終", "docs/cps-1.0.pdf.p7s",
		d.Documents[0].Digest.String(),
		"log/checkpoint", "repository.example.jp/master&#43;abcd&#43;AjBZ", "自己署名証明書", "http://ocsp.example.jp/ocsp",
		"見本リポジトリ",
	} {
		if !strings.Contains(plain, strings.ReplaceAll(want, " ", "")) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if got := artifact.Parse(page).Kind; got != artifact.IndexPage {
		t.Errorf("section A takes the page for %s", got)
	}
	checkHTML(t, page)
}

// checkHTML wants a page that fetches nothing and runs nothing.
func checkHTML(t *testing.T, page []byte) {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "script", "img", "iframe", "link", "object", "embed", "form", "video":
			t.Errorf("the page has a %s element", n.Data)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "src" ||
				a.Key == "href" && strings.HasPrefix(a.Val, "javascript:") {
				t.Errorf("%s has %s=%q", n.Data, a.Key, a.Val)
			}
		}
	}
}

func TestIndexPageOfNothing(t *testing.T) {
	page, err := document.IndexPage(document.IndexData{Title: "Empty", Updated: noon})
	if err != nil {
		t.Fatal(err)
	}
	checkHTML(t, page)
}

func TestIndexPageRefuses(t *testing.T) {
	d := indexData(t)
	d.Certificates[0].DER = []byte("garbage")
	if _, err := document.IndexPage(d); err == nil {
		t.Error("garbage was shown as a certificate")
	}
	d = indexData(t)
	d.CRLs[0].NextUpdate = noon.AddDate(0, 0, -1)
	if _, err := document.IndexPage(d); err == nil {
		t.Error("a CRL that ends before it begins was shown")
	}
}
