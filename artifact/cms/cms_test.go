package cms_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seihon/artifact/cms"
)

func vector(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func certificate(t testing.TB, name string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(vector(t, name))
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func trust(t testing.TB) cms.Options {
	root := certificate(t, "root.pem")
	return cms.Options{Issuers: []*x509.Certificate{root}, TSAs: []*x509.Certificate{root}}
}

func TestVerifyWhatOpenSSLSigned(t *testing.T) {
	content := vector(t, "content.txt")
	for name, signers := range map[string]int{"rsa.p7s": 1, "rsa.pem": 1, "rsa-pss.p7s": 1, "p384.p7s": 1,
		"keyid.p7s": 1, "two.p7s": 2} {
		list, err := cms.Verify(vector(t, name), content, trust(t))
		if err != nil || len(list) != signers {
			t.Errorf("%s: %d signers, %v", name, len(list), err)
			continue
		}
		for _, s := range list {
			if s.SigningTime.IsZero() || len(s.Chain) != 2 || s.Timestamp != nil {
				t.Errorf("%s: %+v", name, s)
			}
		}
	}
	o := trust(t)
	o.AllowUnbound = true
	if _, err := cms.Verify(vector(t, "unbound.p7s"), content, o); err != nil {
		t.Error(err)
	}
}

func TestVerifyRefuses(t *testing.T) {
	stranger := trust(t)
	stranger.Issuers = []*x509.Certificate{certificate(t, "stranger.pem")}
	late := trust(t)
	late.At = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	content, good := vector(t, "content.txt"), vector(t, "rsa.p7s")
	for _, c := range []struct {
		name         string
		p7s, content []byte
		o            cms.Options
		want         string
	}{
		{"other content", good, append(bytes.Clone(content), 'x'), trust(t), "other content"},
		{"no content", good, nil, trust(t), "other content"},
		{"another anchor", good, content, stranger, "no chain"},
		{"no anchor", good, content, cms.Options{}, "no chain"},
		{"expired", good, content, late, "no chain"},
		{"trailing byte", append(bytes.Clone(good), 0), content, trust(t), "follow"},
		{"truncated", good[:len(good)-1], content, trust(t), "DER"},
		{"broken signature", flip(good, len(good)-5), content, trust(t), "does not verify"},
		{"empty", nil, content, trust(t), "DER"},
		{"a certificate", certificate(t, "root.pem").Raw, content, trust(t), "DER"},
		{"PEM of another type", vector(t, "root.pem"), content, trust(t), "PEM"},
		{"a time-stamp token", vector(t, "token.tst"), content, trust(t), "enclosed"},
		{"without signing-certificate", vector(t, "unbound.p7s"), content, trust(t), "signing-certificate-v2"},
		{"without signed attributes", vector(t, "noattr.p7s"), content, trust(t), "no signed attributes"},
		{"SHA-1", vector(t, "sha1.p7s"), content, trust(t), "1.3.14.3.2.26"},
		{"attached", vector(t, "attached.p7s"), content, trust(t), "detached"},
		{"without certificates", vector(t, "nocerts.p7s"), content, trust(t), "not enclosed"},
		{"a certificate for key encipherment", vector(t, "tls.p7s"), content, trust(t), "not for signatures"},
		{"an unusual salt", vector(t, "pss-long-salt.p7s"), content, trust(t), "unusual"},
	} {
		if list, err := cms.Verify(c.p7s, c.content, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, %v, want an error with %q", c.name, list, err, c.want)
		}
	}
}

func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

// No byte of a signature may change and still verify as the same signer's, but in what the signature does not cover:
// the certificates, which ESS binds, are covered through it.
func TestEveryFlippedByteIsNoticed(t *testing.T) {
	content, good := vector(t, "content.txt"), vector(t, "rsa.p7s")
	want, err := cms.Verify(good, content, trust(t))
	if err != nil {
		t.Fatal(err)
	}
	for at := range good {
		list, err := cms.Verify(flip(good, at), content, trust(t))
		if err == nil && !list[0].Certificate.Equal(want[0].Certificate) {
			t.Errorf("byte %d: another signer was accepted", at)
		}
	}
}

func TestVerifyTimestamp(t *testing.T) {
	content, o := vector(t, "content.txt"), trust(t)
	for _, name := range []string{"token.tst", "token-sha1-ess.tst"} {
		s, err := cms.VerifyTimestamp(vector(t, name), content, o.TSAs)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if s.Policy != "1.2.3.4" || s.Time.IsZero() || s.Nonce == nil || len(s.Chain) != 2 {
			t.Errorf("%s: %+v", name, s)
		}
	}
	token := vector(t, "token.tst")
	for _, c := range []struct {
		name           string
		token, message []byte
		anchors        []*x509.Certificate
		want           string
	}{
		{"other data", token, []byte("other"), o.TSAs, "other data"},
		{"stranger", token, content, []*x509.Certificate{certificate(t, "stranger.pem")}, "no chain"},
		{"nobody trusted", token, content, []*x509.Certificate{}, "no chain"},
		{"broken", flip(token, len(token)-3), content, o.TSAs, "does not verify"},
		{"document signature", vector(t, "rsa.p7s"), content, o.TSAs, "not a token"},
		{"garbage", []byte("garbage"), content, o.TSAs, "DER"},
	} {
		if _, err := cms.VerifyTimestamp(c.token, c.message, c.anchors); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", c.name, err, c.want)
		}
	}
}

func TestVerifyPDFRefuses(t *testing.T) {
	for name, pdf := range map[string]string{
		"no signature":      "%PDF-1.7\n%%EOF",
		"range outside":     "/ByteRange [0 10 20 999]",
		"range backwards":   "/ByteRange [0 20 10 4]",
		"not from zero":     "/ByteRange [1 20 30 4]",
		"no angle brackets": "/ByteRange [0 2 8 18]    ",
		"not hexadecimal":   "/ByteRange [0 26 32 4]    <zzzz>    ",
		"not DER":           "/ByteRange [0 26 32 4]    <0000>    ",
	} {
		if _, err := cms.VerifyPDF([]byte(pdf), cms.Options{}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzVerify(f *testing.F) {
	files, err := filepath.Glob("testdata/*.p7s")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		f.Add(vector(f, filepath.Base(name)))
	}
	f.Add(vector(f, "token.tst"))
	content, o := vector(f, "content.txt"), trust(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, s := range must(cms.Verify(b, content, o)) {
			if s.Certificate == nil || len(s.Chain) < 2 {
				t.Errorf("verified without a chain: %+v", s)
			}
		}
		if s, err := cms.VerifyTimestamp(b, content, o.TSAs); err == nil && s.Time.IsZero() {
			t.Error("a time stamp without a time")
		}
	})
}

func must(list []*cms.Signature, _ error) []*cms.Signature { return list }

func FuzzVerifyPDF(f *testing.F) {
	f.Add([]byte("/ByteRange [0 26 32 4]    <3000> /M (D:20261120120000+09'00') "))
	f.Fuzz(func(t *testing.T, b []byte) {
		if list, err := cms.VerifyPDF(b, cms.Options{}); err == nil {
			t.Errorf("accepted without anchors: %v", list)
		}
	})
}
