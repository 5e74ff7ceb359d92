package keyscan

import (
	"slices"
	"strings"
	"testing"
)

// TestWordsAreMet holds the words that are searched for in text to what nextWord looks for: it passes over whatever has
// no three letters in a row.
func TestWordsAreMet(t *testing.T) {
	words := append(slices.Clone(dumpWords), jwkWord)
	for _, m := range textMagics {
		words = append(words, m.rare)
	}
	for _, p := range patterns {
		words = append(words, p.word)
	}
	for _, word := range words {
		for lead := range 4 {
			b := []byte(strings.Repeat("\x00", lead) + word)
			if at := nextWord(b, 0); at < lead || at >= len(b) {
				t.Errorf("%q behind %d octets is met at %d", word, lead, at)
			}
		}
	}
	if at := nextWord([]byte("a1b2 cd 3\x00ef"), 0); at != -1 {
		t.Errorf("a word is met at %d, where there is none", at)
	}
}

// TestSealsInTextAreMet holds the shortest form of each seal in text to hasText, without which it is not looked for.
func TestSealsInTextAreMet(t *testing.T) {
	rest := map[string]string{"$ANSIBLE_VAULT;": "1.1;AES256"} // what always follows
	for _, s := range seals {
		if s.where != inText {
			continue
		}
		b := []byte("\x00\x01" + s.magic + rest[s.magic] + "\x00")
		if !hasText(b) {
			t.Errorf("%q is too short to be looked for", s.magic)
		}
		looking := &scanner{}
		if looking.refuseSealed(b, hasText(b)); looking.report.Opaque == "" {
			t.Errorf("%q is not refused", s.magic)
		}
	}
}
