//go:build integration

package publish_test

import "testing"

// TestSimulationLong runs 2,000 schedules of each layout.
func TestSimulationLong(t *testing.T) { simulate(t, 2000) }
