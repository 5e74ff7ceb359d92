package accept

import (
	"runtime/debug"
	"testing"
)

// TestTighten: whatever the order in which acceptances end, the collector is as it was after the last of them.
func TestTighten(t *testing.T) {
	percent := func() int {
		now := debug.SetGCPercent(100)
		debug.SetGCPercent(now)
		return now
	}
	before := percent()
	first, second := tighten(), tighten()
	if got := percent(); got != 5 {
		t.Errorf("with two, it is %d", got)
	}
	first()
	first() // once counts
	if got := percent(); got != 5 {
		t.Errorf("with the second alone, it is %d", got)
	}
	second()
	if got := percent(); got != before {
		t.Errorf("afterwards it is %d, was %d", got, before)
	}
}
