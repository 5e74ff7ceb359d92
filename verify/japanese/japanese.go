// Package japanese says in Japanese what the checks say in English, for the report that a survey body files.
//
// The texts of findings are made where the fault is seen, in many packages, as English sentences with values in them.
// Each such sentence is a row of a table here: the English format as it stands in the source, and the Japanese one. Of
// recognises a text by its format, takes the values out and puts them into the Japanese sentence; what is quoted
// inside, such as the reason of an error, is translated in the same way. A test reads the sources of all these packages
// and wants a row for every format.
package japanese

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A row is one sentence. In the Japanese text {1} is the first value of the English one, {1!} the same when it is what
// a person wrote and stays as it is.
type row struct{ en, ja string }

// A pattern is a row, ready to be recognised.
type pattern struct {
	row
	re     *regexp.Regexp
	fixed  int    // characters that are not values
	must   string // the longest piece of them
	inside []bool // which values may themselves be sentences
}

var verb = regexp.MustCompile(`%(?:\[\d+\])?[-+# 0]*(?:\d+)?(?:\.\d+)?([a-zA-Z%])`)

// compile turns a format into a pattern.
func compile(r row) *pattern {
	p := &pattern{row: r}
	var re strings.Builder
	re.WriteString(`(?s)^`)
	at := 0
	for _, m := range verb.FindAllStringSubmatchIndex(r.en, -1) {
		literal := r.en[at:m[0]]
		p.add(literal)
		re.WriteString(regexp.QuoteMeta(literal))
		at = m[1]
		switch r.en[m[2]:m[3]] {
		case "%":
			re.WriteString("%")
			p.fixed++
			continue
		case "d":
			re.WriteString(`(-?\d+)`)
		case "x":
			re.WriteString(`([0-9a-f]*)`)
		case "q":
			re.WriteString("(\"(?:[^\"\\\\]|\\\\.)*\"|'[^']*')")
		default:
			re.WriteString(`(.*?)`)
		}
		p.inside = append(p.inside, strings.ContainsAny(r.en[m[2]:m[3]], "swv"))
	}
	p.add(r.en[at:])
	re.WriteString(regexp.QuoteMeta(r.en[at:]) + `$`)
	p.re = regexp.MustCompile(re.String())
	return p
}

func (p *pattern) add(literal string) {
	p.fixed += len(literal)
	if len(literal) > len(p.must) {
		p.must = literal
	}
}

// An index finds the patterns that a text may have by its first word.
type index struct {
	byWord map[string][]*pattern
	open   []*pattern // that begin with a value
}

var table = sync.OnceValue(func() *index {
	x := &index{byWord: map[string][]*pattern{}}
	for _, r := range rows() {
		p := compile(r)
		word, _, _ := strings.Cut(r.en, " ")
		if strings.Contains(word, "%") {
			x.open = append(x.open, p)
		} else {
			x.byWord[word] = append(x.byWord[word], p)
		}
	}
	return x
})

func rows() []row {
	return slices.Concat(kindRows, responderRows, observeRows, sampleRows, verifyRows, memoryRows, approvalRows,
		sectionRows, artifactRows, keyscanRows, ledgerRows, bundleRows, foreignRows)
}

// Texts returns every English format that has a translation.
func Texts() []string {
	var all []string
	for _, r := range rows() {
		all = append(all, r.en)
	}
	return all
}

// maxDepth bounds how deep a text is taken apart.
const maxDepth = 12

// Of translates a text, and reports whether all its sentences are known. What a foreign program said inside a known
// sentence is quoted as it was, and so is a text of which nothing is known.
func Of(en string) (string, bool) {
	if len(en) > maxText {
		return "「" + en + "」", false
	}
	t := &translation{left: maxWork}
	ja, known, matched := t.of(en, maxDepth)
	if !matched && isSentence(en) {
		ja = "「" + en + "」"
	}
	return ja, known
}

// maxText and maxWork bound the work on one text, in bytes that are looked at: it may quote what somebody wrote in
// order to keep the reader busy.
const (
	maxText = 8 << 10
	maxWork = 256 << 10
)

// A translation is the work on one text.
type translation struct{ left int }

// of also reports whether anything was recognised at all.
func (t *translation) of(en string, depth int) (ja string, known, matched bool) {
	if depth == 0 || en == "" {
		return en, en == "", en == ""
	}
	ja, known, matched = t.whole(en, depth)
	if known {
		return ja, true, true
	}
	if joined, ok := t.joined(en, depth); ok {
		return joined, true, true
	}
	if !matched {
		ja = en
	}
	return ja, false, matched
}

// joints are what stands between two sentences.
var joints = []row{{"; ", "。"}, {". ", "。"}, {": ", "："}, {", ", "、"}}

// joined translates sentences that stand one behind the other.
func (t *translation) joined(en string, depth int) (ja string, known bool) {
	for _, joint := range joints {
		for at := strings.Index(en, joint.en); at >= 0; {
			left, known, _ := t.whole(en[:at], depth-1)
			if !known && joint.en == ": " && !strings.ContainsAny(en[:at], " ,;") { // the path of a file
				left, known = en[:at], true
			}
			if known {
				if right, known, _ := t.of(en[at+len(joint.en):], depth-1); known {
					return left + joint.ja + right, true
				}
			}
			next := strings.Index(en[at+1:], joint.en)
			if next < 0 {
				break
			}
			at += 1 + next
		}
	}
	return "", false
}

// whole translates a text that is one sentence, by the pattern with the most text of its own.
func (t *translation) whole(en string, depth int) (ja string, known, matched bool) {
	if t.left -= len(en); t.left < 0 {
		return "", false, false
	}
	x := table()
	word, _, _ := strings.Cut(en, " ")
	best := -1
	for _, list := range [][]*pattern{x.byWord[word], x.open} {
		for _, p := range list {
			if known && p.fixed <= best || !strings.Contains(en, p.must) {
				continue
			}
			m := p.re.FindStringSubmatch(en)
			if m == nil {
				continue
			}
			text, ok := t.say(p, m[1:], depth)
			if ok && !known || p.fixed > best && ok == known {
				best, ja, known, matched = p.fixed, text, ok, true
			}
		}
	}
	return ja, known, matched
}

// say puts values into the Japanese sentence.
func (t *translation) say(p *pattern, values []string, depth int) (ja string, known bool) {
	ja, known = p.ja, true
	for i, value := range values {
		place := "{" + strconv.Itoa(i+1)
		if verbatim := place + "!}"; strings.Contains(ja, verbatim) {
			ja = strings.ReplaceAll(ja, verbatim, value)
			continue
		}
		if p.inside[i] {
			inner, ok, matched := t.of(value, depth-1)
			switch {
			case ok || matched:
				value, known = inner, known && ok
			case isSentence(value):
				value, known = "「"+value+"」", false
			}
		}
		ja = strings.ReplaceAll(ja, place+"}", value)
	}
	return ja, known
}

var sentence = regexp.MustCompile(`[a-z]{2,} [a-z]{2,}`)

// isSentence reports whether a value is words rather than a name, a number or a time.
func isSentence(s string) bool { return sentence.MatchString(s) }
