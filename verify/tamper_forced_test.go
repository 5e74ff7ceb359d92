package verify_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/internal/inputtest"
	"seihon/verify"
)

// forcedTampers are what the room's door refuses, forced past it into the master and published: by a foreign CA that
// was made an anchor, whose lists they are, and by our own issuer, whose responses.
func forcedTampers() []tamper {
	var all []tamper
	foreign := func(name string, want []string, der func(ca *inputtest.CA, now time.Time) []byte) {
		all = append(all,
			tamper{name: "forced: a foreign anchor and " + name, want: want, only: true, passes: len(want) == 0,
				do: func(_ *testing.T, r *repo, c *verify.Config) {
					ca := inputtest.NewCA("Foreign CA")
					c.Policy.Trust = artifact.NewTrust([]*x509.Certificate{r.root.cert, ca.Cert}, nil)
					r.put("cert/foreign.cer", artifact.CACertificate, ca.Cert.Raw)
					good := []inputtest.Entry{{Serial: inputtest.Integer([]byte{1}),
						Time: inputtest.Time(r.now.Add(-48 * time.Hour))}}
					r.put("crl/foreign.crl", artifact.CRL,
						ca.List(inputtest.List{This: inputtest.Time(r.now.Add(-2 * time.Hour)),
							Next: inputtest.Time(r.now.Add(72 * time.Hour)), Number: inputtest.Integer([]byte{6}),
							Entries: good}))
					r.commit()
					if der != nil {
						r.put("crl/foreign.crl", artifact.CRL, der(ca, r.now))
						r.commit()
					}
					r.publish(r.public())
				}})
	}
	beside := func(now time.Time) inputtest.Entry { // what stood on the list before
		return inputtest.Entry{Serial: inputtest.Integer([]byte{1}), Time: inputtest.Time(now.Add(-48 * time.Hour))}
	}
	ca, now := inputtest.NewCA("Foreign CA"), start.Add(25*time.Hour)
	foreign("a good list", nil, nil)
	for i, d := range inputtest.DeviantLists(ca, now, beside(now)) {
		foreign("a list with "+d.Name, []string{"section-a@crl/foreign.crl#" + d.Says},
			func(ca *inputtest.CA, now time.Time) []byte {
				return inputtest.DeviantLists(ca, now, beside(now))[i].DER
			})
	}
	return append(all, forcedBundles()...)
}

// forcedBundles have the wrong response of our own issuer inside a bundle, where nearly all responses are.
func forcedBundles() (all []tamper) {
	const serial = 104
	for i, d := range inputtest.DeviantResponses(inputtest.NewCA("Foreign CA"), start, serialOctets(serial), false) {
		want := "section-a@serial 68#" + d.Says
		if d.Says == "its producedAt" {
			want = "not-yet-valid@serial 68#" + d.Says
		}
		all = append(all, room("a bundle, forced, with "+d.Name, []string{want}, func(r *repo) {
			ca := inputtest.Of(r.sub.cert, r.sub.key.(*ecdsa.PrivateKey))
			// Each is signed an hour before its moment.
			wrong := inputtest.DeviantResponses(ca, r.now.Add(time.Hour), serialOctets(serial), false)[i].DER
			r.respond = func(s int64, h crypto.Hash, der []byte) []byte {
				if s == serial && h == crypto.SHA256 {
					return bytes.Clone(wrong)
				}
				return der
			}
			r.now = r.now.Add(time.Hour)
			r.run()
		}))
	}
	return all
}
