//go:build integration

package cmd_test

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"seihon/internal/syscallfault"
)

// A faulty command is one that writes. Each of its file operations fails, and it is run again.
type faulty struct {
	name    string
	prepare func(f *faulty)
	args    []string
	again   []string // empty: args
	check   func(f *faulty)

	t        *testing.T
	dir      string // where it works
	prepared string // a copy of dir before it
}

// perKind is how many operations of a kind fail in one run of the tests; FAULT_TEST_ALL lets all of them fail.
const perKind = 3

// faults are what happens to an operation.
var faults = []struct {
	name string
	plan syscallfault.Plan
}{
	{"EIO of one write", syscallfault.Plan{Kind: syscallfault.Writes, Err: syscall.EIO}},
	{"EIO of all writes from one on", syscallfault.Plan{Kind: syscallfault.Writes, Stays: true, Err: syscall.EIO}},
	{"ENOSPC in the middle of a write",
		syscallfault.Plan{Kind: syscallfault.Grows, Stays: true, Half: true, Err: syscall.ENOSPC}},
	{"EIO of one read", syscallfault.Plan{Kind: syscallfault.Reads, Err: syscall.EIO}},
}

// ofSQLite are the words of SQLite for a file that it cannot write, open or read. One that it cannot open for writing
// it opens for reading, and says so at the first statement that would write.
var ofSQLite = []string{"disk I/O error", "disk is full", "unable to open database file",
	"database disk image is malformed", "attempt to write a readonly database"}

// TestFileFaults lets file operations of the binaries themselves fail, in everything that they keep: master, inventory,
// state, targets, publication log and its head, exports and copies. The command says why in a sentence and ends with
// the code for it, or does its work in spite of that; the next one does it, and nothing half-done is there. SoftHSM's
// own files are left alone: an HSM has none.
func TestFileFaults(t *testing.T) {
	for _, f := range faultyCommands() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			f.t, f.dir = t, copyGolden(t)
			f.prepared = f.dir + "-prepared"
			f.prepare(&f)
			run(t, "cp", "-a", f.dir, f.prepared)
			f.pieces()
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			random := rand.New(rand.NewPCG(seed, 18))
			for _, x := range faults {
				f.fails(x.name, x.plan, random)
			}
		})
	}
}

func faultyCommands() []faulty {
	room := func(f *faulty) {
		f.must("publisher", "ledger", "check")
		checkNumbers(f.t, f.dir)
	}
	something := func(f *faulty) {
		f.must("signer", "revoke", "--issuer", "sub", "--certificate", filepath.Join(f.dir, "ca/good.pem"), "--reason",
			"superseded")
	}
	cert := func(name string) []string {
		return []string{"signer", "issue", "--issuer", "sub", "--csr", "ca/good.csr", "--reissue", "--out", name}
	}
	return []faulty{
		{name: "run", prepare: something, args: []string{"signer", "run"}, check: room},
		{name: "issue", prepare: func(*faulty) {}, args: cert("first.pem"), again: cert("second.pem"), check: room},
		{name: "sync", prepare: func(f *faulty) { something(f); f.must("signer", "run") },
			args: []string{"publisher", "sync"}, check: func(f *faulty) {
				f.must("publisher", "ledger", "check", "--log", "publication")
				f.must("publisher", "verify", "--tier", "log")
			}},
		{name: "export", prepare: func(*faulty) {}, args: []string{"signer", "export", "--out", "medium"},
			check: func(f *faulty) { f.must("publisher", "import", "--file", "medium") }},
		{name: "import", prepare: func(f *faulty) {
			f.must("signer", "export", "--out", "medium")
			must(f.t, os.Rename(filepath.Join(f.dir, "master"), filepath.Join(f.dir, "away")))
		}, args: []string{"publisher", "import", "--file", "medium"}, check: func(f *faulty) {
			f.must("publisher", "ledger", "check")
			f.must("publisher", "sync")
		}},
	}
}

// command is a command line for this repository.
func (f *faulty) command(args []string) []string {
	line := slices.Clone(args)
	for i, a := range line {
		if i > 0 && (line[i-1] == "--out" || line[i-1] == "--file" || line[i-1] == "--csr") && !filepath.IsAbs(a) {
			line[i] = filepath.Join(f.dir, a)
		}
	}
	return append(line, "--quiet", "--config", filepath.Join(f.dir, "repository.yaml"))
}

func (f *faulty) must(args ...string) {
	f.t.Helper()
	line := f.command(args)
	if out, err := exec.CommandContext(f.t.Context(), line[0], line[1:]...).CombinedOutput(); err != nil {
		f.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func (f *faulty) restore() {
	f.t.Helper()
	must(f.t, os.RemoveAll(f.dir))
	run(f.t, "cp", "-a", f.prepared, f.dir)
}

func (f *faulty) run(p syscallfault.Plan) *syscallfault.Result {
	f.t.Helper()
	p.Watch, p.Except = []string{f.dir}, []string{filepath.Join(f.dir, "secrets/softhsm2-tokens")}
	r, err := syscallfault.Run(f.t.Context(), p, f.command(f.args)...)
	must(f.t, err)
	return r
}

// pieces gives the command every octet in pieces: that is no fault.
func (f *faulty) pieces() {
	f.t.Helper()
	if r := f.run(syscallfault.Plan{Short: true}); r.Code != 0 {
		f.t.Errorf("with reads and writes of half their size: exit code %d\n%s", r.Code, r.Output)
	}
	f.check(f)
	f.whole("with reads and writes of half their size")
}

// fails lets operations of one kind fail, one in each run.
func (f *faulty) fails(name string, p syscallfault.Plan, random *rand.Rand) {
	f.t.Helper()
	f.restore()
	all := f.run(p).Seen // From is 0: nothing fails
	step := 1
	if os.Getenv("FAULT_TEST_ALL") == "" {
		step = max(1, all/perKind)
	}
	failed, went := 0, 0
	for n := 1 + random.IntN(step); n <= all; n += step {
		f.restore()
		p.From = n
		r := f.run(p)
		if r.Hit == "" {
			continue // there were fewer this time
		}
		what := fmt.Sprintf("%s, number %d of %d (%s)", name, n, all, r.Hit)
		code := 1
		if strings.HasSuffix(r.Hit, "/repository.yaml") {
			code = 2 // that of the configuration, also where the disk does not give it
		}
		switch reason := p.Err.(syscall.Errno).Error(); {
		case strings.Contains(r.Output, "goroutine ") || strings.Contains(r.Output, "panic: "):
			f.t.Fatalf("%s: it crashed\n%s", what, r.Output)
		case r.Code == 0:
			went++
		case r.Code != code ||
			!slices.ContainsFunc(append(ofSQLite, reason),
				func(s string) bool { return strings.Contains(r.Output, s) }):
			f.t.Errorf("%s: exit code %d, want %d and the reason\n%s", what, r.Code, code, r.Output)
		default:
			failed++
		}
		again := f.again
		if len(again) == 0 {
			again = f.args
		}
		if r.Code != 0 || len(f.again) > 0 {
			f.must(again...)
		}
		f.check(f)
		// What could not be removed goes with the next write of its file. The command's own output is not written
		// again.
		switch all := p.Kind == syscallfault.Writes && p.Stays; {
		case strings.HasPrefix(r.Hit, fmt.Sprintf("call %d ", syscall.SYS_UNLINKAT)):
		case all && f.output() != "":
			f.whole(what, "."+filepath.Base(f.output())+".")
		default:
			f.whole(what)
		}
		if f.t.Failed() {
			f.t.Fatalf("after %s:\n%s", what, r.Output)
		}
	}
	f.t.Logf("%s: %d operations, %d runs failed, %d did their work all the same", name, all, failed, went)
}

// output is the file that the command is to write, if it is told one.
func (f *faulty) output() string {
	i := slices.Index(f.args, "--out")
	if i < 0 {
		return ""
	}
	return f.args[i+1]
}

// whole finds what was begun and never ended, but for files that begin so.
func (f *faulty) whole(what string, except ...string) {
	f.t.Helper()
	must(f.t, filepath.WalkDir(f.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, _ := filepath.Rel(f.dir, path)
		if strings.HasSuffix(name, ".tmp/commit") {
			return nil // how far the last commit went, also of one that ended well
		}
		if slices.ContainsFunc(except,
			func(begin string) bool { return strings.HasPrefix(filepath.Base(name), begin) }) {
			return nil
		}
		if strings.HasSuffix(name, ".part") || strings.Contains(name, "/.tmp/") || strings.HasSuffix(name, ".tmp") {
			f.t.Errorf("%s: %s is left", what, name)
		}
		return nil
	}))
}
