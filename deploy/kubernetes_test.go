//go:build integration

package deploy_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	yaml "go.yaml.in/yaml/v3"
)

// TestNamespace wants every object, and every command in our pages, to name the namespace: what a context happens to
// have set would put the pieces into different ones.
func TestNamespace(t *testing.T) {
	f, err := os.Open("kubernetes/responder.yaml")
	must(t, err)
	defer f.Close()
	objects := 0
	for dec := yaml.NewDecoder(f); ; objects++ {
		var object struct {
			Kind     string
			Metadata struct{ Name, Namespace string }
		}
		if err := dec.Decode(&object); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if want := map[bool]string{false: "seihon"}[object.Kind == "Namespace"]; object.Metadata.Namespace != want {
			t.Errorf("%s %s is in the namespace %q, want %q", object.Kind, object.Metadata.Name,
				object.Metadata.Namespace, want)
		}
	}
	commands := 0
	for _, file := range append(pages(t), "kubernetes/repository.yaml", "kubernetes/responder.yaml") {
		raw, err := os.ReadFile(file)
		must(t, err)
		for line := range strings.Lines(string(raw)) {
			command := strings.TrimSpace(strings.TrimLeft(line, "# "))
			if !strings.HasPrefix(command, "kubectl ") {
				continue
			}
			commands++
			if !strings.Contains(command, "--namespace seihon") &&
				!strings.Contains(command, "apply --filename deploy/kubernetes/") {
				t.Errorf("%s: %q names no namespace", filepath.Base(file), command)
			}
		}
	}
	if objects < 6 || commands < 4 {
		t.Errorf("only %d objects and %d commands found", objects, commands)
	}
}
