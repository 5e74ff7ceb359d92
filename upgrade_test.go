package seihon

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// formatOf finds the names of formats in the sources: what the first line of a file of ours says.
var formatOf = regexp.MustCompile(`"seihon/[a-z-]+/v[0-9]+`)

// inOtherPages are formats that are read where they are written, or that nothing else depends on; the page
// about upgrades need not name them.
var inOtherPages = []string{
	"seihon/hsm-approvals/v1", "seihon/key-evidence/v1", "seihon/refused-pins/v1", "seihon/revocation/v1",
	"seihon/override/v1", "seihon/exception/v1",
	"seihon/status/v1", "seihon/uptime/v2", "seihon/verify-report/v1", "seihon/verify-progress/v1",
	"seihon/status-evidence/v1",
	"seihon/key-rotation/v1", "seihon/line-proof/v1",
}

// TestUpgradePageNamesTheFormats holds docs/upgrade.md to the formats of the sources, and the sources to the page.
func TestUpgradePageNamesTheFormats(t *testing.T) {
	raw, err := os.ReadFile("docs/upgrade.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)
	var found []string
	for path := range sources(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range formatOf.FindAllString(string(text), -1) {
			found = append(found, strings.TrimPrefix(f, `"`))
		}
	}
	slices.Sort(found)
	for _, f := range slices.Compact(found) {
		if !strings.Contains(page, "`"+f+"`") && !slices.Contains(inOtherPages, f) {
			t.Errorf("the programs know the format %s, docs/upgrade.md does not: say what reads it and what does not",
				f)
		}
	}
	for _, f := range regexp.MustCompile("`(seihon/[a-z-]+/v[0-9]+)`").FindAllStringSubmatch(page, -1) {
		if !slices.Contains(found, f[1]) {
			t.Errorf("docs/upgrade.md names the format %s, which no program knows", f[1])
		}
	}
}

// sources goes through the Go files of the two binaries, tests left out.
func sources(t *testing.T) map[string]bool {
	t.Helper()
	files := map[string]bool{}
	for folder := range plan {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				files[path] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// TestTheMapHasEveryRoom holds the map of the code in docs/design.md to the folders: each has a row, or stands below
// one that has.
func TestTheMapHasEveryRoom(t *testing.T) {
	raw, err := os.ReadFile("docs/design.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(raw), "## Packages\n")
	section, _, _ = strings.Cut(section, "\n## ")
	named := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z0-9/]+)`").FindAllStringSubmatch(section, -1) {
		named[row[1]] = true
		if _, err := os.Stat(row[1]); err != nil {
			t.Errorf("docs/design.md has a row for %s, which is no folder", row[1])
		}
	}
	for folder := range plan {
		covered := false
		for f := folder; f != "."; f = filepath.Dir(f) {
			covered = covered || named[f]
		}
		if !covered {
			t.Errorf("docs/design.md has no row for %s: say in a line what it is", folder)
		}
	}
}
