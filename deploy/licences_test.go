//go:build integration

package deploy_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// licences are those that code under the Apache License 2.0 may link, each with words that only its text has.
// The first that fits is it. A module under none of them must not be linked.
var licences = []struct{ name, words string }{
	{"MPL-2.0", "Mozilla Public License"},
	{"Apache-2.0", "Apache License"},
	{"MIT", "Permission is hereby granted, free of charge"},
	{"ISC", "Permission to use, copy, modify, and/or distribute"},
	{"ISC", "Permission to use, copy, modify, and distribute"},
	{"BSD-3-Clause", "Neither the name"},
	{"BSD-3-Clause", "may not be used to endorse or promote"},
	{"BSD-2-Clause", "Redistributions in binary form must reproduce"},
}

var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying)(\.|-|$)`)

// TestDependencyLicences holds the list in docs/dependencies.md to the licence texts of what both binaries link.
func TestDependencyLicences(t *testing.T) {
	paths := map[string]bool{}
	for _, name := range []string{"publisher", "signer"} {
		raw, err := os.ReadFile(filepath.Join("deps", name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		for module := range strings.FieldsSeq(string(raw)) {
			path, _, _ := strings.Cut(module, "@")
			paths[path] = true
		}
	}
	args := append([]string{"list", "-m", "-f", "{{.Path}} {{.Dir}}"}, slices.Sorted(maps.Keys(paths))...)
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	of := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		path, dir, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			t.Errorf("%s: not downloaded", path)
			continue
		}
		name := licenceOf(t, dir)
		if name == "" {
			t.Errorf("%s: its licence is none that this project may link; see %s", path, dir)
		}
		of[name] = append(of[name], path)
	}
	var list strings.Builder
	for _, name := range slices.Sorted(maps.Keys(of)) {
		fmt.Fprintf(&list, "\n**%s** (%d): `%s`.\n", name, len(of[name]), strings.Join(of[name], "`, `"))
	}
	replaceSection(t, "../docs/dependencies.md", "licences", list.String())
}

// licenceOf reads the licence files of a module; empty when a text is none of the known ones. A module with several
// licences (parts of another origin) is named by all of them.
func licenceOf(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() || !licenceFile.MatchString(e.Name()) {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(strings.Fields(string(raw)), " ")
		for _, l := range licences {
			if strings.Contains(text, l.words) {
				names = append(names, l.name)
				break
			}
		}
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), " and ")
}

// replaceSection holds what stands between two marks of a page to what it should be; with -update, writes it.
func replaceSection(t *testing.T, page, mark, want string) {
	t.Helper()
	raw, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- "+mark+" -->\n", "<!-- /"+mark+" -->"
	before, rest, ok := strings.Cut(string(raw), begin)
	is, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s: no section between %q and %q", page, begin, end)
	}
	if is == want {
		return
	}
	if !*update {
		t.Fatalf("%s: the section %q is not what it should be; write it with -update\nwant:\n%s", page, mark, want)
	}
	if err := os.WriteFile(page, []byte(before+begin+want+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
