package sectiona

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ocsp"
)

var update = flag.Bool("update", false, "write testdata/pki, testdata/refused and testdata/allowed anew")

var (
	madeAt = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)
	day    = 24 * time.Hour
)

// A signer makes RFC 6979 signatures, so that the files of testdata come out the same every time.
type signer struct{ *ecdsa.PrivateKey }

func (s signer) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return s.PrivateKey.Sign(nil, digest, opts)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// keyFrom derives a key from its name. These keys guard nothing.
func keyFrom(name string) signer {
	seed := sha256.Sum256([]byte("seihon test key " + name))
	seed[0] = 0 // below the order of the curve
	return signer{must(ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:]))}
}

type party struct {
	cert *x509.Certificate
	key  signer
}

// makeCert issues a certificate; serials follow from the name, too.
func makeCert(name, keyName string, issuer *party, tmpl x509.Certificate) party {
	key := keyFrom(keyName)
	h := sha256.Sum256([]byte(name + keyName))
	tmpl.SerialNumber = new(big.Int).SetBytes(h[:12])
	if tmpl.Subject.CommonName == "" {
		tmpl.Subject = pkix.Name{Country: []string{"JP"}, CommonName: name}
	}
	tmpl.NotBefore, tmpl.NotAfter = madeAt.Add(-30*day), madeAt.Add(3650*day)
	parent, by := &tmpl, key
	if issuer != nil {
		parent, by = issuer.cert, issuer.key
	}
	der := must(x509.CreateCertificate(nil, &tmpl, parent, key.Public(), by))
	return party{must(x509.ParseCertificate(der)), key}
}

func ca() x509.Certificate {
	return x509.Certificate{IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
}

func responder() x509.Certificate {
	return x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning},
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5},
			Value: []byte{5, 0}}}}
}

// The cast of testdata.
type cast struct {
	root, newRoot, sub, partner, foreignRoot, foreignSub, delegate, strayDelegate, taro, documentSigner party
	linkNewWithOld, linkStray, crossOut, crossIn, crossStray                                            party
}

func newCast() *cast {
	c := new(cast)
	c.root = makeCert("Test Root", "root", nil, ca())
	c.newRoot = makeCert("Test Root", "root 2", nil, ca())
	c.sub = makeCert("Test CA", "sub", &c.root, ca())
	c.partner = makeCert("Partner Bridge CA", "partner", nil, ca())
	c.foreignRoot = makeCert("Foreign Root", "foreign root", nil, ca())
	c.foreignSub = makeCert("Test CA", "foreign sub", &c.foreignRoot, ca())
	c.delegate = makeCert("Test OCSP", "delegate", &c.sub, responder())
	c.strayDelegate = makeCert("Test OCSP", "stray delegate", &c.foreignSub, responder())
	c.taro = makeCert("Taro Denshi", "taro", &c.sub, x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature})
	c.documentSigner = makeCert("Test CPS signer", "document", &c.sub,
		x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature})
	c.linkNewWithOld = makeCert("Test Root", "root 2", &c.root, ca())
	c.linkStray = makeCert("Test Root", "root 2",
		&party{makeCert("Test Root", "nobody", nil, ca()).cert, keyFrom("nobody")}, ca())
	c.crossOut = makeCert("Partner Bridge CA", "partner", &c.sub, ca())
	c.crossIn = makeCert("Test CA", "sub", &c.partner, ca())
	c.crossStray = makeCert("Other Bridge CA", "other", &c.sub, ca())
	return c
}

type listOf struct {
	number     int64
	this, next time.Time
	exts       []pkix.Extension
	serials    []int64
}

func (p party) list(l listOf) []byte {
	tmpl := &x509.RevocationList{Number: big.NewInt(l.number), ThisUpdate: l.this, NextUpdate: l.next,
		ExtraExtensions: l.exts}
	if l.this.IsZero() {
		tmpl.ThisUpdate = madeAt
	}
	if l.next.IsZero() {
		tmpl.NextUpdate = madeAt.Add(3 * day)
	}
	for _, s := range l.serials {
		tmpl.RevokedCertificateEntries = append(tmpl.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: big.NewInt(s), RevocationTime: madeAt.Add(-day), ReasonCode: 4})
	}
	return must(x509.CreateRevocationList(nil, tmpl, p.cert, p.key))
}

func (p party) response(issuer party, next time.Time, embed bool) []byte {
	r := ocsp.Response{Status: ocsp.Good, SerialNumber: big.NewInt(4711), ThisUpdate: madeAt, NextUpdate: next,
		IssuerHash: crypto.SHA1}
	if embed {
		r.Certificate = p.cert
	}
	return must(ocsp.CreateResponse(issuer.cert, p.cert, r, p.key))
}

// resign replaces producedAt and optionally appends a nonce, then signs again.
func (p party) resign(der []byte, nonce bool) []byte {
	in := cryptobyte.String(der)
	var outer, wrapper, body, basic, seq, tbs, data, id, produced, singles cryptobyte.String
	var oid, alg, sig, certs cryptobyte.String
	ok := in.ReadASN1(&outer, cbasn1.SEQUENCE) && outer.SkipASN1(cbasn1.ENUM) &&
		outer.ReadASN1(&wrapper, cbasn1.Tag(0).ContextSpecific().Constructed()) &&
		wrapper.ReadASN1(&body, cbasn1.SEQUENCE) &&
		body.ReadASN1Element(&oid, cbasn1.OBJECT_IDENTIFIER) && body.ReadASN1(&basic, cbasn1.OCTET_STRING) &&
		basic.ReadASN1(&seq, cbasn1.SEQUENCE) && seq.ReadASN1(&tbs, cbasn1.SEQUENCE) &&
		seq.ReadASN1Element(&alg, cbasn1.SEQUENCE) &&
		seq.ReadASN1Element(&sig, cbasn1.BIT_STRING)
	if !ok {
		panic("the oracle made a response of another form")
	}
	certs = seq
	data = tbs
	var tag cbasn1.Tag
	if !data.ReadAnyASN1Element(&id, &tag) || !data.ReadASN1Element(&produced, cbasn1.GeneralizedTime) ||
		!data.ReadASN1Element(&singles, cbasn1.SEQUENCE) {
		panic("the oracle made response data of another form")
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(id)
		b.AddASN1GeneralizedTime(madeAt)
		b.AddBytes(singles)
		if nonce {
			b.AddBytes([]byte{0xa1, 0x17, 0x30, 0x15, 0x30, 0x13, 0x06, 0x09, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 2, 4, 6, 4,
				4, 1, 2, 3, 4})
		}
	})
	newTBS := must(b.Bytes())
	h := sha256.Sum256(newTBS)
	newSig := must(p.key.Sign(nil, h[:], crypto.SHA256))
	var w cryptobyte.Builder
	w.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(newTBS)
		b.AddBytes(alg)
		b.AddASN1BitString(newSig)
		b.AddBytes(certs)
	})
	inner := must(w.Bytes())
	var out cryptobyte.Builder
	out.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.ENUM, func(b *cryptobyte.Builder) { b.AddUint8(0) })
		b.AddASN1(cbasn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddBytes(oid)
				b.AddASN1(cbasn1.OCTET_STRING, func(b *cryptobyte.Builder) { b.AddBytes(inner) })
			})
		})
	})
	return must(out.Bytes())
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func zipOf(name string, b []byte) []byte {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	_ = must(must(z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})).Write(b))
	if err := z.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}

func tarGzOf(name string, b []byte) []byte {
	var out bytes.Buffer
	g := gzip.NewWriter(&out)
	t := tar.NewWriter(g)
	if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(b))}); err != nil {
		panic(err)
	}
	_ = must(t.Write(b))
	if t.Close() != nil || g.Close() != nil {
		panic("writing to memory does not work")
	}
	return out.Bytes()
}

// pdfOf makes a small PDF document with one attachment.
func pdfOf(extra string, attachment []byte) []byte {
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	_ = must(w.Write(attachment))
	if err := w.Close(); err != nil {
		panic(err)
	}
	return fmt.Appendf(nil,
		"%%PDF-1.7\n1 0 obj <</Type/Catalog/Pages 2 0 R%s>> endobj\n2 0 obj <</Type/Pages/Kids[]/Count 0>> endobj\n"+
			"3 0 obj <</Type/EmbeddedFile/Filter/FlateDecode/Length %d>>\nstream\n%s\nendstream endobj\ntrailer "+
			"<</Root "+
			"1 0 R/Size 4>>\n%%%%EOF\n",
		extra, z.Len(), z.Bytes())
}

// foreignKey reads one of the keys that other programs made for the tests of package keyscan.
func foreignKey(name string) []byte {
	return must(os.ReadFile(filepath.Join("..", "artifact", "keyscan", "testdata", "keys", name)))
}

func base64Of(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// TestGenerate writes the files when -update is given and otherwise makes sure that the committed ones are complete.
func TestGenerate(t *testing.T) {
	files := testFiles()
	if *update {
		for _, dir := range []string{"pki", "refused", "allowed"} {
			if err := os.RemoveAll(filepath.Join("testdata", dir)); err != nil {
				t.Fatal(err)
			}
		}
		for name, b := range files {
			path := filepath.Join("testdata", filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, b := range files {
		got, err := os.ReadFile(filepath.Join("testdata", filepath.FromSlash(name)))
		if err != nil {
			t.Errorf("%v; run go test -run TestGenerate -update", err)
			continue
		}
		// Compressed forms may change with the library's version; everything else comes out the same.
		if !strings.Contains(name, "zip") && !strings.Contains(name, "pdf") && !strings.Contains(name, ".gz") &&
			!bytes.Equal(got, b) {
			t.Errorf("testdata/%s is not what the generator makes", name)
		}
	}
}
