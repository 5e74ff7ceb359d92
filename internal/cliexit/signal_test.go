package cliexit

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/urfave/cli/v2"
)

// TestDeafCommandsEnd cancels a command that never comes back, one that takes a
// while, and one that is done.
func TestDeafCommandsEnd(t *testing.T) {
	for name, test := range map[string]struct {
		takes time.Duration
		want  int
		said  string
	}{
		"deaf": {takes: 100 * time.Hour, want: Interrupted, said: "did not stop within 1m0s"},
		"slow": {takes: 50 * time.Second, want: Findings},
		"done": {want: Findings},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var said bytes.Buffer
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				got := endsWith(ctx, patience, &cli.App{Name: "publisher", ErrWriter: &said}, func() int {
					time.Sleep(test.takes)
					return Findings
				})
				if got != test.want || !strings.Contains(said.String(), test.said) ||
					test.said == "" && said.Len() > 0 {
					t.Errorf("%d %q", got, said.String())
				}
				time.Sleep(test.takes) // the command comes back after all, to nobody
			})
		})
	}
}
