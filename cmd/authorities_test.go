//go:build integration

package cmd_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestWitnessAndTimestamp has the room's checkpoint cosigned by a witness and stamped by
// an OpenSSL time-stamping authority; the log stays sound and the second run asks nobody.
func TestWitnessAndTimestamp(t *testing.T) {
	dir := copyGolden(t)
	tsa := startTSA(t)
	witnessURL, witnessKey := startWitness(t)
	conf := filepath.Join(dir, "repository.yaml")
	raw, err := os.ReadFile(conf)
	if err != nil {
		t.Fatal(err)
	}
	section := fmt.Sprintf("signer:\n  timestamps: [{name: test, url: \"%s\", roots: \"%s\"}]\n  witnesses: [{url: \"%s\", key: \"%s\"}]\n",
		tsa.url, filepath.Join(tsa.dir, "ca.pem"), witnessURL, witnessKey)
	if err := os.WriteFile(conf, []byte(strings.Replace(string(raw), "signer:\n", section, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	room := func(want string, args ...string) {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), args[0], append(args[1:], "--quiet", "--config", conf)...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Fatalf("%s: %v, want %q\n%s", strings.Join(args, " "), err, want, out)
		}
	}
	room("witness.example/one cosigned", "signer", "witness")
	checkpoint, err := os.ReadFile(filepath.Join(dir, "master/log/checkpoint"))
	if err != nil || !strings.Contains(string(checkpoint), "witness.example/one") {
		t.Errorf("the checkpoint has no cosignature: %v\n%s", err, checkpoint)
	}
	room("stamped the checkpoint", "signer", "timestamp")
	room("recorded docs/cps-1.1.pdf", "signer", "document", "--name", "cps", "--version", "1.1", "--file", demoPDF)
	room("all entries are in the signed tree", "publisher", "ledger", "check")
	room("sent", "publisher", "sync")
	room("OK - 0 critical", "publisher", "verify")
	out, err := exec.CommandContext(t.Context(), "openssl", "asn1parse", "-inform", "DER", "-in", filepath.Join(dir, "public/docs/cps-1.1.pdf.p7s")).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "id-smime-aa-timeStampToken") {
		t.Errorf("the document's signature carries no time stamp: %v", err)
	}
}

type authority struct{ dir, url string }

// startTSA serves `openssl ts -reply` over HTTP.
func startTSA(t *testing.T) authority {
	t.Helper()
	dir := t.TempDir()
	const text = `
[tsa]
default_tsa = main
[main]
serial = DIR/serial
signer_cert = DIR/tsa.pem
certs = DIR/ca.pem
signer_key = DIR/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
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
	for name, content := range map[string]string{"tsa.cnf": strings.ReplaceAll(text, "DIR", dir), "serial": "01\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	run(t, "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", in("ca.key"), "-out", in("ca.pem"), "-subj", "/CN=TSA root", "-days", "400", "-config", in("tsa.cnf"), "-extensions", "ca")
	run(t, "openssl", "req", "-newkey", "rsa:2048", "-nodes", "-keyout", in("tsa.key"), "-out", in("tsa.csr"), "-subj", "/CN=TSA", "-config", in("tsa.cnf"))
	run(t, "openssl", "x509", "-req", "-in", in("tsa.csr"), "-CA", in("ca.pem"), "-CAkey", in("ca.key"), "-set_serial", "2", "-days", "365", "-extfile", in("tsa.cnf"), "-extensions", "leaf", "-out", in("tsa.pem"))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, err := io.ReadAll(r.Body)
		if err == nil {
			err = os.WriteFile(in("query.tsq"), query, 0o600)
		}
		var reply []byte
		if err == nil {
			reply, err = exec.CommandContext(r.Context(), "openssl", "ts", "-reply", "-config", in("tsa.cnf"), "-queryfile", in("query.tsq")).Output()
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/timestamp-reply")
		_, _ = w.Write(reply)
	}))
	t.Cleanup(srv.Close)
	return authority{dir, srv.URL}
}

// startWitness runs a witness that believes everything: what it signs, and how the room
// takes it, is what counts here (C2SP tlog-cosignature, type 0x04).
func startWitness(t *testing.T) (url, vkey string) {
	t.Helper()
	const name = "witness.example/one"
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	typed := append([]byte{0x04}, pub...)
	sum := sha256.Sum256(append([]byte(name+"\n"), typed...))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		_, checkpoint, ok := strings.Cut(string(body), "\n\n")
		text, _, signed := strings.Cut(checkpoint, "\n\n")
		if err != nil || !ok || !signed || r.URL.Path != "/add-checkpoint" {
			http.Error(w, "no checkpoint", http.StatusBadRequest)
			return
		}
		now := uint64(time.Now().Unix())
		sig := ed25519.Sign(key, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s\n", now, text))
		line := append(binary.BigEndian.AppendUint64(append([]byte{}, sum[:4]...), now), sig...)
		fmt.Fprintf(w, "— %s %s\n", name, base64.StdEncoding.EncodeToString(line))
	}))
	t.Cleanup(srv.Close)
	return srv.URL, fmt.Sprintf("%s+%08x+%s", name, binary.BigEndian.Uint32(sum[:4]), base64.StdEncoding.EncodeToString(typed))
}
