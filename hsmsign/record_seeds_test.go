//go:build integration

package hsmsign

func init() { recordSeeds = 10_000 }
