//go:build integration

package cmd_test

import (
	"bytes"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"seihon/hsmsign/token/tokentest"
	"seihon/internal/certprofile"
)

// TestMLDSA makes a whole repository whose issuers, OCSP signer and document signer have ML-DSA keys, in a module that
// the test builds, while the log's keys stay in SoftHSM: a root, a sub CA, certificates, lists, responses, a signed
// CP/CPS. It is published, verified, and served; OpenSSL 3.5 agrees about every signature, and neither it nor our
// verifier takes an altered one.
func TestMLDSA(t *testing.T) {
	t.Setenv("SECOND_MODULE", tokentest.MLDSAModule(t))
	for _, algorithm := range certprofile.KeyAlgorithms {
		if strings.HasPrefix(algorithm, "ml-dsa") {
			t.Run(algorithm, func(t *testing.T) { repositoryWithMLDSA(t, algorithm) })
		}
	}
}

func repositoryWithMLDSA(t *testing.T, algorithm string) {
	t.Setenv("MLDSA_TOKEN", t.TempDir())
	dir := filepath.Join(t.TempDir(), "repo")
	make := exec.CommandContext(t.Context(), "bash", "testdata/golden.sh", dir, baseAddress)
	make.Env = append(os.Environ(), "KEY=algorithm: "+algorithm+", token: second")
	if out, err := make.CombinedOutput(); err != nil {
		t.Fatalf("making the repository: %v\n%s", err, out)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	run(t, "publisher", "verify", "--quiet", "--config", at("repository.yaml"))

	answer := at("good.ocsp")
	url := serve(t, dir)
	run(t, "openssl", "ocsp", "-sha256", "-issuer", at("ca/sub.pem"), "-cert", at("ca/good.pem"), "-url", url+"/ocsp",
		"-no_nonce", "-noverify", "-respout", answer)
	for _, c := range []struct{ kind, issuer, file, content string }{
		{"certificate", "root", "ca/root.pem", ""}, {"certificate", "root", "ca/sub.pem", ""},
		{"certificate", "sub", "ca/sub-ocsp.pem", ""}, {"certificate", "sub", "ca/good.pem", ""},
		{"crl", "sub", "public/crl/sub.crl", ""}, {"crl", "root", "public/crl/root.crl", ""},
		{"crl", "root", "public/crl/root-arl.crl", ""},
		{"ocsp", "sub", "good.ocsp", ""}, {"cms", "sub", "public/docs/cps-1.0.pdf.p7s", "public/docs/cps-1.0.pdf"},
	} {
		args := []string{"../hsmsign/testdata/accepts.mjs", c.kind, at("ca/" + c.issuer + ".pem"), at(c.file)}
		if c.content != "" {
			args = append(args, at(c.content))
		}
		if out := string(output(t, "node-mldsa", args...)); out != "accepted\n" {
			t.Errorf("OpenSSL about %s: %s", c.file, out)
		}
		args[3] = at("altered")
		if err := os.WriteFile(args[3], altered(t, at(c.file)), 0o600); err != nil {
			t.Fatal(err)
		}
		if out := string(output(t, "node-mldsa", args...)); !strings.HasPrefix(out, "refused: ") {
			t.Errorf("OpenSSL about %s with another signature: %s", c.file, out)
		}
	}

	for _, name := range []string{"crl/sub.crl", "docs/cps-1.0.pdf.p7s"} {
		good, err := os.ReadFile(at("public/" + name))
		if err != nil {
			t.Fatal(err)
		}
		write := func(b []byte) {
			if err := os.WriteFile(at("public/"+name), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		write(altered(t, at("public/"+name)))
		if out, code := verdict(t, dir); code != 3 || !strings.Contains(out, name) {
			t.Errorf("verify of an altered %s: exit code %d\n%s", name, code, out)
		}
		write(good)
	}
}

// altered is a file with one bit of the last signature changed; of a PEM file the DER.
func altered(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if block, _ := pem.Decode(b); block != nil {
		b = block.Bytes
	}
	b = bytes.Clone(b)
	b[len(b)-99] ^= 1
	return b
}

// verdict is what `publisher verify` says.
func verdict(t *testing.T, dir string) (string, int) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "publisher", "verify", "--quiet", "--config",
		filepath.Join(dir, "repository.yaml"))
	out, err := c.CombinedOutput()
	if err != nil && c.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), c.ProcessState.ExitCode()
}
