package cert_test

import (
	"testing"
	"time"

	"seihon/hsmsign/cert"
	"seihon/internal/inputtest"
)

// TestInputs puts every certificate request of the corpus before the profile of subscribers.
func TestInputs(t *testing.T) {
	p := newPKI(t, "p256")
	for _, c := range inputtest.Requests() {
		serial, err := cert.NewSerial()
		if err != nil {
			t.Fatal(err)
		}
		_, err = cert.Issue(t.Context(),
			cert.Request{Profile: profile(t, "subscriber"), Signer: p.subKey, Issuer: p.sub, URLs: urls(), CSR: c.DER,
				Serial: serial, Now: func() time.Time { return noon }})
		switch {
		case c.Accept && err != nil:
			t.Errorf("%s: refused: %v (%s)", c.Name, err, c.Why)
		case !c.Accept && err == nil:
			t.Errorf("%s: a certificate was issued, against %s", c.Name, c.Why)
		}
	}
}
