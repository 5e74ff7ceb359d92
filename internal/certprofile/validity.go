package certprofile

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Validity is a length of time on the calendar: "20y", "397d", "12h30m" or "1y6h". A year is a calendar year, so that
// "20y" ends on the day on which it began.
type Validity struct {
	Years, Days int
	Rest        time.Duration
}

// ParseValidity reads the text form.
func ParseValidity(s string) (Validity, error) {
	var v Validity
	rest := s
	for _, unit := range []struct {
		suffix string
		to     *int
	}{{"y", &v.Years}, {"d", &v.Days}} {
		number, after, found := strings.Cut(rest, unit.suffix)
		if !found {
			continue
		}
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 || n > 36525 {
			return Validity{}, fmt.Errorf("parsing validity %q: want a form like 20y, 397d or 12h", s)
		}
		*unit.to, rest = n, after
	}
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 || d%time.Second != 0 {
			return Validity{}, fmt.Errorf("parsing validity %q: want a form like 20y, 397d or 12h, in whole seconds", s)
		}
		v.Rest = d
	}
	if v.Zero() {
		return Validity{}, fmt.Errorf("parsing validity %q: it is empty", s)
	}
	return v, nil
}

// Zero reports whether no length was given.
func (v Validity) Zero() bool { return v == Validity{} }

// IsZero is Zero under the name that the YAML encoder asks for.
func (v Validity) IsZero() bool { return v.Zero() }

// End returns the last second of a validity that begins at t: notAfter is inclusive (RFC 5280 section 4.1.2.5).
func (v Validity) End(t time.Time) time.Time {
	return t.AddDate(v.Years, 0, v.Days).Add(v.Rest - time.Second)
}

// String returns the form ParseValidity reads.
func (v Validity) String() string {
	var b strings.Builder
	if v.Years > 0 {
		fmt.Fprintf(&b, "%dy", v.Years)
	}
	if v.Days > 0 {
		fmt.Fprintf(&b, "%dd", v.Days)
	}
	if v.Rest > 0 {
		b.WriteString(v.Rest.String())
	}
	return b.String()
}

// UnmarshalYAML reads the text form and names the line of a bad one.
func (v *Validity) UnmarshalYAML(n *yaml.Node) error {
	got, err := ParseValidity(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		return fmt.Errorf("line %d: parsing validity %q: want a form like 20y, 397d or 12h", n.Line, n.Value)
	}
	*v = got
	return nil
}

// MarshalYAML writes the text form.
func (v Validity) MarshalYAML() (any, error) { return v.String(), nil }
