package jsonschema

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

var update = flag.Bool("update-schema", false, "write docs/schema anew")

// Plain says that a command has no result beside its text, or writes lines of JSON, and why.
type Plain string

// OneOf are values of the types of which a command prints one, such as of one thing or of several.
type OneOf []any

// CheckCommands compares the files of docs/schema in folder with what each command of the app
// answers to --json. results has, by the words of the command, a value of the type that it prints,
// or a [Plain] reason. A command that is in neither place is an error, and so is a file of no command.
func CheckCommands(t *testing.T, app *cli.App, folder string, results map[string]any) {
	t.Helper()
	left := map[string]bool{}
	for name := range results {
		left[name] = true
	}
	files := map[string]bool{}
	var walk func([]*cli.Command, string)
	walk = func(commands []*cli.Command, before string) {
		for _, c := range commands {
			name := strings.TrimSpace(before + " " + c.Name)
			walk(c.Subcommands, name)
			if len(c.Subcommands) > 0 || c.Name == "help" {
				continue
			}
			v, known := results[name]
			delete(left, name)
			switch _, plain := v.(Plain); {
			case !known:
				t.Errorf("%s %s: nothing says what --json prints", app.Name, name)
			case !plain:
				file := app.Name + "-" + strings.ReplaceAll(name, " ", "-") + ".v1.json"
				files[file] = true
				checkFile(t, filepath.Join(folder, file), app.Name+" "+name+" --json", v)
			}
		}
	}
	walk(app.Commands, "")
	for name := range left {
		t.Errorf("%s has no command %q", app.Name, name)
	}
	found, err := filepath.Glob(filepath.Join(folder, app.Name+"-*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if !files[filepath.Base(f)] {
			t.Errorf("%s belongs to no command", f)
		}
	}
}

// schemaOf describes what a command prints.
func schemaOf(v any) (map[string]any, error) {
	forms, several := v.(OneOf)
	if !several {
		return Of(reflect.TypeOf(v))
	}
	var all []any
	d := &describer{defs: map[string]any{}}
	for _, form := range forms {
		one, err := d.describe(reflect.TypeOf(form), nil)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	schema := map[string]any{"oneOf": all}
	if len(d.defs) > 0 {
		schema["$defs"] = d.defs
	}
	return schema, nil
}

func checkFile(t *testing.T, file, title string, v any) {
	t.Helper()
	schema, err := schemaOf(v)
	if err != nil {
		t.Errorf("%s: %v", title, err)
		return
	}
	schema["$schema"], schema["title"] = Draft, title
	want, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what %s prints; if it is meant, write NEWS.md and docs/upgrade.md, and run the test with "+
			"-update-schema: %v", file, title, err)
	}
}
