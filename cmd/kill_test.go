//go:build integration

package cmd_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// killRounds is how often the room and the publisher are killed; KILL_TEST_ROUNDS asks for more.
var killRounds = 100

func init() {
	if n, err := strconv.Atoi(os.Getenv("KILL_TEST_ROUNDS")); err == nil {
		killRounds = n
	}
}

// TestKilledAtAnyMoment kills `signer issue`, `signer run` and `publisher sync` with
// SIGKILL at random moments, with a revocation or a new certificate before each round.
// Afterwards the next run must repair what is left: no serial and no CRL number is used
// twice, no certificate is handed out that the inventory does not have, nothing
// signed is lost from the ledger, the log is sound, and a sync ends in a clean copy.
func TestKilledAtAnyMoment(t *testing.T) {
	dir := copyGolden(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	command := func(name string, args ...string) *exec.Cmd {
		return exec.CommandContext(t.Context(), name,
			append(args, "--quiet", "--config", filepath.Join(dir, "repository.yaml"))...)
	}
	must := func(name string, args ...string) {
		t.Helper()
		if out, err := command(name, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
	}
	set(t, filepath.Join(dir, "repository.yaml"), "subscribers: {", "subscribers: {keep_key_after: [superseded], ")
	token := softToken(t, dir)
	killed := 0
	whole := 120 * time.Millisecond // what issuing takes; the machine may be slower today
	for round := range killRounds {
		begin := time.Now()
		cert := filepath.Join(dir, fmt.Sprintf("kill-%d.pem", round))
		must("signer", "issue", "--issuer", "sub", "--csr", filepath.Join(dir, "ca/good.csr"), "--reissue", "--out",
			cert)
		whole = max(whole, min(time.Since(begin), time.Second))
		if round%2 == 0 {
			must("signer", "revoke", "--issuer", "sub", "--certificate", cert, "--reason", "superseded")
		}
		issue := command("signer", "issue", "--issuer", "sub", "--csr", filepath.Join(dir, "ca/good.csr"), "--reissue",
			"--out", filepath.Join(dir, fmt.Sprintf("killed-%d.pem", round)))
		for _, victim := range []*exec.Cmd{issue, command("signer", "run"), command("signer", "crl"),
			command("publisher", "sync")} {
			if err := victim.Start(); err != nil {
				t.Fatal(err)
			}
			most := 120 * time.Millisecond
			if victim == issue {
				most = whole + whole/4
			}
			time.Sleep(time.Duration(random.Int64N(int64(most))))
			_ = victim.Process.Kill()
			if victim.Wait() != nil {
				killed++
			}
			token()
		}
		if round%10 == 9 {
			must("signer", "run")
			must("publisher", "ledger", "check")
			checkNumbers(t, dir)
		}
	}
	if killed < killRounds/4 {
		t.Errorf("only %d of %d processes were killed at work; the delays are too long", killed, 4*killRounds)
	}
	must("signer", "run")
	must("publisher", "sync")
	inventory := filepath.Join(dir, "inventory.jsonl")
	must("signer", "inventory", "--out", inventory)
	must("publisher", "verify", "--inventory", inventory)
	checkIssued(t, dir, inventory)
}

// checkIssued wants every certificate that a killed `signer issue` handed out to be in the inventory.
func checkIssued(t *testing.T, dir, inventory string) {
	t.Helper()
	lines, err := os.ReadFile(inventory)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "killed-*.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(raw)
		if block == nil {
			t.Errorf("%s is half a certificate", file)
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if want := fmt.Sprintf(`"serial":"%x","state":"issued"`, c.SerialNumber); !bytes.Contains(lines, []byte(want)) {
			t.Errorf("%s was handed out, and the inventory does not say that it was issued", file)
		}
	}
	t.Logf("%d of %d killed issues handed their certificate out; %d serials stay reserved", len(files), killRounds,
		bytes.Count(lines, []byte(`"state":"reserved"`)))
}

// softToken returns a function that puts SoftHSM's token file back, as docs/hsm.md says,
// after the room has said which one is empty. SoftHSM rewrites it in place at every login,
// and a kill at that moment leaves it empty; a real token is no file and does not die with
// its client.
func softToken(t *testing.T, dir string) func() {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "secrets/softhsm2-tokens/*/token.object"))
	if err != nil || len(files) != 1 {
		t.Fatalf("finding SoftHSM's token file: %v %v", files, err)
	}
	good, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if info, err := os.Stat(files[0]); err == nil && info.Size() != int64(len(good)) {
			if info.Size() == 0 {
				saysEmpty(t, dir, files[0])
			}
			if err := os.WriteFile(files[0], good, 0o600); err != nil {
				t.Error(err)
			}
		}
	}
}

// saysEmpty has the room say which file of SoftHSM is empty, and what to do.
func saysEmpty(t *testing.T, dir, file string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "signer", "run", "--quiet", "--config",
		filepath.Join(dir, "repository.yaml")).CombinedOutput()
	var failed *exec.ExitError
	if !errors.As(err, &failed) || failed.ExitCode() != 1 ||
		!bytes.Contains(out, []byte(file+`" is empty: a process was killed`)) {
		t.Errorf("with an empty token.object: %v\n%s", err, out)
	}
}

// TestEmptiedToken empties SoftHSM's token file, as a kill at the moment of a login does: the room says which file it
// is, and with the copy of it in its place signs as before.
func TestEmptiedToken(t *testing.T) {
	dir := copyGolden(t)
	back := softToken(t, dir)
	files, err := filepath.Glob(filepath.Join(dir, "secrets/softhsm2-tokens/*/token.object"))
	must(t, err)
	must(t, os.Truncate(files[0], 0))
	back()
	run(t, "signer", "crl", "--quiet", "--config", filepath.Join(dir, "repository.yaml"))
}

// checkNumbers reads every CRL that the ledger ever recorded: numbers must be unique and rise.
func checkNumbers(t *testing.T, dir string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "sh", "-c",
		"zstd -dcq "+filepath.Join(dir, "master/manifests")+"/*.zst | grep ' crl ' | sort -u").Output()
	if err != nil {
		t.Fatalf("reading the manifests: %v", err)
	}
	seen := map[string]string{}
	for _, line := range bytes.Fields(bytes.ReplaceAll(bytes.TrimSpace(out), []byte(" "), []byte("|"))) {
		f := strings.Split(string(line), "|")
		key := f[0] + " " + f[7]
		if old, ok := seen[key]; ok && old != f[2] {
			t.Errorf("CRL number used twice: %s for %s and %s", key, old, f[2])
		}
		seen[key] = f[2]
	}
}

// copyGolden copies the golden repository, SoftHSM token included.
func copyGolden(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "repo")
	run(t, "cp", "-a", golden, dir)
	return dir
}
