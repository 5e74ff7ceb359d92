package cliexit

import (
	"fmt"
	"slices"
	"strings"
)

// Choice reports a usage error when a flag has none of the values that it can have. It lists them, and names the one that was
// probably meant. The empty value is left to the caller.
func Choice(flag, value string, choices ...string) error {
	if value == "" || slices.Contains(choices, value) {
		return nil
	}
	hint := ""
	if near := nearest(value, choices); near != "" {
		hint = fmt.Sprintf("; did you mean %q?", near)
	}
	return UsageError("--%s is %q, must be one of %s%s", flag, value, strings.Join(choices, ", "), hint)
}

// nearest returns the choice that is at most two keystrokes away, or begins like the value; "" when there is none.
func nearest(value string, choices []string) string {
	best, least := "", 3
	for _, c := range choices {
		d := distance(strings.ToLower(value), strings.ToLower(c))
		if len(value) >= 2 && strings.HasPrefix(strings.ToLower(c), strings.ToLower(value)) {
			d = min(d, 1)
		}
		if d < least {
			best, least = c, d
		}
	}
	return best
}

// distance counts the insertions, deletions and replacements between two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
