//go:build integration

package ocsp_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"seihon/hsmsign/internal/testca"
	"seihon/hsmsign/ocsp"
)

var revokedYesterday = time.Now().Add(-24 * time.Hour).UTC().Truncate(time.Second)

// statuses are what responses say, and what Java makes of each.
var statuses = []struct {
	name, openssl, java string
	ocsp.Status
}{
	{"good", ": good\n", "good", ocsp.Status{}},
	{"revoked", ": revoked\n", "revoked KEY_COMPROMISE " + revokedYesterday.Format(time.RFC3339),
		ocsp.Status{State: ocsp.Revoked, RevokedAt: revokedYesterday, Reason: 1}},
	{"revoked without reason", ": revoked\n", "revoked UNSPECIFIED " + revokedYesterday.Format(time.RFC3339),
		ocsp.Status{State: ocsp.Revoked, RevokedAt: revokedYesterday, Reason: ocsp.Absent}},
	{"unknown", ": unknown\n", "UNDETERMINED_REVOCATION_STATUS Certificate's revocation status is unknown",
		ocsp.Status{State: ocsp.Unknown}},
	{"never issued", ": revoked\n", "revoked CERTIFICATE_HOLD 1970-01-01T00:00:00Z",
		ocsp.Status{State: ocsp.NeverIssued}},
}

// signatures are the ways to sign.
var signatures = []struct {
	kind string
	opts crypto.SignerOpts
}{
	{"rsa2048", nil}, {"rsa2048", crypto.SHA512},
	{"rsa2048", &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: rsa.PSSSaltLengthEqualsHash}},
	{"p256", nil}, {"p384", nil}, {"p521", nil}, {"ed25519", nil},
}

// question is a certificate, and a response to a client that asks about it.
type question struct {
	name             string
	ca, cert, answer string // paths
	status           int
	policy           ocsp.CertID
	hash             crypto.Hash
	zlint            bool // whether zlint can read the answer
}

// questions signs a response for each way to sign, kind of responder, policy, hash and status.
func questions(t *testing.T) []question {
	t.Helper()
	serial := int64(0x7f00) // the DER INTEGER gets a leading zero half of the time
	var list []question
	for _, s := range signatures {
		for kind, respond := range map[string]func(testing.TB, string) *responder{"direct": direct,
			"delegated": delegated} {
			r := respond(t, s.kind)
			// zlint parses with x/crypto, which knows one SingleResponse only, and verifies what a delegate
			// signed but not with PSS or Ed25519.
			_, pss := s.opts.(*rsa.PSSOptions)
			readable := r.delegate == nil || !pss && s.kind != "ed25519"
			caKey := testca.Key("p256", "ca")
			if r.delegate == nil {
				caKey = r.key
			}
			caPEM := testca.PEM(t, "ca.pem", "CERTIFICATE", r.ca.Raw)
			for _, policy := range []ocsp.CertID{ocsp.Separate, ocsp.Dual} {
				e := r.encoder(t, ocsp.Policy{Signature: s.opts, CertID: policy, ArchiveCutoff: testca.NotBefore})
				for i, status := range statuses {
					serial += 0x101
					number := big.NewInt(serial)
					cert := testca.Issue(t, r.ca, caKey, testca.Key("p256", "subscriber").Public(),
						func(c *x509.Certificate) {
							c.SerialNumber, c.Subject, c.ExtKeyUsage, c.ExtraExtensions = number,
								pkix.Name{CommonName: "Subscriber"}, nil, nil
						})
					certPEM := testca.PEM(t, "cert.pem", "CERTIFICATE", cert.Raw)
					status.Serial = number.FillBytes(make([]byte, number.BitLen()/8+1))
					out, err := e.Sign(t.Context(), status.Status, time.Now().Add(-time.Minute),
						time.Now().Add(72*time.Hour))
					if err != nil {
						t.Fatal(err)
					}
					for _, o := range out {
						list = append(list, question{
							name: fmt.Sprintf("%s %v %s %s %v %s", s.kind, s.opts, kind, policy, o.Hash, status.name),
							ca:   caPEM, cert: certPEM, answer: testca.File(t, "response.der", o.DER), status: i,
							policy: policy, hash: o.Hash,
							zlint: readable && policy != ocsp.Dual,
						})
					}
				}
			}
		}
	}
	return list
}

func TestOtherPrograms(t *testing.T) {
	t.Parallel()
	var java []string
	javaWant := map[string]string{}
	for _, q := range questions(t) {
		t.Run(q.name, func(t *testing.T) {
			checkOpenSSL(t, q)
			if q.hash == crypto.SHA1 || q.policy == ocsp.Dual { // ocsptool asks with SHA-1 only
				checkGnuTLS(t, q)
			}
			if q.zlint {
				checkZLint(t, q)
			}
		})
		if q.hash == crypto.SHA1 { // so does Java
			java = append(java, q.ca, q.cert, q.answer)
			javaWant[q.answer] = statuses[q.status].java
		}
	}
	out := testca.MustRun(t, "java", append([]string{"testdata/CheckStatus.java"}, java...)...)
	for path, want := range javaWant {
		if !strings.Contains(out, path+" "+want+"\n") {
			t.Errorf("Java does not say %q:\n%s", path+" "+want, out)
		}
	}
}

func checkOpenSSL(t *testing.T, q question) {
	t.Helper()
	hash := map[crypto.Hash]string{crypto.SHA1: "-sha1", crypto.SHA256: "-sha256"}[q.hash]
	out := testca.MustRun(t, "openssl", "ocsp", "-respin", q.answer, "-CAfile", q.ca, "-issuer", q.ca, hash, "-cert",
		q.cert)
	for _, want := range []string{"Response verify OK", q.cert + statuses[q.status].openssl} {
		if !strings.Contains(out, want) {
			t.Errorf("openssl does not say %q:\n%s", want, out)
		}
	}
}

// checkGnuTLS verifies as GnuTLS clients do, with the issuer of the certificate in hand.
func checkGnuTLS(t *testing.T, q question) {
	t.Helper()
	out := testca.MustRun(t, "ocsptool", "--verify-response", "--load-response", q.answer, "--load-signer", q.ca,
		"--load-issuer", q.ca, "--load-cert", q.cert)
	if !strings.Contains(out, "Verifying OCSP Response: Success.") {
		t.Errorf("ocsptool does not verify:\n%s", out)
	}
}

// checkZLint expects no finding.
func checkZLint(t *testing.T, q question) {
	t.Helper()
	out := testca.MustRun(t, "zlint", "-format", "der", q.answer)
	var results map[string]struct{ Result string }
	if err := json.Unmarshal([]byte(out), &results); err != nil || len(results) == 0 {
		t.Fatalf("%v in the output of zlint:\n%s", err, out)
	}
	for lint, r := range results {
		if slices.Contains([]string{"warn", "error", "fatal"}, r.Result) {
			t.Errorf("zlint finds %s %s", r.Result, lint)
		}
	}
}
