//go:build integration

// Package cmd_test runs both binaries from outside: each script in testdata is a claim
// of the README or of docs, or a fault that must not pass.
package cmd_test

import (
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite" // for the command sql

	"seihon/internal/syscallfault"
)

// golden is a small complete repository, made once; every script works on a copy.
var golden string

// baseAddress is where its certificates say that it is: a loopback address that was free.
var baseAddress string

// demoPDF is a document to sign.
var demoPDF string

var interrupt os.Signal = os.Interrupt

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	syscallfault.Launch()
	dir, err := os.MkdirTemp("", "seihon-scripts-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	for _, b := range []struct{ name, cgo string }{{"publisher", "0"}, {"signer", "1"}} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(dir, "bin", b.name), "./"+b.name)
		cmd.Env = append(os.Environ(), "CGO_ENABLED="+b.cgo)
		if out, err := cmd.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "building %s: %v\n%s", b.name, err, out)
			return 1
		}
	}
	if err := os.Setenv("PATH", filepath.Join(dir, "bin")+string(os.PathListSeparator)+os.Getenv("PATH")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	golden = filepath.Join(dir, "golden")
	if demoPDF, err = filepath.Abs("../scripts/demo-cps.pdf"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if baseAddress, err = freeAddress(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if out, err := exec.Command("bash", "testdata/golden.sh", golden, baseAddress).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "making the golden repository: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", os.Getenv("PATH"))
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("TMPDIR", e.WorkDir)
			e.Setenv("DEMO_PDF", demoPDF)
			e.Setenv("TESTDATA", filepath.Join(filepath.Dir(filepath.Dir(demoPDF)), "cmd", "testdata"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"repository": repository,
			"exit":       exit,
			"flip":       flip,
			"slip":       slip,
			"unsay":      unsay,
			"sql":        sqlite,
			"web":        web,
			"schema":     schema,
		},
	})
}

// repository copies the golden repository to repo and changes into it.
func repository(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: repository")
	}
	dir := ts.MkAbs("repo")
	ts.Check(exec.Command("cp", "-a", golden, dir).Run())
	ts.Check(ts.Chdir(dir))
}

// exit runs a command and wants exactly that exit code.
func exit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exit CODE COMMAND [ARG ...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	var failed *exec.ExitError
	if err != nil {
		if !asExit(err, &failed) {
			ts.Fatalf("%s: %v", strings.Join(args[1:], " "), err)
		}
		got = fmt.Sprint(failed.ExitCode())
	}
	if got != args[0] {
		ts.Fatalf("%s: exit code %s, want %s", strings.Join(args[1:], " "), got, args[0])
	}
}

func asExit(err error, target **exec.ExitError) bool {
	e, ok := err.(*exec.ExitError)
	*target = e
	return ok
}

// flip changes one bit in the middle of a file.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: flip FILE")
	}
	file := ts.MkAbs(args[0])
	raw, err := os.ReadFile(file)
	ts.Check(err)
	raw[len(raw)/2] ^= 1
	ts.Check(os.Chmod(file, 0o644))
	ts.Check(os.WriteFile(file, raw, 0o644))
}

// sqlite runs one statement on a database, as somebody with a shell in the signing room could.
func sqlite(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sql FILE STATEMENT")
	}
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	defer db.Close()
	res, err := db.Exec(strings.ReplaceAll(args[1], "$WORK", ts.Getenv("WORK")))
	ts.Check(err)
	n, err := res.RowsAffected()
	ts.Check(err)
	ts.Logf("%d rows", n)
}

// slip records a file in the master under a name, as a thief in the signing room would:
// with the log's own keys, past section A.
func slip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: slip FILE NAME")
	}
	content, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	cmd := exec.Command(os.Args[0], "-test.run=^TestSlip$")
	cmd.Env = append(os.Environ(), "SLIP_CONFIG="+ts.MkAbs("repository.yaml"), "SLIP_NAME="+args[1],
		"SLIP_CONTENT="+string(content))
	out, err := cmd.CombinedOutput()
	if err != nil {
		ts.Fatalf("slipping %s: %v\n%s", args[0], err, out)
	}
}
