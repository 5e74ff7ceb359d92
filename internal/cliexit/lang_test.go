package cliexit

import (
	"testing"

	"github.com/urfave/cli/v2"
)

// TestLanguage goes through flags and locales: the flag wins, then the first variable that is set.
func TestLanguage(t *testing.T) {
	for _, c := range []struct{ flag, all, messages, lang, want string }{
		{"", "", "", "", English},
		{"", "", "", "ja_JP.UTF-8", Japanese},
		{"", "", "ja_JP.UTF-8", "C", Japanese},
		{"", "C.UTF-8", "ja_JP.UTF-8", "ja_JP.UTF-8", English},
		{"", "", "", "jam_JM", English},
		{"en", "ja_JP", "", "", English},
		{"ja", "C", "", "", Japanese},
		{"jp", "", "", "", ""},
	} {
		t.Setenv("LC_ALL", c.all)
		t.Setenv("LC_MESSAGES", c.messages)
		t.Setenv("LANG", c.lang)
		var got string
		var err error
		app := &cli.App{Name: "x", Flags: []cli.Flag{LangFlag()}, Action: func(c *cli.Context) error {
			got, err = Language(c)
			return nil
		}}
		args := []string{"x"}
		if c.flag != "" {
			args = append(args, "--lang", c.flag)
		}
		if ran := app.Run(args); ran != nil {
			t.Fatal(ran)
		}
		if c.want == "" && Code(err) != Usage || c.want != "" && (err != nil || got != c.want) {
			t.Errorf("%+v: %q, %v", c, got, err)
		}
	}
}
