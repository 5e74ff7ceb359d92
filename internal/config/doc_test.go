package config

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/config.md from the struct's comments")

// TestReference keeps docs/config.md equal to the comments on the struct.
func TestReference(t *testing.T) {
	file := filepath.Join("..", "..", "docs", "config.md")
	want := reference(t)
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/config.md is not what the struct says; run go test ./internal/config -run TestReference -update")
	}
}

func reference(t *testing.T) string {
	t.Helper()
	var decls []ast.Decl
	for _, file := range []string{"config.go", "target.go", "issuer.go", "auditor.go", "cdn.go", "telemetry.go"} {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		decls = append(decls, parsed.Decls...)
	}
	var b strings.Builder
	b.WriteString("# repository.yaml\n\nOne file for both binaries. Paths are relative to the file. It holds no " +
		"secret.\n" +
		"Durations are written as 30s, 12h, 7d or 10y. `publisher config init` writes one to begin with,\n" +
		"`publisher config check` lists every problem with its line. A key without a value is a mistake;\n" +
		"where none is meant, write []. This page is made from the source.\n")
	for _, decl := range decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.TYPE {
			continue
		}
		spec := gen.Specs[0].(*ast.TypeSpec)
		fields, ok := spec.Type.(*ast.StructType)
		if !ok {
			continue
		}
		if spec.Name.Name == "HSM" { // its keys stand where it is embedded
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| key | type | meaning |\n| --- | --- | --- |\n", spec.Name.Name,
			strings.TrimSpace(gen.Doc.Text()))
		for _, f := range inlined(fields.Fields.List, decls) {
			tag := reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("yaml")
			if tag == "-" {
				continue
			}
			doc := strings.ReplaceAll(strings.TrimSpace(f.Doc.Text()), "\n", " ")
			if doc == "" {
				t.Errorf("%s.%s has no comment", spec.Name.Name, f.Names[0].Name)
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", tag, typeName(f.Type), strings.ReplaceAll(doc, "|", `\|`))
		}
	}
	return b.String()
}

// inlined puts the fields of embedded structs in their place.
func inlined(fields []*ast.Field, decls []ast.Decl) (all []*ast.Field) {
	for _, f := range fields {
		if len(f.Names) > 0 {
			all = append(all, f)
			continue
		}
		for _, decl := range decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok || gen.Tok != token.TYPE {
				continue
			}
			spec := gen.Specs[0].(*ast.TypeSpec)
			if spec.Name.Name == typeName(f.Type) {
				all = append(all, inlined(spec.Type.(*ast.StructType).Fields.List, decls)...)
			}
		}
	}
	return all
}

func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.ArrayType:
		return "list of " + typeName(e.Elt)
	case *ast.MapType:
		return "map of " + typeName(e.Value)
	case *ast.SelectorExpr:
		return typeName(e.X) + "." + e.Sel.Name
	case *ast.Ident:
		return e.Name
	}
	return "?"
}
