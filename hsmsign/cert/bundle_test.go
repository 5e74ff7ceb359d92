package cert_test

import (
	"bytes"
	"crypto/x509"
	"testing"

	"seihon/artifact"
	"seihon/hsmsign/cert"
)

func TestBundle(t *testing.T) {
	p := newPKI(t, "p256")
	der, err := cert.Bundle([]*x509.Certificate{p.root, p.sub, p.root})
	if err != nil {
		t.Fatal(err)
	}
	swapped, err := cert.Bundle([]*x509.Certificate{p.sub, p.root})
	if err != nil || !bytes.Equal(der, swapped) {
		t.Error("the order of the arguments shows in the bytes")
	}
	a := artifact.Parse(der)
	if a.Kind != artifact.CertificateBundle || len(a.Certificates) != 2 {
		t.Errorf("read back %s with %d certificates: %s", a.Kind, len(a.Certificates), a.Problem)
	}
	if _, err := cert.Bundle(nil); err == nil {
		t.Error("an empty bundle was made")
	}
}
