//go:build integration

package verify_test

import (
	"os"
	"strconv"
)

// The integration run plays two thousand seeds, and `make soak` ten thousand.
func init() {
	unsaidSeeds = 2_000
	if s := os.Getenv("UNSAID_TEST_SEEDS"); s != "" {
		unsaidSeeds = must(strconv.ParseUint(s, 10, 64))
	}
}
