//go:build !linux

package cliexit

// NoCore does nothing where core dumps are turned off for a service, not by it.
func NoCore() error { return nil }
