package sectiona_test

import (
	"crypto/mldsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/sectiona"
)

// TestMLDSAUsages: a certificate whose ML-DSA key may do what only other keys can is refused (RFC 9881 section 5), and
// no exception is for that.
func TestMLDSAUsages(t *testing.T) {
	t.Parallel()
	key, err := mldsa.GenerateKey(mldsa.MLDSA65())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Truncate(time.Second)
	for _, test := range []struct {
		usage  x509.KeyUsage
		passes bool
	}{
		{x509.KeyUsageCertSign | x509.KeyUsageCRLSign, true},
		{x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment, true},
		{x509.KeyUsageCertSign | x509.KeyUsageKeyEncipherment, false},
		{x509.KeyUsageCertSign | x509.KeyUsageDataEncipherment, false},
		{x509.KeyUsageCertSign | x509.KeyUsageKeyAgreement, false},
		{x509.KeyUsageCertSign | x509.KeyUsageKeyAgreement | x509.KeyUsageDecipherOnly, false},
	} {
		template := &x509.Certificate{SerialNumber: big.NewInt(4), Subject: pkix.Name{CommonName: "CA"}, NotBefore: now,
			NotAfter: now.Add(time.Hour),
			IsCA:     true, BasicConstraintsValid: true, KeyUsage: test.usage}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		c, err := artifact.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		why := (&sectiona.Policy{}).Irregular(c, c)
		if (why == "") != test.passes || why != "" && !strings.Contains(why, "RFC 9881") {
			t.Errorf("key usage %b: %q", test.usage, why)
		}
	}
	if sectiona.Excusable(artifact.IrregularUsage) {
		t.Error("an exception can let it pass")
	}
}
