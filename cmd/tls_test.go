//go:build integration

package cmd_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A tlsCA issues certificates for servers at 127.0.0.1, right ones and wrong ones.
type tlsCA struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newTLSCA(t *testing.T) *tlsCA {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "TLS CA"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour),
		IsCA:     true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return &tlsCA{t, cert, key}
}

// server answers 404 to everything, behind a certificate that wrong may spoil.
func (ca *tlsCA) server(wrong func(*x509.Certificate), config *tls.Config) string {
	ca.t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "server"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter:    time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	wrong(template)
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, &ca.key.PublicKey, ca.key)
	must(ca.t, err)
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of its clients
	s.TLS = config
	s.TLS.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: ca.key}}
	s.StartTLS()
	ca.t.Cleanup(s.Close)
	return s.URL
}

// silence stands for what is said of a server that says nothing.
const silence = "timeout"

// silent takes connections and never says a word.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() }) // a connection that nothing refers to is closed at once
		}
	}()
	return "https://" + l.Addr().String()
}

// TestTLSFailures asks servers with an expired certificate, one for another name, one of an unknown CA, one that speaks
// TLS 1.0 only, and one that takes connections and says nothing. Each command that goes out to one says why, ends in
// its time, and with its code.
func TestTLSFailures(t *testing.T) {
	ca, stranger := newTLSCA(t), newTLSCA(t)
	known := filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(known, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw}), 0o600))
	right := func(*x509.Certificate) {}
	for name, c := range map[string]struct{ url, says string }{
		"expired": {ca.server(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, &tls.Config{}),
			"certificate has expired"},
		"another name": {ca.server(func(c *x509.Certificate) {
			c.IPAddresses, c.DNSNames = nil,
				[]string{"elsewhere.example"}
		}, &tls.Config{}),
			"cannot validate certificate for 127.0.0.1"},
		"unknown CA": {stranger.server(right, &tls.Config{}), "signed by unknown authority"},
		"TLS 1.0": {ca.server(right, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}),
			"protocol version not supported"},
		"silence": {silent(t), silence},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tlsFailure(t, c.url, known, c.says)
		})
	}
}

func tlsFailure(t *testing.T, url, known, says string) {
	dir := copyGolden(t)
	conf, words := filepath.Join(dir, "repository.yaml"), []string{says}
	if says == silence { // each has its own deadline
		words = []string{"handshake timeout", "deadline exceeded", "did not arrive whole within 5s"}
	}
	appendTo(t, conf,
		fmt.Sprintf("  - {name: tls, timeout: 20s, layout: bundle, s3: {bucket: b, region: r, endpoint: %q, "+
			"path_style: true}}\n", url))
	appendTo(t, conf,
		fmt.Sprintf("  - {name: tls-azure, timeout: 20s, layout: bundle, azure: {account: abc, container: bcd, "+
			"endpoint: %q}}\n", url))
	for _, x := range []struct {
		code int
		args []string
	}{
		{1, []string{"sync", "--config", conf, "--target", "tls"}},
		{1, []string{"sync", "--config", conf, "--target", "tls-azure"}},
		{3, []string{"verify", "--config", conf, "--source", url, "--tier", "list"}},
		{3, []string{"observe", "--issuer-certificate", filepath.Join(dir, "ca/sub.pem"), "--crl", url + "/a.crl",
			"--timeout", "5s"}},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		cmd := exec.CommandContext(ctx, "publisher", append(x.args, "--quiet")...)
		cmd.Env = append(os.Environ(), "SSL_CERT_FILE="+known, "AWS_ACCESS_KEY_ID=key", "AWS_SECRET_ACCESS_KEY=secret",
			"AZURE_STORAGE_KEY="+base64.StdEncoding.EncodeToString(make([]byte, 64)))
		begun := time.Now()
		out, _ := cmd.CombinedOutput() // the code below
		took := time.Since(begun)
		cancel()
		if code := cmd.ProcessState.ExitCode(); code != x.code ||
			!slices.ContainsFunc(words, func(s string) bool { return strings.Contains(string(out), s) }) {
			t.Errorf("%s: exit code %d after %s, want %d and %q\n%s", x.args[0], code, took, x.code, says, out)
		}
		// Nobody reads one finding for each name that was not to be had.
		if lines := strings.Count(string(out), "\n"); lines > 40 {
			t.Errorf("%s: %d lines\n%s", x.args[0], lines, out)
		}
	}
}
