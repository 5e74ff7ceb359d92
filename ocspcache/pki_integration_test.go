//go:build integration

package ocspcache

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"seihon/artifact"
)

// The states of the certificates that clients ask about.
var certificateStates = []string{"good", "revoked", "unknown", "expired"}

// A testCA is a root, a subordinate CA with a delegated OCSP signer, and one
// certificate for each state.
type testCA struct {
	tb                testing.TB
	dir               string // holds <name>.pem, <name>.der, <name>.key
	root, sub, signer *x509.Certificate
	rootKey           crypto.Signer
	signerKey         crypto.Signer
	leaves            map[string]*x509.Certificate
}

// newTestCA makes a CA whose certificates name the responder at url, or none when that is empty.
func newTestCA(tb testing.TB, url string) *testCA {
	tb.Helper()
	ca := &testCA{tb: tb, dir: tb.TempDir(), leaves: make(map[string]*x509.Certificate)}
	now := time.Now()
	template := func(name string) *x509.Certificate {
		serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 140))
		if err != nil {
			tb.Fatal(err)
		}
		return &x509.Certificate{
			SerialNumber: serial,
			Subject: pkix.Name{CommonName: "Seihon test " + name, Organization: []string{"Seihon test"},
				Country: []string{"JP"}},
			NotBefore: now.Add(-96 * time.Hour), NotAfter: now.Add(96 * time.Hour), BasicConstraintsValid: true,
		}
	}
	var responders []string
	if url != "" {
		responders = []string{url}
	}
	asCA := func(t *x509.Certificate) *x509.Certificate {
		t.IsCA, t.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign|x509.KeyUsageDigitalSignature
		return t
	}
	rootTemplate := asCA(template("root"))
	root, rootKey := ca.issue("root", rootTemplate, nil, nil)
	subTemplate := asCA(template("sub"))
	subTemplate.OCSPServer = responders
	sub, subKey := ca.issue("sub", subTemplate, root, rootKey)
	signerTemplate := template("ocsp signer")
	signerTemplate.KeyUsage, signerTemplate.ExtKeyUsage = x509.KeyUsageDigitalSignature,
		[]x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
	// id-pkix-ocsp-nocheck
	signerTemplate.ExtraExtensions = []pkix.Extension{{Id: []int{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: []byte{5, 0}}}
	ca.root, ca.rootKey, ca.sub = root, rootKey, sub
	ca.signer, ca.signerKey = ca.issue("signer", signerTemplate, sub, subKey)
	for _, state := range certificateStates {
		leaf := template(state)
		leaf.KeyUsage, leaf.ExtKeyUsage = x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment,
			[]x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
		leaf.DNSNames, leaf.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
		leaf.OCSPServer = responders
		ca.leaves[state], _ = ca.issue(state, leaf, sub, subKey)
	}
	ca.concat("chain.pem", "sub.pem", "root.pem")
	for _, state := range certificateStates {
		ca.concat(state+".chain.pem", state+".pem", "sub.pem")
	}
	return ca
}

// issue makes a key and a certificate for it, self-signed when parent is nil, and
// writes both.
func (ca *testCA) issue(name string, template, parent *x509.Certificate,
	parentKey crypto.Signer) (*x509.Certificate, crypto.Signer) {
	ca.tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		ca.tb.Fatal(err)
	}
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		ca.tb.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		ca.tb.Fatal(err)
	}
	ca.write(name+".der", der)
	ca.write(name+".pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		ca.tb.Fatal(err)
	}
	ca.write(name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
	return cert, key
}

func (ca *testCA) path(name string) string { return filepath.Join(ca.dir, name) }

func (ca *testCA) write(name string, content []byte) {
	ca.tb.Helper()
	if err := os.WriteFile(ca.path(name), content, 0o600); err != nil {
		ca.tb.Fatal(err)
	}
}

func (ca *testCA) concat(name string, parts ...string) {
	ca.tb.Helper()
	var all []byte
	for _, part := range parts {
		b, err := os.ReadFile(ca.path(part))
		if err != nil {
			ca.tb.Fatal(err)
		}
		all = append(all, b...)
	}
	ca.write(name, all)
}

// responses signs an answer for every certificate that has one: none for
// "unknown", one past its nextUpdate for "expired".
func (ca *testCA) responses() map[*Key][]byte {
	ca.tb.Helper()
	now := time.Now().UTC().Truncate(time.Second)
	responses := make(map[*Key][]byte)
	for state, leaf := range ca.leaves {
		template := ocsp.Response{
			Status: ocsp.Good, SerialNumber: leaf.SerialNumber, Certificate: ca.signer,
			ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(48 * time.Hour),
		}
		switch state {
		case "unknown":
			continue
		case "expired":
			template.ThisUpdate, template.NextUpdate = now.Add(-49*time.Hour), now.Add(-time.Hour)
		case "revoked":
			template.Status, template.RevokedAt, template.RevocationReason = ocsp.Revoked, now.Add(-24*time.Hour),
				ocsp.KeyCompromise
		}
		ca.sign(responses, ca.sub, ca.signer, template, ca.signerKey)
	}
	return responses
}

// subResponses signs, with the root's own key, that the subordinate CA is good.
func (ca *testCA) subResponses() map[*Key][]byte {
	ca.tb.Helper()
	now := time.Now().UTC().Truncate(time.Second)
	responses := make(map[*Key][]byte)
	ca.sign(responses, ca.root, ca.root, ocsp.Response{
		Status: ocsp.Good, SerialNumber: ca.sub.SerialNumber, ThisUpdate: now.Add(-time.Hour),
		NextUpdate: now.Add(48 * time.Hour),
	}, ca.rootKey)
	return responses
}

// sign adds a response for each hash algorithm that clients name an issuer with.
func (ca *testCA) sign(to map[*Key][]byte, issuer, signer *x509.Certificate, template ocsp.Response,
	key crypto.Signer) {
	ca.tb.Helper()
	for _, hash := range []crypto.Hash{crypto.SHA1, crypto.SHA256} {
		template.IssuerHash = hash
		der, err := ocsp.CreateResponse(issuer, signer, template, key)
		if err != nil {
			ca.tb.Fatal(err)
		}
		k := Key{hash, artifact.NameHash(issuer, hash), artifact.PublicKeyHash(issuer, hash),
			serialOctets(template.SerialNumber)}
		to[&k] = der
	}
}

// serialOctets returns the content octets of a positive DER INTEGER.
func serialOctets(n *big.Int) []byte { return minimalInteger(append([]byte{0}, n.Bytes()...)) }
