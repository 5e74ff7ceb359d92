package artifact

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/x509"
	"encoding/ascii85"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func keyFiles(t testing.TB) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob("testdata/keys/*")
	if err != nil || len(names) < 25 {
		t.Fatalf("testdata/keys holds %d files: %v; run testdata/make-keys.sh", len(names), err)
	}
	keys := make(map[string][]byte)
	for _, n := range names {
		keys[filepath.Base(n)] = must(os.ReadFile(n))
	}
	return keys
}

// containers wraps a key in everything an operator could hide one in.
func containers(t testing.TB) map[string]func([]byte) []byte {
	p := sharedPKI()
	zipped := func(method uint16) func([]byte) []byte {
		return func(b []byte) []byte {
			var out bytes.Buffer
			z := zip.NewWriter(&out)
			w := must(z.CreateHeader(&zip.FileHeader{Name: "logo.png", Method: method}))
			_ = must(w.Write(b))
			if err := z.Close(); err != nil {
				t.Fatal(err)
			}
			return out.Bytes()
		}
	}
	tarred := func(b []byte) []byte {
		var out bytes.Buffer
		w := tar.NewWriter(&out)
		if err := w.WriteHeader(&tar.Header{Name: "x", Size: int64(len(b)), Mode: 0o600}); err != nil {
			t.Fatal(err)
		}
		_ = must(w.Write(b))
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.sub.cert.Raw})
	return map[string]func([]byte) []byte{
		"bare":               func(b []byte) []byte { return b },
		"behind a CRL":       func(b []byte) []byte { return append(bytes.Clone(p.crl), b...) },
		"behind PEM":         func(b []byte) []byte { return append(bytes.Clone(certPEM), b...) },
		"before a PDF":       func(b []byte) []byte { return append(bytes.Clone(b), "%PDF-1.7\n%%EOF\n"...) },
		"as CERTIFICATE PEM": func(b []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b}) },
		"zip":                zipped(zip.Deflate),
		"stored zip":         zipped(zip.Store),
		"tar":                tarred,
		"tar.gz":             func(b []byte) []byte { return gzipped(tarred(b)) },
		"zip in gzip in zip": func(b []byte) []byte { return zipped(zip.Deflate)(gzipped(zipped(zip.Deflate)(b))) },
		"PDF stream":         pdfWith,
		"PDF ASCII85 stream": func(b []byte) []byte {
			var out bytes.Buffer
			w := ascii85.NewEncoder(&out)
			_ = must(w.Write(zlibbed(b)))
			_ = w.Close()
			return []byte("%PDF-1.4\n1 0 obj <</Filter[/ASCII85Decode/FlateDecode]>>\nstream\r\n" + out.String() + "~>\nendstream\n%%EOF\n")
		},
		"base64": func(b []byte) []byte { return []byte("note: " + base64.StdEncoding.EncodeToString(b)) },
		"base64url in JSON": func(b []byte) []byte {
			return []byte(`{"data":"` + base64.RawURLEncoding.EncodeToString(b) + `"}`)
		},
		"zip behind a picture": func(b []byte) []byte { return append([]byte("\x89PNG\r\n\x1a\n...."), zipped(zip.Deflate)(b)...) },
	}
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_ = must(w.Write(b))
	_ = w.Close()
	return out.Bytes()
}

func zlibbed(b []byte) []byte {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	_ = must(w.Write(b))
	_ = w.Close()
	return out.Bytes()
}

func pdfWith(b []byte) []byte {
	z := zlibbed(b)
	return fmt.Appendf(nil, "%%PDF-1.7\n1 0 obj <</Type/EmbeddedFile/Filter/FlateDecode/Length %d>>\nstream\n%s\nendstream endobj\n%%%%EOF\n", len(z), z)
}

// TestPrivateKeyIsFoundInEveryContainer crosses every form of key with every container.
func TestPrivateKeyIsFoundInEveryContainer(t *testing.T) {
	t.Parallel()
	keys := keyFiles(t)
	for wrap, f := range containers(t) {
		for name, key := range keys {
			a := Parse(f(key))
			if a.Kind != PrivateKey || a.Problem == "" {
				t.Errorf("%s, %s: kind %s, problem %q", name, wrap, a.Kind, a.Problem)
			}
		}
	}
}

func TestTextKeys(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		`{"kty":"EC","crv":"P-256","d" : "abc"}`,
		`{"keys":[{"d":"x","kty":"RSA"}]}`,
		`{"kty":"oct","k":"secret"}`,
		"-----BEGIN PGP PRIVATE KEY BLOCK-----\n",
		"<RSAKeyValue><InverseQ>AA==</InverseQ></RSAKeyValue>",
		"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n",
		"\x07\x02\x00\x00\x00\xa4\x00\x00RSA2\x00\x08",
		"x\xfe\xed\xfe\xed\x00\x00\x00\x01",
		"\x1e\xf1\xb5\xb0\x00\x00\x00\x00",
		"AGE-SECRET-KEY-1QQQ",
		"PRIVATE+KEY+example.com/log+1234+AAAA",
		"P\x00R\x00I\x00V\x00A\x00T\x00E\x00 \x00K\x00E\x00Y\x00-\x00",
	} {
		if a := Parse([]byte(s)); a.Kind != PrivateKey {
			t.Errorf("%q is %s", s, a.Kind)
		}
	}
}

// TestNoFalseAlarm parses what is published, and a megabyte of noise.
func TestNoFalseAlarm(t *testing.T) {
	t.Parallel()
	p := sharedPKI()
	noise := make([]byte, 1<<20)
	src := rand.NewChaCha8([32]byte{1})
	_, _ = src.Read(noise)
	csr := must(x509.CreateCertificateRequest(src, &x509.CertificateRequest{}, p.leaf.key))
	for name, b := range map[string][]byte{
		"crl": p.crl, "arl": p.arl, "response": p.good, "CA": p.rsa.cert.Raw, "leaf": p.leaf.cert.Raw, "CSR": csr, "noise": noise,
		"text": []byte(strings.Repeat("秘密鍵 is Japanese for a private key. ", 1000)), "empty": nil,
		"JWK": []byte(`{"kty":"EC","x":"abc","kid":"d"}`),
	} {
		if f, err := FindPrivateKey(b); f != nil || err != nil {
			t.Errorf("%s: %v, %v", name, f, err)
		}
	}
}

// TestHostileInputIsBounded feeds what would take quadratic time or endless memory without the budget.
func TestHostileInputIsBounded(t *testing.T) {
	t.Parallel()
	bomb := gzipped(gzipped(make([]byte, 130<<20)))
	header := "PK\x03\x04" + strings.Repeat("\x00", 4) + "\x08\x00" + strings.Repeat("\x00", 20)
	empty := strings.Repeat("\x00\x00\x00\xff\xff", 100)
	for name, b := range map[string][]byte{
		"bomb":           bomb,
		"shared streams": []byte(strings.Repeat(header+empty, 4000)),
		"stream words":   []byte("%PDF-1.7 " + strings.Repeat("stream", 400000)),
		"gzip headers":   []byte(strings.Repeat("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff", 400000)),
		"versions":       bytes.Repeat([]byte{0x30, 0x80, 2, 1, 0}, 400000),
	} {
		start := time.Now()
		_, _ = FindPrivateKey(b)
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("%s took %v for %d bytes", name, d, len(b))
		} else {
			t.Logf("%s: %v for %d bytes", name, d, len(b))
		}
	}
	if a := Parse(bomb); a.Kind != Unrecognised || !strings.Contains(a.Problem, "unpacks to more") {
		t.Errorf("a bomb is %s: %s", a.Kind, a.Problem)
	}
}

func BenchmarkFindPrivateKey(b *testing.B) {
	noise := make([]byte, 16<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise)
	p := sharedPKI()
	for name, in := range map[string][]byte{"noise": noise, "response": p.good, "text": bytes.Repeat([]byte("A line of text, then.\n"), 1<<18)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			for b.Loop() {
				if f, _ := FindPrivateKey(in); f != nil {
					b.Fatal(f)
				}
			}
		})
	}
}
