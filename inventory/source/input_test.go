package source

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"seihon/artifact"
	"seihon/internal/inputtest"
	"seihon/inventory"
)

// TestInputs puts every list and certificate of the corpus before an import.
func TestInputs(t *testing.T) {
	ca := inputtest.NewCA("Example CA One")
	db, err := inventory.Open(t.Context(),
		inventory.Config{DSN: "sqlite:" + t.TempDir() + "/inventory.db",
			Now: func() time.Time { return inputtest.Now }})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.AddIssuer(t.Context(),
		inventory.Issuer{Name: "sub", Key: artifact.Sum(ca.Cert.RawSubjectPublicKeyInfo)}); err != nil {
		t.Fatal(err)
	}
	take := func(s inventory.Source, empty bool) error {
		_, err := db.Import(t.Context(), inventory.Import{Issuer: "sub", Source: s, DryRun: true, Empty: empty})
		return err
	}
	verdict := func(name, why string, want bool, err error) {
		switch {
		case want && err != nil:
			t.Errorf("%s: refused: %v (%s)", name, err, why)
		case !want && err == nil:
			t.Errorf("%s: taken in, against %s", name, why)
		}
	}
	for _, c := range inputtest.Lists(ca) {
		s, err := CRL(c.DER, ca.Cert, Options{})
		if err == nil {
			err = take(s, c.Name == "list: without entries")
		}
		verdict(c.Name, c.Why, c.Import, err)
	}
	for _, c := range inputtest.Certificates(ca) {
		verdict(c.Name, c.Why, c.Accept, take(Folder(fstest.MapFS{"a.cer": {Data: c.DER}}, ca.Cert, Options{}), false))
	}
	for _, r := range inputtest.IndexRows() {
		verdict(r.Name, r.Why, r.Accept,
			take(OpenSSLIndex(strings.NewReader(r.Line+"\n"), Options{AsOf: inputtest.Now}), false))
	}
}
