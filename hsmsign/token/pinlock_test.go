//go:build integration

package token_test

import (
	"crypto"
	"crypto/rsa"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"seihon/hsmsign/token"
	"seihon/hsmsign/token/tokentest"
)

// TestPINLock runs testPINLock on opencryptoki's software token, which locks its PIN as real tokens do and SoftHSM
// does not. opencryptoki knows only fixed places in the file system, so the test runs again in a mount namespace
// where those are empty.
func TestPINLock(t *testing.T) {
	if os.Getenv("TOKENTEST_OPENCRYPTOKI") != "" {
		testPINLock(t)
		return
	}
	tool(t, "pkcsslotd")
	script := `set -e
conf=$(mktemp)
printf 'version opencryptoki-3.1\nslot 0\n{\nstdll = libpkcs11_sw.so\n}\n' >$conf
mount -t tmpfs tmpfs /var/lib/opencryptoki
mount -t tmpfs tmpfs /run
mkdir -p /var/lib/opencryptoki/swtok/TOK_OBJ /run/lock/opencryptoki/swtok /run/opencryptoki
chgrp -R pkcs11 /var/lib/opencryptoki /run/lock/opencryptoki /run/opencryptoki
chmod -R 770 /var/lib/opencryptoki /run/lock/opencryptoki /run/opencryptoki
mount --bind $conf /etc/opencryptoki/opencryptoki.conf
rm $conf
pkcsslotd -f >/dev/null 2>&1 & slotd=$!
trap 'kill $slotd; wait $slotd || true' EXIT
i=0; while [ ! -S /run/pkcsslotd.socket ] && [ ! -S /run/opencryptoki/pkcsslotd.socket ] && [ $i -lt 100 ]; do sleep 0.05; i=$((i+1)); done
"$@"
`
	cmd := exec.Command(tool(t, "unshare"), "--mount", "--ipc", "sh", "-c", script, "sh", os.Args[0],
		"-test.run=^TestPINLock$", "-test.count=1", "-test.v")
	cmd.Env = append(os.Environ(), "TOKENTEST_OPENCRYPTOKI=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("opencryptoki (needs root for unshare and mount): %v\n%s", err, out)
	}
}

// rawOpencryptoki sets the PINs of a new token, as its own tool pkcsconf does, and returns the slot.
func rawOpencryptoki(t *testing.T, module, label, pin string) {
	t.Helper()
	c := pkcs11.New(module)
	if c == nil {
		t.Fatalf("loading %s", module)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	const factory, officer = "87654321", "76543210"
	must(c.Initialize())
	slots, err := c.GetSlotList(true)
	must(err)
	must(c.InitToken(slots[0], factory, label))
	s, err := c.OpenSession(slots[0], pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	must(err)
	must(c.Login(s, pkcs11.CKU_SO, factory))
	must(c.SetPIN(s, factory, officer))
	must(c.Logout(s))
	must(c.Login(s, pkcs11.CKU_SO, officer))
	must(c.InitPIN(s, "12345678"))
	must(c.Logout(s))
	must(c.Login(s, pkcs11.CKU_USER, "12345678"))
	must(c.SetPIN(s, "12345678", pin))
	must(c.CloseSession(s))
	must(c.Finalize())
}

func testPINLock(t *testing.T) {
	module := library(t, "/usr/lib/*/opencryptoki/libopencryptoki.so.0", "/usr/lib64/opencryptoki/libopencryptoki.so.0")
	rawOpencryptoki(t, module, "lock", "1111")
	state := t.TempDir()
	config := func(pin string) token.Config {
		return token.Config{Module: module, TokenLabel: "lock", PIN: token.StaticPIN([]byte(pin)), StateDir: state}
	}
	flags := func() []string {
		t.Helper()
		c := config("")
		c.PIN = nil
		tok, err := token.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		info, err := tok.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		err = tok.Close()
		if err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(info.Flags,
			func(f string) bool { return !strings.HasPrefix(f, "USER_PIN_") || f == "USER_PIN_INITIALIZED" })
	}
	refused := func(pin string, want error) {
		t.Helper()
		tok, err := token.Open(t.Context(), config(pin))
		if err == nil {
			tok.Close()
		}
		if !errors.Is(err, want) {
			t.Fatalf("opening with PIN %s: %v, want %v", pin, err, want)
		}
	}
	expect := func(what string, want ...string) {
		t.Helper()
		got := flags()
		if !slices.Equal(got, want) {
			t.Fatalf("%s: token says %v, want %v", what, got, want)
		}
	}

	tok := tokentest.Open(t, config("1111"))
	key, err := tok.GenerateKey(t.Context(), "k", "rsa2048")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []crypto.SignerOpts{crypto.SHA256,
		&rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}} {
		_, err = key.Sign(nil, digest(crypto.SHA256), o)
		if err != nil {
			t.Error(err)
		}
	}
	_, err = tok.GenerateKey(t.Context(), "ec", "p256")
	t.Logf("P-256 on opencryptoki: %v", err)
	err = tok.Close()
	if err != nil {
		t.Fatal(err)
	}

	expect("after a login")
	refused("9999", token.ErrPINRefused)
	expect("after one wrong PIN", "USER_PIN_COUNT_LOW")
	for range 5 { // a job that runs every ten minutes
		refused("9999", token.ErrPINRefused)
	}
	expect("after the same wrong PIN five times more", "USER_PIN_COUNT_LOW")
	refused("8888", token.ErrPINRefused)
	expect("after another wrong PIN", "USER_PIN_FINAL_TRY")
	refused("1111", token.ErrPINLocked) // the right one, but nobody knows that
	refused("7777", token.ErrPINLocked)
	expect("after that", "USER_PIN_FINAL_TRY")
}
