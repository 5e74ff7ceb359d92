package cliexit

import (
	"time"

	"github.com/urfave/cli/v2"
)

// ShelfLifeFlags say when a shelf life is too short. They mean the same in both binaries: shorter than --warn is a
// warning, shorter than --critical is critical, and both end with exit code 3.
func ShelfLifeFlags() []cli.Flag {
	return []cli.Flag{
		&cli.DurationFlag{Name: "warn", Value: 24 * time.Hour, Usage: "it is a warning when the first artifact expires in less than `DURATION`"},
		&cli.DurationFlag{Name: "critical", Value: 6 * time.Hour, Usage: "it is critical when the first artifact expires in less than `DURATION`; never more than --warn"},
	}
}

// ShelfLife reads the flags of [ShelfLifeFlags].
func ShelfLife(c *cli.Context) (warn, critical time.Duration, err error) {
	warn, critical = c.Duration("warn"), c.Duration("critical")
	switch {
	case warn < 0 || critical < 0:
		return 0, 0, UsageError("--warn is %v and --critical %v; neither may be negative", warn, critical)
	case critical > warn && c.IsSet("critical"):
		return 0, 0, UsageError("--critical %v is longer than --warn %v: what is critical is a warning before", critical, warn)
	}
	return warn, min(warn, critical), nil
}
