//go:build integration

package timestamp

import (
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const tsaConfig = `
[tsa]
default_tsa = main
[main]
serial = DIR/serial
signer_cert = DIR/tsa.pem
certs = DIR/ca.pem
signer_key = DIR/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
other_policies = 1.2.3.4.5
digests = sha256
ess_cert_id_chain = no
ess_cert_id_alg = sha256
[req]
distinguished_name = dn
[dn]
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
subjectKeyIdentifier = hash
`

// openssl runs the tool in dir.
func openssl(t *testing.T, dir string, args ...string) {
	t.Helper()
	tool, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatal("openssl not found: run make tools")
	}
	cmd := exec.Command(tool, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// newOpenSSL serves `openssl ts -reply` over HTTP.
func newOpenSSL(t *testing.T) (dir string, a Authority) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range map[string]string{"tsa.cnf": strings.ReplaceAll(tsaConfig, "DIR", dir), "serial": "01\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	openssl(t, dir, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=TSA root", "-days", "30", "-config", "tsa.cnf", "-extensions", "ca")
	openssl(t, dir, "req", "-newkey", "rsa:2048", "-nodes", "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=TSA", "-config", "tsa.cnf")
	openssl(t, dir, "x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "2", "-days", "10", "-extfile", "tsa.cnf", "-extensions", "leaf", "-out", "tsa.pem")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		cmd := exec.Command("openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query.tsq")
		cmd.Dir = dir
		if err := os.WriteFile(filepath.Join(dir, "query.tsq"), b, 0o644); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		out, err := cmd.Output()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/timestamp-reply")
		w.Write(out)
	}))
	t.Cleanup(srv.Close)
	block, _ := pem.Decode(read(t, filepath.Join(dir, "ca.pem")))
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return dir, Authority{Name: "openssl", URL: srv.URL, Anchors: []*x509.Certificate{ca}}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOpenSSLAuthority(t *testing.T) {
	dir, a := newOpenSSL(t)
	w, _ := newLog(t)
	got, err := Checkpoint(t.Context(), w, []Authority{a}, 0, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Stamp.Policy != "1.2.3.4.1" {
		t.Errorf("%+v", got[0].Stamp)
	}
	// What is stored is what the tool verifies.
	checkpoint := filepath.Join(w.Log().Dir(), "log/checkpoints/0")
	openssl(t, dir, "ts", "-verify", "-data", checkpoint, "-in", got[0].Path, "-CAfile", "ca.pem")

	a.Policies = []string{"1.2.3.4.5"} // the other one it has
	if _, s, err := Ask(t.Context(), a, []byte("m"), Config{}); err != nil || s.Policy != "1.2.3.4.5" {
		t.Errorf("%+v %v", s, err)
	}
	a.Policies = []string{"1.2.3.4.9"} // one it has not
	if _, _, err := Ask(t.Context(), a, []byte("m"), Config{}); err == nil || !strings.Contains(err.Error(), "policy not supported") {
		t.Errorf("%v", err)
	}
}
