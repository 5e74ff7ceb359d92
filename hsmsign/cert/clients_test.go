//go:build integration

package cert_test

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seihon/hsmsign/cert"
	"seihon/internal/certprofile"
)

// The foreign programs look at the real clock.
func TestMain(m *testing.M) {
	noon = time.Now().UTC().Add(-time.Hour).Truncate(time.Second)
	os.Exit(m.Run())
}

// run runs a program and fails the test when it is missing or fails.
func run(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("%s not found: run make tools", program)
	}
	c := exec.CommandContext(t.Context(), program, args...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func save(t *testing.T, file string, list ...*x509.Certificate) {
	t.Helper()
	var b []byte
	for _, c := range list {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// clients are the algorithms, and whether NSS 3.87 knows them.
var clients = []struct {
	key, signature string
	nss            bool
}{
	{"rsa2048", "", true}, {"rsa2048", "rsa-pss-sha256", true}, {"p256", "", true}, {"p384", "", true},
	{"p521", "", true}, {"ed25519", "", false},
}

func TestClientsAcceptTheChain(t *testing.T) {
	for _, c := range clients {
		t.Run(c.key+c.signature, func(t *testing.T) {
			with := func(p *cert.Profile) { p.SignatureAlgorithm = c.signature }
			p := newPKI(t, c.key, with)
			leaf := issue(t, cert.Request{
				Profile: profile(t, "subscriber", with, func(p *cert.Profile) {
					p.Policies = []certprofile.Policy{{OID: "1.2.392.200000.1", Notice: "認定認証業務"}}
				}),
				Signer: p.subKey, Issuer: p.sub, URLs: urls(),
				CSR:         csr(t, key(t, "p256", "leaf"), "C=JP, O=Example Corp, CN=山田 太郎"),
				Alternative: cert.AlternativeNames{Email: []string{"taro@example.jp"}},
			})
			ocsp := issue(t, cert.Request{
				Profile: profile(t, "ocsp-signer", with), Signer: p.subKey, Issuer: p.sub, URLs: urls(),
				Subject: name(t, "C=JP, O=Example Corp, CN=OCSP Signer"), PublicKey: key(t, c.key, "ocsp").Public(),
			})
			dir := t.TempDir()
			in := func(f string) string { return filepath.Join(dir, f) }
			save(t, in("root.pem"), p.root)
			save(t, in("sub.pem"), p.sub)
			save(t, in("leaf.pem"), leaf)
			save(t, in("ocsp.pem"), ocsp)
			save(t, in("chain.pem"), leaf, p.sub)
			save(t, in("ocspchain.pem"), ocsp, p.sub)

			for _, f := range []string{"leaf.pem", "ocsp.pem"} {
				run(t, dir, "openssl", "verify", "-x509_strict", "-check_ss_sig", "-CAfile", "root.pem", "-untrusted",
					"sub.pem", f)
				javaAccepts(t, dir, f, "sub.pem", "root.pem")
			}
			for _, f := range []string{"chain.pem", "ocspchain.pem"} {
				if out := run(t, dir, "certtool", "--verify", "--load-ca-certificate", "root.pem", "--infile",
					f); !strings.Contains(out, "Verified. The certificate is trusted.") {
					t.Errorf("certtool says %s", out)
				}
			}
			if text := run(t, dir, "openssl", "x509", "-in", "leaf.pem", "-noout", "-text", "-nameopt",
				"utf8,sep_comma_plus,show_type"); !strings.Contains(text, "CN=UTF8STRING:山田 太郎") {
				t.Errorf("OpenSSL shows %s", text)
			}
			if c.nss {
				nssAccepts(t, dir, "4", "root.pem", "sub.pem", "leaf.pem")  // e-mail signer
				nssAccepts(t, dir, "10", "root.pem", "sub.pem", "ocsp.pem") // status responder
			}
			zlintAccepts(t, dir, "root.pem", "sub.pem", "leaf.pem", "ocsp.pem")
		})
	}
}

func TestClientsAcceptLinkAndCrossCertificates(t *testing.T) {
	p := newPKI(t, "p256")
	bridgeKey, nextKey := key(t, "p256", "bridge"), key(t, "p384", "next")
	bridge := issue(t,
		cert.Request{Profile: profile(t, "root"), Signer: bridgeKey, Subject: name(t, "C=JP, O=Bridge, CN=Bridge CA")})
	cross := issue(t, cert.Request{
		Profile: profile(t, "cross", func(p *cert.Profile) {
			p.Policies = []certprofile.Policy{{OID: "1.2.392.200000.1"}}
			p.PolicyMappings = []certprofile.PolicyMapping{{Issuer: "1.2.392.200000.1", Subject: "1.2.392.200000.2"}}
			p.PolicyConstraints = &certprofile.PolicyConstraints{RequireExplicitPolicy: intp(0)}
			p.InhibitAnyPolicy = intp(0)
			p.NameConstraints = &certprofile.NameConstraints{Permitted: certprofile.Subtrees{Directory: []string{"C=JP, O=Example Corp"}}}
		}),
		Signer: bridgeKey, Issuer: bridge, Of: p.root, URLs: urls(),
	})
	next := issue(t,
		cert.Request{Profile: profile(t, "root"), Signer: nextKey,
			Subject: name(t, "C=JP, O=Example Corp, CN=Root CA")})
	newWithOld := issue(t, cert.Request{Profile: profile(t, "link"), Signer: p.rootKey, Issuer: p.root, Of: next})
	leafOf := func(k string, issuer *x509.Certificate) *x509.Certificate {
		return issue(t, cert.Request{
			Profile: profile(t, "subscriber",
				func(p *cert.Profile) { p.Policies = []certprofile.Policy{{OID: "1.2.392.200000.2"}} }),
			Signer: key(t, map[string]string{"root": "p256", "next": "p384"}[k], k), Issuer: issuer, URLs: urls(),
			CSR: csr(t, key(t, "p256", "leaf"), "C=JP, O=Example Corp, CN=Taro"),
		})
	}
	dir := t.TempDir()
	in := func(f string) string { return filepath.Join(dir, f) }
	save(t, in("bridge.pem"), bridge)
	save(t, in("cross.pem"), cross)
	save(t, in("leaf.pem"), leafOf("root", p.root))
	save(t, in("old.pem"), p.root)
	save(t, in("link.pem"), newWithOld)
	save(t, in("leaf2.pem"), leafOf("next", next))
	save(t, in("linkchain.pem"), leafOf("next", next), newWithOld)

	run(t, dir, "openssl", "verify", "-x509_strict", "-policy", "1.2.392.200000.1", "-explicit_policy", "-CAfile",
		"bridge.pem", "-untrusted", "cross.pem", "leaf.pem")
	javaAccepts(t, dir, "leaf.pem", "cross.pem", "bridge.pem")
	nssAccepts(t, dir, "4", "bridge.pem", "cross.pem", "leaf.pem")
	run(t, dir, "openssl", "verify", "-x509_strict", "-CAfile", "old.pem", "-untrusted", "link.pem", "leaf2.pem")
	javaAccepts(t, dir, "leaf2.pem", "link.pem", "old.pem")
	run(t, dir, "certtool", "--verify", "--load-ca-certificate", "old.pem", "--infile", "linkchain.pem")
	zlintAccepts(t, dir, "cross.pem", "link.pem")

	bundle, err := cert.Bundle([]*x509.Certificate{cross, newWithOld})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(in("cross.p7c"), bundle, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := run(t, dir, "openssl", "pkcs7", "-inform", "DER", "-in", "cross.p7c", "-print_certs"); strings.Count(out,
		"BEGIN CERTIFICATE") != 2 {
		t.Errorf("OpenSSL shows %s", out)
	}
}

// javaAccepts runs Java's PKIX validation without revocation; the last file is the anchor.
func javaAccepts(t *testing.T, dir string, files ...string) {
	t.Helper()
	source, err := filepath.Abs("testdata/Path.java")
	if err != nil {
		t.Fatal(err)
	}
	if out := run(t, dir, "java", append([]string{source}, files...)...); !strings.Contains(out, "valid") {
		t.Errorf("Java says %s", out)
	}
}

func nssAccepts(t *testing.T, dir, usage, root, sub, leaf string) {
	t.Helper()
	db := "sql:" + t.TempDir()
	run(t, dir, "certutil", "-N", "-d", db, "--empty-password")
	run(t, dir, "certutil", "-A", "-d", db, "-n", "root", "-t", "CT,C,C", "-a", "-i", root)
	run(t, dir, "certutil", "-A", "-d", db, "-n", "sub", "-t", ",,", "-a", "-i", sub)
	if out := run(t, dir, "vfychain", "-d", db, "-pp", "-u", usage, "-a", leaf); !strings.Contains(out,
		"Chain is good!") {
		t.Errorf("NSS says %s", out)
	}
}

// zlintAccepts runs the program with the same sources as the library.
func zlintAccepts(t *testing.T, dir string, files ...string) {
	t.Helper()
	for _, f := range files {
		// 3.7.3 does not know RFC6960 by name
		out := run(t, dir, "zlint", "-includeSources", "RFC3279,RFC5280,RFC5480,RFC5891,RFC8813,Community", f)
		var results map[string]struct{ Result string }
		if err := json.Unmarshal([]byte(out), &results); err != nil || len(results) < 100 {
			t.Errorf("zlint on %s: %d results, %v: %.200s", f, len(results), err, out)
		}
		for name, r := range results {
			if r.Result == "error" || r.Result == "fatal" {
				t.Errorf("zlint on %s: %s", f, name)
			}
			if r.Result == "warn" || r.Result == "info" {
				t.Logf("zlint on %s: %s %s", f, r.Result, name)
			}
		}
	}
}
