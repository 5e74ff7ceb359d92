//go:build integration

package deploy_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var dryRunRow = regexp.MustCompile("(?m)^\\| `([a-z -]+)` \\| (yes|–) \\|(.*)\\|$")

// TestDryRuns holds the table of docs/dry-run.md to the commands of both binaries: each has --dry-run, or a reason not
// to have it.
func TestDryRuns(t *testing.T) {
	page, err := os.ReadFile("../docs/dry-run.md")
	if err != nil {
		t.Fatal(err)
	}
	said := map[string][]string{}
	for _, m := range dryRunRow.FindAllStringSubmatch(string(page), -1) {
		if said[m[1]] != nil {
			t.Errorf("docs/dry-run.md has two rows for %s", m[1])
		}
		said[m[1]] = m[2:]
	}
	for _, name := range []string{"signer", "publisher"} {
		readHelp(t, name).leaves(func(c command) {
			words := strings.Join(c.words, " ")
			row := said[words]
			delete(said, words)
			has := slices.ContainsFunc(c.options, func(o [2]string) bool { return o[0] == "--dry-run" })
			switch {
			case row == nil:
				t.Errorf("docs/dry-run.md has no row for %s", words)
			case has != (row[0] == "yes"):
				t.Errorf("docs/dry-run.md says %q of %s, which has the flag: %v", row[0], words, has)
			case !has && strings.TrimSpace(row[1]) == "":
				t.Errorf("docs/dry-run.md gives no reason why %s has no --dry-run", words)
			}
		})
	}
	for words := range said {
		t.Errorf("docs/dry-run.md has a row for %s, which is no command", words)
	}
}
