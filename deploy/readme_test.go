//go:build integration

package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// changing is what differs between two runs of the same demo: times, roots, sizes, and where it lies.
var changing = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`copy \S+`), "copy FOLDER"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:]+Z`), "TIME"},
	{regexp.MustCompile(`root [A-Za-z0-9+/]{43}=`), "root HASH"},
	{regexp.MustCompile(`\(in [0-9hms]+\)`), "(in SPAN)"},
	{regexp.MustCompile(`\d+ bytes`), "N bytes"},
	// On a slow machine a round of samples was due between publishing and verifying.
	{regexp.MustCompile(`record of operation: .*`), "record of operation: AS IT WAS"},
	// Two steps of the demo that end in the same second leave the same index page, and the master keeps it once.
	{regexp.MustCompile(`\d+ artifacts`), "N artifacts"},
}

// TestReadmeShowsRealOutput holds the output of `publisher verify` in README.md to what the demo really prints. With
// -update, the page shows what was printed just now.
func TestReadmeShowsRealOutput(t *testing.T) {
	raw, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := blocks(string(raw), "text")
	if len(shown) != 1 || strings.Join(shown[0].words, " ") != "verify" {
		t.Fatalf("README.md has %d blocks marked text, must have one, marked verify", len(shown))
	}
	dir, _ := newDemo(t)
	// in the second of the first sync there is no record of operation yet, and no line about it
	time.Sleep(1100 * time.Millisecond)
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "bin/publisher"), "verify", "--config",
		".demo/repository.yaml", "--quiet")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want, got := strings.TrimSpace(shown[0].text), strings.TrimSpace(string(out))
	if *update {
		text := strings.Replace(string(raw), shown[0].text,
			changing[0].what.ReplaceAllString(got, "copy .demo/public:")+"\n", 1)
		if err := os.WriteFile("../README.md", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, c := range changing {
		want, got = c.what.ReplaceAllString(want, c.with), c.what.ReplaceAllString(got, c.with)
	}
	if want != got {
		t.Errorf("README.md shows\n%s\nand `publisher verify` prints\n%s", want, out)
	}
}

// TestReadmeTakesACAInTenCommands counts the commands of the second example: from a CA that exists to the public, and
// proved, in ten at most. TestDocumentedCommands runs them.
func TestReadmeTakesACAInTenCommands(t *testing.T) {
	raw, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, second, _ := strings.Cut(string(raw), "## Two commands")
	if before, _, found := strings.Cut(second, "## You have a CA already"); !found ||
		strings.Count(before, "\n## ") > 1 {
		t.Fatal("README.md does not have the CA that exists already as its second example, right behind the demo and " +
			"what to try in it")
	}
	for _, b := range blocks(string(raw), "sh") {
		if !strings.HasPrefix(b.text, "cd kept ") {
			continue
		}
		commands := strings.Split(strings.TrimSpace(b.text), "\n")[1:] // the first goes into the folder
		if len(commands) > 10 || !strings.HasSuffix(b.text, "\npublisher sync\npublisher verify\n") {
			t.Errorf("README.md has %d commands from the CA to the public, wants at most 10, and sync and verify in "+
				"the end:\n%s", len(commands), b.text)
		}
		for _, c := range commands {
			if parts := regexp.MustCompile(`&&|;|\|`).Split(strings.TrimPrefix(c, "(cd ca && "), -1); len(parts) > 1 {
				t.Errorf("README.md has more than one command in a line: %s", c)
			}
		}
		return
	}
	t.Error("README.md has no block of commands that begins in the folder kept")
}
