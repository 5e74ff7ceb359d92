package room_test

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"seihon/artifact"
	"seihon/hsmsign/room"
)

func TestAsked(t *testing.T) {
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, testKey("csr"))
	must(t, err)
	signed := []byte("\x30\x0f\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x02\x30\x00")
	for document, kind := range map[string]string{
		"%PDF-1.7\n\x00": "pdf", "PK\x03\x04\x00": "zip", "\x89PNG\r\n\x1a\n\x00": "png", "\xff\xd8\xff\xe0": "jpeg",
		"II*\x00":      "tiff",
		string(signed): "cms", "-----BEGIN CMS-----\n": "cms",
		string(pem.EncodeToMemory(&pem.Block{Type: "PKCS7", Bytes: signed})): "cms",
		string(csr): "pkcs10",
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})): "pkcs10",
		"<?xml version=\"1.0\"?>": "xml", "失効してください\r\n": "text", "a\x00b": "binary", "\xff\xfe": "binary",
		"%PDF": "text",
	} {
		a, err := room.Asked("", []byte(document))
		if want := kind + " sha256:" + artifact.Sum([]byte(document)).String(); err != nil || a.Request != want {
			t.Errorf("%.20q is recorded as %q, %v; want %q", document, a.Request, err, want)
		}
	}
	for by, want := range map[string]string{strings.Repeat("a", room.MaxBy+1): "at most", "a\nb": "U+000A",
		"\xff": "not UTF-8"} {
		if _, err := room.Asked(by, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %q", by, err, want)
		}
	}
	if _, err := room.Asked("", []byte{}); err == nil {
		t.Error("an empty document is recorded")
	}
	if a, err := room.Asked("鈴木 一郎", nil); err != nil || !a.Any() {
		t.Errorf("%+v, %v", a, err)
	}
}
