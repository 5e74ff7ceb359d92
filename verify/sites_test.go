package verify_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"seihon/verify"
	"seihon/verify/report"
)

// A site is a place in the code where a finding is made: removing the call there must make a test fail.
type site struct {
	file        string
	first, last int // lines of the statement
	text        string
}

func (s site) String() string { return fmt.Sprintf("%s:%d", s.file, s.first) }

// reporters are the functions through which findings are made.
var reporters = []string{"Found", "report", "addRefusal", "reportBlob", "unread", "bad", "missing"}

// unneeded are the places whose removal no case of this package can show, with the reason.
var unneeded = map[string]string{
	"f.Code":                          "the body of a reporter",
	"Finding{Code: code":              "the body of a reporter",
	"c.Found(out)":                    "package ledger shows its own findings",
	`"master-unreadable"`:             "needs a file system that fails",
	"k.unread(ctx, name, line.Digest": "needs an object that changes between two requests",
}

var allSites = sync.OnceValue(func() []site {
	var all []site
	for _, file := range must(filepath.Glob("*.go")) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		src := must(readFile(".", file))
		fset := token.NewFileSet()
		ast.Inspect(must(parser.ParseFile(fset, file, src, 0)), func(n ast.Node) bool {
			stmt, ok := n.(*ast.ExprStmt)
			if !ok {
				return true
			}
			call, ok := stmt.X.(*ast.CallExpr)
			if !ok || !slices.Contains(reporters, nameOf(call.Fun)) {
				return true
			}
			from, to := fset.Position(call.Pos()), fset.Position(call.End())
			all = append(all, site{file, from.Line, to.Line, string(src[from.Offset:to.Offset])})
			return true
		})
	}
	return all
})

func nameOf(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return x.Sel.Name
	}
	return ""
}

// made remembers through which places the findings of one check went.
type made struct {
	findings []report.Finding
	through  [][]site
}

// observed returns a configuration that records places into m. The collector calls it one finding at a time.
func (m *made) observed(c verify.Config) verify.Config {
	return verify.Observe(c, func(f report.Finding) {
		pcs := make([]uintptr, 32)
		frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
		var through []site
		for more := true; more; {
			var fr runtime.Frame
			fr, more = frames.Next()
			for _, s := range allSites() {
				if s.file == filepath.Base(fr.File) && s.first <= fr.Line && fr.Line <= s.last {
					through = append(through, s)
				}
			}
		}
		m.findings, m.through = append(m.findings, f), append(m.through, through)
	})
}

var (
	neededMu sync.Mutex
	needed   = map[string]bool{}
)

// need marks the places without which want would not be met: those that every finding that meets it went through.
func (m *made) need(want string) {
	count, matching := map[string]int{}, 0
	for i, f := range m.findings {
		if !meets(f, want) {
			continue
		}
		matching++
		seen := map[string]bool{}
		for _, s := range m.through[i] {
			if !seen[s.String()] {
				seen[s.String()] = true
				count[s.String()]++
			}
		}
	}
	neededMu.Lock()
	defer neededMu.Unlock()
	for s, n := range count {
		if n == matching {
			needed[s] = true
		}
	}
}

// everySiteIsNeeded is a mutation test without mutants: for each place where a finding is made there is a case that
// would fail if the call were removed.
func everySiteIsNeeded(t *testing.T) {
	t.Helper()
	if len(allSites()) < 60 {
		t.Errorf("only %d places are known", len(allSites()))
	}
	for _, s := range allSites() {
		if needed[s.String()] ||
			slices.ContainsFunc(slices.Collect(keysOf(unneeded)),
				func(k string) bool { return strings.Contains(s.text, k) }) {
			continue
		}
		t.Errorf("no case needs %s: %s", s, s.text)
	}
}

func keysOf(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}
