//go:build integration

package crl_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"seihon/hsmsign/crl"
	"seihon/hsmsign/internal/testca"
)

const partURI = "http://repo.example.jp/crl/ca/3.crl"

// current returns a template of a CRL that is valid now, as the clocks of other programs want.
func current(ca *x509.Certificate) crl.Template {
	now := time.Now()
	return crl.Template{
		Issuer: ca, Number: big.NewInt(1000), ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(96 * time.Hour),
		NextPublish: now.Add(24 * time.Hour), ExpiredCertsOnCRL: testca.NotBefore,
	}
}

// revokedNow is what the CRLs here list, in two forms of time.
func revokedNow() []crl.Entry {
	past := time.Now().Add(-24 * time.Hour)
	return []crl.Entry{
		{Serial: []byte{0x10}, Time: past, Reason: crl.KeyCompromise, InvalidityDate: past.Add(-time.Hour)},
		{Serial: unhex("00f1e2d3c4b5a697"), Time: past, Reason: crl.CessationOfOperation},
		{Serial: unhex("7fffffffffffffffffffffffffffffffffffffff"), Time: past, Reason: crl.Absent},
	}
}

func encode(t *testing.T, x crl.Template, key crypto.Signer, opts crypto.SignerOpts, entries ...crl.Entry) []byte {
	t.Helper()
	var out bytes.Buffer
	if _, err := crl.Encode(t.Context(), &out, x, list(entries...), key, crl.Options{Signature: opts}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// variants are the CRLs that a CA publishes.
func variants() map[string]func(*crl.Template) {
	return map[string]func(*crl.Template){
		"full":         func(*crl.Template) {},
		"arl":          func(x *crl.Template) { x.Scope = &crl.Scope{OnlyCACerts: true} },
		"arl for nss":  func(x *crl.Template) { x.Scope = &crl.Scope{OnlyCACerts: true, NotCritical: true} },
		"partition":    func(x *crl.Template) { x.Scope = &crl.Scope{URIs: []string{partURI}, OnlyUserCerts: true} },
		"base":         func(x *crl.Template) { x.FreshestCRL = []string{"http://repo.example.jp/crl/ca-delta.crl"} },
		"delta":        func(x *crl.Template) { x.BaseNumber = big.NewInt(990) },
		"final":        func(x *crl.Template) { x.NextUpdate, x.NextPublish = crl.Final, time.Time{} },
		"large number": func(x *crl.Template) { x.Number = new(big.Int).Lsh(big.NewInt(255), 150) },
	}
}

// signatures are the ways to sign.
var signatures = []struct {
	kind string
	opts crypto.SignerOpts
}{
	{"rsa2048", nil}, {"rsa2048", crypto.SHA512},
	{"rsa2048", &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: rsa.PSSSaltLengthEqualsHash}},
	{"p256", nil}, {"p384", nil}, {"p521", nil}, {"ed25519", nil},
}

// TestOtherPrograms shows every variant, with and without entries, to OpenSSL, GnuTLS and Java.
func TestOtherPrograms(t *testing.T) {
	t.Parallel()
	var javaArgs []string
	for _, s := range signatures {
		key := testca.Key(s.kind, "ca")
		ca := testca.CA(t, key, nil)
		caPEM := testca.PEM(t, "ca.pem", "CERTIFICATE", ca.Raw)
		javaArgs = append(javaArgs, "--", caPEM)
		for name, edit := range variants() {
			for _, entries := range [][]crl.Entry{nil, revokedNow()} {
				x := current(ca)
				edit(&x)
				der := encode(t, x, key, s.opts, entries...)
				path := testca.File(t, "x.crl", der)
				javaArgs = append(javaArgs, path)
				if s.kind != "rsa2048" && name != "full" { // the rest differs by the signature alone
					continue
				}
				t.Run(fmt.Sprintf("%s %v %s of %d", s.kind, s.opts, name, len(entries)), func(t *testing.T) {
					t.Parallel()
					checkOpenSSL(t, path, caPEM, x, entries)
					checkGnuTLS(t, der, caPEM, entries)
				})
			}
		}
	}
	t.Run("java", func(t *testing.T) {
		t.Parallel()
		out := testca.MustRun(t, "java", append([]string{"testdata/ReadCRL.java"}, javaArgs...)...)
		if n := strings.Count(out,
			"entries 3 reasons [KEY_COMPROMISE, CESSATION_OF_OPERATION, null]\n"); n != len(signatures)*len(variants()) {
			t.Errorf("Java understood %d CRLs with entries:\n%s", n, out)
		}
		if n := strings.Count(out, "entries 0 reasons []\n"); n != len(signatures)*len(variants()) {
			t.Errorf("Java understood %d CRLs without entries:\n%s", n, out)
		}
	})
}

func checkOpenSSL(t *testing.T, path, caPEM string, x crl.Template, entries []crl.Entry) {
	t.Helper()
	out := testca.MustRun(t, "openssl", "crl", "-inform", "DER", "-in", path, "-CAfile", caPEM, "-noout", "-text",
		"-nameopt", "utf8")
	want := []string{"verify OK", "Version 2 (0x1)", "X509v3 Authority Key Identifier"}
	if len(entries) > 0 {
		want = append(want, "Serial Number: 10\n", "Key Compromise", "Cessation Of Operation", "Invalidity Date",
			"Serial Number: F1E2D3C4B5A697\n", "Serial Number: 7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF\n")
	} else {
		want = append(want, "No Revoked Certificates")
	}
	if x.NextUpdate.Equal(crl.Final) {
		want = append(want, "Next Update: Dec 31 23:59:59 9999 GMT")
	}
	if x.BaseNumber != nil {
		want = append(want, "X509v3 Delta CRL Indicator: critical")
	}
	if x.Scope != nil && x.Scope.URIs != nil {
		want = append(want, "X509v3 Issuing Distribution Point: critical", "URI:"+partURI, "Only User Certificates")
	}
	for _, w := range want {
		if !strings.Contains(out, w) {
			t.Errorf("openssl does not say %q:\n%s", w, out)
		}
	}
}

func checkGnuTLS(t *testing.T, der []byte, caPEM string, entries []crl.Entry) {
	t.Helper()
	path := testca.PEM(t, "x.pem", "X509 CRL", der)
	out := testca.MustRun(t, "certtool", "--verify-crl", "--infile", path, "--load-ca-certificate", caPEM)
	want := []string{"Verified"}
	if len(entries) > 0 {
		want = append(want, "Revoked certificates (3)", "Serial Number (hex): 00f1e2d3c4b5a697")
	}
	for _, w := range want {
		if !strings.Contains(out, w) {
			t.Errorf("certtool does not say %q:\n%s", w, out)
		}
	}
}

// TestZLint runs the CLI on every variant. It finds nothing, except where the CA/Browser Forum's profile, which these
// lints hold, is narrower than RFC 5280 and what a variant is for.
func TestZLint(t *testing.T) {
	t.Parallel()
	const (
		// BR 7.2.2 recommends number, authority key and distribution point only
		uncommon = "warn e_crl_extensions_validity"
		critical = "error e_crl_extensions_validity" // BR 7.2.2 wants a critical distribution point, NSS takes none
		tooLong  = "error e_crl_next_update_invalid" // BR 4.9.7 limits a CRL to 10 days; a final one has no end
	)
	want := map[string][]string{"arl for nss": {critical}, "base": {uncommon}, "delta": {uncommon}, "final": {tooLong}}
	for _, s := range signatures {
		key := testca.Key(s.kind, "ca")
		ca := testca.CA(t, key, nil)
		for name, edit := range variants() {
			for _, entries := range [][]crl.Entry{nil, revokedNow()} {
				x := current(ca)
				x.NextPublish, x.ExpiredCertsOnCRL = time.Time{}, time.Time{}
				edit(&x)
				if got := zlint(t, encode(t, x, key, s.opts, entries...)); !slices.Equal(got, want[name]) {
					t.Errorf("%s %v %s of %d: %q, want %q", s.kind, s.opts, name, len(entries), got, want[name])
				}
			}
		}
		if got := zlint(t, encode(t, current(ca), key, s.opts, revokedNow()...)); !slices.Equal(got,
			[]string{uncommon}) {
			t.Errorf("%s %v with all extensions: %q", s.kind, s.opts, got)
		}
	}
}

// zlint returns the findings about a CRL that are worse than a notice.
func zlint(t *testing.T, der []byte) []string {
	t.Helper()
	out := testca.MustRun(t, "zlint", "-format", "der", testca.File(t, "x.crl", der))
	var results map[string]struct{ Result string }
	if err := json.Unmarshal([]byte(out), &results); err != nil || len(results) == 0 {
		t.Fatalf("%v in the output of zlint:\n%s", err, out)
	}
	var found []string
	for lint, r := range results {
		if slices.Contains([]string{"warn", "error", "fatal"}, r.Result) {
			found = append(found, r.Result+" "+lint)
		}
	}
	slices.Sort(found)
	return found
}

// TestNSS imports the CRLs that NSS can take, those without a critical issuing distribution point.
func TestNSS(t *testing.T) {
	t.Parallel()
	for _, s := range signatures[:6] { // NSS 3.87 has no Ed25519
		key := testca.Key(s.kind, "ca")
		ca := testca.CA(t, key, nil)
		caPEM := testca.PEM(t, "ca.pem", "CERTIFICATE", ca.Raw)
		for _, name := range []string{"full", "base", "final", "arl for nss"} {
			db := "sql:" + t.TempDir()
			testca.MustRun(t, "certutil", "-N", "-d", db, "--empty-password")
			testca.MustRun(t, "certutil", "-A", "-d", db, "-n", "ca", "-t", "CT,C,C", "-a", "-i", caPEM)
			x := current(ca)
			variants()[name](&x)
			path := testca.File(t, "x.crl", encode(t, x, key, s.opts, revokedNow()...))
			testca.MustRun(t, "crlutil", "-I", "-d", db, "-t", "1", "-i", path)
			out := testca.MustRun(t, "crlutil", "-L", "-d", db, "-n", "ca")
			for _, want := range []string{"Entry 3", "Serial Number: 16 (0x10)", "1000 (0x3e8)"} {
				if !strings.Contains(out, want) {
					t.Errorf("%s %s: crlutil does not say %q:\n%s", s.kind, name, want, out)
				}
			}
		}
	}
}

// TestPathValidation lets OpenSSL decide over certificates with a partitioned CRL, and with a base and a delta.
func TestPathValidation(t *testing.T) {
	t.Parallel()
	key := testca.Key("p256", "ca")
	ca := testca.CA(t, key, nil)
	caPEM := testca.PEM(t, "ca.pem", "CERTIFICATE", ca.Raw)
	issue := func(serial int64) string {
		cert := testca.Issue(t, ca, key, testca.Key("p256", "subscriber").Public(), func(c *x509.Certificate) {
			c.SerialNumber, c.Subject = big.NewInt(serial), pkix.Name{CommonName: fmt.Sprint("Subscriber ", serial)}
			c.ExtKeyUsage, c.ExtraExtensions, c.CRLDistributionPoints = nil, nil, []string{partURI}
		})
		return testca.PEM(t, fmt.Sprint(serial, ".pem"), "CERTIFICATE", cert.Raw)
	}
	good, old, fresh := issue(0x0f), issue(0x10), issue(0x11)
	pemOf := func(edit func(*crl.Template), entries ...crl.Entry) string {
		x := current(ca)
		edit(&x)
		return testca.PEM(t, "x.pem", "X509 CRL", encode(t, x, key, nil, entries...))
	}
	oldEntry := revokedNow()[0]
	freshEntry := oldEntry
	freshEntry.Serial = []byte{0x11}

	partition := pemOf(variants()["partition"], oldEntry)
	elsewhere := pemOf(func(x *crl.Template) { x.Scope = &crl.Scope{URIs: []string{partURI + "x"}} }, oldEntry)
	base := pemOf(func(x *crl.Template) { x.FreshestCRL = []string{"http://repo.example.jp/d"} }, oldEntry)
	delta := pemOf(func(x *crl.Template) { x.Number, x.BaseNumber = big.NewInt(1001), big.NewInt(1000) }, freshEntry)
	released := pemOf(func(x *crl.Template) { x.Number, x.BaseNumber = big.NewInt(1001), big.NewInt(1000) },
		crl.Entry{Serial: oldEntry.Serial, Time: oldEntry.Time, Reason: crl.RemoveFromCRL})

	tests := []struct {
		name, cert string
		crls       []string
		want       string // in the output; "OK" for a certificate that is accepted
	}{
		{"partition, good", good, []string{partition}, "OK"},
		{"partition, revoked", old, []string{partition}, "certificate revoked"},
		{"another partition", good, []string{elsewhere}, "different CRL scope"},
		{"base, good", good, []string{base}, "OK"},
		{"base, revoked", old, []string{base}, "certificate revoked"},
		{"base without its delta", fresh, []string{base}, "OK"},
		{"base and delta, good", good, []string{base, delta}, "OK"},
		{"base and delta, revoked", fresh, []string{base, delta}, "certificate revoked"},
		{"base and delta, released", old, []string{base, released}, "OK"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			args := []string{"verify", "-crl_check", "-extended_crl", "-use_deltas", "-CAfile", caPEM}
			for _, c := range test.crls {
				args = append(args, "-CRLfile", c)
			}
			out, err := testca.Run(t, "openssl", append(args, test.cert)...)
			if !strings.Contains(out, test.want) || (err == nil) != (test.want == "OK") {
				t.Errorf("%v; openssl does not say %q:\n%s", err, test.want, out)
			}
		})
	}
}

// TestLongCRL gives OpenSSL a CRL that was spooled.
func TestLongCRL(t *testing.T) {
	t.Parallel()
	const n = 200_000
	key := testca.Key("rsa2048", "ca")
	ca := testca.CA(t, key, nil)
	x := current(ca)
	var out bytes.Buffer
	entries := func(yield func(crl.Entry, error) bool) {
		for i := range n {
			if !yield(numbered(i), nil) {
				return
			}
		}
	}
	if _, err := crl.Encode(t.Context(), &out, x, entries, key, crl.Options{SpoolDir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	path := testca.File(t, "long.crl", out.Bytes())
	text := testca.MustRun(t, "openssl", "crl", "-inform", "DER", "-in", path, "-noout", "-text", "-CAfile",
		testca.PEM(t, "ca.pem", "CERTIFICATE", ca.Raw))
	if got := strings.Count(text, "Serial Number: "); got != n || !strings.Contains(text, "verify OK") {
		t.Errorf("openssl lists %d entries, want %d", got, n)
	}
}
