package source

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"seihon/artifact"
	"seihon/inventory"
)

// authority is a CA in memory.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := authority{key: key, cert: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: at("2026-01-01T00:00:00Z"),
		NotAfter: at("2036-01-01T00:00:00Z"),
		IsCA:     true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}}
	a.cert = a.issue(t, *a.cert)
	return a
}

// issue signs a certificate made from a template.
func (a authority) issue(t *testing.T, template x509.Certificate) *x509.Certificate {
	t.Helper()
	template.NotBefore, template.NotAfter = at("2026-01-01T00:00:00Z"), at("2028-01-01T00:00:00Z")
	der, err := x509.CreateCertificate(rand.Reader, &template, a.cert, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (a authority) crl(t *testing.T, template x509.RevocationList) []byte {
	t.Helper()
	template.Number, template.ThisUpdate, template.NextUpdate = big.NewInt(7), at("2026-11-24T00:00:00Z"),
		at("2026-11-27T00:00:00Z")
	der, err := x509.CreateRevocationList(rand.Reader, &template, a.cert, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestFolder(t *testing.T) {
	ca, other := newAuthority(t, "sub"), newAuthority(t, "other")
	user := ca.issue(t, x509.Certificate{SerialNumber: big.NewInt(0x81), Subject: pkix.Name{CommonName: "user"}})
	signer := ca.issue(t,
		x509.Certificate{SerialNumber: big.NewInt(3), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}})
	lower := ca.issue(t, x509.Certificate{SerialNumber: big.NewInt(4), IsCA: true, BasicConstraintsValid: true})
	text := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	good := fstest.MapFS{
		"a/user.cer": {Data: user.Raw},
		"b/both.pem": {Data: append(append([]byte("two certificates\n"), text("CERTIFICATE", signer.Raw)...),
			text("CERTIFICATE", lower.Raw)...)},
		"c/empty/.ok": {Mode: 0o755 | 1<<31}, // a folder
	}
	s := Folder(good, ca.cert, Options{})
	got := collect(t, s)
	if len(got) != 3 {
		t.Fatalf("%d certificates, want 3", len(got))
	}
	for n, want := range []struct {
		serial string
		kind   artifact.Kind
	}{{"\x00\x81", artifact.SubscriberCertificate}, {"\x03", artifact.OCSPSignerCertificate},
		{"\x04", artifact.CACertificate}} {
		if r := got[n]; string(r.Serial) != want.serial || r.Kind != want.kind || r.DER == nil ||
			r.NotAfter != at("2028-01-01T00:00:00Z") {
			t.Errorf("certificate %d is %x %s", n, r.Serial, r.Kind)
		}
	}
	if info := s.Info(); info.Digest.IsZero() || !info.NoStatus || info.Scope != inventory.Partial {
		t.Errorf("info is %+v", info)
	}
	forged := bytes.Clone(user.Raw)
	forged[len(forged)-1] ^= 1
	for name, content := range map[string][]byte{
		"another issuer": other.issue(t, x509.Certificate{SerialNumber: big.NewInt(9)}).Raw,
		"a forgery":      forged,
		"a key":          text("PRIVATE KEY", []byte("key")),
		"damaged PEM":    append(text("CERTIFICATE", user.Raw), "-----BEGIN CERTIFICATE-----\nAAAA"...),
		"text":           []byte("hello"),
		"trailing bytes": append(bytes.Clone(user.Raw), 0),
		"nothing":        {},
	} {
		files := fstest.MapFS{"good.cer": {Data: user.Raw}, "odd.cer": {Data: content}}
		if err := failure(t, Folder(files, ca.cert, Options{})); err == nil ||
			!strings.Contains(err.Error(), `"odd.cer"`) {
			t.Errorf("%s: error is %v, want one that names the file", name, err)
		}
	}
}

func TestCRL(t *testing.T) {
	ca, other := newAuthority(t, "sub"), newAuthority(t, "sub")
	entries := []x509.RevocationListEntry{
		{SerialNumber: big.NewInt(0x81), RevocationTime: at("2026-11-01T06:00:00Z"), ReasonCode: 1},
		{SerialNumber: big.NewInt(5), RevocationTime: at("2026-11-02T06:00:00Z")},
	}
	der := ca.crl(t, x509.RevocationList{RevokedCertificateEntries: entries})
	s, err := CRL(der, ca.cert, Options{Name: "sub.crl"})
	if err != nil {
		t.Fatal(err)
	}
	got := collect(t, s)
	if len(got) != 2 || string(got[0].Serial) != "\x00\x81" || got[0].Revocation.Reason != 1 ||
		got[1].Revocation.Reason != inventory.NoReason ||
		got[1].State != inventory.Revoked || !got[1].Revocation.Time.Equal(entries[1].RevocationTime) {
		t.Errorf("records are %+v", got)
	}
	if info := s.Info(); info.Digest != artifact.Sum(der) || info.Scope != inventory.AllRevoked ||
		!info.AsOf.Equal(at("2026-11-24T00:00:00Z")) {
		t.Errorf("info is %+v", info)
	}
	if _, err := CRL(der, other.cert, Options{}); err == nil {
		t.Error("a CRL of another key was accepted")
	}
	if _, err := CRL(der[:len(der)-1], ca.cert, Options{}); err == nil {
		t.Error("half a CRL was accepted")
	}
	delta := ca.crl(t, x509.RevocationList{ExtraExtensions: []pkix.Extension{{Id: []int{2, 5, 29, 27}, Critical: true,
		Value: []byte{2, 1, 6}}}})
	if _, err := CRL(delta, ca.cert, Options{}); err == nil {
		t.Error("a delta CRL was accepted")
	}
	partial := ca.crl(t, x509.RevocationList{ExtraExtensions: []pkix.Extension{{Id: []int{2, 5, 29, 28}, Critical: true,
		Value: []byte{0x30, 3, 0x82, 1, 0xff}}}})
	if s, err := CRL(partial, ca.cert, Options{}); err != nil || s.Info().Scope != inventory.Partial {
		t.Errorf("an ARL: %v, want a partial source", err)
	}
	indirect := ca.crl(t, x509.RevocationList{ExtraExtensions: []pkix.Extension{{Id: []int{2, 5, 29, 28},
		Critical: true, Value: []byte{0x30, 3, 0x84, 1, 0xff}}}})
	if _, err := CRL(indirect, ca.cert, Options{}); err == nil {
		t.Error("an indirect CRL was accepted")
	}
}

// TestCRLIntoInventory follows a CRL into an inventory: its entries are due at once.
func TestCRLIntoInventory(t *testing.T) {
	ca := newAuthority(t, "sub")
	now := at("2026-11-24T06:00:00Z")
	db, err := inventory.Open(t.Context(),
		inventory.Config{DSN: "sqlite:" + t.TempDir() + "/inventory.db", Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.AddIssuer(t.Context(),
		inventory.Issuer{Name: "sub", Key: artifact.Sum(ca.cert.RawSubjectPublicKeyInfo)}); err != nil {
		t.Fatal(err)
	}
	s, err := CRL(ca.crl(t, x509.RevocationList{RevokedCertificateEntries: []x509.RevocationListEntry{
		{SerialNumber: big.NewInt(5), RevocationTime: at("2026-11-02T06:00:00Z"), ReasonCode: 4}}}), ca.cert, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Import(t.Context(), inventory.Import{Issuer: "sub", Source: s}); err != nil {
		t.Fatal(err)
	}
	for st, err := range db.Due(t.Context(), "sub", 0, now) {
		if err != nil || st.State != inventory.Revoked || st.Revocation.Reason != 4 {
			t.Errorf("status is %+v, %v", st, err)
		}
	}
}
