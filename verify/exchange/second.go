package exchange

import (
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"time"

	"golang.org/x/crypto/ocsp"

	"seihon/artifact"
)

// SecondReading lets golang.org/x/crypto/ocsp read the answer. alone is true when it does not know the algorithm of the
// signature.
func SecondReading(body []byte, r *artifact.Response, s *artifact.Single,
	issuer *x509.Certificate) (alone bool, err error) {
	cert := &x509.Certificate{SerialNumber: new(big.Int).SetBytes(s.CertID.Serial)}
	if len(s.CertID.Serial) > 0 && s.CertID.Serial[0]&0x80 != 0 {
		return true, nil // a negative number, which an existing CA may have
	}
	o, err := ocsp.ParseResponseForCert(body, cert, issuer)
	var insecure x509.InsecureAlgorithmError
	switch {
	case errors.Is(err, x509.ErrUnsupportedAlgorithm), errors.As(err, &insecure):
		return true, nil
	case err != nil && o == nil && r.SignatureAlgorithm == x509.UnknownSignatureAlgorithm:
		return true, nil
	case err != nil:
		return false, fmt.Errorf("golang.org/x/crypto/ocsp does not accept the answer: %w", err)
	}
	for _, f := range []struct {
		name         string
		ours, theirs any
	}{
		{"status", s.Status, o.Status}, {"thisUpdate", stamp(s.ThisUpdate), stamp(o.ThisUpdate)},
		{"nextUpdate", stamp(s.NextUpdate), stamp(o.NextUpdate)},
		{"producedAt", stamp(r.ProducedAt), stamp(o.ProducedAt)},
		{"revocationTime", stamp(s.RevokedAt), stamp(o.RevokedAt)},
		{"reason", max(s.Reason, 0), o.RevocationReason},
	} {
		if f.ours != f.theirs {
			return false, fmt.Errorf("%s is %v to one reader and %v to golang.org/x/crypto/ocsp", f.name, f.ours,
				f.theirs)
		}
	}
	return false, nil
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}
