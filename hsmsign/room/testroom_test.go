package room_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"seihon/hsmsign/room"
	"seihon/hsmsign/schedule"
	"seihon/internal/config"
	"seihon/inventory"
	"seihon/ledger"
)

// A testRoom is a signing room in a folder, with keys in memory instead of an
// HSM: thousands of runs can be made of it. What it signs is what the real one does.
type testRoom struct {
	dir  string
	now  time.Time
	keys map[string]crypto.Signer

	reason string // to accept a clock that does not fit
}

const roomYAML = `version: 1
repository: {name: room.example, base_url: "http://room.example"}
master: {directory: master, keys: [keys/log.vkey]}
trust: {anchors: [ca/ca.pem]}
signer: {module: none, token: none, policy: trial, pin: {file: pin}, inventory: inventory.db, log_keys: [log]}
issuers:
  - name: ca
    subject: {country: JP, organization: Example, common_name: CA}
    validity: 10y
    key: {algorithm: p256}
    crl: {validity: 3d, refresh: 1d}
    ocsp: {validity: 3d, refresh: 1d, certid: sha256}
    subscribers: {validity: 30d}
`

func testKey(label string) *ecdsa.PrivateKey {
	seed := sha256.Sum256([]byte(label))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:])
	if err != nil {
		panic(err)
	}
	return key
}

// newTestRoom writes configuration and keys and makes log and inventory.
func newTestRoom(t testing.TB, dir string) *testRoom {
	t.Helper()
	return newTestRoomOf(t, dir, roomYAML, "ca")
}

// newTestRoomOf does that for another configuration, with one key beside the log's.
func newTestRoomOf(t testing.TB, dir, yaml, label string) *testRoom {
	t.Helper()
	tr := &testRoom{dir: dir, now: time.Date(2026, 11, 2, 3, 0, 0, 0, time.UTC),
		keys: map[string]crypto.Signer{"log": testKey("log"), label: testKey(label)}}
	must(t, os.MkdirAll(filepath.Join(dir, "keys"), 0o755),
		os.WriteFile(filepath.Join(dir, "repository.yaml"), []byte(yaml), 0o644))
	vkey, err := ledger.VKey("room.example/master", tr.keys["log"].Public())
	must(t, err, os.WriteFile(filepath.Join(dir, "keys/log.vkey"), []byte(vkey+"\n"), 0o644))
	spki, err := x509.MarshalPKIXPublicKey(tr.keys[label].Public())
	must(t, err, os.WriteFile(filepath.Join(dir, "keys/"+label+".pub.pem"),
		pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}), 0o644))
	r := tr.room(t)
	must(t, r.Begin(t.Context(), tr.signers(t)))
	return tr
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func (tr *testRoom) signers(t testing.TB) []note.Signer {
	s, err := ledger.NewNoteSigner("room.example/master", tr.keys["log"])
	must(t, err)
	return []note.Signer{s}
}

// room is a room that has opened nothing yet.
func (tr *testRoom) room(t testing.TB) *room.Room {
	t.Helper()
	conf, err := config.Load(filepath.Join(tr.dir, "repository.yaml"))
	must(t, err)
	return room.Unopened(conf, func() time.Time { return tr.now }, tr.reason,
		func(label string) (crypto.Signer, error) {
			if key := tr.keys[label]; key != nil {
				return key, nil
			}
			return nil, fmt.Errorf("no key %q", label)
		})
}

// open opens the room as [Open] does.
func (tr *testRoom) open(t testing.TB) (*room.Room, error) {
	r := tr.room(t)
	err := r.OpenLog(t.Context(), tr.signers(t))
	if err == nil {
		err = r.OpenRest(t.Context())
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// do opens the room, runs fn and closes it.
func (tr *testRoom) do(t testing.TB, fn func(*room.Room) error) error {
	r, err := tr.open(t)
	if err != nil {
		return err
	}
	return errors.Join(fn(r), r.Close())
}

// issue issues the CA's certificate and n subscriber certificates, and returns their serials.
func (tr *testRoom) issue(t testing.TB, n int) (serials [][]byte) {
	t.Helper()
	must(t, tr.do(t, func(r *room.Room) error {
		c, err := r.IssueCA(t.Context(), "ca")
		if err != nil {
			return err
		}
		if _, err := r.Commit(t.Context(), "ca"); err != nil {
			return err
		}
		must(t, os.MkdirAll(filepath.Join(tr.dir, "ca"), 0o755),
			os.WriteFile(filepath.Join(tr.dir, "ca/ca.pem"),
				pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}), 0o644))
		return nil
	}))
	must(t, tr.do(t, func(r *room.Room) error {
		for i := range n {
			name := fmt.Sprintf("subscriber %d", i)
			csr, err := x509.CreateCertificateRequest(rand.Reader,
				&x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, testKey(name))
			if err != nil {
				return err
			}
			j, err := r.Subscribers(t.Context(), room.SubscriberRequests{Issuer: "ca", CSRs: []room.CSR{{Data: csr}}})
			if err != nil {
				return err
			}
			certs, err := r.IssueNow(t.Context(), j)
			if err != nil {
				return err
			}
			serial, err := inventory.SerialOf(certs[0].SerialNumber)
			if err != nil {
				return err
			}
			serials = append(serials, serial)
		}
		_, err := r.Commit(t.Context(), "subscribers")
		return err
	}))
	return serials
}

// revoke records a revocation as the operator would.
func (tr *testRoom) revoke(t testing.TB, serial []byte, reason int) error {
	r := tr.room(t)
	db, err := inventory.Open(t.Context(),
		inventory.Config{DSN: room.InventoryDSN(r.Config.Signer), Now: r.Now, Existing: true})
	if err != nil {
		return err
	}
	return errors.Join(db.Revoke(t.Context(), "ca", serial, inventory.Revocation{Time: tr.now, Reason: reason},
		inventory.RevokeOptions{}), db.Close())
}

// run signs everything, due or not.
func (tr *testRoom) run(t testing.TB) error {
	return tr.do(t, func(r *room.Room) error {
		_, err := schedule.Run(t.Context(), r, schedule.Force{CRLs: true, Responses: true})
		return err
	})
}
