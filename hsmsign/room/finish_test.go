package room_test

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"seihon/hsmsign/cert"
	"seihon/hsmsign/room"
	"seihon/inventory"
	"seihon/ledger"
)

// TestInterruptedIssuance stops an issuance after each of its steps, and opens the
// room again: what the log commits to is signed, as it was committed to, and what
// it does not commit to is dropped.
func TestInterruptedIssuance(t *testing.T) {
	for _, step := range []struct {
		name string
		stop func(t *testing.T, r *room.Room, a *room.Authority, batch []inventory.Intent)
		want inventory.State
	}{
		{"reserved", func(t *testing.T, r *room.Room, a *room.Authority, batch []inventory.Intent) {
			must(t, r.Inventory.ReserveIssuance(t.Context(), a.Name, r.Log.Log().Origin(), batch))
		}, inventory.Reserved},
		{"staged", func(t *testing.T, r *room.Room, a *room.Authority, batch []inventory.Intent) {
			must(t, r.StageBatch(t.Context(), a, batch))
		}, inventory.Reserved},
		{"committed", func(t *testing.T, r *room.Room, a *room.Authority, batch []inventory.Intent) {
			must(t, r.StageBatch(t.Context(), a, batch))
			_, err := r.Log.Commit(t.Context())
			must(t, err)
		}, inventory.Issued},
		{"noted", func(t *testing.T, r *room.Room, a *room.Authority, batch []inventory.Intent) {
			must(t, r.StageBatch(t.Context(), a, batch), r.CommitLog(t.Context()))
		}, inventory.Issued},
		{"not signed, and the room went on",
			func(t *testing.T, r *room.Room, a *room.Authority, batch []inventory.Intent) {
				must(t, r.StageBatch(t.Context(), a, batch))
				_, err := r.CommitJournal(t.Context())
				must(t, err)
				more := []inventory.Intent{prepareIntent(t, r, a, "three")}
				must(t, r.StageBatch(t.Context(), a, more)) // and this batch never came into the log
			}, inventory.Issued},
	} {
		t.Run(step.name, func(t *testing.T) {
			t.Parallel()
			tr := newTestRoom(t, t.TempDir())
			tr.issue(t, 1)
			var batch []inventory.Intent
			must(t, tr.do(t, func(r *room.Room) error {
				a := r.Authorities["ca"]
				batch = []inventory.Intent{prepareIntent(t, r, a, "one"), prepareIntent(t, r, a, "two")}
				step.stop(t, r, a, batch)
				return nil
			}))
			for range 2 { // the second opening finds nothing to do
				must(t, tr.do(t, func(r *room.Room) error { return checkFinished(t, r, batch, step.want) }))
			}
		})
	}
}

func prepareIntent(t *testing.T, r *room.Room, a *room.Authority, name string) inventory.Intent {
	t.Helper()
	csr, err := x509.CreateCertificateRequest(rand.Reader,
		&x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, testKey(name))
	must(t, err)
	serial, number, err := room.NewSerial()
	must(t, err)
	key, err := r.Key(t.Context(), a.Key)
	must(t, err)
	q := room.Order{Profile: a.Subscribers.Profile, Validity: a.Subscribers.Validity,
		Request: cert.Request{CSR: csr, Issuer: a.Certificate, Signer: key, Serial: number, Now: r.Now}}
	orders := []room.Order{q}
	must(t, r.Profiles(a, orders))
	q = orders[0]
	r.Complete(a, &q, serial)
	p, err := cert.Prepare(t.Context(), q.Request)
	must(t, err)
	return q.Intent(serial, p)
}

func checkFinished(t *testing.T, r *room.Room, batch []inventory.Intent, want inventory.State) error {
	t.Helper()
	var entries, finished, total int64
	for e, err := range r.Log.Log().Entries(t.Context(), 0, r.Log.Log().Size()) {
		must(t, err)
		if e.Issuance != nil {
			entries, total = entries+1, e.Issuance.Total
		}
		if e.Evidence != nil && e.Evidence.Kind == "issuance-finished" {
			finished++
		}
	}
	// the CA's certificate and the first subscriber's
	wantEntries, wantTotal, wantFinished := int64(2), int64(2), int64(0)
	if want == inventory.Issued {
		wantEntries, wantTotal, wantFinished = 3, 4, 1
	}
	if entries != wantEntries || total != wantTotal || finished != wantFinished {
		t.Errorf("%d issuance entries with a total of %d, %d finished; want %d, %d, %d", entries, total, finished,
			wantEntries, wantTotal, wantFinished)
	}
	for _, i := range batch {
		e, err := r.Inventory.Get(t.Context(), "ca", i.Serial)
		if err != nil {
			return err
		}
		if e.State != want {
			t.Errorf("serial %x is %s, want %s", i.Serial, e.State, want)
		}
		if want != inventory.Issued {
			continue
		}
		c, err := x509.ParseCertificate(e.DER)
		if err != nil {
			return err
		}
		salt := [ledger.SaltSize]byte(i.Salt)
		if ledger.Commit(salt, c.RawTBSCertificate) != ledger.Commit(salt, i.TBS) ||
			c.CheckSignatureFrom(r.Authorities["ca"].Certificate) != nil {
			t.Errorf("serial %x is not the certificate that was committed to", i.Serial)
		}
	}
	return nil
}

// TestOlderMasterAfterInterruption: certificates were recorded, the process was killed, and the master is put back to
// what it was before the commitment to them. The position of the inventory is not behind that, and the room is refused
// all the same.
func TestOlderMasterAfterInterruption(t *testing.T) {
	t.Parallel()
	tr := newTestRoom(t, t.TempDir())
	tr.issue(t, 1)
	master, older := filepath.Join(tr.dir, "master"), filepath.Join(tr.dir, "older")
	must(t, os.CopyFS(older, os.DirFS(master)))
	must(t, tr.do(t, func(r *room.Room) error {
		csr, err := x509.CreateCertificateRequest(rand.Reader,
			&x509.CertificateRequest{Subject: pkix.Name{CommonName: "two"}}, testKey("two"))
		must(t, err)
		j, err := r.Subscribers(t.Context(), room.SubscriberRequests{Issuer: "ca", CSRs: []room.CSR{{Data: csr}}})
		must(t, err)
		_, err = r.IssueNow(t.Context(), j)
		return err
	}))
	must(t, os.RemoveAll(master), os.Rename(older, master))
	_, err := tr.open(t)
	var refused *room.RecordError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "the master is an older copy") {
		t.Errorf("a master without the commitment: %v", err)
	}
}
