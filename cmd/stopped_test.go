//go:build integration

package cmd_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stopped is how long a publisher stands still; STOP_TEST_SECONDS asks for more.
func stopped(t *testing.T) time.Duration {
	t.Helper()
	if s := os.Getenv("STOP_TEST_SECONDS"); s != "" {
		d, err := time.ParseDuration(s + "s")
		must(t, err)
		return d
	}
	return time.Second
}

// TestStoppedPublisher stops one of two publishers of the same target with SIGSTOP at any moment of its sync, as a
// machine that is suspended does. The other one, whose master is newer, publishes meanwhile, or says that it could not.
// When the first goes on, no list and no checkpoint goes back, and the next sync of the other ends in what the newest
// master says.
func TestStoppedPublisher(t *testing.T) {
	first := copyGolden(t)
	second := filepath.Join(filepath.Dir(first), "second")
	conf := func(dir string) string { return filepath.Join(dir, "repository.yaml") }
	public := filepath.Join(first, "public")
	set(t, conf(first), "directory: public\n", "directory: "+public+"\n    timeout: 20s\n")
	command := func(name, dir string, args ...string) *exec.Cmd {
		return exec.CommandContext(t.Context(), name, append(args, "--quiet", "--config", conf(dir))...)
	}
	do := func(name, dir string, args ...string) {
		t.Helper()
		if out, err := command(name, dir, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
	}
	run(t, "cp", "-a", first, second) // a second host: its own copy of the master, its own publication log
	must(t, os.RemoveAll(filepath.Join(second, "publication")))
	for _, file := range []string{"publication.head", "secrets/publication-log.key", "keys/publication-log.vkey"} {
		must(t, os.RemoveAll(filepath.Join(second, file)))
	}
	do("publisher", second, "sync", "--new-log", "--reason", "a second host")
	copyMaster := func(dir string) { // what is newer goes over; signed files never change
		t.Helper()
		must(t, os.RemoveAll(filepath.Join(second, "master")))
		run(t, "cp", "-a", filepath.Join(dir, "master"), second)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 60))
	whole, caught := 300*time.Millisecond, 0
	for round := range 6 {
		do("signer", first, "crl")
		older := command("publisher", first, "sync")
		begun := time.Now()
		must(t, older.Start())
		time.Sleep(time.Duration(random.Int64N(int64(whole))))
		if older.Process.Signal(syscall.SIGSTOP) == nil {
			caught++
		}
		do("signer", first, "crl")
		copyMaster(first)
		out, err := command("publisher", second, "sync").CombinedOutput()
		published := err == nil
		if !published && !strings.Contains(string(out), "deadline exceeded") &&
			!strings.Contains(string(out), "timed out") {
			t.Errorf("round %d: the second publisher: %v\n%s", round, err, out)
		}
		before := files(t, public)
		time.Sleep(stopped(t))
		_ = older.Process.Signal(syscall.SIGCONT) // it may have ended
		_ = older.Wait()                          // its own master is older: what it says is the other tests' affair
		whole = max(whole, min(time.Since(begun), 2*time.Second)/2)
		after := files(t, public)
		for _, name := range []string{"crl/sub.crl", "crl/root.crl", "crl/root-arl.crl"} {
			if b := before[name]; b != "" && crlNumber(t, after[name]).Cmp(crlNumber(t, b)) < 0 {
				t.Errorf("round %d: %s went back from number %s to %s", round, name, crlNumber(t, b),
					crlNumber(t, after[name]))
			}
		}
		if published && after["log/checkpoint"] != before["log/checkpoint"] {
			t.Errorf("round %d: the checkpoint changed after the newer publisher was done", round)
		}
		do("publisher", second, "sync")
	}
	if caught == 0 {
		t.Error("no publisher was stopped at work")
	}
	do("publisher", second, "ledger", "check", "--log", "publication")
	newest := files(t, filepath.Join(first, "master/log"))["checkpoint"]
	if got := files(t, public)["log/checkpoint"]; got != newest {
		t.Errorf("the target has the checkpoint\n%s\nwant\n%s", got, newest)
	}
}

// TestFoldersSwappedForLinks has somebody who may write into the target exchange its folders for links to a folder of
// the host while syncs run. Nothing is written or changed there; when he stops, a sync mends what he did.
func TestFoldersSwappedForLinks(t *testing.T) {
	dir := copyGolden(t)
	public, ours := filepath.Join(dir, "public"), t.TempDir()
	must(t, os.WriteFile(filepath.Join(ours, "sub.crl"), []byte("ours"), 0o600))
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, name := range []string{"crl", "log", "ocsp", ".tmp"} {
				path := filepath.Join(public, name)
				_ = os.Rename(path, path+".away") // whatever comes of it: he tries
				_ = os.Symlink(ours, path)
				time.Sleep(100 * time.Microsecond)
				_ = os.Remove(path)
				_ = os.Rename(path+".away", path)
			}
		}
	}()
	conf := filepath.Join(dir, "repository.yaml")
	codes := map[int]int{}
	for range 6 {
		run(t, "signer", "crl", "--quiet", "--config", conf)
		cmd := exec.CommandContext(t.Context(), "publisher", "sync", "--quiet", "--config", conf)
		out, _ := cmd.CombinedOutput() // the code below
		codes[cmd.ProcessState.ExitCode()]++
		if strings.Contains(string(out), "goroutine ") {
			t.Errorf("it crashed\n%s", out)
		}
	}
	close(stop)
	<-done
	if got := files(t, ours); len(got) != 1 || got["sub.crl"] != "ours" {
		t.Errorf("our folder has %v", got)
	}
	for _, name := range []string{"crl", "log", "ocsp", ".tmp"} { // what he left when a folder was made anew meanwhile
		if away := filepath.Join(public, name+".away"); exec.Command("test", "-d", away).Run() == nil {
			run(t, "cp", "-an", away+"/.", filepath.Join(public, name))
			must(t, os.RemoveAll(away))
		}
	}
	// What he put back is older than what the target's checkpoint promises: that is told, with exit code 3, and mended.
	repair := exec.CommandContext(t.Context(), "publisher", "sync", "--quiet", "--repair", "--config", conf)
	out, _ := repair.CombinedOutput() // the code below
	if code := repair.ProcessState.ExitCode(); code != 0 && code != 3 {
		t.Errorf("repairing: exit code %d\n%s", code, out)
	}
	run(t, "publisher", "sync", "--quiet", "--config", conf)
	t.Logf("exit codes of the syncs: %s", fmt.Sprint(codes))
}
