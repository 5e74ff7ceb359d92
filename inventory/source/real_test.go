//go:build integration

package source

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"seihon/inventory"
	"seihon/inventory/inventorytest/postgrestest"
)

func TestEJBCAOnPostgreSQL(t *testing.T) {
	server := postgrestest.Start(t)
	dsn := server.DSN(t)
	fillEJBCA(t, "pgx", dsn, "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15")
	checkEJBCA(t, dsn, server.DSN(t))
	// Nothing but reading is possible.
	q := Query{DSN: dsn, SQL: "DELETE FROM CertificateData RETURNING serialNumber AS serial_decimal"}
	if err := failure(t, SQL(q, Options{})); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("a write ended with %v", err)
	}
}

// TestOpenSSLWroteIt lets OpenSSL issue and revoke, and reads its index.
func TestOpenSSLWroteIt(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatal("openssl not found: run make tools")
	}
	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command(openssl, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("openssl %v: %v\n%s", args, err, out)
		}
	}
	config := "[ca]\ndefault_ca = d\n[d]\ndatabase = index.txt\nserial = serial\nnew_certs_dir = .\ncertificate = " +
		"ca.pem\nprivate_key = ca.key\n" +
		"default_md = sha256\npolicy = p\nunique_subject = no\n[p]\ncommonName = supplied\n[req]\ndistinguished_name " +
		"= dn\n[dn]\n"
	for name, content := range map[string]string{"c.cnf": config, "index.txt": "",
		"serial": "8000000000000000000000000000000001\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=sub",
		"-days", "3650", "-config", "c.cnf")
	run("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", "ee.key", "-out", "ee.csr", "-subj",
		"/CN=subscriber", "-config", "c.cnf")
	revoke := [][]string{
		nil,
		{},
		{"-crl_reason", "keyCompromise"},
		{"-crl_reason", "CACompromise"},
		{"-crl_hold", "holdInstructionReject"},
		{"-crl_compromise", "20261031120000Z"},
		{"-crl_CA_compromise", "20261031120000Z"},
	}
	for n, how := range revoke {
		out := string(rune('a'+n)) + ".pem"
		ends := []string{"-days", "365"}
		if n == 0 { // past 2049: a GeneralizedTime
			ends = []string{"-enddate", "20550101000000Z"}
		}
		run(append([]string{"ca", "-batch", "-config", "c.cnf", "-in", "ee.csr", "-out", out, "-notext"}, ends...)...)
		if how != nil {
			run(append([]string{"ca", "-config", "c.cnf", "-revoke", out}, how...)...)
		}
	}
	run("ca", "-config", "c.cnf", "-gencrl", "-crldays", "7", "-out", "sub.crl")
	f, err := os.Open(filepath.Join(dir, "index.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got := collect(t, OpenSSLIndex(f, Options{}))
	want := []int{inventory.NoReason, inventory.NoReason, 1, 2, 6, 1, 2}
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for n, r := range got {
		if len(r.Serial) != 18 || (r.State == inventory.Revoked) != (n > 0) ||
			n > 0 && r.Revocation.Reason != want[n] ||
			r.Revocation.InvalidityDate.IsZero() != (n < 5) || r.NotAfter.Year() < 2027 ||
			r.Subject != "/CN=subscriber" {
			t.Errorf("record %d is %+v", n, r)
		}
	}
	if got[0].NotAfter != at("2055-01-01T00:00:00Z") {
		t.Errorf("expiry is %v", got[0].NotAfter)
	}
}
