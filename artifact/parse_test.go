package artifact

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"os"
	"strings"
	"testing"
)

func entryBundle(entries ...string) []byte {
	var b []byte
	for _, e := range entries {
		b = binary.BigEndian.AppendUint16(b, uint16(len(e)))
		b = append(b, e...)
	}
	return b
}

func TestParseClassifiesByContent(t *testing.T) {
	t.Parallel()
	p := sharedPKI()
	csr := must(x509.CreateCertificateRequest(rand.Reader,
		&x509.CertificateRequest{Subject: pkix.Name{CommonName: "Taro"}}, p.leaf.key))
	link := issue(caTemplate("Root"), &p.root, ecKey())
	entry := `{"time":"2026-11-24T06:00:00Z","type":"batch","v":1}`
	root := base64.StdEncoding.EncodeToString(make([]byte, 32))
	cases := map[string]struct {
		in   []byte
		kind Kind
	}{
		"root":          {p.root.cert.Raw, CACertificate},
		"subordinate":   {p.sub.cert.Raw, CACertificate},
		"link":          {link.cert.Raw, LinkCertificate},
		"subscriber":    {p.leaf.cert.Raw, SubscriberCertificate},
		"OCSP signer":   {p.delegate.cert.Raw, OCSPSignerCertificate},
		"CRL":           {p.crl, CRL},
		"ARL":           {p.arl, ARL},
		"delta":         {p.delta, DeltaCRL},
		"response":      {p.good, OCSPResponse},
		"p7c":           {must(os.ReadFile("testdata/cms/bundle.p7c")), CertificateBundle},
		"p7s":           {must(os.ReadFile("testdata/cms/detached.p7s")), DocumentSignature},
		"enclosing p7m": {must(os.ReadFile("testdata/cms/enclosing.p7m")), Unrecognised},
		"PDF":           {[]byte("%PDF-1.7\nx\n%%EOF\n"), Document},
		"page":          {[]byte("<!DOCTYPE html>\n<html lang=ja>"), IndexPage},
		"fingerprints": {[]byte("<!doctype html><meta name=\"seihon-page\" content=\"fingerprints\">"),
			FingerprintPage},
		"bundle":        {[]byte(BundleMagic + "\x00\x01"), OCSPBundle},
		"generation":    {[]byte(GenerationMagic + "issuer sub\n"), OCSPGeneration},
		"manifest":      {[]byte(ManifestMagic), Manifest},
		"manifest v1":   {[]byte(ManifestMagicV1), Manifest},
		"zstd manifest": {[]byte("\x28\xb5\x2f\xfd\x04"), Manifest},
		"checkpoint": {[]byte("example.com/log\n12\n" + root + "\n\n\u2014 example.com/log AAAA\n"),
			Checkpoint},
		"unsigned checkpoint": {[]byte("example.com/log\n12\n" + root + "\n\n"), Unrecognised},
		"entry bundle":        {entryBundle(entry, entry), Tile},
		"hash tile":           {append(bytes.Clone(Sum([]byte("a")).bytes()), Sum([]byte("b")).bytes()...), Tile},
		"entry":               {[]byte(entry), LedgerMaster},
		"database":            {[]byte("SQLite format 3\x00...."), LedgerMaster},
		"CSR":                 {csr, RegistrationData},
		"PEM CSR": {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr}),
			RegistrationData},
		"index.txt":        {[]byte("V\t271124060000Z\t\t01\tunknown\t/C=JP/CN=Taro\n"), RegistrationData},
		"application form": {[]byte("氏名,住所,生年月日\n"), RegistrationData},
		"zap log":          {[]byte(`{"level":"info","ts":1,"msg":"signed"}` + "\n"), Log},
		"access log":       {[]byte("192.0.2.1 - - [24/Nov/2026:06:00:00 +0900] \"GET / HTTP/1.1\" 200 1\n"), Log},
		"syslog":           {[]byte("Nov 24 06:00:00 room signer[1]: signed\n"), Log},
		"timestamped log":  {[]byte("2026-11-24T06:00:00Z signed\n"), Log},
		"PEM certificate": {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.sub.cert.Raw}),
			Unrecognised},
		"CRL and a byte": {append(bytes.Clone(p.crl), '\n'), Unrecognised},
		"text":           {[]byte("hello"), Unrecognised},
		"empty":          {nil, Unrecognised},
		"error response": {[]byte{0x30, 3, 0x0a, 1, 6}, Unrecognised},
	}
	for name, c := range cases {
		a := Parse(c.in)
		if a.Kind != c.kind || a.Kind == Unrecognised && a.Problem == "" {
			t.Errorf("%s: kind %s, problem %q; want %s", name, a.Kind, a.Problem, c.kind)
		}
		if a.Kind.IsCertificate() && len(a.Certificates) != 1 || a.Kind.IsRevocationList() && a.CRL == nil ||
			a.Kind == OCSPResponse && a.OCSP == nil {
			t.Errorf("%s: the parsed object is missing", name)
		}
		if a.Digest != Sum(c.in) || !a.Kind.Known() {
			t.Errorf("%s: digest %s, kind %s", name, a.Digest, a.Kind)
		}
	}
	if a := Parse(append(bytes.Clone(p.crl), 0)); !strings.Contains(a.Problem,
		"1 bytes follow the first object, a crl") {
		t.Errorf("trailing byte: %q", a.Problem)
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	d := Sum([]byte("x"))
	got, err := ParseDigest(d.String())
	if err != nil || got != d || d.IsZero() || !(Digest{}).IsZero() {
		t.Errorf("%v %v", got, err)
	}
	var u Digest
	if text, _ := d.MarshalText(); u.UnmarshalText(text) != nil || u != d {
		t.Error("text does not survive")
	}
	for _, s := range []string{"", strings.ToUpper(d.String()), d.String() + "0", strings.Repeat("g", 64)} {
		if _, err := ParseDigest(s); err == nil {
			t.Errorf("%q is taken for a digest", s)
		}
	}
}

// TestSignedData uses signatures that OpenSSL made (testdata/make-cms.sh).
func TestSignedData(t *testing.T) {
	t.Parallel()
	content := must(os.ReadFile("testdata/cms/content.txt"))
	for _, name := range []string{"detached.p7s", "detached-rsa.p7s", "detached-pss.p7s", "detached-noattr.p7s",
		"detached-keyid.p7s"} {
		s, err := ParseSignedData(must(os.ReadFile("testdata/cms/" + name)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		certs, err := s.Verify(content)
		if err != nil || len(certs) != 1 {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := s.Verify(append(bytes.Clone(content), 'x')); err == nil {
			t.Errorf("%s verifies other content", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	p := sharedPKI()
	for _, b := range [][]byte{p.crl, p.delta, p.good, p.revoke, p.leaf.cert.Raw,
		[]byte("%PDF-1.7\n1 0 obj <</Type/Catalog>> endobj\n%%EOF\n"), entryBundle(`{"type":"a","v":1,"time":1}`)} {
		f.Add(b)
	}
	f.Add(must(os.ReadFile("keyscan/testdata/keys/ec-pkcs8.pem")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if a := Parse(b); !a.Kind.Known() || a.Kind == Unrecognised && a.Problem == "" {
			t.Errorf("%+v", a)
		}
	})
}

func FuzzParseRevocationList(f *testing.F) {
	p := sharedPKI()
	f.Add(p.crl)
	f.Add(p.arl)
	f.Add(p.delta)
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := ParseRevocationList(b)
		if err != nil {
			return
		}
		for _, err := range l.Entries() {
			if err != nil {
				return
			}
		}
		if want, err := x509.ParseRevocationList(b); err == nil && !bytes.Equal(want.RawTBSRevocationList, l.RawTBS) {
			t.Error("the signed parts differ from the standard library's")
		}
	})
}

func FuzzParseResponse(f *testing.F) {
	p := sharedPKI()
	f.Add(p.good)
	f.Add(p.revoke)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseResponse(b)
		if err == nil && (len(r.Singles) == 0 || r.ResponderKeyHash == nil && r.ResponderName == nil) {
			t.Errorf("%+v", r)
		}
	})
}

func FuzzParseSignedData(f *testing.F) {
	for _, n := range []string{"bundle.p7c", "detached.p7s", "detached-pss.p7s", "enclosing.p7m"} {
		f.Add(must(os.ReadFile("testdata/cms/" + n)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := ParseSignedData(b); err == nil {
			_, _ = s.Verify([]byte("x"))
		}
	})
}

func FuzzVerifyDocument(f *testing.F) {
	f.Add([]byte("%PDF /ByteRange [0 20 60 10] <3000> "))
	f.Fuzz(func(t *testing.T, b []byte) { _, _ = VerifyDocument(b) })
}

// TestSearchDecides: what the search for keys says comes before what the bytes claim to be.
func TestSearchDecides(t *testing.T) {
	t.Parallel()
	p := sharedPKI()
	key := must(os.ReadFile("keyscan/testdata/keys/ec-pkcs8.pem"))
	pdf := func(objects string) []byte { return []byte("%PDF-1.7\n" + objects + "\n%%EOF\n") }
	for _, c := range []struct {
		name    string
		b       []byte
		kind    Kind
		problem string
	}{
		{"key", key, PrivateKey, "PEM private key"},
		{"key behind a list", append(bytes.Clone(p.crl), key...), PrivateKey, "PEM private key"},
		{"document", pdf("1 0 obj <</Type/Catalog>> endobj"), Document, ""},
		{"words in a document", pdf("1 0 obj <</T (/Encrypt /Launch)>> endobj"), Document, ""},
		{"encrypted", pdf("trailer <</Encrypt 1 0 R>>"), Document, "encrypted (the trailer)"},
		{"program", pdf("7 0 obj <</S /#4caunch>> endobj"), Document, "starts programs (PDF object 7)"},
		{"unknown filter", pdf("7 0 obj <</Filter/X>> stream\nx\nendstream endobj"), Document,
			"PDF object 7 is encoded with the filter"},
		{"sealed", []byte("Salted__0123456789"), Unrecognised, "cannot be searched"},
	} {
		if a := Parse(c.b); a.Kind != c.kind || !strings.Contains(a.Problem, c.problem) ||
			c.problem == "" && a.Problem != "" {
			t.Errorf("%s: %s, %q; want %s, %q", c.name, a.Kind, a.Problem, c.kind, c.problem)
		}
	}
}

// TestReasons: what is refused says what it probably was meant to be, and why it is not.
func TestReasons(t *testing.T) {
	t.Parallel()
	p := sharedPKI()
	flip := func(b []byte, from, to string) []byte { return bytes.Replace(b, []byte(from), []byte(to), 1) }
	version4 := flip(p.leaf.cert.Raw, "\xa0\x03\x02\x01\x02", "\xa0\x03\x02\x01\x03")
	curve := flip(p.leaf.cert.Raw, "\x2a\x86\x48\xce\x3d\x03\x01\x07", "\x2a\x86\x48\xce\x3d\x03\x01\x06")
	text := base64.StdEncoding.EncodeToString(p.crl)
	utf16 := []byte{0xff, 0xfe}
	for _, c := range []byte(text) {
		utf16 = append(utf16, c, 0)
	}
	for _, c := range []struct {
		name string
		b    []byte
		want string
	}{
		{"version 4", version4, "form of a certificate, but not the strict one: invalid version"},
		{"unknown curve", curve, "unsupported elliptic curve"},
		{"list of version 3", flip(p.crl, "\x02\x01\x01\x30", "\x02\x01\x02\x30"),
			"form of a CRL, but not the strict one"},
		{"error response", []byte{0x30, 3, 0x0a, 1, 6}, "form of an OCSP response, but not the strict one"},
		{"encrypted content type", []byte("\x30\x0f\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x05\xa0\x02\x05\x00"),
			"form of a CMS object"},
		{"PEM", pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: p.crl}),
			"it is a crl in PEM, and is published in DER: openssl crl -outform DER"},
		{"PEM behind a mark", append([]byte(bom), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE",
			Bytes: p.root.cert.Raw})...), "ca-certificate in PEM"},
		{"base64", []byte(text), "it is a crl in base64"},
		{"base64 behind a mark", []byte(bom + text), "it is a crl in base64"},
		{"UTF-16", utf16, "UTF-16"},
		{"text behind a mark", []byte(bom + "hello"), "byte-order mark"},
		{"text of 64 characters", bytes.Repeat([]byte("call the auditor"), 4), "none of the forms"},
		{"picture of 64 bytes", append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, 56)...), "none of the forms"},
		{"zeros", make([]byte, 96), "none of the forms"},
	} {
		if a := Parse(c.b); a.Kind != Unrecognised || !strings.Contains(a.Problem, c.want) {
			t.Errorf("%s: %s, %q; want %q", c.name, a.Kind, a.Problem, c.want)
		}
	}
}
