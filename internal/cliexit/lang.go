package cliexit

import (
	"os"
	"strings"

	"github.com/urfave/cli/v2"
)

// The languages that the commands speak to people. Results of --json, logs and errors have one language.
const (
	Japanese = "ja"
	English  = "en"
)

// LangFlag is the flag of commands that speak Japanese or English: see [Language].
func LangFlag() cli.Flag {
	return &cli.StringFlag{Name: "lang", Usage: "`LANGUAGE`, ja or en; default: that of LC_ALL, LC_MESSAGES or LANG"}
}

// Language is what --lang says, or the locale; English where neither names one of the two.
func Language(c *cli.Context) (string, error) {
	if lang := c.String("lang"); lang != "" {
		return lang, Choice("lang", lang, Japanese, English)
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		locale := os.Getenv(name)
		if locale == "" {
			continue
		}
		if language, _, _ := strings.Cut(locale, "_"); language == Japanese { // the first that is set decides
			return Japanese, nil
		}
		return English, nil
	}
	return English, nil
}
