package main

import (
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"seihon/internal/cliexit"
)

// langFlag is the flag of commands that speak Japanese or English.
func langFlag() cli.Flag {
	return &cli.StringFlag{Name: "lang", Usage: "`LANGUAGE`, ja or en; default: that of LC_ALL, LC_MESSAGES or LANG"}
}

// language is what --lang says, or the locale; English where neither names one of the two.
func language(c *cli.Context) (string, error) {
	if lang := c.String("lang"); lang != "" {
		return lang, cliexit.Choice("lang", lang, "ja", "en")
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := os.Getenv(name); v != "" { // the first that is set decides
			if strings.HasPrefix(v, "ja") {
				return "ja", nil
			}
			return "en", nil
		}
	}
	return "en", nil
}
