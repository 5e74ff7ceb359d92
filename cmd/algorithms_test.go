//go:build integration

package cmd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"seihon/internal/certprofile"
)

// TestEveryAlgorithm makes a whole repository with each kind of key for issuers, OCSP signer and document signer: our
// verifier and OpenSSL agree about its certificates, lists and documents, and the responder's answers hold. TestMLDSA
// does the same for the keys that SoftHSM and Debian's OpenSSL do not know.
func TestEveryAlgorithm(t *testing.T) {
	kinds := []string{"algorithm: rsa2048, pss: true", "algorithm: rsa3072, pss: true, hash: sha512",
		"algorithm: rsa2048, hash: sha384", "algorithm: p256, hash: sha512", "algorithm: p521, hash: sha256"}
	for _, alg := range certprofile.KeyAlgorithms {
		if !strings.HasPrefix(alg, "ml-dsa") {
			kinds = append(kinds, "algorithm: "+alg)
		}
	}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "repo")
			make := exec.CommandContext(t.Context(), "bash", "testdata/golden.sh", dir, baseAddress)
			make.Env = append(os.Environ(), "KEY="+kind)
			if out, err := make.CombinedOutput(); err != nil {
				t.Fatalf("making the repository: %v\n%s", err, out)
			}
			at := func(name string) string { return filepath.Join(dir, name) }
			run(t, "publisher", "verify", "--quiet", "--config", at("repository.yaml"))
			run(t, "openssl", "verify", "-CAfile", at("ca/root.pem"), "-untrusted", at("ca/sub.pem"), at("ca/good.pem"))
			run(t, "openssl", "crl", "-inform", "DER", "-in", at("public/crl/sub.crl"), "-CAfile", at("ca/sub.pem"),
				"-noout")
			run(t, "openssl", "crl", "-inform", "DER", "-in", at("public/crl/root-arl.crl"), "-CAfile",
				at("ca/root.pem"), "-noout")
			if kind != "algorithm: ed25519" { // OpenSSL 3.0 knows Ed25519 only without signed attributes
				run(t, "openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in",
					at("public/docs/cps-1.0.pdf.p7s"), "-content", at("public/docs/cps-1.0.pdf"),
					"-CAfile", at("ca/root.pem"), "-certfile", at("ca/sub.pem"), "-purpose", "any", "-out", os.DevNull)
			}
			url := serve(t, dir)
			for name, status := range map[string]string{"good": "good", "revoked": "revoked"} {
				out := string(output(t, "openssl", "ocsp", "-sha256", "-issuer", at("ca/sub.pem"), "-cert",
					at("ca/"+name+".pem"), "-url", url+"/ocsp",
					"-CAfile", at("ca/root.pem"), "-verify_other", at("ca/sub.pem"), "-no_nonce"))
				if !strings.Contains(out, name+".pem: "+status) {
					t.Errorf("OpenSSL says of %s:\n%s", name, out)
				}
			}
		})
	}
}
