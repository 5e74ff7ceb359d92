// Package timestamptest is a time-stamping authority for tests: OpenSSL behind an HTTP server of the test.
package timestamptest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The policies that the authority has; it stamps by the first unless it is asked for the other.
const (
	Policy      = "1.2.3.4.1"
	OtherPolicy = "1.2.3.4.5"
)

const config = `
[tsa]
default_tsa = main
[main]
serial = serial
signer_cert = tsa.pem
certs = ca.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = ` + Policy + `
other_policies = ` + OtherPolicy + `
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

// OpenSSL is an authority that answers by `openssl ts -reply`, one question at a time.
type OpenSSL struct {
	URL string
	CA  string // PEM file with the certificate to trust
	dir string
}

// New makes an authority and serves it until the test ends.
func New(t *testing.T) *OpenSSL {
	t.Helper()
	o := &OpenSSL{dir: t.TempDir()}
	o.CA = filepath.Join(o.dir, "ca.pem")
	for name, text := range map[string]string{"tsa.cnf": config, "serial": "01\n"} {
		if err := os.WriteFile(filepath.Join(o.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o.Run(t, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj",
		"/CN=TSA root", "-days", "400", "-config", "tsa.cnf", "-extensions", "ca")
	o.Run(t, "req", "-newkey", "rsa:2048", "-nodes", "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=TSA",
		"-config", "tsa.cnf")
	o.Run(t, "x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "2", "-days", "365",
		"-extfile", "tsa.cnf", "-extensions", "leaf", "-out", "tsa.pem")
	server := httptest.NewServer(o)
	t.Cleanup(server.Close)
	o.URL = server.URL
	return o
}

// Run runs openssl in the authority's folder.
func (o *OpenSSL) Run(t *testing.T, args ...string) {
	t.Helper()
	tool, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatal("openssl not found: run make tools")
	}
	cmd := exec.CommandContext(t.Context(), tool, args...)
	cmd.Dir = o.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// ServeHTTP answers a time-stamp query.
func (o *OpenSSL) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query, err := io.ReadAll(r.Body)
	if err == nil {
		err = os.WriteFile(filepath.Join(o.dir, "query.tsq"), query, 0o600)
	}
	var reply []byte
	if err == nil {
		cmd := exec.CommandContext(r.Context(), "openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile",
			"query.tsq")
		cmd.Dir = o.dir
		reply, err = cmd.Output()
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/timestamp-reply")
	_, _ = w.Write(reply) // the client is gone, nobody is left to tell
}
