package deploy_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// translated are the pages of the operator's manual. Each has a twin in Japanese, X.ja.md, which cannot drift from it:
// block by block it has the same commands, names and links, and it ends with the digests of the English paragraphs that
// it translates.
var translated = []string{"first-hour", "operations", "hsm", "inventory", "approvals"}

// isTranslation reports whether a page is a twin in Japanese.
func isTranslation(page string) bool {
	name, ok := strings.CutSuffix(filepath.Base(page), ".ja.md")
	return ok && slices.Contains(translated, name)
}

// A docBlock is a paragraph, list, table, heading or fenced block of a page, with the line on which it begins.
type docBlock struct {
	line int
	text string
}

var fenceLine = regexp.MustCompile("^ *(```+)")

func (b docBlock) isCode() bool { return fenceLine.MatchString(b.text) }

// docBlocks cuts a page at its blank lines and headings. A fenced block is one, whatever is in it.
func docBlocks(text string) []docBlock {
	var all []docBlock
	var open *docBlock
	end := func() {
		if open != nil {
			all = append(all, *open)
		}
		open = nil
	}
	fence := ""
	for i, line := range strings.Split(text, "\n") {
		m := fenceLine.FindStringSubmatch(line)
		switch {
		case fence == "" && m != nil:
			end()
			fence = m[1]
			open = &docBlock{i + 1, line + "\n"}
		case fence != "":
			open.text += line + "\n"
			if strings.TrimSpace(line) == fence {
				fence = ""
				end()
			}
		case strings.TrimSpace(line) == "":
			end()
		case headingMark.MatchString(line):
			end()
			open = &docBlock{i + 1, line + "\n"}
			end()
		default:
			if open == nil {
				open = &docBlock{line: i + 1}
			}
			open.text += line + "\n"
		}
	}
	end()
	return all
}

// digest is that of a paragraph, however its lines are broken.
func (b docBlock) digest() string {
	sum := sha256.Sum256([]byte(strings.Join(strings.Fields(b.text), " ")))
	return hex.EncodeToString(sum[:4])
}

var (
	inlineCode  = regexp.MustCompile("`[^`]+`")
	inlineLink  = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	headingMark = regexp.MustCompile(`^(#{1,6}) +(.+?)(?: <a id="([^"]*)"></a>)?\s*$`)
	digestList  = regexp.MustCompile(`(?s)<!-- English paragraphs[^\n]*\n(.*?)-->\s*$`)
)

// TestTranslations holds each page in Japanese to its original.
func TestTranslations(t *testing.T) {
	for _, name := range translated {
		read := func(ending string) string {
			raw, err := os.ReadFile(filepath.Join("../docs", name+ending))
			if err != nil {
				t.Fatal(err)
			}
			return string(raw)
		}
		for _, difference := range translationDiffers(name, read(".md"), read(".ja.md")) {
			t.Errorf("docs/%s.ja.md: %s", name, difference)
		}
	}
}

// translationDiffers says in what a page in Japanese is not the translation of its original.
func translationDiffers(name, en, ja string) (all []string) {
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	m := digestList.FindStringSubmatchIndex(ja)
	if m == nil {
		return []string{"it does not end with the digests of the English paragraphs"}
	}
	digests := strings.Fields(ja[m[2]:m[3]])
	originals, translations := docBlocks(en), docBlocks(ja[:m[0]])
	if len(originals) != len(translations) {
		say("it has %d blocks, the original has %d", len(translations), len(originals))
	}
	for i := range min(len(originals), len(translations)) {
		o, x := originals[i], translations[i]
		at := fmt.Sprintf("line %d, of line %d of the original", x.line, o.line)
		if o.isCode() || x.isCode() {
			if o.text != x.text {
				say("%s: the commands differ", at)
			}
			continue
		}
		if len(digests) == 0 {
			say("%s: no digest is left for %.60q", at, o.text)
			break
		}
		if digests[0] != o.digest() {
			say("%s: the original has changed: translate it anew, then write %s instead of %s at the end of the "+
				"page: %.80q", at, o.digest(), digests[0], o.text)
		}
		digests = digests[1:]
		all = append(all, blockDiffers(name, at, o.text, x.text)...)
	}
	if len(digests) > 0 && len(all) == 0 {
		say("%d digests at its end are of no paragraph", len(digests))
	}
	return all
}

// blockDiffers compares what no translation changes.
func blockDiffers(name, at, en, ja string) (all []string) {
	same := func(what string, o, x []string) {
		slices.Sort(o)
		slices.Sort(x)
		if !slices.Equal(o, x) {
			all = append(all, fmt.Sprintf("%s: its %s are %q, in the original %q", at, what, x, o))
		}
	}
	// a command may go on in the next line
	joined := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	same("inline codes", inlineCode.FindAllString(joined(en), -1), inlineCode.FindAllString(joined(ja), -1))
	same("links", linksOf(name, en, true), linksOf(name, ja, false))
	if rows(en) != rows(ja) {
		all = append(all, fmt.Sprintf("%s: it has %d list items or rows, the original %d", at, rows(ja), rows(en)))
	}
	o, x := headingMark.FindStringSubmatch(strings.TrimSpace(en)), headingMark.FindStringSubmatch(strings.TrimSpace(ja))
	switch {
	case (o == nil) != (x == nil):
		all = append(all, at+": one of the two is a heading, the other is not")
	case o != nil && (o[1] != x[1] || len(o[1]) > 1 && x[3] != anchorOf(o[2])):
		all = append(all, fmt.Sprintf("%s: its heading must be %s with the anchor %q", at, o[1], anchorOf(o[2])))
	}
	if !strings.ContainsFunc(ja,
		func(r rune) bool { return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) }) {
		all = append(all, at+": it is not in Japanese")
	}
	return all
}

// linksOf are the links of a block, as the page in Japanese must have them. Where the two languages refer to each other
// is left out.
func linksOf(name, text string, original bool) (all []string) {
	for _, m := range inlineLink.FindAllStringSubmatch(text, -1) {
		file, anchor, _ := strings.Cut(m[1], "#")
		if file == name+".md" && !original || file == name+".ja.md" && original {
			continue
		}
		if twin, isPage := strings.CutSuffix(file, ".md"); isPage && original && slices.Contains(translated, twin) {
			file = twin + ".ja.md"
		}
		if twin, isPage := strings.CutSuffix(file, ".en.md"); isPage { // written twice by hand: either may be named
			file = twin + ".ja.md"
		}
		if twin, isPage := strings.CutSuffix(path.Base(file), ".ja.md"); isPage && !slices.Contains(translated, twin) {
			anchor = "" // its headings have names of their own
		}
		all = append(all, strings.TrimSuffix(file+"#"+anchor, "#"))
	}
	return all
}

var rowLine = regexp.MustCompile(`(?m)^ *(?:\||[-*] |\d+\. )`)

// rows counts the rows of tables and the items of lists.
func rows(text string) int { return len(rowLine.FindAllString(text, -1)) }

// anchorOf is the anchor that GitHub makes of a heading.
func anchorOf(heading string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(strings.ReplaceAll(heading, "`", "")) {
		switch {
		case r == ' ':
			b.WriteByte('-')
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteRune(r)
		}
	}
	return b.String()
}

// TestTranslationsBite changes a page in ways that a translation would not follow, and wants each to be found.
func TestTranslationsBite(t *testing.T) {
	const name = "x"
	en := "# Title\n\nLook at `a` and [edge](edge.md).\n\n## Every day\n\n```sh\nrun\n```\n\n| what | `b` |\n| --- | " +
		"--- |\n| one | two |\n"
	digests := ""
	for _, b := range docBlocks(en) {
		if !b.isCode() {
			digests += b.digest() + "\n"
		}
	}
	ja := "# 題\n\n`a` と [edge](edge.md) を見る。英語版：[x.md](x.md)\n\n## 毎日 <a " +
		"id=\"every-day\"></a>\n\n```sh\nrun\n```\n\n| 何 | `b` |\n| --- | --- |\n| 一 | 二 |\n\n<!-- English " +
		"paragraphs\n" + digests + "-->\n"
	if got := translationDiffers(name, en, ja); len(got) > 0 {
		t.Fatalf("a faithful translation: %q", got)
	}
	for _, c := range []struct{ inJapanese, old, now, want string }{
		{"", "Look at", "Do not look at", "the original has changed"},
		{"", "run\n", "run --now\n", "the commands differ"},
		{"", "| one | two |\n", "| one | two |\n| three | four |\n", "list items or rows"},
		{"", "## Every day", "## Every night", "the original has changed"},
		{"", "\n## Every day", "\nA new paragraph.\n\n## Every day", "blocks"},
		{"ja", "`a`", "`aa`", "inline codes"},
		{"ja", "](edge.md)", "](rim.md)", "links"},
		{"ja", `id="every-day"`, `id="every-night"`, "anchor"},
		{"ja", "# 題", "# Title", "not in Japanese"},
		{"ja", "-->", "00000000\n-->", "of no paragraph"},
		{"ja", "<!-- English paragraphs", "<!-- ", "does not end with"},
	} {
		e, j := en, ja
		if c.inJapanese == "" {
			e = strings.Replace(en, c.old, c.now, 1)
		} else {
			j = strings.Replace(ja, c.old, c.now, 1)
		}
		if got := strings.Join(translationDiffers(name, e, j), "\n"); !strings.Contains(got, c.want) {
			t.Errorf("%q instead of %q: %q, want %q", c.now, c.old, got, c.want)
		}
	}
}
