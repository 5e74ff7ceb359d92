package report

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// Shown makes a text from outside safe to look at: what a terminal or a page would obey, turn around or hide is written
// as an escape in quotes. Ordinary texts of any language stay as they are.
func Shown(s string) string {
	if !utf8.ValidString(s) {
		return strconv.Quote(s)
	}
	for _, r := range s {
		if !unicode.IsPrint(r) && r != '\u3000' {
			return strconv.Quote(s)
		}
	}
	return s
}

// escapeJSON writes what encoding/json leaves of such characters as escapes. They occur in strings only.
func escapeJSON(b []byte) []byte {
	clean := true
	for _, r := range string(b) {
		if r >= utf8.RuneSelf && !unicode.IsPrint(r) {
			clean = false
			break
		}
	}
	if clean {
		return b
	}
	var out bytes.Buffer
	for _, r := range string(b) {
		switch {
		case r < utf8.RuneSelf || unicode.IsPrint(r):
			out.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&out, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return out.Bytes()
}

// shownOfKind is how many findings of one code at one source are told in full to people. JSON has up to perCode.
const shownOfKind = 20

// A kindOfFinding is the findings of one code at one source.
type kindOfFinding struct {
	findings []Finding // to be told in full
	more     int       // that are only counted
}

// kinds groups the findings, in their order.
func (r *Report) kinds() []kindOfFinding {
	var all []kindOfFinding
	at := map[string]int{}
	for _, f := range r.Findings {
		key := string(f.Severity) + "\x00" + f.Code + "\x00" + f.Source
		i, ok := at[key]
		if !ok {
			i = len(all)
			at[key] = i
			all = append(all, kindOfFinding{})
		}
		if len(all[i].findings) < shownOfKind {
			all[i].findings = append(all[i].findings, f)
		} else {
			all[i].more++
		}
	}
	for _, o := range r.Omitted {
		for _, s := range []Severity{Critical, Error, Warning, Note} {
			if i, ok := at[string(s)+"\x00"+o.Code+"\x00"+o.Source]; ok {
				all[i].more += o.Count
				break
			}
		}
	}
	return all
}
