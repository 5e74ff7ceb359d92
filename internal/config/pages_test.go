package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	fenced  = regexp.MustCompile("(?ms)^```([a-z]*)[^\n]*\n(.*?)^```$")
	topKey  = regexp.MustCompile(`(?m)^[a-z_]+:`)
	command = regexp.MustCompile("(?m)(?:^|`|bin/)(signer|publisher) +(?:([a-z][a-z-]+))")
)

// TestPagesOfCAs holds the pages for CAs that keep their own software to the code: each block of repository.yaml is one
// that this package reads, each block of JSON is JSON, and each command exists.
func TestPagesOfCAs(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../docs/ca/*.md")
	if err != nil || len(pages) < 8 {
		t.Fatalf("%d pages: %v", len(pages), err)
	}
	manual := map[string]string{}
	for _, name := range []string{"signer", "publisher"} {
		raw, err := os.ReadFile("../../deploy/man/" + name + ".1")
		if err != nil {
			t.Fatal(err)
		}
		manual[name] = string(raw)
	}
	settings := map[string]int{}
	for _, page := range append(pages, "../../docs/accept.md") {
		raw, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range fenced.FindAllStringSubmatch(string(raw), -1) {
			switch m[1] {
			case "yaml":
				settings[filepath.Base(page)]++
				parseBlock(t, page, m[2])
			case "json":
				if !json.Valid([]byte("{" + m[2] + "}")) {
					t.Errorf("%s: this is no JSON:\n%s", page, m[2])
				}
			}
		}
		for _, m := range command.FindAllStringSubmatch(string(raw), -1) {
			if !strings.Contains(strings.ReplaceAll(manual[m[1]], `\-`, "-"), m[1]+" "+m[2]) {
				t.Errorf("%s: there is no command %s %s", page, m[1], m[2])
			}
		}
	}
	for _, page := range []string{"accept.md", "adcs.md", "boulder.md", "dogtag.md", "step-ca.md", "taking-over.md"} {
		if settings[page] == 0 {
			t.Errorf("%s shows no repository.yaml", page)
		}
	}
}

// parseBlock reads a part of repository.yaml, with what every file needs in the place of what the part does not show.
func parseBlock(t *testing.T, page, block string) {
	t.Helper()
	whole := block
	rest := room
	if !strings.Contains(block, "issuers:") {
		rest += "issuers:\n" +
			"  - {name: root, signed_by: external, arl: {validity: 180d, refresh: 90d}}\n" +
			"  - {name: sub, parent: root, signed_by: external, crl: {validity: 3d, refresh: 1d}}\n"
	}
	for _, part := range splitKeys(minimal + rest) {
		if key := topKey.FindString(part); !regexp.MustCompile(`(?m)^` + key).MatchString(block) {
			whole += part
		}
	}
	if _, problems := Parse([]byte(whole)); len(problems) > 0 {
		t.Errorf("%s: %v in\n%s", page, problems, whole)
	}
}

// splitKeys cuts a file before each of its top keys.
func splitKeys(text string) (parts []string) {
	at := topKey.FindAllStringIndex(text, -1)
	for i, from := range at {
		to := len(text)
		if i+1 < len(at) {
			to = at[i+1][0]
		}
		parts = append(parts, text[from[0]:to])
	}
	return parts
}
