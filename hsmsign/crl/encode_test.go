package crl_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"iter"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"seihon/hsmsign/crl"
	"seihon/hsmsign/internal/testca"
)

var thisUpdate = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

func template(issuer *x509.Certificate) crl.Template {
	return crl.Template{
		Issuer:     issuer,
		Number:     big.NewInt(42),
		ThisUpdate: thisUpdate,
		NextUpdate: thisUpdate.Add(96 * time.Hour),
	}
}

func list(entries ...crl.Entry) iter.Seq2[crl.Entry, error] {
	return func(yield func(crl.Entry, error) bool) {
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func sample() []crl.Entry {
	return []crl.Entry{
		{Serial: []byte{1}, Time: thisUpdate.Add(-time.Hour), Reason: crl.Absent},
		{Serial: []byte{2}, Time: thisUpdate.Add(-2 * time.Hour), Reason: crl.Unspecified},
		{Serial: unhex("00ff"), Time: thisUpdate, Reason: crl.KeyCompromise,
			InvalidityDate: thisUpdate.Add(-48 * time.Hour)},
		{Serial: unhex("7fffffffffffffffffffffffffffffffffffffff"), Time: time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC),
			Reason: crl.AACompromise},
	}
}

func TestEncodeAlgorithms(t *testing.T) {
	t.Parallel()
	pss := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA384}
	tests := []struct {
		kind string
		opts crypto.SignerOpts
		want x509.SignatureAlgorithm
	}{
		{"rsa2048", nil, x509.SHA256WithRSA},
		{"rsa2048", crypto.SHA384, x509.SHA384WithRSA},
		{"rsa2048", crypto.SHA512, x509.SHA512WithRSA},
		{"rsa2048", &rsa.PSSOptions{Hash: crypto.SHA256}, x509.SHA256WithRSAPSS},
		{"rsa2048", pss, x509.SHA384WithRSAPSS},
		{"rsa2048", &rsa.PSSOptions{SaltLength: 64, Hash: crypto.SHA512}, x509.SHA512WithRSAPSS},
		{"p256", nil, x509.ECDSAWithSHA256},
		{"p384", nil, x509.ECDSAWithSHA384},
		{"p521", nil, x509.ECDSAWithSHA512},
		{"p256", crypto.SHA512, x509.ECDSAWithSHA512},
		{"ed25519", nil, x509.PureEd25519},
		{"ed25519", crypto.Hash(0), x509.PureEd25519},
	}
	for _, test := range tests {
		t.Run(test.want.String(), func(t *testing.T) {
			t.Parallel()
			key := testca.Key(test.kind, "ca")
			ca := testca.CA(t, key, nil)
			var out bytes.Buffer
			r, err := crl.Encode(t.Context(), &out, template(ca), list(sample()...), key,
				crl.Options{Signature: test.opts})
			if err != nil {
				t.Fatal(err)
			}
			got := parse(t, out.Bytes(), ca)
			if got.SignatureAlgorithm != test.want {
				t.Errorf("signature algorithm %v, want %v", got.SignatureAlgorithm, test.want)
			}
			if r.Entries != 4 || r.Size != int64(out.Len()) || r.Digest != sha256.Sum256(out.Bytes()) {
				t.Errorf("result %+v does not describe the output", r)
			}
		})
	}
}

// parse parses der with crypto/x509 and verifies its signature.
func parse(t *testing.T, der []byte, issuer *x509.Certificate) *x509.RevocationList {
	t.Helper()
	got, err := x509.ParseRevocationList(der)
	if err != nil {
		t.Fatal(err)
	}
	if err := got.CheckSignatureFrom(issuer); err != nil {
		t.Fatal(err)
	}
	return got
}

// TestSameAsStandardLibrary compares every byte with the standard library's encoder, an Ed25519 key making both
// signatures the same.
func TestSameAsStandardLibrary(t *testing.T) {
	t.Parallel()
	key := testca.Key("ed25519", "ca")
	ca := testca.CA(t, key, nil)
	for _, n := range []int{0, 1, 4} {
		entries := sample()[:n]
		for i := range entries { // of two extensions, the standard library puts ours first
			if entries[i].Reason > 0 {
				entries[i].InvalidityDate = time.Time{}
			}
		}
		if n > 1 {
			entries[1].InvalidityDate = thisUpdate
		}
		var want x509.RevocationList
		want.Number, want.ThisUpdate, want.NextUpdate = big.NewInt(42), thisUpdate, thisUpdate.Add(96*time.Hour)
		for _, e := range entries {
			re := x509.RevocationListEntry{SerialNumber: new(big.Int).SetBytes(e.Serial), RevocationTime: e.Time,
				ReasonCode: max(e.Reason, 0)}
			if !e.InvalidityDate.IsZero() {
				re.ExtraExtensions = append(re.ExtraExtensions, invalidity(e.InvalidityDate))
			}
			want.RevokedCertificateEntries = append(want.RevokedCertificateEntries, re)
		}
		wantDER, err := x509.CreateRevocationList(nil, &want, ca, key)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if _, err := crl.Encode(t.Context(), &out, template(ca), list(entries...), key, crl.Options{}); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(out.Bytes(), wantDER) {
			t.Errorf("%d entries:\n got %x\nwant %x", n, out.Bytes(), wantDER)
		}
	}
}

func TestEncodeExtensions(t *testing.T) {
	t.Parallel()
	key := testca.Key("p256", "ca")
	ca := testca.CA(t, key, nil)
	const (
		uri     = "http://repo.example.jp/crl/ca/3.crl"
		uriDER  = "862368747470" + "3a2f2f7265706f2e6578616d706c652e6a702f63726c2f63612f332e63726c"
		freshID = "2.5.29.46"
	)
	tests := []struct {
		name     string
		edit     func(*crl.Template)
		id       string
		critical bool
		value    string
	}{
		{"authority key", func(*crl.Template) {}, "2.5.29.35", false,
			"301680140102030405060708090a0b0c0d0e0f1011121314"},
		{"number", func(*crl.Template) {}, "2.5.29.20", false, "02012a"},
		{"number zero", func(x *crl.Template) { x.Number = new(big.Int) }, "2.5.29.20", false, "020100"},
		{"number with the top bit", func(x *crl.Template) { x.Number = big.NewInt(200) }, "2.5.29.20", false,
			"020200c8"},
		{"arl", func(x *crl.Template) { x.Scope = &crl.Scope{OnlyCACerts: true} }, "2.5.29.28", true, "30038201ff"},
		{"arl not critical", func(x *crl.Template) { x.Scope = &crl.Scope{OnlyCACerts: true, NotCritical: true} },
			"2.5.29.28", false, "30038201ff"},
		{"user certificates", func(x *crl.Template) { x.Scope = &crl.Scope{OnlyUserCerts: true} }, "2.5.29.28", true,
			"30038101ff"},
		{"partition", func(x *crl.Template) { x.Scope = &crl.Scope{URIs: []string{uri}, OnlyUserCerts: true} },
			"2.5.29.28", true,
			"302c" + "a027a025" + uriDER + "8101ff"},
		{"delta", func(x *crl.Template) { x.BaseNumber = big.NewInt(41) }, "2.5.29.27", true, "020129"},
		{"freshest", func(x *crl.Template) { x.FreshestCRL = []string{uri} }, freshID, false,
			"302b3029a027a025" + uriDER},
		{"expired certificates", func(x *crl.Template) { x.ExpiredCertsOnCRL = testca.NotBefore }, "2.5.29.60", false,
			"180f" + hex.EncodeToString([]byte("20260101000000Z"))},
		{"next publish", func(x *crl.Template) { x.NextPublish = thisUpdate.Add(24 * time.Hour) },
			"1.3.6.1.4.1.311.21.4", false,
			"170d" + hex.EncodeToString([]byte("261125060000Z"))},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tmpl := template(ca)
			test.edit(&tmpl)
			var out bytes.Buffer
			if _, err := crl.Encode(t.Context(), &out, tmpl, list(sample()...), key, crl.Options{}); err != nil {
				t.Fatal(err)
			}
			for _, ext := range parse(t, out.Bytes(), ca).Extensions {
				if ext.Id.String() != test.id {
					continue
				}
				if got := hex.EncodeToString(ext.Value); got != test.value || ext.Critical != test.critical {
					t.Errorf("value %s, critical %t; want %s, %t", got, ext.Critical, test.value, test.critical)
				}
				return
			}
			t.Errorf("no extension %s", test.id)
		})
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	key := testca.Key("p256", "ca")
	ca := testca.CA(t, key, nil)
	tmpl := template(ca)
	tmpl.ThisUpdate = time.Date(2049, 12, 31, 23, 59, 59, 999, time.FixedZone("", 0))
	for next, want := range map[time.Time]string{
		crl.Final: "170d3439313233313233353935395a" + "180f39393939313233313233353935395a",
		time.Date(2050, 1, 1, 9, 0, 0, 1, time.FixedZone("JST", 9*3600)): "170d3439313233313233353935395a" +
			"180f32303530303130313030303030305a",
	} {
		tmpl.NextUpdate = next
		var out bytes.Buffer
		if _, err := crl.Encode(t.Context(), &out, tmpl, list(), key, crl.Options{}); err != nil {
			t.Fatal(err)
		}
		if got := parse(t, out.Bytes(), ca); !got.NextUpdate.Equal(next.Truncate(time.Second)) {
			t.Errorf("nextUpdate %v, want %v", got.NextUpdate, next)
		}
		if !bytes.Contains(out.Bytes(), unhex(want)) {
			t.Errorf("the CRL does not contain %s: %x", want, out.Bytes())
		}
	}
}

// TestEntryBytes pins the encoding of entries.
func TestEntryBytes(t *testing.T) {
	t.Parallel()
	key := testca.Key("p256", "ca")
	ca := testca.CA(t, key, nil)
	var out bytes.Buffer
	if _, err := crl.Encode(t.Context(), &out, template(ca), list(sample()...), key, crl.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"3012" + "020101" + "170d3236313132343035303030305a",
		"3012" + "020102" + "170d3236313132343034303030305a",
		"303b" + "020200ff" + "170d3236313132343036303030305a" + "3026" + "300a0603551d1504030a0101" +
			"30180603551d180411180f32303236313132323036303030305a",
		"3035" + "02147fffffffffffffffffffffffffffffffffffffff" + "180f32303530303130313030303030305a" + "300c" +
			"300a0603551d1504030a010a",
	} {
		if !bytes.Contains(out.Bytes(), unhex(want)) {
			t.Errorf("the CRL does not contain the entry %s", want)
		}
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	key := &testca.Counter{Signer: testca.Key("p256", "ca")}
	ca := testca.CA(t, key.Signer, nil)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the operator pressed ^C")
	var out bytes.Buffer
	_, err := crl.Encode(ctx, &out, template(ca), func(yield func(crl.Entry, error) bool) {
		for i := range 100_000 {
			if i == 50_000 {
				cancel(why)
			}
			if !yield(numbered(i), nil) {
				return
			}
		}
	}, key, crl.Options{SpoolDir: t.TempDir()})
	if !errors.Is(err, why) {
		t.Errorf("error %v, want %v", err, why)
	}
	if out.Len() > 0 || key.Calls.Load() > 0 {
		t.Errorf("%d octets written, %d signatures made", out.Len(), key.Calls.Load())
	}
}

// numbered returns the i-th of a series of entries of 16-octet serial numbers, every other with a reason.
func numbered(i int) crl.Entry {
	serial := make([]byte, 16)
	copy(serial, "\x40serial")
	for j := range 8 {
		serial[15-j] = byte(i >> (8 * j))
	}
	return crl.Entry{Serial: serial, Time: thisUpdate.Add(-time.Duration(i) * time.Second), Reason: i % 2}
}

func TestWriterFails(t *testing.T) {
	t.Parallel()
	key := testca.Key("p256", "ca")
	ca := testca.CA(t, key, nil)
	full := errors.New("no space left")
	for _, after := range []int{0, 1, 2, 3} {
		w := &failingWriter{after: after, err: full}
		if _, err := crl.Encode(t.Context(), w, template(ca), list(sample()...), key, crl.Options{}); !errors.Is(err,
			full) {
			t.Errorf("error %v, want %v", err, full)
		}
	}
}

type failingWriter struct {
	after int
	err   error
}

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.after == 0 {
		return 0, w.err
	}
	w.after--
	return len(p), nil
}

func TestSpoolDirMissing(t *testing.T) {
	t.Parallel()
	key := &testca.Counter{Signer: testca.Key("p256", "ca")}
	ca := testca.CA(t, key.Signer, nil)
	var many []crl.Entry
	for i := range 50_000 {
		many = append(many, numbered(i))
	}
	var out bytes.Buffer
	_, err := crl.Encode(t.Context(), &out, template(ca), list(many...), key, crl.Options{SpoolDir: "/does/not/exist"})
	if err == nil || !strings.Contains(err.Error(), "spooling entries") {
		t.Errorf("error %v, want one about spooling", err)
	}
	if out.Len() > 0 || key.Calls.Load() > 0 {
		t.Errorf("%d octets written, %d signatures made", out.Len(), key.Calls.Load())
	}
}

// TestSpooled signs more entries than stay in memory, in an order that proves nothing.
func TestSpooled(t *testing.T) {
	t.Parallel()
	key := testca.Key("p256", "ca")
	ca := testca.CA(t, key, nil)
	var many []crl.Entry
	for i := range 60_000 {
		many = append(many, numbered(i))
	}
	slices.Reverse(many)
	var out bytes.Buffer
	if _, err := crl.Encode(t.Context(), &out, template(ca), list(many...), key,
		crl.Options{SpoolDir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	got := parse(t, out.Bytes(), ca)
	if len(got.RevokedCertificateEntries) != len(many) {
		t.Fatalf("%d entries, want %d", len(got.RevokedCertificateEntries), len(many))
	}
	for i, e := range got.RevokedCertificateEntries {
		if e.SerialNumber.Cmp(new(big.Int).SetBytes(many[i].Serial)) != 0 || !e.RevocationTime.Equal(many[i].Time) ||
			e.ReasonCode != many[i].Reason {
			t.Fatalf("entry %d is %v, want %v", i, e, many[i])
		}
	}

	for _, at := range []int{1, 30_000, 59_999} { // again the last one
		out.Reset()
		again := slices.Concat(many[:at], many[len(many)-1:], many[at:])
		_, err := crl.Encode(t.Context(), &out, template(ca), list(again...), key, crl.Options{SpoolDir: t.TempDir()})
		if err == nil || !strings.Contains(err.Error(), "4073657269616c000000000000000000 is listed twice") {
			t.Errorf("duplicate at %d: error %v", at, err)
		}
	}
}
