//go:build integration

package ledger

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"seihon/artifact"

	"golang.org/x/mod/sumdb/note"
)

// A process that appends until it is killed is this test binary with the
// directory in this variable.
const victimEnv = "LEDGER_TEST_VICTIM"

// killRounds is how often it is killed; a nightly run may ask for more.
const killRoundsEnv = "LEDGER_TEST_KILL_ROUNDS"

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimEnv); dir != "" {
		if err := victim(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// victimConfig has a key that both processes know.
func victimConfig() (WriterConfig, error) {
	seed := sha256.Sum256([]byte("kill test"))
	s, err := NewNoteSigner("kill", ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		return WriterConfig{}, err
	}
	return WriterConfig{Origin: "kill", Signers: []note.Signer{s}}, nil
}

// victim appends for ever and says on stdout what was acknowledged.
func victim(dir string) error {
	ctx := context.Background()
	c, err := victimConfig()
	if err != nil {
		return err
	}
	w, err := OpenWriter(ctx, dir, c)
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		d, size, err := w.PutBlob(ctx, artifact.CRL, strings.NewReader(fmt.Sprint("crl ", n)))
		if err != nil {
			return err
		}
		if _, err := w.AppendBatch(ctx, []Line{{Name: "crl/a.crl", Kind: artifact.CRL, Digest: d, Size: size}},
			""); err != nil {
			return err
		}
		for range rand.IntN(80) {
			if err := w.Append(ctx, &Entry{Evidence: &Evidence{Kind: "k"}}); err != nil {
				return err
			}
		}
		if _, err := w.Commit(ctx); err != nil {
			return err
		}
		fmt.Println(w.Log().Size())
	}
}

func TestKill(t *testing.T) {
	rounds := 50
	if s := os.Getenv(killRoundsEnv); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("%s: %v", killRoundsEnv, err)
		}
		rounds = n
	}
	c, err := victimConfig()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	w, err := Create(t.Context(), dir, c)
	if err != nil {
		t.Fatal(err)
	}
	v, known, before := w.keys, w.Log().Checkpoint(), int64(0)
	w.Close()
	for round := range rounds {
		acknowledged := killOne(t, dir, before)
		c.Known = [][]byte{known}
		w, err := OpenWriter(t.Context(), dir, c)
		if err != nil {
			t.Fatalf("round %d, %d entries acknowledged: %v", round, acknowledged, err)
		}
		before, known = w.Log().Size(), w.Log().Checkpoint()
		w.Close()
		if before < acknowledged {
			t.Fatalf("round %d: %d entries, %d were acknowledged", round, before, acknowledged)
		}
		if tmp, _ := filepath.Glob(filepath.Join(dir, tmpDir, "*")); len(tmp) > 0 {
			t.Errorf("round %d: temporaries are left: %v", round, tmp)
		}
	}
	got, err := Check(t.Context(), dir, v, CheckConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range got {
		if g.Severity != SeverityNote {
			t.Error(g)
		}
	}
	if ok, out := fsck(t, dir, v.keys[0]); !ok {
		t.Error(out)
	}
	t.Logf("%d rounds, %d entries", rounds, before)
}

// killOne starts a victim, kills it after a moment and returns the last size
// it acknowledged.
func killOne(t *testing.T, dir string, before int64) int64 {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), victimEnv+"="+dir)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	acknowledged := before
	lines := bufio.NewScanner(out)
	for first := true; lines.Scan(); first = false {
		if first { // it runs; the moment of its death is a matter of chance
			time.AfterFunc(time.Duration(rand.IntN(40_000))*time.Microsecond, func() { cmd.Process.Kill() })
		}
		n, err := strconv.ParseInt(lines.Text(), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		acknowledged = n
	}
	cmd.Wait() // it was killed: the error says no more
	if stderr.Len() > 0 {
		t.Fatalf("the victim failed: %s", &stderr)
	}
	return acknowledged
}
