package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/urfave/cli/v2"

	"seihon/internal/cliexit"
	"seihon/publish/adopt"
)

// adoptShown is how many objects of one class are told to people. JSON has all of them.
const adoptShown = 20

func printAdopt(c *cli.Context, r *adopt.Report, named bool) error {
	if c.Bool("json") {
		return cliexit.PrintJSON(c.App.Writer, r)
	}
	w := c.App.Writer
	fmt.Fprintf(w, "%s: %d objects, %d bytes\n", r.Target, len(r.Objects), r.Bytes)
	for _, m := range adopt.Meanings() {
		if n := r.Counts[m.Class]; n > 0 {
			fmt.Fprintf(w, "  %-8s %6d  %s\n                   %s\n", m.Class, n, m.EN, m.JA)
		}
	}
	for _, m := range adopt.Meanings() {
		if m.Class != adopt.Known {
			printClass(w, r, m)
		}
	}
	if r.Counts[adopt.Alias] > 0 {
		printNames(w, r, named)
	}
	for _, name := range r.Removed {
		if c.Bool("yes") {
			fmt.Fprintf(w, "removed %q\n", name)
		} else {
			fmt.Fprintf(w, "would remove %q\n", name)
		}
	}
	switch {
	case c.String("remove") != "" && !c.Bool("yes"):
		fmt.Fprintln(w, "nothing was removed; give --yes to remove")
	case c.String("remove") != "":
	case r.Recorded > 0:
		fmt.Fprintf(w,
			"recorded %d objects in the publication log; publisher sync may replace them now, and --remove may "+
				"remove them afterwards\n", r.Recorded)
	case !c.Bool("yes"):
		fmt.Fprintln(w, "nothing was recorded; give --yes to take the target over")
	}
	return nil
}

// printClass tells the objects of one class, and what to do about them.
func printClass(w io.Writer, r *adopt.Report, m adopt.Meaning) {
	shown := 0
	for _, o := range r.Objects {
		if o.Class != m.Class {
			continue
		}
		if shown++; shown > adoptShown {
			continue
		}
		fmt.Fprintf(w, "%s %s %q (%s)", m.Severity, o.Class, o.Name, o.Kind)
		if o.Artifact != "" && o.Artifact != o.Name {
			fmt.Fprintf(w, " → %s", o.Artifact)
		}
		if o.Detail != "" {
			fmt.Fprintf(w, ": %s", printable(o.Detail))
		}
		fmt.Fprintln(w)
	}
	if shown > adoptShown {
		fmt.Fprintf(w, "  … and %d more; --json has all\n", shown-adoptShown)
	}
	if shown > 0 {
		fmt.Fprintf(w, "  %s\n  %s\n", m.Do, m.DoJA)
	}
}

// printable keeps what others wrote from moving the cursor of who reads it.
func printable(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}

// printNames prints the section names with what is missing in it, ready to paste.
func printNames(w io.Writer, r *adopt.Report, named bool) {
	fmt.Fprintln(w, "for repository.yaml, here and at the auditor's:")
	if named {
		fmt.Fprintln(w, "# in the place of the section that is there")
	}
	fmt.Fprintln(w, "names:")
	for _, n := range r.Names {
		fmt.Fprintf(w, "  - artifact: %s\n    aliases:\n", n.Artifact)
		for _, a := range slices.Sorted(slices.Values(n.Aliases)) {
			fmt.Fprintf(w, "      - %q\n", a)
		}
	}
}
