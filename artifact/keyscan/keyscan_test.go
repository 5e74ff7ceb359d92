package keyscan

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"math/big"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// keyFiles returns one private key in each form that foreign tools write, and some more.
func keyFiles(t testing.TB) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob("testdata/keys/*")
	if err != nil || len(names) < 36 {
		t.Fatalf("testdata/keys holds %d files: %v; run testdata/make-keys.sh", len(names), err)
	}
	keys := make(map[string][]byte)
	for _, n := range names {
		keys[filepath.Base(n)] = must(os.ReadFile(n))
	}
	k := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	d, x := must(k.Bytes()), must(k.PublicKey.Bytes())[1:33] // the point begins with its form, X follows
	text := base64.RawURLEncoding.EncodeToString
	keys["jwk"] = fmt.Appendf(nil, `{"kty":"EC","crv":"P-256","x":%q,"d":%q}`, text(x), text(d))
	keys["jwk-yaml"] = fmt.Appendf(nil, "kty: EC\ncrv: P-256\nx: %s\nd: %s\n", text(x), text(d))
	keys["jwk-js"] = fmt.Appendf(nil, "const key = {kty: 'EC', crv: 'P-256', x: '%s', d: '%s'}", text(x), text(d))
	keys["jwk-in-json"] = fmt.Appendf(nil, `{"key":"{\"kty\":\"EC\",\"d\":\"%s\",\"x\":\"%s\"}"}`, text(d), text(x))
	keys["cose"] = append(append([]byte("\xa5\x01\x02\x20\x01\x21\x58\x20"), x...),
		append([]byte("\x22\xf5\x23\x58\x20"), d...)...)
	return keys
}

// wrappings is everything that a key could be hidden in.
func wrappings() map[string]wrapping {
	all := packedWrappings()
	maps.Copy(all, textWrappings())
	maps.Copy(all, figureWrappings())
	maps.Copy(all, radixWrappings())
	maps.Copy(all, pdfWrappings())
	return all
}

// TestKeysAreFoundInEveryWrapping crosses every form of key with every wrapping.
func TestKeysAreFoundInEveryWrapping(t *testing.T) {
	t.Parallel()
	keys, all := keyFiles(t), wrappings()
	if len(all) < 150 {
		t.Fatalf("there are only %d wrappings", len(all))
	}
	t.Logf("%d wrappings, %d keys", len(all), len(keys))
	for wrap, f := range all {
		var missed []string
		for name, key := range keys {
			if r := Scan(f(key)); r.Key == nil {
				missed = append(missed, name+" "+r.Opaque)
			}
		}
		if len(missed) > 0 {
			t.Errorf("%s: %d missed: %.400q", wrap, len(missed), missed)
		}
	}
}

func TestPackedByOthers(t *testing.T) {
	t.Parallel()
	b := must(os.ReadFile("testdata/packed/ec.bz2"))
	for name, in := range map[string][]byte{"bare": b, "behind text": append([]byte("text\n"), b...),
		"zip": zipped(zipBzip2, func([]byte) []byte { return b })(nil)} {
		if r := Scan(in); r.Key == nil {
			t.Errorf("%s: nothing found: %s", name, r.Opaque)
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
		"-----BEGIN RSA PRIVATE\nKEY-----\n",
		"<RSAKeyValue><InverseQ>AA==</InverseQ></RSAKeyValue>",
		"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n",
		"\x07\x02\x00\x00\x00\xa4\x00\x00RSA2\x00\x08",
		"x\xfe\xed\xfe\xed\x00\x00\x00\x01",
		"\x1e\xf1\xb5\xb0\x00\x00\x00\x00",
		"ECS2\x20\x00\x00\x00" + strings.Repeat("x", 96),
		"AGE-SECRET-KEY-1QQQ",
		"PRIVATE+KEY+example.com/log+1234+AAAA",
		"P\x00R\x00I\x00V\x00A\x00T\x00E\x00 \x00K\x00E\x00Y\x00-\x00",
		"Private-key-format: v1.3\nAlgorithm: 13 (ECDSAP256SHA256)\n",
		"[Interface]\nPrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n",
		"untrusted comment: signify secret key\nRWRCSwAAAACzq",
		"private exponent: 0x3f9a3f9a3f9a3f9a3f9a3f9a3f9a3f9a",
		"(11:private-key(3:rsa(1:n",
	} {
		if r := Scan([]byte(s)); r.Key == nil {
			t.Errorf("nothing is found in %q", s)
		}
	}
}

// publicObjects are what a CA publishes.
var publicObjects = sync.OnceValue(func() map[string][]byte {
	now := time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Root"}, IsCA: true,
		BasicConstraintsValid: true,
		NotBefore:             now, NotAfter: now.Add(time.Hour),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	ca := must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key))))
	list := must(x509.CreateRevocationList(rand.Reader,
		&x509.RevocationList{Number: big.NewInt(7), ThisUpdate: now, NextUpdate: now.Add(time.Hour),
			RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(5), RevocationTime: now}}},
		ca,
		key))
	response := must(ocsp.CreateResponse(ca, ca,
		ocsp.Response{Status: ocsp.Good, SerialNumber: big.NewInt(9), ThisUpdate: now,
			NextUpdate: now.Add(time.Hour), Certificate: ca}, key))
	csr := must(x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key))
	return map[string][]byte{"certificate": ca.Raw, "list": list, "response": response, "request": csr}
})

// TestNoFalseAlarm scans what is published, in every wrapping, and a megabyte of noise.
func TestNoFalseAlarm(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 1<<20)
	_, _ = mrand.NewChaCha8([32]byte{1}).Read(noise)
	in := map[string][]byte{
		"noise": noise, "empty": nil, "JWK": []byte(`{"kty":"EC","x":"abc","kid":"d"}`),
		"text": []byte(strings.Repeat("秘密鍵 is Japanese for a private key. ", 1000)),
		"prose": []byte("The private key: 2048 bits; Private Key Usage Period; private-key (in hardware) 12:34:56 " +
			"Private Key: yes"),
		"table": bytes.Repeat([]byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x03"), 100),
		"trust store": append([]byte("\xfe\xed\xfe\xed\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x02\x00\x01a\x00\x00\x00\x00\x00\x00\x00\x00"+
			"\x00\x05X.509\x00\x00\x00\x04"), "0123"...),
		"openssl -text of public keys": []byte("Public-Key: (256 bit)\npub:\n    " +
			"04:c4:9d:36:08:86:e7:04:93:6a:66:78:e1:13:9d:26:b7:81:9f:7e:90\n" +
			"Seed:\n    c4:9d:36:08:86:e7:04:93:6a:66:78:e1:13:9d:26:b7:81:9f:7e:90\n"),
	}
	for name, b := range in {
		if f, err := Find(b); f != nil || err != nil {
			t.Errorf("%s: %v, %v", name, f, err)
		}
	}
	for wrap, f := range wrappings() {
		for name, b := range publicObjects() {
			if r := Scan(f(b)); r.Key != nil || r.Opaque != "" {
				t.Errorf("%s in %s: %v, %s", name, wrap, r.Key, r.Opaque)
			}
		}
	}
}

func crcOf(b []byte) []byte { return binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(b)) }

// TestOpaque holds what cannot be looked into to being refused with the place and what to do.
func TestOpaque(t *testing.T) {
	t.Parallel()
	attach := func(b []byte) []byte {
		return pdfObjects(catalog, "<</EF<</F 3 0 R>>>>", stream("/Filter/FlateDecode", zlibbed(b)))
	}
	sealed := zipped(8, nil)([]byte("hello"))
	sealed[6] |= 1
	noise := make([]byte, 400)
	_, _ = mrand.NewChaCha8([32]byte{2}).Read(noise)
	damaged := zlibbed(noise)
	z7 := []byte("7z\xbc\xaf\x27\x1c\x00\x04\x1b\x10\xc1\x49\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	copy(z7[8:], crcOf(z7[12:]))
	for _, c := range []struct {
		name string
		b    []byte
		want string
	}{
		{"unknown filter", inStream("/Filter/FooDecode", same)([]byte("hello")),
			`PDF object 2 is encoded with the filter "FooDecode"`},
		{"unknown filter behind another", inStream("/Filter[/FlateDecode/FooDecode]", zlibbed)([]byte("hello")),
			`object 2 is encoded with the filter "FooDecode"`},
		{"damaged stream", inStream("/Filter/FlateDecode", same)(damaged[:len(damaged)/2]),
			"object 2 has data that FlateDecode cannot decode"},
		{"no zlib header", inStream("/Filter/FlateDecode", same)([]byte("hello, hello")), "it has no zlib header"},
		{"not ASCII85", inStream("/Filter/ASCII85Decode", same)([]byte("hello\xff~>")),
			"object 2 has data that ASCII85Decode cannot decode"},
		{"bad LZW", inStream("/Filter/LZWDecode", same)([]byte("\xff\xff\xff\xff")),
			"object 2 has data that LZWDecode cannot decode"},
		{"encrypted stream", inStream("/Filter/Crypt/DecodeParms<</Name/StdCF>>", same)([]byte("x")),
			"object 2 is encrypted"},
		{"picture filter", inStream("/Filter/DCTDecode", same)([]byte("x")),
			"object 2 is encoded with DCTDecode, a filter for pictures, but is none"},
		{"predictor", inStream("/Filter/FlateDecode/DecodeParms<</Predictor 77>>", zlibbed)([]byte("x")),
			"object 2 has predictor 77"},
		{"nine filters", inStream("/Filter["+strings.Repeat("/AHx", 9)+"]", same)([]byte("41>")),
			"object 2 is encoded with 9 filters"},
		{"data elsewhere", inStream("/F(other.bin)", same)([]byte("x")), "object 2 keeps its data in another file"},
		{"broken object stream",
			pdfObjects(catalog, stream("/Type/ObjStm/N 1/First 4/Filter/FlateDecode", []byte("x"))),
			"object 2 has data"},
		{"7z attachment", attach(z7), "PDF object 3: a 7z archive"},
		{"unknown attachment", attach(noise), "attachment of unknown form"},
		{"unknown in an attached zip", attach(zipped(8, nil)(noise)), "attachment of unknown form"},
		{"encrypted zip", attach(sealed), "is encrypted"},
		{"encrypted message", attach([]byte("-----BEGIN PGP MESSAGE-----\n")), "OpenPGP message"},
		{"encrypted by openssl", attach([]byte("Salted__01234567")), "openssl enc"},
		{"encrypted attached PDF", attach([]byte("%PDF-1.7\ntrailer <</Encrypt 1 0 R>>\n%%EOF")),
			"PDF document that is encrypted"},
		{"zip with deflate64", zipped(9, same)([]byte("hello")), "compressed by method 9"},
		{"damaged gzip", gzipped(noise)[:200], "gzip data that is damaged"},
		{"damaged xz", xzed(noise)[:200], "xz data that is damaged"},
	} {
		r := Scan(c.b)
		if r.Key != nil || !strings.Contains(r.Opaque, c.want) {
			t.Errorf("%s: %v, %q, want %q", c.name, r.Key, r.Opaque, c.want)
		}
		if f, err := Find(c.b); f != nil || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Find gives %v, %v, want an error with %q", c.name, f, err, c.want)
		}
	}
}

// TestLayersAreCounted: as many wrappings as MaxDepth are followed, and one more is not cleared.
func TestLayersAreCounted(t *testing.T) {
	t.Parallel()
	key := must(os.ReadFile("testdata/keys/ec-pkcs8.der"))
	for n := 1; n <= MaxDepth+2; n++ {
		b := key
		for range n { // what lies before it makes each layer worth packing
			b = gzipped(append(bytes.Repeat([]byte("."), 300), b...))
		}
		r := Scan(b)
		switch {
		case n <= MaxDepth && r.Key == nil:
			t.Errorf("%d layers: nothing found: %s", n, r.Opaque)
		case n > MaxDepth && (r.Key != nil || !strings.Contains(r.Opaque, "packed more than")):
			t.Errorf("%d layers: %v, %q", n, r.Key, r.Opaque)
		case r.Key != nil && strings.Count(r.Key.Within, "gzip data") != n:
			t.Errorf("%d layers: it is said to lie in %q", n, r.Key.Within)
		}
	}
}

// TestNamesNotText: what encrypts and what starts programs are names in objects; page text is not a name.
func TestNamesNotText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                string
		b                   []byte
		encrypted, launches string
	}{
		{"text", page(helvetica, "", func(string) string { return "(/Encrypt /Launch) Tj" }, same)([]byte("x")), "",
			""},
		{"plain text", pdfObjects(catalog, stream("", []byte("BT (/Encrypt <</S /Launch>>) Tj ET"))), "", ""},
		{"launch", pdfObjects("<</Type/Catalog/OpenAction<</S/Launch/F(x)>>>>"), "", "PDF object 1"},
		{"launch by number", pdfObjects("<</Type/Catalog/OpenAction<</S/#4c#61unch/F(x)>>>>"), "", "PDF object 1"},
		{"launch in an object stream", inObjectStream(func([]byte) string { return "<</S/Launch/F(x)>>" })(nil), "",
			"PDF object 7"},
		{"encrypted", []byte("%PDF-1.7\ntrailer\n<</Encrypt 5 0 R>>\n%%EOF"), "the trailer", ""},
		{"encrypted by number", []byte("%PDF-1.7\ntrailer\n<</#45ncrypt 5 0 R>>\n%%EOF"), "the trailer", ""},
		{"encrypted by a stream", pdfObjects(catalog, stream("/Type/XRef/Encrypt 5 0 R", nil)), "PDF object 2", ""},
		{"another key Encrypt", pdfObjects("<</Type/Catalog/Encrypt true>>"), "", ""},
	} {
		if r := Scan(c.b); r.Encrypted != c.encrypted || r.Launches != c.launches {
			t.Errorf("%s: encrypted by %q, launches in %q; want %q, %q", c.name, r.Encrypted, r.Launches, c.encrypted,
				c.launches)
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, b := range keyFiles(f) {
		f.Add(b)
		f.Add(gzipped(b))
	}
	for name, w := range pdfWrappings() {
		if strings.HasPrefix(name, "PDF") {
			f.Add(w([]byte("hello, hello, hello, hello")))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if r := Scan(b); r.Key != nil && r.Key.What == "" {
			t.Errorf("%+v", r)
		}
	})
}
