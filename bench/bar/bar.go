// Package bar holds what every benchmark promises: figures and what they are held against, printed at the end as
//
//	bar NAME MEASURED >=|<= WANTED ok|short
//
// A bar is short until a figure shows the opposite. A figure that is no number – nothing was measured, or something was
// divided by nothing – is short, too. A benchmark with a short bar ends with an error, so that make and CI see it.
package bar

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// ErrShort says that a figure does not reach what it is held against.
var ErrShort = errors.New("a bar is short")

// A Bar is a figure and what it is held against.
type Bar struct {
	Name     string
	Measured float64
	Relation string // ">=" or "<="
	Wanted   float64
}

// AtLeast is a bar that wants the figure or more.
func AtLeast(name string, measured, wanted float64) Bar { return Bar{name, measured, ">=", wanted} }

// AtMost is a bar that wants the figure or less.
func AtMost(name string, measured, wanted float64) Bar { return Bar{name, measured, "<=", wanted} }

// OK reports whether the figure reaches what is wanted. What is no finite number reaches nothing: without a peer
// that finished, or without a figure of ours, nothing was shown.
func (b Bar) OK() bool {
	if math.IsNaN(b.Measured) || math.IsInf(b.Measured, 0) {
		return false
	}
	switch b.Relation {
	case ">=":
		return b.Measured >= b.Wanted
	case "<=":
		return b.Measured <= b.Wanted
	}
	return false
}

func (b Bar) String() string {
	verdict := "short"
	if b.OK() {
		verdict = "ok"
	}
	return fmt.Sprintf("bar %s %.4g %s %.4g %s", b.Name, b.Measured, b.Relation, b.Wanted, verdict)
}

// Print writes an empty line and the bars, and returns an error that names the short ones.
func Print(w io.Writer, bars []Bar) error {
	fmt.Fprintln(w)
	var short []string
	for _, b := range bars {
		fmt.Fprintln(w, b)
		if !b.OK() {
			short = append(short, b.Name)
		}
	}
	if len(bars) == 0 {
		return fmt.Errorf("%w: nothing was measured", ErrShort)
	}
	if len(short) > 0 {
		return fmt.Errorf("%w: %s", ErrShort, strings.Join(short, ", "))
	}
	return nil
}
