package inventory

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"seihon/artifact"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func TestNewSerial(t *testing.T) {
	for range 100 {
		serial, err := NewSerial(rand.Reader)
		if err != nil || len(serial) != 16 || CheckSerial(serial) != nil {
			t.Fatalf("serial is %x, %v", serial, err)
		}
	}
	if _, err := NewSerial(strings.NewReader("short")); err == nil {
		t.Error("a broken source of randomness was accepted")
	}
}

func TestSerials(t *testing.T) {
	for text, want := range map[string]string{"1": "\x01", "0a": "\x0a", "80": "\x00\x80", "00:00:80": "\x00\x80",
		"0001": "\x01",
		"0x1":  "\x01", " 1": "\x01", "0X0A": "\x0a", "0A:1B": "\x0a\x1b", "0a 1b": "\x0a\x1b"} {
		if got, err := ParseSerial(text); err != nil || string(got) != want {
			t.Errorf("%q parses to %x, %v, want %x", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "xx", "0x", "0x0", "-1", "0x-1", strings.Repeat("7f", 21),
		strings.Repeat("80", 20)} {
		if got, err := ParseSerial(text); err == nil {
			t.Errorf("%q parses to %x", text, got)
		}
	}
	if got, err := SerialOf(big.NewInt(128)); err != nil || string(got) != "\x00\x80" {
		t.Errorf("128 is %x, %v", got, err)
	}
	for _, n := range []*big.Int{nil, big.NewInt(0), big.NewInt(-1), new(big.Int).Lsh(big.NewInt(1), 159)} {
		if got, err := SerialOf(n); err == nil {
			t.Errorf("%v is %x", n, got)
		}
	}
}

func TestShardOf(t *testing.T) {
	// SHA-256("abc") begins ba78.
	for shards, want := range map[int]int{0: 0, 1: 0, 2: 0xba78 % 2, 1000: 0xba78 % 1000, 65536: 0xba78} {
		if got := ShardOf([]byte("abc"), shards); got != want {
			t.Errorf("shard of %d is %d, want %d", shards, got, want)
		}
	}
}

func TestReasons(t *testing.T) {
	for text, want := range map[string]int{"": NoReason, "keyCompromise": 1, "CACompromise": 2, "cacompromise": 2,
		"10": 10, "unspecified": 0} {
		if got, err := ParseReason(text); err != nil || got != want {
			t.Errorf("%q is %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"7", "11", "99", "-1", "-2", "whim"} {
		if got, err := ParseReason(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
	if ReasonName(NoReason) != "" || ReasonName(9) != "privilegeWithdrawn" || ReasonName(99) != "99" {
		t.Error("names of reasons are wrong")
	}
}

// TestSpool sorts more than fits in its buffer.
func TestSpool(t *testing.T) {
	dir := t.TempDir()
	s := &spool{dir: dir, limit: 2000}
	defer s.close()
	var want []string
	for n := range 500 {
		r := Record{Certificate: Certificate{Serial: fmt.Appendf(nil, "A%d", (n*7919)%500),
			Kind: artifact.CACertificate, Subject: "CN=x", DER: []byte{1}, NotBefore: noon},
			State: Revoked, Revocation: Revocation{Time: noon, Reason: NoReason, InvalidityDate: noon.Add(-time.Hour)}}
		if err := s.add(&r); err != nil {
			t.Fatal(err)
		}
		want = append(want, string(r.Serial))
	}
	slices.Sort(want)
	if len(s.runs) < 5 {
		t.Fatalf("only %d runs: the test sorts nothing", len(s.runs))
	}
	var got []string
	for r, err := range s.sorted() {
		if err != nil {
			t.Fatal(err)
		}
		if r.Kind != artifact.CACertificate || r.Subject != "CN=x" || len(r.DER) != 1 || r.NotBefore != noon ||
			!r.NotAfter.IsZero() ||
			r.Revocation != (Revocation{Time: noon, Reason: NoReason, InvalidityDate: noon.Add(-time.Hour)}) {
			t.Fatalf("record reads back as %+v", r)
		}
		got = append(got, string(r.Serial))
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d records, not in order", len(got))
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("files are left: %v, %v", left, err)
	}
	// A damaged run ends the stream with an error.
	if err := s.runs[0].Truncate(100); err != nil {
		t.Fatal(err)
	}
	failed := false
	for _, err := range s.sorted() {
		failed = failed || err != nil
	}
	if !failed {
		t.Error("a truncated run went unnoticed")
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.db")
	if err := os.WriteFile(garbage, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, dsn := range map[string]string{
		"no scheme":      "inventory.db",
		"no path":        "sqlite:",
		"missing folder": "sqlite:" + filepath.Join(dir, "none", "inventory.db"),
		"no database":    "sqlite:" + garbage,
		"no server":      "postgres://user:secret@127.0.0.1:1/none?connect_timeout=2",
		"bad URL":        "postgres://user:secret@[::1:99/none",
	} {
		db, err := Open(t.Context(), Config{DSN: dsn})
		if err == nil {
			db.Close()
			t.Errorf("%s: opened", name)
			continue
		}
		if !strings.HasPrefix(err.Error(), "opening inventory") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

// TestOpenAtOnce: processes that start together all get the tables.
func TestOpenAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a folder?#%", "inventory.db")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			db, err := Open(t.Context(), Config{DSN: "sqlite:" + path})
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := db.Issuers(t.Context()); err != nil {
				t.Error(err)
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v, want mode 0600", fi.Mode(), err)
	}
}

func TestOpenOtherVersion(t *testing.T) {
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "inventory.db")
	db, err := Open(t.Context(), Config{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.write.Exec(`UPDATE meta SET version = ?1`, schemaVersion+1); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Config{DSN: dsn}); err == nil ||
		!strings.Contains(err.Error(), fmt.Sprintf("schema version is %d", schemaVersion+1)) {
		t.Errorf("error is %v", err)
	}
}

// TestUpgrade opens tables of version 1: all that was there counts as not recorded.
func TestUpgrade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "inventory.db")
	db, err := Open(t.Context(), Config{DSN: "sqlite:" + path, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	old := []string{
		`DROP INDEX certificates_unrecorded`, `DROP INDEX events_unrecorded`,
		`ALTER TABLE certificates DROP COLUMN recorded`, `ALTER TABLE counters DROP COLUMN recorded`,
		`ALTER TABLE events DROP COLUMN requested_by`, `ALTER TABLE events DROP COLUMN request`,
		`ALTER TABLE events DROP COLUMN recorded`,
		`ALTER TABLE imports DROP COLUMN recorded`, `ALTER TABLE imports DROP COLUMN listed`, `DROP TABLE pending`,
		`DROP TABLE masters`, `UPDATE meta SET version = 1`,
		`DROP TABLE bodies`,
		`CREATE TABLE bodies (key_id INTEGER NOT NULL, serial BLOB NOT NULL, der BLOB NOT NULL, PRIMARY KEY (key_id, serial))`,
		`INSERT INTO certificates VALUES (1, x'01', 1, 1, '', 0, 0, 0, 0, '', '', NULL, -1, 0, 0, 0, 0, 0, 0, 0, 1, 0)`,
	}
	for _, s := range old {
		if _, err := db.write.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing to do
		if db, err = Open(t.Context(), Config{DSN: "sqlite:" + path}); err != nil {
			t.Fatal(err)
		}
		var recorded int
		if err := db.read.QueryRow(`SELECT recorded FROM certificates WHERE serial = x'01'`).Scan(&recorded); err != nil || recorded != 0 {
			t.Errorf("recorded is %d, %v", recorded, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestUpgradeFrom5 opens tables in which no import was a list that stands for its rows.
func TestUpgradeFrom5(t *testing.T) {
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "inventory.db")
	db, err := Open(t.Context(), Config{DSN: dsn, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{`ALTER TABLE imports DROP COLUMN listed`, `UPDATE meta SET version = 5`} {
		if _, err := db.write.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing to do
		if db, err = Open(t.Context(), Config{DSN: dsn}); err != nil {
			t.Fatal(err)
		}
		if _, err := db.read.Exec(`SELECT listed FROM imports`); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestUpgradeFrom7 opens tables in which what only a list says has a row for each entry: they stay, and the next list
// adds blocks.
func TestUpgradeFrom7(t *testing.T) {
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "inventory.db")
	db, err := Open(t.Context(), Config{DSN: dsn, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.AddIssuer(t.Context(), Issuer{Name: "sub", Key: artifact.Sum(nil)}); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		`INSERT INTO certificates VALUES (1, x'20', 1, 2, '', 0, 2, 0, 0, '', '', 1700000000, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1)`, `DROP TABLE listed`, `UPDATE meta SET version = 7`,
	} {
		if _, err := db.write.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if db, err = Open(t.Context(), Config{DSN: dsn, Now: func() time.Time { return noon }}); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	entries := recordList{{State: Revoked, Revocation: Revocation{Time: time.Unix(1700000000, 0), Reason: 1},
		Certificate: Certificate{Serial: []byte{0x20}}}}
	for n := range listedRows {
		entries = append(entries, Record{State: Revoked, Revocation: Revocation{Time: noon, Reason: 1},
			Certificate: Certificate{Serial: []byte{0x21, byte(n >> 8), byte(n)}}})
	}
	res, err := db.Import(t.Context(),
		Import{Issuer: "sub", Source: entries,
			List: &List{Kind: artifact.SubscriberCertificate, Total: int64(len(entries))}})
	if err != nil || res.Unchanged != 1 || res.Added != listedRows {
		t.Errorf("the next list: %+v, %v", res, err)
	}
	var rows, blocks int
	if err := db.read.QueryRow(`SELECT (SELECT count(*) FROM certificates), (SELECT count(*) FROM listed)`).Scan(&rows,
		&blocks); err != nil || rows != 1 || blocks != 1 {
		t.Errorf("%d rows, %d blocks, %v", rows, blocks, err)
	}
	if n, err := db.Counts(t.Context(), "sub"); err != nil || n.Revoked != listedRows+1 {
		t.Errorf("%+v, %v", n, err)
	}
}

// TestUpgradeFrom2 opens tables of version 2 with a certificate, and one that is to be signed: both are still what they
// were.
func TestUpgradeFrom2(t *testing.T) {
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "inventory.db")
	db, err := Open(t.Context(), Config{DSN: dsn, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.AddIssuer(t.Context(), Issuer{Name: "sub", Key: artifact.Sum(nil)}); err != nil {
		t.Fatal(err)
	}
	if err := db.Reserve(t.Context(), "sub", []byte{1}, []byte{2}, []byte{3}); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		`DROP TABLE pending`, `UPDATE meta SET version = 2`, `ALTER TABLE imports DROP COLUMN listed`,
		`DROP TABLE bodies`,
		`CREATE TABLE bodies (key_id INTEGER NOT NULL, serial BLOB NOT NULL, der BLOB NOT NULL, PRIMARY KEY (key_id, serial))`,
		`INSERT INTO bodies SELECT key_id, serial, x'3000' FROM certificates WHERE serial = x'01'`,
		`CREATE TABLE issuance (key_id INTEGER NOT NULL, serial BLOB NOT NULL, issuer_id INTEGER NOT NULL, salt BLOB NOT NULL, tbs BLOB, entry INTEGER NOT NULL,
			leaf INTEGER NOT NULL, place TEXT NOT NULL DEFAULT '', name TEXT NOT NULL DEFAULT '', subject_key BLOB, csr BLOB, PRIMARY KEY (key_id, serial)) WITHOUT ROWID`,
		`CREATE INDEX issuance_unsigned ON issuance (issuer_id, entry, leaf) WHERE tbs IS NOT NULL`,
		`CREATE INDEX issuance_csr ON issuance (csr, issuer_id) WHERE csr IS NOT NULL`,
		`INSERT INTO issuance SELECT key_id, serial, issuer_id, zeroblob(32), NULL, 7, 0, 'log', '', NULL, x'c1' FROM certificates WHERE serial = x'01'`,
		`INSERT INTO issuance SELECT key_id, serial, issuer_id, zeroblob(32), x'30', 8, 0, 'log', 'n', x'aa', x'c2' FROM certificates WHERE serial = x'02'`,
		`INSERT INTO issuance SELECT key_id, serial, issuer_id, zeroblob(32), x'30', -1, 0, 'log', '', NULL, NULL FROM certificates WHERE serial = x'03'`,
	} {
		if _, err := db.write.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing to do
		if db, err = Open(t.Context(), Config{DSN: dsn}); err != nil {
			t.Fatal(err)
		}
		var pending []Intent
		for p, err := range db.Pending(t.Context(), "sub", "log") {
			if err != nil {
				t.Fatal(err)
			}
			pending = append(pending, p)
		}
		want := []Intent{{Serial: []byte{2}, Salt: make([]byte, 32), TBS: []byte{0x30}, Name: "n",
			SubjectKey: []byte{0xaa}, CSR: []byte{0xc2}, Entry: 8}}
		if !reflect.DeepEqual(pending, want) {
			t.Errorf("pending: %+v", pending)
		}
		for serial, csr := range map[byte]byte{1: 0xc1, 2: 0xc2} {
			if e, err := db.Issuance(t.Context(), "sub", []byte{csr}); err != nil ||
				!bytes.Equal(e.Serial, []byte{serial}) {
				t.Errorf("request %x: %+v, %v", csr, e, err)
			}
		}
		for x, err := range db.Export(t.Context(), "sub") {
			reserved := x != nil && bytes.Equal(x.Entry.Serial, []byte{3})
			if err != nil || (x.Salt == nil) != reserved || !reserved && x.Index != int64(6+x.Entry.Serial[0]) {
				t.Errorf("export: %+v, %v", x, err)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if db, err = Open(t.Context(), Config{DSN: dsn}); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if n, err := db.DropUncommitted(t.Context(), "log"); err != nil || n != 1 {
		t.Errorf("dropped %d, %v; want what was only reserved", n, err)
	}
}

// TestCancelled: an import that is interrupted leaves nothing behind.
func TestCancelled(t *testing.T) {
	db, err := Open(t.Context(),
		Config{DSN: "sqlite:" + filepath.Join(t.TempDir(), "inventory.db"), Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.AddIssuer(t.Context(), Issuer{Name: "sub", Key: artifact.Sum(nil)}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.Reserve(ctx, "sub", []byte{1}); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	n, err := db.Counts(t.Context(), "sub")
	if err != nil || n != (Counts{Shards: 1}) {
		t.Errorf("counts are %+v, %v", n, err)
	}
}

// TestDiskFull: an import for which there is no room leaves nothing behind,
// and the inventory goes on working.
func TestDiskFull(t *testing.T) {
	db, err := Open(t.Context(),
		Config{DSN: "sqlite:" + filepath.Join(t.TempDir(), "inventory.db"), Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.AddIssuer(t.Context(), Issuer{Name: "sub", Key: artifact.Sum(nil)}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.write.Exec(`PRAGMA max_page_count = 100`); err != nil {
		t.Fatal(err)
	}
	list := make(recordList, 5000)
	for n := range list {
		list[n] = Record{State: Issued,
			Certificate: Certificate{Serial: fmt.Appendf(nil, "serial%d", n), NotAfter: noon.AddDate(1, 0, 0)}}
	}
	if _, err := db.Import(t.Context(), Import{Issuer: "sub", Source: list}); err == nil ||
		!strings.Contains(err.Error(), "full") {
		t.Errorf("error is %v", err)
	}
	if n, err := db.Counts(t.Context(), "sub"); err != nil || n.Issued != 0 {
		t.Errorf("counts are %+v, %v", n, err)
	}
	if err := db.Reserve(t.Context(), "sub", []byte{1}); err != nil {
		t.Error(err)
	}
}

// recordList is a source in memory.
type recordList []Record

func (l recordList) Info() SourceInfo {
	return SourceInfo{Name: "list", Format: "list", Digest: artifact.Sum(nil)}
}
func (l recordList) Records(context.Context) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for _, r := range l {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func TestRedact(t *testing.T) {
	for text, secret := range map[string]string{
		"dial postgres://u:secret@host/db: refused":  "secret",
		"parsing `host=h password=secret user=u`":    "secret",
		"parsing `host=h password='se cret' user=u`": "cret",
	} {
		if got := Redact(errors.New(text)).Error(); strings.Contains(got, secret) || !strings.Contains(got, "***") {
			t.Errorf("%q becomes %q", text, got)
		}
	}
	if err := errors.New("plain"); Redact(err) != err {
		t.Error("an error without a password was replaced")
	}
}
