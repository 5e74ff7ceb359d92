//go:build integration

package inventory_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/inventory"
	"seihon/inventory/inventorytest"
	"seihon/override"
)

// signOverride holds the commands of docs/inventory.md. $1 is the digest.
const signOverride = `set -e
openssl genpkey -algorithm ed25519 -out override.key
openssl pkey -in override.key -pubout -outform DER -out override.der
cat > override.txt <<END
seihon/override/v1
digest $1
allow changed
reason the CA's database was repaired, ticket 4711
expires 20270101T000000Z
END
printf 'signature %s\n' "$(openssl pkeyutl -sign -inkey override.key -rawin -in override.txt | base64 -w0)" >> override.txt
`

func TestOverrideByOpenSSL(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Fatal("openssl not found: run make tools")
	}
	ctx, dir, serial := t.Context(), t.TempDir(), []byte{1}
	was := inventory.Revocation{Time: inventorytest.Epoch, Reason: 1}
	wanted := inventory.Revocation{Time: inventorytest.Epoch, Reason: 4}
	cmd := exec.Command("sh", "-c", signOverride, "sh", inventory.ChangeDigest("sub", serial, wanted).String())
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	der, err := os.ReadFile(filepath.Join(dir, "override.der"))
	if err != nil {
		t.Fatal(err)
	}
	pub, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(dir, "override.txt"))
	if err != nil {
		t.Fatal(err)
	}
	o, err := override.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	db, err := inventory.Open(ctx, inventory.Config{DSN: "sqlite:" + filepath.Join(dir, "inventory.db"),
		OverrideKeys: []ed25519.PublicKey{pub.(ed25519.PublicKey)},
		Now:          func() time.Time { return inventorytest.Epoch }})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := errors.Join(db.AddIssuer(ctx, inventory.Issuer{Name: "sub", Key: artifact.Sum(nil)}),
		db.Reserve(ctx, "sub", serial),
		db.Revoke(ctx, "sub", serial, was, inventory.RevokeOptions{})); err != nil {
		t.Fatal(err)
	}
	other := wanted
	other.Reason = 5
	if err := db.Revoke(ctx, "sub", serial, other, inventory.RevokeOptions{Override: o}); err == nil ||
		!strings.Contains(err.Error(), "it is for "+o.Digest.String()) {
		t.Errorf("for another change, the error is %v", err)
	}
	if err := db.Revoke(ctx, "sub", serial, wanted, inventory.RevokeOptions{Override: o}); err != nil {
		t.Error(err)
	}
}
