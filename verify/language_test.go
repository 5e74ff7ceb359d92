package verify_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"seihon/verify"
	"seihon/verify/japanese"
	"seihon/verify/report"
)

// bilingual makes sure that whatever a report says in English it says in Japanese as well. Every test that checks a
// repository asks it, so that every finding of the tamper tables is one of its cases.
func bilingual(tb testing.TB, r *report.Report) {
	tb.Helper()
	for _, f := range r.Findings {
		for what, text := range map[string]string{"detail": f.Detail, "hint": f.Hint} {
			ja := f.DetailJA
			if what == "hint" {
				ja = f.HintJA
			}
			switch {
			case text == "":
			case ja == "" || isEnglish(text) && !hasJapanese(ja):
				tb.Errorf("%s: the %s %q is %q in Japanese", f.Code, what, text, ja)
			case what == "detail":
				if _, known := japanese.Of(text); !known && isEnglish(text) {
					tb.Errorf("%s: the detail %q has parts that nobody translated: %q", f.Code, text, ja)
				}
			}
		}
		for _, text := range []string{f.Want, f.Got} {
			if _, known := japanese.Of(text); !known && isEnglish(text) {
				tb.Errorf("%s: nobody translated %q", f.Code, text)
			}
		}
	}
}

var words = regexp.MustCompile(`[a-z]{2,} [a-z]{2,}`)

func isEnglish(s string) bool { return words.MatchString(s) }

func hasJapanese(s string) bool {
	return strings.ContainsFunc(s,
		func(r rune) bool { return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) })
}

// TestCodesAreBilingual wants every finding's text and advice in both languages.
func TestCodesAreBilingual(t *testing.T) {
	t.Parallel()
	for _, c := range report.Findings() {
		for _, ja := range []string{c.TextJA, c.HintJA} {
			if !hasJapanese(ja) {
				t.Errorf("%s: %q is not Japanese", c.Code, ja)
			}
		}
		for _, en := range []string{c.TextEN, c.Hint} {
			if en == "" || hasJapanese(en) {
				t.Errorf("%s: %q is not English", c.Code, en)
			}
		}
	}
}

// TestVerdictsAreBilingual goes through every outcome and depth of a check.
func TestVerdictsAreBilingual(t *testing.T) {
	t.Parallel()
	said := map[string]bool{}
	for _, master := range []string{"bytes", "sizes", "none"} {
		for _, content := range []string{"all", "sample", "sizes", "none"} {
			for _, publication := range []string{"checked", "no-key", "no-log"} {
				for bits := range 16 {
					yes := bits&1 != 0
					n := bits & 1
					r := &report.Report{OK: bits&2 != 0, Log: report.LogSummary{Size: 3}, Scope: report.Scope{
						Master: master, CopyContent: content, Publication: publication, Memory: yes, HTTP: yes,
						URLs: yes, Responder: yes, Inventory: bits&4 != 0,
						Copies: bits >> 3, Unlisted: bits >> 3 * n, Commitments: int64(n), Known: n,
						KnownOfPublication: n, Timestamps: n, Witnesses: n, Unseen: make([]string, n),
					}}
					verify.Judge(r)
					said[r.Verdict.EN] = true
					texts := map[string]string{r.Verdict.JA: r.Verdict.EN}
					for _, u := range append(r.Verdict.Checked, r.Verdict.NotChecked...) {
						texts[u.JA] = u.EN
						said[u.EN] = true
					}
					for ja, en := range texts {
						if !hasJapanese(ja) || en == "" || hasJapanese(en) {
							t.Errorf("%q is no translation of %q", ja, en)
						}
					}
				}
			}
		}
	}
	if len(said) < 40 {
		t.Errorf("only %d sentences were met", len(said))
	}
}

// sources are the files whose texts come into reports, and what in them does not.
var sources = []struct {
	files string
	not   string // a pattern of texts that never do
}{
	{"*.go",
		`^(writing |reading the inventory|configuring |estimating|describing |opening the progress|reading the progress|going on in|checking the |signing samples|computing |keeping |making a folder|probing |verifying: |no master directory|` +
			`the publication log is compared|no pinned key|no section A policy|unknown (tier|layout)|a copy without|tier %s cannot|the (progress|log's history) )|^it is of (the|a) check|\n`},
	{"memory/*.go", `^%s%s \(`},
	{"responder/*.go", `^choosing `}, {"probe/*.go",
		`^(probing |what is public is newer than the master that is here)`},
	{"uptime/*.go", `^(measuring|signing samples|writing the annex)|^ \(publication log\)$`}, {"exchange/*.go", ""},
	{"headers/*.go", ""},
	{"observe/*.go",
		`^(locking|making the folder|reading |writing what|another run|JSON Array|it is neither CSV|it is no JSON|no record of it|it has more than %d rec)|^%s is (gone|of version)`},
	{"../sectiona/[a-pr-z]*.go", ""}, // quotes.go has both languages side by side
	{"../artifact/*.go", `^(seihon|date of birth|<|name=|SQLite|openssl )`},
	{"../artifact/cms/*.go", ""},
	{"../artifact/pdf/*.go", ""},
	{"../artifact/keyscan/*.go", `^\(|secret key|^prim:|^SQLite`},
	{"../ledger/check*.go", ""},
	{"../ledger/blob.go", ""}, {"../ledger/codec.go", ""},
	{"../ledger/errors.go", `^(a log is already|the log is locked|a commit failed|locking )`},
	{"../ledger/fields.go", ""}, {"../ledger/keys.go", ""}, {"../ledger/layout.go", ""}, {"../ledger/line.go", ""},
	{"../ledger/log.go", ""},
	{"../ledger/manifest.go", ""}, {"../ledger/private.go", `^appending `}, {"../ledger/proof.go", `\n`},
	{"../ledger/public.go", ""}, {"../ledger/tiles.go", ""},
	{"../ledger/verifier.go", `^(encoding|making a note|signing)`},
	{"../ledger/timestamp/claimed.go", ""},
	{"../ocspcache/bundle.go", ""}, {"../ocspcache/generation.go", `\n`},
	{"../internal/redirect/redirect.go", ""},
	{"../approval/*.go",
		`^(%q is (a second|neither)|there are more than)|^(seihon/|%s(repository|seihon)|key %s|for$| %s$|\n|- %s|key |for |repository |log |quorum |%srepo)`}, {"../artifact/sshsig/*.go", `^-----`},
	{"../public/parse.go", ""}, {"../public/tile.go", ""},
}

// ownTexts are files of this package whose English stands beside its Japanese, or is for programs.
var ownTexts = regexp.MustCompile(`^(resume|about|check|config|trace)[_a-z]*\.go$`)

// TestDetailsAreBilingual reads the sources of all packages whose texts come into reports: every sentence has its row.
func TestDetailsAreBilingual(t *testing.T) {
	t.Parallel()
	rows := strings.Join(japanese.Texts(), "\x00")
	n := 0
	for _, s := range sources {
		files := must(filepath.Glob(s.files))
		if len(files) == 0 {
			t.Errorf("no file is called %s", s.files)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") || !strings.Contains(s.files, "/") && ownTexts.MatchString(file) {
				continue
			}
			for _, text := range literals(file) {
				if s.not != "" && regexp.MustCompile(s.not).MatchString(text) {
					continue
				}
				n++
				if !strings.Contains(rows, strings.Trim(text, " ;,:")) {
					t.Errorf("%s: %q has no Japanese in package japanese", file, text)
				}
			}
		}
	}
	if n < 400 {
		t.Errorf("only %d texts were found", n)
	}
}

// literals returns the strings of a source file that look like English.
func literals(file string) (all []string) {
	tree := must(parser.ParseFile(token.NewFileSet(), file, nil, 0))
	ast.Inspect(tree, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.Field:
			return x.Tag == nil
		case ast.Expr:
			if s, ok := constant(x); ok {
				if isEnglish(s) && !hasJapanese(s) {
					all = append(all, s)
				}
				return false
			}
		}
		return true
	})
	return all
}

// constant is the string that an expression writes down, in one piece or in several that are added.
func constant(x ast.Expr) (string, bool) {
	switch x := x.(type) {
	case *ast.BasicLit:
		if x.Kind == token.STRING {
			return must(strconv.Unquote(x.Value)), true
		}
	case *ast.BinaryExpr:
		left, ok := constant(x.X)
		right, too := constant(x.Y)
		return left + right, ok && too && x.Op == token.ADD
	}
	return "", false
}
