//go:build mutation

package verify_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// reporters are the functions through which a finding is made.
var reporters = []string{"add", "report", "addRefusal", "reportBlob", "unread", "bad", "missing"}

// survivors are places whose removal no case can show, with the reason.
var survivors = map[string]string{
	"master-unreadable": "needs a file system that fails",
}

// TestEveryFindingIsNeeded takes away one place at a time where a finding is made, and wants the tests to fail. It compiles the
// package once for each place; run it with go test -tags mutation -run TestEveryFindingIsNeeded -timeout 2h ./verify.
func TestEveryFindingIsNeeded(t *testing.T) {
	files := must(filepath.Glob("*.go"))
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		src := must(os.ReadFile(file))
		for _, m := range mutations(file, src) {
			t.Run(fmt.Sprintf("%s:%d", file, m.line), func(t *testing.T) {
				for code, why := range survivors {
					if strings.Contains(m.text, `"`+code+`"`) {
						t.Logf("not tried: %s", why)
						return
					}
				}
				if out, failed := runMutated(t, file, m.apply(src)); !failed {
					t.Errorf("the tests pass without %s\n%s", m.text, out)
				}
			})
		}
	}
}

// A mutation replaces the function of one call by one that does nothing.
type mutation struct {
	start, end int // of the function's expression
	line       int
	text       string
}

func (m mutation) apply(src []byte) []byte {
	return slices.Concat(src[:m.start], []byte("func(...any) {}"), src[m.end:])
}

func mutations(file string, src []byte) []mutation {
	fset := token.NewFileSet()
	tree := must(parser.ParseFile(fset, file, src, 0))
	var all []mutation
	ast.Inspect(tree, func(n ast.Node) bool {
		stmt, ok := n.(*ast.ExprStmt)
		if !ok {
			return true
		}
		call, ok := stmt.X.(*ast.CallExpr)
		if !ok || !slices.Contains(reporters, nameOf(call.Fun)) {
			return true
		}
		at := func(p token.Pos) int { return fset.Position(p).Offset }
		text := string(src[at(call.Pos()):at(call.End())])
		if strings.HasPrefix(text, "k.add(f)") || regexp.MustCompile(`^(k|w)\.c?\.?add\(Finding\{Code: code`).MatchString(text) {
			return true // the body of a reporter: every case needs it
		}
		all = append(all, mutation{at(call.Fun.Pos()), at(call.Fun.End()), fset.Position(call.Pos()).Line, text})
		return true
	})
	return all
}

func nameOf(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return x.Sel.Name
	}
	return ""
}

// runMutated runs the tests with file replaced and reports whether they fail.
func runMutated(t *testing.T, file string, src []byte) (out string, failed bool) {
	t.Helper()
	dir := t.TempDir()
	mutated := filepath.Join(dir, file)
	check(os.WriteFile(mutated, src, 0o644))
	overlay := filepath.Join(dir, "overlay.json")
	abs := must(filepath.Abs(file))
	check(os.WriteFile(overlay, must(json.Marshal(map[string]map[string]string{"Replace": {abs: mutated}})), 0o644))
	cmd := exec.Command("go", "test", "-vet=off", "-overlay", overlay, "-run", "Tampering|Listing|Tiers|Clean", ".")
	b, err := cmd.CombinedOutput()
	if strings.Contains(string(b), "[build failed]") {
		t.Fatalf("the mutation does not compile: %s", b)
	}
	lines := strings.Split(string(b), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n"), err != nil
}
