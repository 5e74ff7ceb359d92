// Package module reads the HCL of a Terraform module without Terraform: its
// variables, outputs and what it refers to. The reference page and the static
// tests are made from it, so both work offline.
package module

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// A Module is one folder of .tf files.
type Module struct {
	Variables []Variable
	Outputs   []Output
	Declared  map[string]bool // addresses of what it declares: var.x, local.x, type.name, module.x, data.type.name
	Used      []Use
}

// A Variable is an input.
type Variable struct {
	Name, Type, Default, Description string
	Required                         bool
	Rules                            []string // error messages of its validations
}

// An Output is what the module gives back.
type Output struct{ Name, Description string }

// A Use is one reference to something that the module must declare.
type Use struct {
	Address string
	Where   hcl.Range
}

// Read parses the .tf files of a folder.
func Read(folder string) (*Module, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.tf"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("reading module %s: no .tf file", folder)
	}
	m := &Module{Declared: map[string]bool{}}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		parsed, problems := hclsyntax.ParseConfig(source, file, hcl.InitialPos)
		if problems.HasErrors() {
			return nil, fmt.Errorf("parsing %s: %w", file, problems)
		}
		body := parsed.Body.(*hclsyntax.Body)
		for _, block := range body.Blocks {
			m.declare(block, source)
		}
		m.collect(body)
	}
	slices.SortFunc(m.Outputs, func(a, b Output) int { return cmp.Compare(a.Name, b.Name) })
	return m, nil
}

func (m *Module) declare(block *hclsyntax.Block, source []byte) {
	switch block.Type {
	case "variable":
		m.Declared["var."+block.Labels[0]] = true
		m.Variables = append(m.Variables, readVariable(block, source))
	case "output":
		m.Outputs = append(m.Outputs,
			Output{Name: block.Labels[0], Description: text(block.Body.Attributes["description"], source)})
	case "locals":
		for name := range block.Body.Attributes {
			m.Declared["local."+name] = true
		}
	case "resource":
		m.Declared[strings.Join(block.Labels, ".")] = true
	case "data":
		m.Declared["data."+strings.Join(block.Labels, ".")] = true
	case "module":
		m.Declared["module."+block.Labels[0]] = true
	}
}

func readVariable(block *hclsyntax.Block, source []byte) Variable {
	v := Variable{
		Name:        block.Labels[0],
		Type:        slice(block.Body.Attributes["type"], source),
		Default:     slice(block.Body.Attributes["default"], source),
		Required:    block.Body.Attributes["default"] == nil,
		Description: text(block.Body.Attributes["description"], source),
	}
	for _, inner := range block.Body.Blocks {
		if inner.Type == "validation" {
			v.Rules = append(v.Rules, text(inner.Body.Attributes["error_message"], source))
		}
	}
	return v
}

// slice returns an attribute's expression as it is written.
func slice(a *hclsyntax.Attribute, source []byte) string {
	if a == nil {
		return ""
	}
	return string(a.Expr.Range().SliceBytes(source))
}

// text returns the value of a string attribute, or the expression when it is no constant.
func text(a *hclsyntax.Attribute, source []byte) string {
	if a == nil {
		return ""
	}
	if value, problems := a.Expr.Value(nil); !problems.HasErrors() {
		return value.AsString()
	}
	return slice(a, source)
}

// collect notes the references in all expressions. Names that a for expression
// or a dynamic block introduces, and Terraform's own (each, count, path, self), are none.
func (m *Module) collect(body *hclsyntax.Body) {
	for _, a := range body.Attributes {
		m.expression(a.Expr)
	}
	for _, block := range body.Blocks {
		if block.Type == "terraform" || block.Type == "provider" {
			continue
		}
		m.collect(block.Body)
	}
}

func (m *Module) expression(e hclsyntax.Expression) {
	for _, traversal := range e.Variables() {
		root := traversal.RootName()
		step := func(i int) string {
			if i < len(traversal) {
				if a, ok := traversal[i].(hcl.TraverseAttr); ok {
					return a.Name
				}
			}
			return ""
		}
		var address string
		switch {
		case root == "var" || root == "local" || root == "module":
			address = root + "." + step(1)
		case root == "data":
			address = "data." + step(1) + "." + step(2)
		case strings.HasPrefix(root, "aws_") || strings.HasPrefix(root, "google_"):
			address = root + "." + step(1)
		default:
			continue
		}
		m.Used = append(m.Used, Use{Address: address, Where: traversal.SourceRange()})
	}
}
