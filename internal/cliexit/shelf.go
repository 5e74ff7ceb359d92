package cliexit

import (
	"github.com/urfave/cli/v2"

	"seihon/internal/shelflife"
)

// ShelfLifeFlags say when a shelf life is too short. They mean the same in both binaries: shorter than --warn is a
// warning, shorter than --critical is critical, and both end with exit code 3.
func ShelfLifeFlags() []cli.Flag {
	return []cli.Flag{
		&cli.DurationFlag{Name: "warn", DefaultText: "24h, or a third of its own life where that is shorter",
			Usage: "it is a warning when an artifact expires in less than `DURATION`"},
		&cli.DurationFlag{Name: "critical", DefaultText: "6h, or a twelfth of its own life where that is shorter",
			Usage: "it is critical when an artifact expires in less than `DURATION`; never more than --warn"},
	}
}

// ShelfLife reads the flags of [ShelfLifeFlags].
func ShelfLife(c *cli.Context) (shelflife.Limits, error) {
	l := shelflife.Default
	if c.IsSet("warn") {
		l.Warn, l.WarnGiven = c.Duration("warn"), true
	}
	if c.IsSet("critical") {
		l.Critical, l.CriticalGiven = c.Duration("critical"), true
	}
	switch {
	case l.Warn < 0 || l.Critical < 0:
		return l, UsageError("--warn is %v and --critical %v; neither may be negative", l.Warn, l.Critical)
	case l.Critical > l.Warn && l.CriticalGiven:
		return l, UsageError("--critical %v is longer than --warn %v: what is critical is a warning before", l.Critical,
			l.Warn)
	}
	return l, nil
}
