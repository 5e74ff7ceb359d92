package source

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/inventory"
)

// ejbcaTable has the columns of EJBCA 8's CertificateData, with the types of
// its PostgreSQL scripts, which SQLite understands too.
const ejbcaTable = `CREATE TABLE CertificateData (
	fingerprint TEXT NOT NULL PRIMARY KEY, base64Cert TEXT, cAFingerprint TEXT, certificateProfileId INT4 NOT NULL, crlPartitionIndex INT4,
	endEntityProfileId INT4, expireDate INT8 NOT NULL, issuerDN TEXT NOT NULL, notBefore INT8, revocationDate INT8 NOT NULL,
	revocationReason INT4 NOT NULL, invalidityDate INT8, rowProtection TEXT, rowVersion INT4 NOT NULL, serialNumber TEXT NOT NULL,
	status INT4 NOT NULL, subjectAltName TEXT, subjectDN TEXT NOT NULL, subjectKeyId TEXT, tag TEXT, type INT4 NOT NULL,
	updateTime INT8 NOT NULL, username TEXT)`

// ejbcaRow is what the preset looks at.
type ejbcaRow struct {
	serial, issuer, ca      string
	status, reason, kind    int
	revoked, invalid, after int64
}

const (
	ejbcaDN     = "CN=Sub CA,O=Example Authority,C=JP"
	revokedMS   = 1793512800123 // 2026-11-01T06:00:00.123Z
	expiresMS   = 1798761600000 // 2027-01-01T00:00:00Z
	compromised = 1793426400000 // 2026-10-31T06:00:00Z
)

var ejbcaRows = []ejbcaRow{
	{"1", ejbcaDN, "aa", 20, -1, 1, -1, 0, expiresMS},                 // active
	{"2", ejbcaDN, "aa", 40, 1, 1, revokedMS, compromised, expiresMS}, // revoked
	// released from hold
	{"3", ejbcaDN, "aa", 20, 8, 1, revokedMS, 0, expiresMS},
	// archived, was revoked
	{"4", ejbcaDN, "aa", 60, 4, 1, revokedMS, 0, expiresMS},
	{"5", ejbcaDN, "aa", 60, -1, 1, -1, 0, expiresMS}, // archived
	// told that it expires
	{"6", ejbcaDN, "aa", 21, -1, 1, -1, 0, expiresMS},
	{"7", ejbcaDN, "aa", 20, -1, 2, -1, 0, expiresMS},                                                // a CA below
	{"8", ejbcaDN, "aa", 30, 6, 1, revokedMS, 0, expiresMS},                                          // on hold
	{"730750818665451459101842416358141509827966271487", ejbcaDN, "bb", 20, -1, 1, -1, 0, expiresMS}, // another key
	{"1", "CN=Other,C=JP", "cc", 20, -1, 1, -1, 0, expiresMS},                                        // another CA
}

// fillEJBCA makes a database that looks like EJBCA's.
func fillEJBCA(t *testing.T, driver, dsn, placeholders string) {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(ejbcaTable); err != nil {
		t.Fatal(err)
	}
	for n, r := range ejbcaRows {
		_, err := db.Exec(`INSERT INTO CertificateData (fingerprint, cAFingerprint, certificateProfileId, expireDate, issuerDN, notBefore, revocationDate,
			revocationReason, invalidityDate, rowVersion, serialNumber, status, subjectDN, type, updateTime) VALUES (`+
			placeholders+`)`,
			fmt.Sprint(n), r.ca, 1, r.after, r.issuer, nil, r.revoked, r.reason, r.invalid, 0, r.serial, r.status,
			"CN=subscriber "+r.serial, r.kind, 0)
		if err != nil {
			t.Fatal(err)
		}
	}
}

// checkEJBCA imports the database into an inventory and looks at the outcome.
func checkEJBCA(t *testing.T, dsn, inventoryDSN string) {
	t.Helper()
	now := at("2026-11-24T06:00:00Z")
	db, err := inventory.Open(t.Context(), inventory.Config{DSN: inventoryDSN, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.AddIssuer(t.Context(),
		inventory.Issuer{Name: "sub", Key: artifact.Sum([]byte("sub")), Shards: 4}); err != nil {
		t.Fatal(err)
	}
	load := func() *inventory.ImportResult {
		q := EJBCA(dsn, EJBCAOptions{IssuerDN: ejbcaDN, CAFingerprint: "AA", InvalidityDate: true})
		res, err := db.Import(t.Context(),
			inventory.Import{Issuer: "sub", Source: SQL(q, Options{Name: "ejbca", AsOf: now})})
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	if res := load(); res.Added != 8 {
		t.Errorf("result is %+v, want 8 added", res)
	}
	if res := load(); !res.Same {
		t.Errorf("the second import is %+v, want the same", res)
	}
	revoked := map[byte]inventory.Revocation{}
	for e, err := range db.Export(t.Context(), "sub") {
		if err != nil {
			t.Fatal(err)
		}
		if e.State == inventory.Revoked {
			revoked[e.Serial[0]] = e.Revocation
		}
		if !e.NotAfter.Equal(time.UnixMilli(expiresMS)) || !strings.HasPrefix(e.Subject, "CN=subscriber") ||
			(e.Kind == artifact.CACertificate) != (e.Serial[0] == 7) {
			t.Errorf("certificate is %+v", e)
		}
	}
	date := at("2026-11-01T06:00:00Z")
	want := map[byte]inventory.Revocation{
		2: {Time: date, Reason: 1, InvalidityDate: at("2026-10-31T06:00:00Z")}, 4: {Time: date, Reason: 4},
		8: {Time: date, Reason: 6}}
	if fmt.Sprint(revoked) != fmt.Sprint(want) {
		t.Errorf("revocations are %v, want %v", revoked, want)
	}
	all := collect(t, SQL(EJBCA(dsn, EJBCAOptions{IssuerDN: ejbcaDN}), Options{}))
	if len(all) != 9 {
		t.Errorf("%d certificates of both keys, want 9", len(all))
	}
}

func TestEJBCAOnSQLite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ejbca.db")
	fillEJBCA(t, "sqlite", path, strings.Repeat("?, ", 14)+"?")
	checkEJBCA(t, "sqlite:"+path, "sqlite:"+filepath.Join(dir, "inventory.db"))
}

func TestSQLRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ca.db")
	fillEJBCA(t, "sqlite", path, strings.Repeat("?, ", 14)+"?")
	for name, q := range map[string]Query{
		"a scheme":       {DSN: "mysql://ca", SQL: "SELECT 1"},
		"a missing file": {DSN: "sqlite:" + path + ".none", SQL: "SELECT 1 AS serial"},
		"a write": {DSN: "sqlite:" + path,
			SQL: "DELETE FROM CertificateData RETURNING serialNumber AS serial_decimal"},
		"a missing table":  {DSN: "sqlite:" + path, SQL: "SELECT serial FROM nothing"},
		"a foreign column": {DSN: "sqlite:" + path, SQL: "SELECT serialNumber FROM CertificateData"},
		"a bad value":      {DSN: "sqlite:" + path, SQL: "SELECT 'x' AS serial_decimal"},
	} {
		if err := failure(t, SQL(q, Options{})); err == nil ||
			!strings.HasPrefix(err.Error(), "querying the CA's database: ") {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	if n := len(collect(t, SQL(EJBCA("sqlite:"+path, EJBCAOptions{IssuerDN: ejbcaDN}), Options{}))); n != 9 {
		t.Errorf("%d certificates are left, want 9", n)
	}
}
