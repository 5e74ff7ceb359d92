//go:build integration

package timestamp

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"seihon/ledger/timestamp/timestamptest"
)

// newOpenSSL starts an authority and trusts it.
func newOpenSSL(t *testing.T) (*timestamptest.OpenSSL, Authority) {
	t.Helper()
	o := timestamptest.New(t)
	block, _ := pem.Decode(read(t, o.CA))
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return o, Authority{Name: "openssl", URL: o.URL, Anchors: []*x509.Certificate{ca}}
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
	o, a := newOpenSSL(t)
	w, _ := newLog(t)
	got, err := Checkpoint(t.Context(), w, []Authority{a}, 0, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Stamp.Policy != timestamptest.Policy {
		t.Errorf("%+v", got[0].Stamp)
	}
	// What is stored is what the tool verifies.
	checkpoint := filepath.Join(w.Log().Dir(), "log/checkpoints/0")
	o.Run(t, "ts", "-verify", "-data", checkpoint, "-in", got[0].Path, "-CAfile", "ca.pem")

	a.Policies = []string{timestamptest.OtherPolicy} // the other one it has
	if _, s, err := Ask(t.Context(), a, []byte("m"), Config{}); err != nil || s.Policy != timestamptest.OtherPolicy {
		t.Errorf("%+v %v", s, err)
	}
	a.Policies = []string{"1.2.3.4.9"} // one it has not
	if _, _, err := Ask(t.Context(), a, []byte("m"), Config{}); err == nil ||
		!strings.Contains(err.Error(), "policy not supported") {
		t.Errorf("%v", err)
	}
}
