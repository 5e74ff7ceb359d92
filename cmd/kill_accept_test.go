//go:build integration

package cmd_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// acceptKillRounds is how often `signer accept --watch` is killed, acceptKillSize how many certificates are dropped
// each time.
const (
	acceptKillRounds = 12
	acceptKillSize   = 6
)

// TestKilledAccept kills `signer accept --watch` with SIGKILL at random moments, while it takes certificates and a list
// from the drop folder. The next look takes what is left: each file ends in accepted/, once, with its reason and its
// bytes, none is refused, and the log and the published copy are whole.
func TestKilledAccept(t *testing.T) {
	k := newAcceptKiller(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := mathrand.New(mathrand.NewPCG(seed, 0))
	k.drop(0)
	begin := time.Now()
	k.must("signer", "accept", "--watch", "incoming", "--once")
	whole, killed, left := time.Since(begin), 0, 0
	k.check(0)
	token := softToken(t, k.dir)
	for round := 1; round <= acceptKillRounds; round++ {
		k.drop(round)
		victim := k.command("signer", "accept", "--watch", "incoming")
		if err := victim.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(whole/4 + time.Duration(random.Int64N(int64(whole))))
		_ = victim.Process.Kill()
		if victim.Wait() != nil {
			killed++
		}
		token()
		left += min(1, len(k.waiting()))
		k.must("signer", "accept", "--watch", "incoming", "--once")
		k.check(round)
	}
	t.Logf("%d of %d killed, %d of them with files left in the folder", killed, acceptKillRounds, left)
	k.must("publisher", "ledger", "check")
	k.must("publisher", "sync")
	newest, err := os.ReadFile(filepath.Join(k.dir, "ca/sub.crl"))
	if err != nil {
		t.Fatal(err)
	}
	if public, err := os.ReadFile(filepath.Join(k.dir, "public/crl/sub.crl")); err != nil ||
		!bytes.Equal(public, newest) {
		t.Errorf("the public list is not the newest: %v", err)
	}
}

type acceptKiller struct {
	t       *testing.T
	dir     string
	ca      *x509.Certificate
	key     *ecdsa.PrivateKey
	dropped map[string][]byte // by name
}

// newAcceptKiller makes a CA by OpenSSL and a room that has its certificates.
func newAcceptKiller(t *testing.T) *acceptKiller {
	t.Helper()
	k := &acceptKiller{t: t, dir: t.TempDir(), dropped: map[string][]byte{}}
	k.shell(`"` + filepath.Join(filepath.Dir(demoPDF), "openssl-ca.sh") + `" ca
		for module in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so; do [ -e "$module" ] && break; done
		sed "s|/usr/lib/softhsm/libsofthsm2.so|$module|; /ocsp:/,/responder:/d" "` +
		filepath.Join(filepath.Dir(demoPDF), "../docs/ca/openssl.yaml") + `" >repository.yaml
		mkdir -p incoming secrets && chmod 700 secrets && umask 077 && printf 1234-user >secrets/pin && printf 5678-officer >secrets/so-pin`)
	k.must("signer", "init", "--init-token", "--so-pin-file", "secrets/so-pin")
	k.must("signer", "accept", "--file", "ca/root.crt", "--file", "ca/sub.crt", "--file", "ca/root.crl")
	for file, into := range map[string]func([]byte) error{
		"ca/sub.crt": func(der []byte) (err error) { k.ca, err = x509.ParseCertificate(der); return err },
		"ca/sub.key": func(der []byte) (err error) { k.key, err = x509.ParseECPrivateKey(der); return err },
	} {
		raw, err := os.ReadFile(filepath.Join(k.dir, file))
		if err == nil {
			block, _ := pem.Decode(raw)
			err = into(block.Bytes)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return k
}

func (k *acceptKiller) command(name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(k.t.Context(), name, append(args, "--quiet")...)
	c.Dir = k.dir
	return c
}

func (k *acceptKiller) must(name string, args ...string) {
	k.t.Helper()
	if out, err := k.command(name, args...).CombinedOutput(); err != nil {
		k.t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

func (k *acceptKiller) shell(script string) {
	k.t.Helper()
	c := exec.CommandContext(k.t.Context(), "sh", "-euc", script)
	c.Dir = k.dir
	if out, err := c.CombinedOutput(); err != nil {
		k.t.Fatalf("%s: %v\n%s", script, err, out)
	}
}

// drop puts new certificates and the CA's next list into the folder.
func (k *acceptKiller) drop(round int) {
	k.t.Helper()
	k.shell("cd ca && openssl ca -config sub.cnf -gencrl -out sub.pem && openssl crl -in sub.pem -outform DER -out " +
		"sub.crl")
	files := map[string][]byte{}
	for n := range acceptKillSize {
		c := &x509.Certificate{SerialNumber: big.NewInt(int64(0x10000 + round*100 + n)),
			Subject:   pkix.Name{CommonName: fmt.Sprintf("r%d-%d", round, n)},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 6, 0)}
		der, err := x509.CreateCertificate(rand.Reader, c, k.ca, k.key.Public(), k.key)
		if err != nil {
			k.t.Fatal(err)
		}
		files[fmt.Sprintf("r%d-%d.cer", round, n)] = der
	}
	list, err := os.ReadFile(filepath.Join(k.dir, "ca/sub.crl"))
	if err != nil {
		k.t.Fatal(err)
	}
	files[fmt.Sprintf("r%d.crl", round)] = list
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(k.dir, "incoming", name), content, 0o644); err != nil {
			k.t.Fatal(err)
		}
		k.dropped[name] = content
	}
}

// waiting names what is still in the folder.
func (k *acceptKiller) waiting() (names []string) {
	all, err := os.ReadDir(filepath.Join(k.dir, "incoming"))
	if err != nil {
		k.t.Fatal(err)
	}
	for _, d := range all {
		if !d.IsDir() {
			names = append(names, d.Name())
		}
	}
	return names
}

// check wants every file that was dropped to be in accepted/ once, with its reason.
func (k *acceptKiller) check(round int) {
	k.t.Helper()
	if names := k.waiting(); len(names) > 0 {
		k.t.Errorf("round %d: %v wait", round, names)
	}
	if all, err := os.ReadDir(filepath.Join(k.dir, "incoming/refused")); err == nil && len(all) > 0 {
		k.t.Errorf("round %d: %d files in refused/", round, len(all))
	}
	accepted, err := os.ReadDir(filepath.Join(k.dir, "incoming/accepted"))
	if err != nil {
		k.t.Fatal(err)
	}
	found := map[string]int{}
	for _, d := range accepted {
		_, name, _ := strings.Cut(d.Name(), "-")
		input, isReason := strings.CutSuffix(name, ".reason")
		content, err := os.ReadFile(filepath.Join(k.dir, "incoming/accepted", d.Name()))
		switch {
		case err != nil:
			k.t.Fatal(err)
		case isReason && !strings.Contains(string(content), " accepted sha256:"):
			k.t.Errorf("round %d: the reason of %s is %q", round, input, content)
		case !isReason && !bytes.Equal(content, k.dropped[name]):
			k.t.Errorf("round %d: %s has other bytes now", round, name)
		}
		found[input]++
	}
	for name := range k.dropped {
		if found[name] != 2 { // itself, and its reason
			k.t.Errorf("round %d: %s is in accepted/ %d times, with its reason", round, name, found[name])
		}
	}
}
