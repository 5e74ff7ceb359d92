package bar_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"seihon/bench/bar"
)

func TestVerdicts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		bar  bar.Bar
		want bool
	}{
		{bar.AtLeast("a", 1, 1), true},
		{bar.AtLeast("a", 0.99, 1), false},
		{bar.AtMost("a", 1, 1), true},
		{bar.AtMost("a", 1.01, 1), false},
		{bar.AtLeast("a", math.NaN(), 1), false},
		{bar.AtMost("a", math.NaN(), 1), false},
		{bar.AtMost("a", math.Inf(1), 1), false},
		{bar.Bar{Name: "a", Measured: 1, Wanted: 1}, false},
	} {
		if got := c.bar.OK(); got != c.want {
			t.Errorf("%s: ok is %t", c.bar, got)
		}
		if got := strings.HasSuffix(c.bar.String(), " ok"); got != c.want {
			t.Errorf("%q is printed", c.bar)
		}
	}
}

func TestPrintFailsOnAShortBar(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := bar.Print(&out, []bar.Bar{bar.AtLeast("good", 2, 1)}); err != nil {
		t.Error(err)
	}
	err := bar.Print(&out, []bar.Bar{bar.AtLeast("good", 2, 1), bar.AtMost("bad", 2, 1)})
	if !errors.Is(err, bar.ErrShort) || !strings.Contains(err.Error(), "bad") || strings.Contains(err.Error(), "good") {
		t.Errorf("got %v", err)
	}
	if err := bar.Print(&out, nil); !errors.Is(err, bar.ErrShort) {
		t.Errorf("a run that measured nothing: %v", err)
	}
	if want := "bar bad 2 <= 1 short\n"; !strings.Contains(out.String(), want) {
		t.Errorf("no line %q in\n%s", want, out.String())
	}
}
