//go:build integration

package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestDependencies holds the committed lists of modules to what the two binaries really link,
// and docs/dependencies.md to a reason for each that our own code imports.
func TestDependencies(t *testing.T) {
	reasons, err := os.ReadFile("../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, cgo := range map[string]string{"publisher": "0", "publisher-nocloud": "0", "signer": "1"} {
		folder, tags, _ := strings.Cut(name, "-")
		list := func(format string) []string {
			cmd := exec.CommandContext(t.Context(), "go", "list", "-tags", tags, "-deps", "-f", format, "./cmd/"+folder)
			cmd.Dir, cmd.Env = "..", append(os.Environ(), "CGO_ENABLED="+cgo, "GOOS=linux", "GOARCH=amd64")
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Fields(strings.ReplaceAll(string(out), " ", "@"))
			slices.Sort(lines)
			return slices.Compact(lines)
		}
		modules := list(`{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{end}}{{end}}`)
		file := filepath.Join("deps", name+".txt")
		committed := strings.Join(modules, "\n") + "\n"
		if !*update {
			diffLists(t, file, committed)
		} else {
			golden(t, file, committed)
		}
		for _, imported := range list(`{{if .Module}}{{if .Module.Main}}{{join .Imports "\n"}}{{end}}{{end}}`) {
			module := moduleOf(imported, modules)
			if module != "" && !strings.Contains(string(reasons), "`"+module+"`") {
				t.Errorf("%s imports %s; docs/dependencies.md gives no reason for %s", name, imported, module)
			}
		}
	}
}

// moduleOf finds the module that a package belongs to; empty for ours and the standard library.
func moduleOf(imported string, modules []string) string {
	best := ""
	for _, m := range modules {
		path, _, _ := strings.Cut(m, "@")
		if (imported == path || strings.HasPrefix(imported, path+"/")) && len(path) > len(best) {
			best = path
		}
	}
	return best
}

// diffLists says which lines came and which went.
func diffLists(t *testing.T, file, now string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	was, is := strings.Fields(string(raw)), strings.Fields(now)
	for _, m := range is {
		if !slices.Contains(was, m) {
			t.Errorf("%s: + %s; give a reason in docs/dependencies.md when it is direct, and write the list again "+
				"with -update", file, m)
		}
	}
	for _, m := range was {
		if !slices.Contains(is, m) {
			t.Errorf("%s: - %s; write the list again with -update", file, m)
		}
	}
}
