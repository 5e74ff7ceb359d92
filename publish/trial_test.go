package publish

import (
	"errors"
	"testing"
)

// TestOnTrial: only where nothing else keeps a target from being finished is a trial what the exit code tells.
func TestOnTrial(t *testing.T) {
	t.Parallel()
	other := errors.New("the network")
	for _, c := range []struct {
		name string
		errs []error
		want bool
	}{
		{"all done", []error{nil, nil}, false},
		{"one on trial", []error{nil, ErrTrial}, true},
		{"both on trial", []error{ErrTrial, ErrTrial}, true},
		{"another one cannot be reached", []error{other, ErrTrial}, false},
		{"cannot be reached", []error{nil, other}, false},
	} {
		r := &Result{}
		for _, err := range c.errs {
			r.Targets = append(r.Targets, TargetResult{Err: err})
		}
		if got := r.OnTrial(); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
