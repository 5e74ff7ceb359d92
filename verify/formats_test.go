package verify_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestToleratedFormatsAreShown wants each row of the page's table to name a case that is there.
func TestToleratedFormatsAreShown(t *testing.T) {
	t.Parallel()
	_, section, ok := strings.Cut(string(must(os.ReadFile("../docs/formats.md"))), "\n## 10. ")
	rows := regexp.MustCompile("(?m)^\\|.*\\| `([a-z/]+)`: `(.+)` \\|$").FindAllStringSubmatch(section, -1)
	if !ok || len(rows) < 20 || len(rows) != strings.Count(section, "\n|")-2 {
		t.Fatalf("%d rows name a case", len(rows))
	}
	for _, row := range rows {
		files := must(filepath.Glob(filepath.Join("..", row[1], "*_test.go")))
		files = append(files, must(filepath.Glob(filepath.Join("..", row[1], "testdata", "*.txtar")))...)
		if !slices.ContainsFunc(files,
			func(file string) bool { return strings.Contains(string(must(os.ReadFile(file))), row[2]) }) {
			t.Errorf("package %s has no case %q", row[1], row[2])
		}
	}
}
