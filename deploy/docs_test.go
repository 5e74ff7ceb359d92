//go:build integration

package deploy_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The addresses that the documents use for a responder and for a store. The tests put free ports in their place.
const (
	servedAt = "127.0.0.1:8080"
	storedAt = "127.0.0.1:7070"
)

// elsewhere are blocks that need a machine which no test has; the page's block is named by its first line.
var elsewhere = map[string]string{
	"inventory.md: createuser --pwprompt signer": "inventory/inventorytest/postgrestest runs " +
		"against a PostgreSQL server of its own",
	"inventory.md: openssl genpkey -algorithm ed25519 -out override.key": "the import that it allows is a made-up " +
		"one; inventory's tests sign and use overrides",
	"taking-over.md: publisher adopt --target web --dry-run": "the demo has no old repository; " +
		"cmd/testdata/adopt.txtar takes one over by these commands",
}

// A block is one fenced block of a page.
type block struct {
	line  int
	text  string
	words []string // after the language
}

var fence = regexp.MustCompile("^( *)```+ *([a-z]*) *(.*)$")

// blocks returns the fenced blocks in a language.
func blocks(text, language string) []block {
	var all []block
	var open *block
	indent, wanted := "", false
	for i, line := range strings.Split(text, "\n") {
		m := fence.FindStringSubmatch(line)
		switch {
		case m != nil && open == nil:
			indent, wanted = m[1], m[2] == language
			open = &block{line: i + 2, words: strings.Fields(m[3])}
		case m != nil:
			if wanted {
				all = append(all, *open)
			}
			open = nil
		case open != nil:
			open.text += strings.TrimPrefix(line, indent) + "\n"
		}
	}
	return all
}

// TestDocumentedCommands runs every block marked sh of README.md and docs, page by page and in order, each page
// in a copy of the demo. Words after the language: expect=N, the exit code that the block ends with; serve or
// serve=ADDRESS, a server that runs until the end of the page.
func TestDocumentedCommands(t *testing.T) {
	for _, page := range pages(t) {
		raw, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		shell := blocks(string(raw), "sh")
		if len(shell) == 0 || isTranslation(page) { // the original has the same commands
			continue
		}
		t.Run(filepath.Base(page), func(t *testing.T) {
			runPage(t, filepath.Base(page), shell)
		})
	}
}

func pages(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"../*.md", "../docs/*.md", "../docs/adr/*.md", "../docs/ca/*.md", "../deploy/*.md",
		"../deploy/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	if len(all) < 10 {
		t.Fatalf("only %d pages found", len(all))
	}
	return all
}

// made is the one demo that all tests copy.
var made struct {
	sync.Once
	dir, address string
	err          error
}

// newDemo returns a copy of the folder that `make demo` leaves (bin, scripts, docs and .demo) and the public address
// that its certificates name.
func newDemo(t *testing.T) (dir, address string) {
	t.Helper()
	need(t, "openssl")
	bin := binaries(t)
	made.Do(func() {
		made.dir, made.address = filepath.Join(bin, "demo"), freeAddress(t)
		for _, name := range []string{"publisher", "signer"} {
			copyTree(t, filepath.Join(bin, name), filepath.Join(made.dir, "bin", name))
		}
		copyTree(t, "../scripts", filepath.Join(made.dir, "scripts"))
		copyTree(t, "../docs", filepath.Join(made.dir, "docs"))
		replaceIn(t, filepath.Join(made.dir, "scripts/demo.sh"), servedAt, made.address)
		var out []byte
		if out, made.err = exec.CommandContext(t.Context(),
			filepath.Join(made.dir, "scripts/demo.sh")).CombinedOutput(); made.err != nil {
			made.err = fmt.Errorf("scripts/demo.sh: %w\n%s", made.err, out)
		}
	})
	if made.err != nil {
		t.Fatal(made.err)
	}
	dir = filepath.Join(t.TempDir(), "checkout")
	copyTree(t, made.dir, dir)
	return dir, made.address
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("copying %s: %v\n%s", from, err, out)
	}
}

func runPage(t *testing.T, page string, shell []block) {
	dir, address := newDemo(t)
	store := freeAddress(t)
	for _, b := range shell {
		first, _, _ := strings.Cut(b.text, "\n")
		name := page + ": " + strings.TrimSpace(strings.SplitN(first, "#", 2)[0])
		if why := elsewhere[strings.TrimSpace(name)]; why != "" {
			t.Logf("line %d not run: %s", b.line, why)
			continue
		}
		b.text = strings.ReplaceAll(b.text, servedAt, address)
		b.text = strings.ReplaceAll(b.text, storedAt, store)
		if len(b.words) == 1 && strings.HasPrefix(b.words[0], "serve") {
			at := address
			if b.words[0] == "serve="+storedAt {
				at = store
			}
			serveBlock(t, dir, b, at)
			continue
		}
		runBlock(t, dir, b)
		if t.Failed() {
			return // what follows stands on it
		}
	}
}

func runBlock(t *testing.T, dir string, b block) {
	t.Helper()
	want := 0
	for _, w := range b.words {
		if n, err := fmt.Sscanf(w, "expect=%d", &want); n != 1 || err != nil {
			t.Fatalf("line %d: %q after sh; expect=N and serve are known", b.line, w)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", b.text)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != want {
		t.Errorf("line %d: exit code %d, want %d (%v)\n%s\n%s", b.line, got, want, err, b.text, out)
	}
}

// serveBlock starts a server, waits until it answers and stops it when the page ends.
func serveBlock(t *testing.T, dir string, b block, address string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-c", "exec "+b.text)
	var out bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // t.Context has ended, and with it the server
	for range 600 {                      // Azurite loads its whole library first
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("line %d: nobody listens at %s", b.line, address)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func replaceIn(t *testing.T, file, old, now string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// The file exists, and keeps its mode.
	if err := os.WriteFile(file, bytes.ReplaceAll(raw, []byte(old), []byte(now)), 0o600); err != nil {
		t.Fatal(err)
	}
}
