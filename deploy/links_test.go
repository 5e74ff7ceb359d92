//go:build integration

package deploy_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var (
	link    = regexp.MustCompile(`\[[^\]\[]*\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.+?)\s*$`)
	fenced  = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	// namedAnchor is one that a page in Japanese shares with its original.
	namedAnchor = regexp.MustCompile(`<a id="([^"]+)"></a>`)
	span        = regexp.MustCompile("`[^`\n]*`")
)

// TestLinks follows every relative link of README and docs, to the heading that it names.
func TestLinks(t *testing.T) {
	headings := map[string]map[string]bool{}
	for _, page := range pages(t) {
		raw, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		headings[filepath.Clean(page)] = anchors(string(raw))
	}
	followed := 0
	for page := range headings {
		raw, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		text := span.ReplaceAllString(fenced.ReplaceAllString(string(raw), ""), "")
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			followed++
			file, anchor, _ := strings.Cut(m[1], "#")
			target := page
			if file != "" {
				target = filepath.Join(filepath.Dir(page), file)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: the link %s leads nowhere", page, m[1])
				continue
			}
			if known := headings[target]; anchor != "" && !known[anchor] {
				t.Errorf("%s: the link %s names a heading that does not exist", page, m[1])
			}
		}
	}
	if followed < 50 {
		t.Errorf("only %d links found", followed)
	}
}

// anchors returns the anchors that GitHub makes of a page's headings, and those that the page names itself.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for _, m := range namedAnchor.FindAllStringSubmatch(text, -1) {
		all[m[1]] = true
	}
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		var b strings.Builder
		for _, r := range strings.ToLower(strings.ReplaceAll(m[1], "`", "")) {
			switch {
			case r == ' ':
				b.WriteByte('-')
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				b.WriteRune(r)
			}
		}
		all[b.String()] = true
	}
	return all
}
