package inventory

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/binary"
	cmdline "flag"
	"math/big"
	"path/filepath"
	"testing"
	"time"

	"seihon/artifact"
)

var benchRevoked = cmdline.Int("revoked", 20_000, "revoked certificates of BenchmarkRevokedWithKey")

// bodyMaker returns a function that makes certificates with different keys from one: fast, and with a signature that is
// wrong.
func bodyMaker(tb testing.TB) func(n int) []byte {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(7),
		Subject:      pkix.Name{Country: []string{"JP"}, Organization: []string{"Example"}, CommonName: "subscriber"},
		NotBefore:    noon, NotAfter: noon.AddDate(2, 0, 0),
	}, &x509.Certificate{Subject: pkix.Name{CommonName: "Example CA"}}, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}
	info := artifact.KeyInfo(der)
	at := bytes.Index(der, info) + len(info) - 8
	return func(n int) []byte {
		out := bytes.Clone(der)
		binary.BigEndian.PutUint64(out[at:], uint64(n))
		return out
	}
}

// fillRevoked writes n revoked certificates, as the tables of version 3 had them: without the table keys.
func fillRevoked(tb testing.TB, dsn string, n int) func(int) []byte {
	tb.Helper()
	db, err := Open(tb.Context(), Config{DSN: dsn, Now: func() time.Time { return noon }})
	if err != nil {
		tb.Fatal(err)
	}
	if err := db.AddIssuer(tb.Context(), Issuer{Name: "sub", Key: artifact.Sum(nil)}); err != nil {
		tb.Fatal(err)
	}
	body := bodyMaker(tb)
	err = db.update(tb.Context(), "filling", func(tx *sql.Tx) error {
		for _, s := range []string{
			`DROP TABLE keys`, `DROP TABLE reserved`, `DROP TABLE bodies`, `ALTER TABLE imports DROP COLUMN listed`,
			`UPDATE meta SET version = 3`,
			`CREATE TABLE bodies (key_id INTEGER NOT NULL, serial BLOB NOT NULL, der BLOB NOT NULL, PRIMARY KEY (key_id, serial))`,
			`CREATE TABLE issuance (key_id INTEGER NOT NULL, serial BLOB NOT NULL, issuer_id INTEGER NOT NULL, salt BLOB NOT NULL, entry INTEGER NOT NULL,
				leaf INTEGER NOT NULL, csr BLOB, PRIMARY KEY (key_id, serial)) WITHOUT ROWID`,
			`CREATE INDEX issuance_csr ON issuance (csr, issuer_id) WHERE csr IS NOT NULL`,
			`INSERT INTO issuance VALUES (1, x'010000000000000000', 1, zeroblob(32), 5, 2, x'aa')`,
		} {
			if _, err := tx.Exec(s); err != nil {
				return err
			}
		}
		row, err := tx.Prepare(`INSERT INTO certificates VALUES (1, ?1, 1, 2, '', 0, 1, 0, 0, '', '', ?2, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1)`)
		if err != nil {
			return err
		}
		der, err := tx.Prepare(`INSERT INTO bodies VALUES (1, ?1, ?2)`)
		if err != nil {
			return err
		}
		for i := range n {
			serial := binary.BigEndian.AppendUint64([]byte{1}, uint64(i))
			if _, err := row.Exec(serial, noon.Unix()+int64(i*7919%n)); err != nil {
				return err
			}
			if _, err := der.Exec(serial, body(i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	if err := db.Close(); err != nil {
		tb.Fatal(err)
	}
	return body
}

// revokedWith returns the serials of the revoked certificates with the key of a body.
func revokedWith(tb testing.TB, db *DB, der []byte) (serials [][]byte) {
	tb.Helper()
	for e, err := range db.RevokedWithKey(tb.Context(), artifact.Digest(keyOf(der))) {
		if err != nil {
			tb.Fatal(err)
		}
		if e.Issuer != "sub" || e.Revocation.Reason != 1 || !bytes.Equal(e.DER, der) {
			tb.Errorf("found %+v", e)
		}
		serials = append(serials, e.Serial)
	}
	return serials
}

// TestUpgradeFrom3: every certificate is found by its key afterwards, in more than one page.
func TestUpgradeFrom3(t *testing.T) {
	const n = 2500
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "inventory.db")
	body := fillRevoked(t, dsn, n)
	for range 2 { // the second time there is nothing to do
		db, err := Open(t.Context(), Config{DSN: dsn})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range []int{0, 1, 999, 1000, 1001, n - 1} {
			if got := revokedWith(t, db, body(i)); len(got) != 1 || binary.BigEndian.Uint64(got[0][1:]) != uint64(i) {
				t.Errorf("key %d: found %x", i, got)
			}
		}
		if got := revokedWith(t, db, body(n)); got != nil {
			t.Errorf("a key that nobody has: found %x", got)
		}
		for x, err := range db.Export(t.Context(), "sub") {
			if first := binary.BigEndian.Uint64(x.Entry.Serial[1:]) == 0; err != nil ||
				first != (len(x.Salt) == 32 && x.Index == 5 && x.Leaf == 2) {
				t.Fatalf("export: %+v, %v", x, err)
			}
		}
		if e, err := db.Issuance(t.Context(), "sub", []byte{0xaa}); err != nil ||
			binary.BigEndian.Uint64(e.Serial[1:]) != 0 {
			t.Errorf("the certificate of a request: %+v, %v", e, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStaleKey: a row of the index whose certificate has another key by now says nothing.
func TestStaleKey(t *testing.T) {
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "inventory.db")
	body := fillRevoked(t, dsn, 2)
	db, err := Open(t.Context(), Config{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.write.Exec(`UPDATE bodies SET der = ?1 WHERE serial = ?2`, body(9),
		binary.BigEndian.AppendUint64([]byte{1}, 1)); err != nil {
		t.Fatal(err)
	}
	if got := revokedWith(t, db, body(1)); got != nil {
		t.Errorf("found %x", got)
	}
}

// BenchmarkRevokedWithKey looks for one key among the revoked certificates, by the table of keys and by reading all of
// them, as it was before there was one. -revoked says how many there are.
func BenchmarkRevokedWithKey(b *testing.B) {
	dsn := "sqlite:" + filepath.Join(b.TempDir(), "inventory.db")
	body := fillRevoked(b, dsn, *benchRevoked)
	start := time.Now()
	db, err := Open(b.Context(), Config{DSN: dsn})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	b.Logf("indexing %d certificates took %v", *benchRevoked, time.Since(start).Round(time.Millisecond))
	wanted := body(*benchRevoked / 2)
	b.Run("index", func(b *testing.B) {
		for b.Loop() {
			if got := revokedWith(b, db, wanted); len(got) != 1 {
				b.Fatalf("found %x", got)
			}
		}
	})
	b.Run("scan", func(b *testing.B) {
		all := `SELECT x'', i.name, c.serial, c.state, c.revoked_at, c.reason, c.invalidity, b.der FROM certificates c
			JOIN bodies b ON b.key_id = c.key_id AND b.serial = c.serial JOIN issuers i ON i.id = c.issuer_id
			WHERE c.state = ?1 AND c.revoked_at IS NOT NULL ORDER BY c.revoked_at, c.serial`
		for b.Loop() {
			found := 0
			for e, err := range stream(b.Context(), db.read, "reading all", scanCertifiedKey, all, int(Revoked)) {
				if err != nil {
					b.Fatal(err)
				}
				if bytes.Equal(keyOf(e.DER), keyOf(wanted)) {
					found++
				}
			}
			if found != 1 {
				b.Fatalf("found %d", found)
			}
		}
	})
}
