package room_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync/atomic"
	"testing"

	"seihon/hsmsign/room"
	"seihon/inventory"
	"seihon/ledger"
)

// A faultyKey does something just before one of its signatures.
type faultyKey struct {
	crypto.Signer
	at    atomic.Int64 // 1: the next signature
	fault func() error
}

func (k *faultyKey) Sign(random io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	if k.at.Add(-1) == 0 {
		if err := k.fault(); err != nil {
			return nil, err
		}
	}
	return k.Signer.Sign(random, digest, o)
}

var errFault = errors.New("the fault of this test")

// An issuanceFault is one way in which issuing for subscribers ends early: five requests, three to a batch.
type issuanceFault struct {
	name    string
	trigger string // a condition of the database at which a write fails
	key     string // whose signature fails
	at      int64  // which one
	cancel  bool   // the key signs, and the command is interrupted
	want    int    // how many certificates are there once the room was opened again
}

// In a batch the log key signs twice, the commitment and what the inventory changed; the CA's key signs three times, at
// once.
var issuanceFaults = []issuanceFault{
	{name: "at reserving", trigger: `BEFORE INSERT ON reserved`},
	{name: "in the middle of reserving",
		trigger: `BEFORE INSERT ON certificates WHEN NEW.state = 0 AND (SELECT count(*) FROM certificates WHERE state = 0) = 1`},
	{name: "at committing", key: "log", at: 1},
	{name: "at a signature and at keeping what is not signed", key: "ca", at: 2, trigger: `BEFORE INSERT ON pending`,
		want: 3},
	{name: "before the first signature", key: "ca", at: 1, want: 3},
	{name: "before another signature", key: "ca", at: 2, want: 3},
	{name: "after the signatures, before the record", key: "ca", at: 3, cancel: true, want: 3},
	{name: "at the record", trigger: `BEFORE INSERT ON bodies`, want: 3},
	{name: "in the middle of the record", trigger: `BEFORE INSERT ON bodies WHEN (SELECT count(*) FROM bodies) > 3`,
		want: 3},
	{name: "after the record, before the log has it", key: "log", at: 2, want: 3},
	{name: "at marking what the log has",
		trigger: `BEFORE UPDATE OF recorded ON certificates WHEN NEW.recorded = 1 AND NEW.state = 1`, want: 3},
	{name: "at committing to the second batch", key: "log", at: 3, want: 3},
	{name: "at the signatures of the second batch", key: "ca", at: 4, want: 5},
	{name: "after the record of the second batch", key: "log", at: 4, want: 5},
}

// TestIssuanceFaults lets each step fail, opens the room again, and repeats the command: every commitment is opened by
// exactly one certificate each time, each request has one certificate in the end, and what was handed out stays what it
// was.
func TestIssuanceFaults(t *testing.T) {
	for _, fault := range issuanceFaults {
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			tr := newTestRoom(t, t.TempDir())
			tr.issue(t, 1)
			var csrs []room.CSR
			for n := range 5 {
				csr, err := x509.CreateCertificateRequest(rand.Reader,
					&x509.CertificateRequest{Subject: pkix.Name{CommonName: fmt.Sprint(n)}},
					testKey(fmt.Sprint("fault ", n)))
				must(t, err)
				csrs = append(csrs, room.CSR{Name: fmt.Sprint(n), Data: csr})
			}
			handed := map[int][]byte{}
			if err := fault.issue(t, tr, csrs, handed); err == nil {
				t.Fatal("nothing failed")
			}
			must(t, tr.do(t, func(r *room.Room) error {
				if n := checkCommitments(t, r); n != fault.want+2 { // the CA's and the first subscriber's
					t.Errorf("%d certificates after the room was opened again, want %d", n-2, fault.want)
				}
				return nil
			}))
			must(t, tr.do(t, func(r *room.Room) error {
				if err := issueAll(t.Context(), r, csrs, handed, t); err != nil {
					return err
				}
				if n := checkCommitments(t, r); n != 5+2 || len(handed) != 5 {
					t.Errorf("%d certificates in the end, %d handed out, want 5", n-2, len(handed))
				}
				return nil
			}))
		})
	}
}

// issue issues until the fault.
func (f *issuanceFault) issue(t *testing.T, tr *testRoom, csrs []room.CSR, handed map[int][]byte) error {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	good := tr.keys[f.key]
	key := &faultyKey{Signer: good, fault: func() error { return errFault }}
	if f.cancel {
		key.fault = func() error { cancel(); return nil }
	}
	if f.key != "" {
		tr.keys[f.key] = key
		defer func() { tr.keys[f.key] = good }()
	}
	return tr.do(t, func(r *room.Room) error {
		r.Config.Signer.Sessions = 1
		key.at.Store(f.at)
		if f.trigger != "" {
			file := filepath.Join(tr.dir, "inventory.db")
			execSQL(t,
				file, `CREATE TRIGGER fault `+f.trigger+` BEGIN SELECT RAISE(ABORT, 'the fault of this test'); END`)
			defer execSQL(t, file, `DROP TRIGGER fault`)
		}
		return issueAll(ctx, r, csrs, handed, t)
	})
}

func execSQL(t *testing.T, file, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	must(t, err)
	_, err = db.Exec(statement)
	must(t, err, db.Close())
}

func issueAll(ctx context.Context, r *room.Room, csrs []room.CSR, handed map[int][]byte, t *testing.T) error {
	j, err := r.Subscribers(ctx, room.SubscriberRequests{Issuer: "ca", CSRs: csrs, Batch: 3})
	if err != nil {
		return err
	}
	return j.Issue(ctx, func(n int, s room.Subscriber) error {
		if s.Subject.CommonName != csrs[n].Name {
			t.Errorf("request %s got the certificate of %s", csrs[n].Name, s.Subject.CommonName)
		}
		if had := handed[n]; had != nil && string(had) != string(s.Raw) {
			t.Errorf("request %s has another certificate than it had", csrs[n].Name)
		}
		handed[n] = s.Raw
		return nil
	})
}

// checkCommitments opens every commitment of the log with the inventory, and returns the number of certificates.
func checkCommitments(t *testing.T, r *room.Room) (n int) {
	t.Helper()
	leaves := map[int64]map[int64]ledger.Commitment{}
	subjects := map[string]bool{}
	for x, err := range r.Inventory.Export(t.Context(), "ca") {
		must(t, err)
		if x.State == inventory.Reserved {
			continue // its serial was taken, and the log never committed to it
		}
		c, err := x509.ParseCertificate(x.DER)
		must(t, err)
		if x.Salt == nil || subjects[c.Subject.String()] {
			t.Errorf("serial %x of %s has no commitment, or is another certificate of one request", x.Serial, c.Subject)
			continue
		}
		subjects[c.Subject.String()] = true
		if leaves[x.Index] == nil {
			leaves[x.Index] = map[int64]ledger.Commitment{}
		}
		leaves[x.Index][x.Leaf] = ledger.Commit([ledger.SaltSize]byte(x.Salt), c.RawTBSCertificate)
		n++
	}
	index := int64(-1)
	for e, err := range r.Log.Log().Entries(t.Context(), 0, r.Log.Log().Size()) {
		must(t, err)
		if index++; e.Issuance == nil {
			continue
		}
		root, count := ledger.CommitmentRoot(func(yield func(ledger.Commitment) bool) {
			for leaf := range e.Issuance.Count {
				if !yield(leaves[index][leaf]) {
					return
				}
			}
		})
		if root != e.Issuance.Root || count != int64(len(leaves[index])) {
			t.Errorf("entry %d commits to %d certificates, the inventory has %d of them, or others", index,
				e.Issuance.Count, len(leaves[index]))
		}
		delete(leaves, index)
	}
	if len(leaves) > 0 {
		t.Errorf("certificates with commitments of %d entries that are not there", len(leaves))
	}
	return n
}
