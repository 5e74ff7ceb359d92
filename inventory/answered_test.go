package inventory

import (
	"path/filepath"
	"testing"
	"time"

	"seihon/artifact"
)

// TestAnsweredUntil: the earliest end of a response counts, but not that of one which is the last about its
// certificate.
func TestAnsweredUntil(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(),
		Config{DSN: "sqlite:" + filepath.Join(t.TempDir(), "inventory.db"), Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.AddIssuer(t.Context(), Issuer{Name: "sub", Key: artifact.Sum(nil)}); err != nil {
		t.Fatal(err)
	}
	issued := func(serial byte, notAfter time.Time) Record {
		return Record{State: Issued, Certificate: Certificate{Serial: []byte{serial}, NotAfter: notAfter}}
	}
	list := recordList{issued(1, noon.AddDate(0, 0, 1)), issued(2, noon.AddDate(1, 0, 0)),
		issued(3, noon.AddDate(1, 0, 0)), issued(4, noon.AddDate(1, 0, 0))}
	if _, err := db.Import(t.Context(), Import{Issuer: "sub", Source: list}); err != nil {
		t.Fatal(err)
	}
	want := func(what string, at time.Time) {
		t.Helper()
		if n, err := db.Counts(t.Context(), "sub"); err != nil || !n.AnsweredUntil.Equal(at) {
			t.Errorf("%s: answered until %s, %v; want %s", what, n.AnsweredUntil, err, at)
		}
	}
	want("nothing is signed", time.Time{})
	sign := func(serial byte, days int) {
		t.Helper()
		s := Signed{Serial: []byte{serial}, Revision: 1, ThisUpdate: noon, NextUpdate: noon.AddDate(0, 0, days)}
		if err := db.MarkSigned(t.Context(), "sub", []Signed{s}); err != nil {
			t.Fatal(err)
		}
	}
	sign(1, 2) // beyond the certificate's last day: nothing follows it
	want("the last response alone", time.Time{})
	sign(2, 5)
	sign(3, 3)
	want("beside others", noon.AddDate(0, 0, 3))
	sign(3, 7)
	want("renewed", noon.AddDate(0, 0, 5))
}
