package artifact_test

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"

	"seihon/artifact"
	"seihon/internal/inputtest"
)

// TestIrregularities: a certificate that an existing CA made is read, with its octets as they are, its signature
// verifies, and what is wrong with it is named by field.
func TestIrregularities(t *testing.T) {
	ca := inputtest.NewCA("Example CA One")
	for _, d := range inputtest.IrregularCertificates(ca) {
		c, err := artifact.ParseCertificate(d.DER)
		if err != nil {
			t.Errorf("%s: %v", d.Says, err)
			continue
		}
		if !bytes.Equal(c.Raw, d.DER) || !bytes.Contains(d.DER, c.RawTBSCertificate) ||
			!bytes.Contains(d.DER, c.RawSubject) ||
			!bytes.Contains(d.DER, c.RawSubjectPublicKeyInfo) {
			t.Errorf("%s: its octets are not those of the certificate", d.Says)
		}
		if err := artifact.CheckIssued(c, ca.Cert); err != nil {
			t.Errorf("%s: %v", d.Says, err)
		}
		if strings.HasPrefix(d.Name, "serial-") {
			want := map[string]string{"serial-zero": "00", "serial-negative": "fe",
				"serial-long": "7f" + strings.Repeat("5a", 20)}[d.Name]
			if got := hex.EncodeToString(artifact.SerialBytes(c)); got != want {
				t.Errorf("%s: its serial is read as %s", d.Says, got)
			}
			continue
		}
		found := artifact.Irregularities(c)
		if len(found) != 1 || found[0].Code != d.Name || !strings.Contains(found[0].Text, d.Says) {
			t.Errorf("%s: %v", d.Says, found)
		}
	}
	if c, err := artifact.ParseCertificate(ca.Cert.Raw); err != nil || len(artifact.Irregularities(c)) != 0 ||
		c.SerialNumber.Cmp(big.NewInt(16)) != 0 {
		t.Errorf("a good certificate: %v %v", c, err)
	}
	for _, junk := range [][]byte{nil, {0x30, 0}, ca.Cert.Raw[:len(ca.Cert.Raw)-1],
		append(bytes.Clone(ca.Cert.Raw), 0)} {
		if _, err := artifact.ParseCertificate(junk); err == nil {
			t.Errorf("%x is read as a certificate", junk)
		}
	}
}

// TestRootV1: a root of version 1 is a CA certificate when its own key signed it, and nothing else of version 1 is.
func TestRootV1(t *testing.T) {
	ca := inputtest.NewRootV1("old root")
	a := artifact.Parse(ca.Cert.Raw)
	if a.Kind != artifact.CACertificate || len(artifact.Irregularities(a.Certificates[0])) != 1 {
		t.Errorf("a root of version 1 is a %s: %s", a.Kind, a.Problem)
	}
	end := artifact.Parse(ca.Certificate(inputtest.Certificate{Version: []byte{}}))
	if end.Kind != artifact.SubscriberCertificate || len(artifact.Irregularities(end.Certificates[0])) != 0 {
		t.Errorf("a subscriber's certificate of version 1 is a %s: %s", end.Kind, end.Problem)
	}
	forged := inputtest.NewCA("another").Certificate(inputtest.Certificate{Version: []byte{},
		Issuer: ca.Cert.RawSubject, Subject: ca.Cert.RawSubject,
		SPKI: ca.Cert.RawSubjectPublicKeyInfo})
	if c, err := x509.ParseCertificate(forged); err != nil || artifact.Parse(forged).Kind == artifact.CACertificate {
		t.Errorf("%v %v: what names itself is a CA certificate without the signature of its own key", c.Subject, err)
	}
}

// FuzzParseCertificate: what is read has the octets that were given, and nothing panics.
func FuzzParseCertificate(f *testing.F) {
	for _, d := range inputtest.IrregularCertificates(inputtest.NewCA("Example CA One")) {
		f.Add(d.DER)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := artifact.ParseCertificate(der)
		if err != nil {
			return
		}
		if !bytes.Equal(c.Raw, der) {
			t.Fatal("other octets")
		}
		artifact.Irregularities(c)
		artifact.SerialBytes(c)
	})
}
