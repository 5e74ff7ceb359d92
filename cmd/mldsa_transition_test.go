//go:build integration

package cmd_test

import (
	"strings"
	"testing"

	"seihon/hsmsign/token/tokentest"
)

// TestMLDSABesideTheOldGeneration makes a new generation with ML-DSA keys in a second token beside the old one, with
// link certificates between the two roots (docs/hsm-transition.md). Both are published and verified together, OpenSSL
// 3.5 agrees about what the new root signed, and the old chain is to OpenSSL 3.0 what it was.
func TestMLDSABesideTheOldGeneration(t *testing.T) {
	t.Setenv("MLDSA_TOKEN", t.TempDir())
	r := &twoTokens{gated: &gated{t: t, dir: copyGolden(t)}}
	text := r.read("repository.yaml")
	before, rest, _ := strings.Cut(text, "  module: ")
	module, rest, _ := strings.Cut(rest, "\n")
	_, rest, _ = strings.Cut(rest, "  policy: trial\n")
	rest = strings.Replace(rest, "  pin: {file: secrets/pin}\n", "", 1)
	tokens := "  tokens:\n" +
		"    - {name: old, module: " + module +
		", softhsm_config: secrets/softhsm2.conf, token: repository, pin: {file: secrets/pin}}\n" +
		"    - {name: new, module: " + tokentest.MLDSAModule(t) +
		", token: pq, pin: {file: secrets/pin}}\n  policy: trial\n"
	rest = strings.Replace(rest, "\ndocument_signer:", `
  - name: root-2
    succeeds: root
    subject: {country: JP, organization: Example, common_name: Example Root CA}
    key: {algorithm: ml-dsa-87, token: new}
    validity: 20y
    crl: {validity: 180d, refresh: 90d}
    arl: {validity: 180d, refresh: 90d}
  - name: sub-2
    parent: root-2
    subject: {country: JP, organization: Example, common_name: Example CA 2}
    key: {algorithm: ml-dsa-65, token: new}
    validity: 10y
    crl: {validity: 3d, refresh: 1d}
    ocsp: {validity: 3d, refresh: 1d, responder: {validity: 90d, key: {algorithm: ml-dsa-44, token: new}}}
    subscribers: {validity: 2y, policy_oid: 1.2.392.200000.1.1}

document_signer:`, 1)
	r.write("repository.yaml", strings.Replace(before, "[ca/root.pem]", "[ca/root.pem, ca/root-2.pem]", 1)+tokens+rest)
	r.must(0, "keygen", "made     key root-2", "made     key sub-2")
	for _, name := range []string{"root-2", "sub-2", "sub-2-ocsp"} {
		r.must(0, "issue --name "+name+" --out ca/"+name+".pem")
	}
	r.must(0, "link --name root-2")
	run(t, "openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", r.path("ca/new.key"))
	run(t, "openssl", "req", "-new", "-key", r.path("ca/new.key"), "-subj", "/C=JP/O=Example/CN=new", "-out",
		r.path("ca/new.csr"))
	r.must(0, "issue --issuer sub-2 --csr "+r.path("ca/new.csr")+" --out ca/new.pem")
	r.must(0, "run", "signed  crl/sub-2.crl")
	r.published()

	for issuer, files := range map[string][]string{
		"root-2": {"certificate ca/root-2.pem", "certificate ca/sub-2.pem", "certificate public/cert/root-2-link-2.cer",
			"crl public/crl/root-2.crl", "crl public/crl/root-2-arl.crl"},
		"root":  {"certificate public/cert/root-2-link-1.cer"},
		"sub-2": {"certificate ca/new.pem", "certificate ca/sub-2-ocsp.pem", "crl public/crl/sub-2.crl"},
	} {
		for _, what := range files {
			kind, file, _ := strings.Cut(what, " ")
			if out := string(output(t, "node-mldsa", "../hsmsign/testdata/accepts.mjs", kind,
				r.path("ca/"+issuer+".pem"), r.path(file))); out != "accepted\n" {
				t.Errorf("OpenSSL about the %s: %s", what, out)
			}
		}
	}
	run(t, "openssl", "verify", "-CAfile", r.path("ca/root.pem"), "-untrusted", r.path("ca/sub.pem"),
		r.path("ca/good.pem"))
}
