//go:build integration

package document_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seihon/artifact/cms"
	"seihon/hsmsign/document"
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

func write(t *testing.T, file string, b []byte) {
	t.Helper()
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func certificatePEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// opensslTSA serves "openssl ts" over HTTP.
func opensslTSA(t *testing.T, o *operator) document.Timestamper {
	t.Helper()
	dir := t.TempDir()
	key, err := x509.MarshalPKCS8PrivateKey(o.tsaKey)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	write(t, filepath.Join(dir, "cert.pem"), certificatePEM(o.tsa))
	write(t, filepath.Join(dir, "serial"), []byte("01\n"))
	write(t, filepath.Join(dir, "tsa.cnf"), []byte(`[tsa]
default_tsa = t
[t]
serial = serial
signer_cert = cert.pem
signer_key = key.pem
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
tsa_name = yes
ess_cert_id_alg = sha256
`))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var b bytes.Buffer
		if _, err := b.ReadFrom(r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		write(t, filepath.Join(dir, "q.tsq"), b.Bytes())
		run(t, dir, "openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "q.tsq", "-out", "a.tsr")
		reply, err := os.ReadFile(filepath.Join(dir, "a.tsr"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/timestamp-reply")
		if _, err := w.Write(reply); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	return document.HTTPTimestamper(server.Client(), server.URL)
}

func TestClientsAcceptDetachedSignatures(t *testing.T) {
	pdf := document.SamplePDF("CPS", "1.0", []string{"1 Introduction"})
	for _, alg := range algorithms {
		t.Run(alg, func(t *testing.T) {
			o := newOperator(t, alg)
			r := o.request(pdf)
			r.Timestamp = opensslTSA(t, o)
			p7s, err := document.SignDetached(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			write(t, filepath.Join(dir, "cps.pdf"), pdf)
			write(t, filepath.Join(dir, "cps.p7s"), p7s)
			write(t, filepath.Join(dir, "root.pem"), certificatePEM(o.ca))
			accepted := map[string]bool{"cps.pdf": true, "changed.pdf": false}
			write(t, filepath.Join(dir, "changed.pdf"), append(bytes.Clone(pdf), ' '))
			for file, want := range accepted {
				if alg != "ed25519" { // OpenSSL 3.0 knows Ed25519 only without signed attributes
					opensslVerifies(t, dir, file, want)
				}
				javaVerifies(t, dir, file, want)
			}
			list, err := cms.Verify(p7s, pdf, o.trust())
			if err != nil || list[0].Timestamp == nil || time.Since(list[0].Timestamp.Time) > time.Hour {
				t.Errorf("verified %v, %v", list, err)
			}
		})
	}
}

func opensslVerifies(t *testing.T, dir, content string, want bool) {
	t.Helper()
	verdict(t, dir, want, "openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "cps.p7s", "-content",
		content,
		"-CAfile", "root.pem", "-cades", "-out", os.DevNull)
}

func javaVerifies(t *testing.T, dir, content string, want bool) {
	t.Helper()
	source, err := filepath.Abs("testdata/Cms.java")
	if err != nil {
		t.Fatal(err)
	}
	verdict(t, dir, want, "java", "--add-exports", "java.base/sun.security.pkcs=ALL-UNNAMED", source, "cps.p7s",
		content)
}

// verdict wants the program to succeed or to fail.
func verdict(t *testing.T, dir string, want bool, program string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("%s not found: run make tools", program)
	}
	c := exec.CommandContext(t.Context(), program, args...)
	c.Dir = dir
	if out, err := c.CombinedOutput(); want != (err == nil) {
		t.Errorf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
}

func TestClientsAcceptPAdES(t *testing.T) {
	packed, err := os.ReadFile("testdata/packed.pdf")
	if err != nil {
		t.Fatal(err)
	}
	for _, alg := range algorithms {
		if alg == "ed25519" { // unknown to NSS 3.87
			continue
		}
		t.Run(alg, func(t *testing.T) {
			o := newOperator(t, alg)
			for name, plain := range map[string][]byte{"table": document.SamplePDF("CPS", "1.0",
				[]string{"1 Introduction"}), "stream": packed} {
				for _, stamp := range []document.Timestamper{nil, opensslTSA(t, o)} {
					r := o.request(plain)
					r.Timestamp = stamp
					signed, err := document.SignPDF(t.Context(), r,
						document.Reason{Name: "Example Corp 認証局", Reason: "CPS", Location: "Tokyo"})
					if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					pdfsigVerifies(t, o, signed)
				}
			}
		})
	}
}

func pdfsigVerifies(t *testing.T, o *operator, signed []byte) {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "signed.pdf"), signed)
	write(t, filepath.Join(dir, "root.pem"), certificatePEM(o.ca))
	run(t, dir, "certutil", "-N", "-d", "sql:"+dir, "--empty-password")
	run(t, dir, "certutil", "-A", "-d", "sql:"+dir, "-n", "root", "-t", "CT,C,C", "-a", "-i", "root.pem")
	out := run(t, dir, "pdfsig", "-nssdir", dir, "signed.pdf")
	for _, want := range []string{"Signature is Valid.", "Certificate is Trusted.", "Total document signed",
		"ETSI.CAdES.detached"} {
		if !strings.Contains(out, want) {
			t.Errorf("pdfsig does not say %q:\n%s", want, out)
		}
	}
	if info := run(t, dir, "pdfinfo", "signed.pdf"); strings.Contains(info, "Error") {
		t.Errorf("pdfinfo says %s", info)
	}
}
