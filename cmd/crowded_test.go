//go:build integration

package cmd_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// crowd is how many files lie in the drop folder that nobody can use.
const crowd = 100_000

// TestCrowdedDropFolder puts a hundred thousand files that are nothing at all into the drop folder, and the CA's list
// behind them: each gets a sentence and its place, the list is taken in the same look, and the next look has nothing to
// do.
func TestCrowdedDropFolder(t *testing.T) {
	var memory syscall.Statfs_t
	if syscall.Statfs("/dev/shm", &memory) == nil && memory.Bavail*uint64(memory.Bsize) > 2<<30 &&
		memory.Ffree > 4*crowd {
		// to remove so many files from a busy disk takes minutes; each takes a page there
		t.Setenv("TMPDIR", "/dev/shm")
	}
	k := newAcceptKiller(t)
	k.shell("cd ca && openssl ca -config sub.cnf -gencrl -out sub.pem && cp sub.pem ../incoming/zz-sub.crl && touch " +
		"-d '1 hour ago' ../incoming/zz-sub.crl")
	incoming := filepath.Join(k.dir, "incoming")
	whole := time.Now().Add(-time.Hour) // nobody is writing to them any more
	for n := range crowd {
		file := filepath.Join(incoming, fmt.Sprintf("%06d.crl", n))
		if err := errors.Join(os.WriteFile(file, fmt.Appendf(nil, "no list, number %d\n", n), 0o600),
			os.Chtimes(file, whole, whole)); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	look := k.command("signer", "accept", "--watch", "incoming", "--once")
	out, err := look.Output()
	if code := look.ProcessState.ExitCode(); code != 1 {
		t.Fatalf("exit code %d, want 1: %v\n%.2000s", code, err, out)
	}
	t.Logf("looked at in %v", time.Since(began))
	if n := strings.Count(string(out), "\nrefused   ") + strings.Count(string(out[:10]), "refused   "); n != crowd {
		t.Errorf("%d lines say what was refused, want %d", n, crowd)
	}
	if want := "accepted  zz-sub.crl: crl of sub, public as crl/sub.crl"; !strings.Contains(string(out), want) {
		t.Errorf("the list is not taken:\n%.2000s", out)
	}
	reasons, lines := 0, 0
	entries, err := os.ReadDir(filepath.Join(incoming, "refused"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".reason") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(incoming, "refused", e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		reasons, lines = reasons+1, lines+strings.Count(string(text), "\n")
	}
	if len(entries) != 2*crowd || reasons != crowd || lines != crowd {
		t.Errorf("refused has %d files, %d of them reasons with %d lines; want %d files and a line for each",
			len(entries), reasons, lines, crowd)
	}
	if out, err := k.command("signer", "accept", "--watch", "incoming", "--once").CombinedOutput(); err != nil {
		t.Errorf("the next look: %v\n%.2000s", err, out)
	}
}
