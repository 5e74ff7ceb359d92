//go:build integration

package cmd_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"seihon/internal/jsonschema"
)

// schema holds what the last command printed against docs/schema/NAME.v1.json.
func schema(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: schema NAME")
	}
	of, err := os.ReadFile(filepath.Join(filepath.Dir(demoPDF), "..", "docs", "schema", args[0]+".v1.json"))
	ts.Check(err)
	if err := jsonschema.Validate(of, []byte(ts.ReadFile("stdout"))); err != nil {
		ts.Fatalf("what was printed does not fit %s.v1.json: %v", args[0], err)
	}
}

// TestEverySchemaIsTried wants a script for each schema that holds a real answer against it.
func TestEverySchemaIsTried(t *testing.T) {
	tried := map[string]bool{}
	scripts, err := filepath.Glob("testdata/*.txtar")
	must(t, err)
	line := regexp.MustCompile(`(?m)^schema ([a-z-]+)$`)
	for _, file := range scripts {
		raw, err := os.ReadFile(file)
		must(t, err)
		for _, m := range line.FindAllStringSubmatch(string(raw), -1) {
			tried[m[1]] = true
		}
	}
	files, err := filepath.Glob("../docs/schema/*.v1.json")
	must(t, err)
	if len(files) == 0 {
		t.Error("docs/schema is empty")
	}
	for _, file := range files {
		if name := strings.TrimSuffix(filepath.Base(file), ".v1.json"); !tried[name] {
			t.Errorf("no script has the line %q", "schema "+name)
		}
	}
}
