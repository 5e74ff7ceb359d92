package cliexit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// Choice reports a usage error when a flag has none of the values that it can have. It lists them, and names the one
// that was probably meant. The empty value is left to the caller.
func Choice(flag, value string, choices ...string) error {
	if value == "" || slices.Contains(choices, value) {
		return nil
	}
	return UsageError("--%s is %q, must be one of %s%s", flag, value, strings.Join(choices, ", "),
		didYouMean("", value, choices))
}

// didYouMean is the end of a message about a word that is none of the choices.
func didYouMean(before, value string, choices []string) string {
	if near := nearest(value, choices); near != "" {
		return fmt.Sprintf("; did you mean %q?", before+near)
	}
	return ""
}

// meant is didYouMean for commands.
func meant(value string, commands []*cli.Command) string {
	var names []string
	for _, c := range commands {
		names = append(names, c.Name)
	}
	return didYouMean("", value, names)
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
