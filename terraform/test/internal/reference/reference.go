// Package reference writes the page of inputs and outputs from the modules'
// source, so that the page cannot say something else than the code.
package reference

import (
	"fmt"
	"path/filepath"
	"strings"

	"seihon/terraform/test/internal/module"
)

// Modules are the folders below terraform/ that the page describes.
var Modules = []string{"modules/aws-repository", "modules/gcp-repository", "examples/aws-complete",
	"examples/gcp-complete"}

// Page returns the Markdown of terraform/REFERENCE.md.
func Page(root string) (string, error) {
	var b strings.Builder
	b.WriteString("# Inputs and outputs\n\nMade from the source by `make terraform-reference`; do not edit.\n")
	for _, folder := range Modules {
		m, err := module.Read(filepath.Join(root, folder))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "\n## %s\n\n### Inputs\n\n| name | type | default | meaning |\n| --- | --- | --- | --- |\n",
			folder)
		for _, v := range m.Variables {
			standard := "required"
			if !v.Required {
				standard = code(v.Default)
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", v.Name, code(v.Type), standard, cell(v.Description))
		}
		refusals(&b, m)
		b.WriteString("\n### Outputs\n\n| name | meaning |\n| --- | --- |\n")
		for _, o := range m.Outputs {
			fmt.Fprintf(&b, "| `%s` | %s |\n", o.Name, cell(o.Description))
		}
	}
	return b.String(), nil
}

// refusals lists the validations: what the module does not take, and why.
func refusals(b *strings.Builder, m *module.Module) {
	titled := false
	for _, v := range m.Variables {
		for _, rule := range v.Rules {
			if !titled {
				b.WriteString("\n### What is refused\n\n")
				titled = true
			}
			fmt.Fprintf(b, "- %s\n", cell(rule))
		}
	}
}

func code(s string) string { return "`" + cell(s) + "`" }

// cell makes a text fit for one cell of a table.
func cell(s string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "|", "\\|")
}
