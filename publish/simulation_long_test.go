//go:build integration

package publish_test

import (
	"os"
	"strconv"
	"testing"
)

// TestSimulationLong runs 2,000 schedules of each layout, and `make soak` ten thousand.
func TestSimulationLong(t *testing.T) {
	schedules := 2000
	if n, err := strconv.Atoi(os.Getenv("SIMULATION_TEST_SCHEDULES")); err == nil {
		schedules = n
	}
	simulate(t, schedules)
}
