// Package terraform_test shows that the modules hold what terraform/README.md
// says. The tests of this file need nothing but Go; those behind the build tag
// integration start Terraform, moto, versitygw and the real publisher. A part
// that cannot run says why in its skip.
package terraform_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"seihon/terraform/test/internal/module"
	"seihon/terraform/test/internal/reference"
)

const root = ".."

// sources calls f with every file of the tree that has one of the endings.
func sources(t *testing.T, f func(path string, text []byte), endings ...string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == ".terraform" {
			return fs.SkipDir
		}
		for _, ending := range endings {
			if !d.IsDir() && strings.HasSuffix(path, ending) {
				text, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				f(path, text)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestHCLParsesAndIsFormatted(t *testing.T) {
	n := 0
	sources(t, func(path string, text []byte) {
		n++
		if _, problems := hclsyntax.ParseConfig(text, path, hcl.InitialPos); problems.HasErrors() {
			t.Errorf("parsing %s: %v", path, problems)
		}
		if !bytes.Equal(hclwrite.Format(text), text) {
			t.Errorf("%s is not formatted: run terraform fmt -recursive terraform", path)
		}
	}, ".tf", ".tftest.hcl", ".tflint.hcl")
	if n < 15 {
		t.Errorf("found %d files of HCL only", n)
	}
}

// A reference to something that nobody declares is what `terraform validate` would
// find; this finds it for the google modules, too, whose provider may be out of reach.
func TestReferencesResolve(t *testing.T) {
	for _, folder := range reference.Modules {
		m := read(t, folder)
		if len(m.Used) == 0 {
			t.Errorf("%s: no reference was found; the check would prove nothing", folder)
		}
		for _, use := range m.Used {
			if !m.Declared[use.Address] {
				t.Errorf("%s: %s is not declared", use.Where, use.Address)
			}
		}
	}
}

func TestInterfacesAreDescribed(t *testing.T) {
	for _, folder := range reference.Modules {
		m := read(t, folder)
		for _, v := range m.Variables {
			if v.Description == "" || v.Type == "" {
				t.Errorf("%s: variable %s has no description or no type", folder, v.Name)
			}
		}
		for _, o := range m.Outputs {
			if o.Description == "" {
				t.Errorf("%s: output %s has no description", folder, o.Name)
			}
		}
	}
}

func TestReferencePageIsCurrent(t *testing.T) {
	want, err := reference.Page(root)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, "REFERENCE.md"))
	if err != nil || string(got) != want {
		t.Errorf("terraform/REFERENCE.md is not made from the source (%v): run make terraform-reference", err)
	}
}

// The modules never say https-only, sign, or make keys, whatever their inputs are.
func TestModulesHoldNoForbiddenWord(t *testing.T) {
	forbidden := regexp.MustCompile(`"(redirect-to-https|https_redirect|aws_kms_key|aws_acmpca_\w+|aws_cloudhsm\w+|aws_iam_access_key|google_kms_\w+|google_privateca_\w+|google_service_account_key|tls_private_key)"|strict_transport_security\s*\{|https_redirect\s*=\s*true|force_destroy\s*=\s*true`)
	sources(t, func(path string, text []byte) {
		if strings.Contains(path, "testdata") {
			return
		}
		for _, found := range forbidden.FindAll(text, -1) {
			t.Errorf("%s holds %s", path, found)
		}
	}, ".tf")
}

// CloudFront takes 10 KB of a function.
func TestFunctionFitsCloudFront(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "functions/ocsp-get.js"))
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > 10<<10 {
		t.Errorf("ocsp-get.js has %d bytes; CloudFront takes %d", len(text), 10<<10)
	}
}

func read(t *testing.T, folder string) *module.Module {
	t.Helper()
	m, err := module.Read(filepath.Join(root, folder))
	if err != nil {
		t.Fatal(err)
	}
	return m
}
