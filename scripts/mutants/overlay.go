package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// An edit puts a text in the place of some bytes of a file.
type edit struct {
	at, length int
	text       string
}

// edit is the change itself: what it changes stands in the file exactly once.
func (m mutant) edit() (edit, error) {
	raw, err := os.ReadFile(m.file)
	if err != nil {
		return edit{}, err
	}
	if n := strings.Count(string(raw), m.old); n != 1 {
		return edit{}, fmt.Errorf("%s: %q is there %d times, must be once", m.file, m.old, n)
	}
	return edit{strings.Index(string(raw), m.old), len(m.old), m.new}, nil
}

// watch lets the file say that a test reaches the change: where a condition holds that the change switches off, and at
// the begin of the function around any other change.
func (m mutant) watch(n string) (edit, error) {
	e, err := m.edit()
	if err != nil {
		return edit{}, err
	}
	if m.never {
		e.text = strings.Replace(m.new, "&& false", fmt.Sprintf("&& !mutantIs(%q)", n), 1)
		return e, nil
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, m.file, nil, parser.SkipObjectResolution)
	if err != nil {
		return edit{}, err
	}
	begin := -1
	ast.Inspect(file, func(node ast.Node) bool {
		var body *ast.BlockStmt
		switch f := node.(type) {
		case *ast.FuncDecl:
			body = f.Body
		case *ast.FuncLit:
			body = f.Body
		}
		if body != nil && fset.Position(body.Lbrace).Offset < e.at && e.at < fset.Position(body.Rbrace).Offset {
			begin = fset.Position(body.Lbrace).Offset + 1
		}
		return true
	})
	if begin < 0 {
		return edit{}, fmt.Errorf("%s: %q is in no function: which tests reach it cannot be seen", m.file, m.old)
	}
	return edit{begin, 0, fmt.Sprintf(" mutantMet(%q);", n)}, nil
}

// overlay writes what go build is to read instead of the files that are there, and beside them.
func (r *runner) overlay(edits map[string][]edit, added map[string]string) (string, error) {
	dir, err := os.MkdirTemp(r.dir, "overlay")
	if err != nil {
		return "", err
	}
	texts := map[string]string{}
	for file, list := range edits {
		raw, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		text := string(raw)
		slices.SortStableFunc(list, func(a, b edit) int { return cmp.Compare(b.at, a.at) })
		for _, e := range list {
			text = text[:e.at] + e.text + text[e.at+e.length:]
		}
		texts[file] = text
	}
	for file, text := range added {
		texts[file] = text
	}
	replace := map[string]string{}
	for file, text := range texts {
		place, err := filepath.Abs(file)
		if err != nil {
			return "", err
		}
		replace[place] = filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
		if err := os.WriteFile(replace[place], []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	raw, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "overlay.json")
	return file, os.WriteFile(file, raw, 0o600)
}
