package inputtest

import (
	"slices"
	"testing"
)

// TestCount holds the corpus to its size, and its names to be different.
func TestCount(t *testing.T) {
	ca := NewCA("Example CA One")
	seen := map[string]bool{}
	n := 0
	see := func(c Case) {
		n++
		if seen[c.Name] {
			t.Errorf("%q comes twice", c.Name)
		}
		seen[c.Name] = true
		if !c.Accept && c.Why == "" {
			t.Errorf("%q is refused without a reason", c.Name)
		}
	}
	for _, c := range Lists(ca) {
		see(c.Case)
	}
	for _, c := range slices.Concat(Responses(ca), Certificates(ca), Requests(), Documents()) {
		see(c)
	}
	for _, r := range IndexRows() {
		see(Case{Name: r.Name, Accept: r.Accept, Why: r.Why})
	}
	t.Logf("%d inputs", n)
	if n < 600 {
		t.Errorf("%d inputs, want at least 600", n)
	}
}
