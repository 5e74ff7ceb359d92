//go:build integration

package room_test

func init() { recordSeeds = 10_000 }
