// Package standin is a Terraform provider that stands in for hashicorp/google
// where that cannot be had. It knows no cloud and has no schema of its own: it
// takes in exactly the arguments that the module writes, with the types of
// their expressions, and leaves everything else that the module reads unknown
// until apply.
//
// So it shows that the module's expressions, conditions and validations work
// and gives the policy a real plan to read. It does not show that Google's
// provider knows these arguments; only that provider can.
package standin

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

var (
	stringList = tftypes.List{ElementType: tftypes.String}
	stringMap  = tftypes.Map{ElementType: tftypes.String}
)

// A shape is what the module writes into one kind of block.
type shape struct {
	attributes map[string]tftypes.Type
	blocks     map[string]*shape
}

func newShape() *shape {
	return &shape{attributes: map[string]tftypes.Type{}, blocks: map[string]*shape{}}
}

// infer returns the shapes of the resources of a module and, for each, the
// attributes that it only reads.
func infer(folder string) (shapes map[string]*shape, computed map[string]map[string]bool, err error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.tf"))
	if err != nil || len(files) == 0 {
		return nil, nil, fmt.Errorf("inferring the schema: no .tf file in %q", folder)
	}
	var bodies []*hclsyntax.Body
	variables := map[string]tftypes.Type{}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			return nil, nil, err
		}
		parsed, problems := hclsyntax.ParseConfig(source, file, hcl.InitialPos)
		if problems.HasErrors() {
			return nil, nil, fmt.Errorf("parsing %s: %w", file, problems)
		}
		body := parsed.Body.(*hclsyntax.Body)
		bodies = append(bodies, body)
		for _, b := range body.Blocks {
			if a := b.Body.Attributes["type"]; b.Type == "variable" && a != nil {
				variables[b.Labels[0]] = declaredType(string(a.Expr.Range().SliceBytes(source)))
			}
		}
	}
	shapes, computed = map[string]*shape{}, map[string]map[string]bool{}
	for _, body := range bodies {
		for _, b := range body.Blocks {
			if b.Type != "resource" {
				continue
			}
			if shapes[b.Labels[0]] == nil {
				shapes[b.Labels[0]] = newShape()
				computed[b.Labels[0]] = map[string]bool{"id": true}
			}
			shapes[b.Labels[0]].add(b.Body, variables)
		}
	}
	for _, body := range bodies {
		noteReads(body, shapes, computed)
	}
	return shapes, computed, nil
}

// Arguments of Terraform itself, not of the provider.
var meta = []string{"for_each", "count", "provider", "depends_on", "lifecycle"}

// Lists that the module writes as references, which do not show it.
var lists = []string{"paths"}

func (s *shape) add(body *hclsyntax.Body, variables map[string]tftypes.Type) {
	for name, a := range body.Attributes {
		switch {
		case slices.Contains(lists, name):
			s.attributes[name] = stringList
		case !slices.Contains(meta, name):
			s.attributes[name] = typeOf(a.Expr, variables)
		}
	}
	for _, b := range body.Blocks {
		name, content := b.Type, b.Body
		if slices.Contains(meta, name) {
			continue
		}
		if name == "dynamic" {
			name = b.Labels[0]
			for _, inner := range b.Body.Blocks {
				content = inner.Body // its only block is "content"
			}
		}
		if s.blocks[name] == nil {
			s.blocks[name] = newShape()
		}
		s.blocks[name].add(content, variables)
	}
}

// typeOf guesses the type of an argument from how it is written.
func typeOf(e hclsyntax.Expression, variables map[string]tftypes.Type) tftypes.Type {
	switch e := e.(type) {
	case *hclsyntax.LiteralValueExpr:
		switch {
		case e.Val.Type().FriendlyName() == "bool":
			return tftypes.Bool
		case e.Val.Type().FriendlyName() == "number":
			return tftypes.Number
		}
	case *hclsyntax.BinaryOpExpr:
		return tftypes.Number
	case *hclsyntax.TupleConsExpr:
		return stringList
	case *hclsyntax.ObjectConsExpr:
		return stringMap
	case *hclsyntax.ScopeTraversalExpr:
		if e.Traversal.RootName() == "var" && len(e.Traversal) == 2 {
			if t := variables[e.Traversal[1].(hcl.TraverseAttr).Name]; t != nil {
				return t
			}
		}
	}
	return tftypes.String
}

func declaredType(text string) tftypes.Type {
	switch {
	case text == "bool":
		return tftypes.Bool
	case text == "number":
		return tftypes.Number
	case strings.HasPrefix(text, "list("), strings.HasPrefix(text, "set("):
		return stringList
	case strings.HasPrefix(text, "map("):
		return stringMap
	}
	return tftypes.String
}

// noteReads finds attributes that the module reads of its resources and does not set.
func noteReads(body *hclsyntax.Body, shapes map[string]*shape, computed map[string]map[string]bool) {
	for _, a := range body.Attributes {
		for _, traversal := range a.Expr.Variables() {
			s := shapes[traversal.RootName()]
			if s == nil {
				continue
			}
			for _, step := range traversal[2:] {
				if name, ok := step.(hcl.TraverseAttr); ok && s.attributes[name.Name] == nil {
					computed[traversal.RootName()][name.Name] = true
				}
			}
		}
	}
	for _, b := range body.Blocks {
		noteReads(b.Body, shapes, computed)
	}
}

// schema turns a shape into what Terraform asks for.
func (s *shape) schema(computed map[string]bool) *tfprotov6.SchemaBlock {
	block := &tfprotov6.SchemaBlock{}
	for name := range computed {
		block.Attributes = append(block.Attributes,
			&tfprotov6.SchemaAttribute{Name: name, Type: tftypes.String, Computed: true})
	}
	for name, t := range s.attributes {
		block.Attributes = append(block.Attributes, &tfprotov6.SchemaAttribute{Name: name, Type: t, Optional: true})
	}
	for name, inner := range s.blocks {
		block.BlockTypes = append(block.BlockTypes, &tfprotov6.SchemaNestedBlock{
			TypeName: name, Nesting: tfprotov6.SchemaNestedBlockNestingModeList, Block: inner.schema(nil),
		})
	}
	return block
}
