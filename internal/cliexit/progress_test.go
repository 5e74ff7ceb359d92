package cliexit

import (
	"bytes"
	"strings"
	"testing"

	"go.uber.org/zap/zapcore"
)

// TestProgressHasItsOwnLine writes progress and log lines in turn: what a terminal shows has never both on one line.
func TestProgressHasItsOwnLine(t *testing.T) {
	var out bytes.Buffer
	c := &console{to: &out}
	log := newLogger(c, zapcore.InfoLevel, false)
	c.show("public: " + Of(1, 3) + " objects")
	c.show("public: " + Of(2, 3) + " objects")
	log.Info("object is missing on the target")
	log.Info("another line")
	c.show("public: " + Of(4, 3) + " objects")
	if _, err := c.Write([]byte("publisher: interrupted\n")); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, line := range strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n") {
		shown := line
		if at := strings.LastIndex(line, clearLine); at >= 0 { // what a terminal takes away
			shown = line[at+len(clearLine):]
		}
		lines = append(lines, shown)
		if strings.Contains(shown, "objects") {
			t.Errorf("progress and something else share the line %q", line)
		}
	}
	if len(lines) != 3 || !strings.HasSuffix(lines[0], "object is missing on the target") ||
		lines[2] != "publisher: interrupted" {
		t.Errorf("a terminal shows %q", lines)
	}
	if strings.Contains(out.String(), "4 of 3") || !strings.Contains(out.String(), "3 of 3") {
		t.Errorf("progress passes the whole: %q", out.String())
	}
}
