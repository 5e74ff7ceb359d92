//go:build integration

package publish_test

import (
	"os"
	"strconv"
)

// The integration run plays two thousand seeds, and `make soak` ten thousand.
func init() {
	unsaidSeeds = 2_000
	if n, err := strconv.ParseUint(os.Getenv("UNSAID_TEST_SEEDS"), 10, 64); err == nil {
		unsaidSeeds = n
	}
}
