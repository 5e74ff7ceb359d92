package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Path is a file or folder, relative to the folder of the configuration file; absolute once loaded.
type Path string

// Location is a folder (like [Path]) or an http(s) base URL.
type Location string

// IsURL reports whether l is an http or https address.
func (l Location) IsURL() bool { return isURL(string(l)) }

// DSN is a database: a file (like [Path]) for SQLite, or a postgres:// address without a password.
type DSN string

func isURL(s string) bool {
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://")
}

// Duration is a time.Duration that also understands days ("7d") and years of 365 days ("10y").
type Duration time.Duration

// Std returns d as a time.Duration.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// UnmarshalYAML accepts what time.ParseDuration accepts, and whole days and years.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := parseDuration(n.Value)
	if err != nil {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %v", n.Line, err)}}
	}
	*d = v
	return nil
}

// MarshalYAML writes the shortest form that reads back as d.
func (d Duration) MarshalYAML() (any, error) { return d.String(), nil }

func (d Duration) String() string {
	const day = 24 * time.Hour
	std := time.Duration(d)
	switch {
	case std != 0 && std%(365*day) == 0:
		return fmt.Sprintf("%dy", std/(365*day))
	case std != 0 && std%day == 0:
		return fmt.Sprintf("%dd", std/day)
	case std != 0 && std%time.Hour == 0:
		return fmt.Sprintf("%dh", std/time.Hour)
	}
	return std.String()
}

func parseDuration(s string) (Duration, error) {
	for suffix, unit := range map[string]time.Duration{"d": 24 * time.Hour, "y": 365 * 24 * time.Hour} {
		digits, ok := strings.CutSuffix(s, suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 16)
		if err == nil && time.Duration(n) <= (1<<63-1)/unit {
			return Duration(time.Duration(n) * unit), nil
		}
	}
	std, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration; write 30s, 12h, 7d or 10y", s)
	}
	return Duration(std), nil
}
