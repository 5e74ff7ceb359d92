package adopt_test

import (
	"os"
	"strings"
	"testing"

	"seihon/publish/adopt"
)

// TestPage wants every class in docs/ca/taking-over.md, with its severity, and every class in both languages.
func TestPage(t *testing.T) {
	t.Parallel()
	page := string(must(os.ReadFile("../../docs/ca/taking-over.md")))
	for _, m := range adopt.Meanings() {
		if !strings.Contains(page, "| `"+string(m.Class)+"` | "+m.Severity+" |") {
			t.Errorf("the page has no row of class %s, %s", m.Class, m.Severity)
		}
		if m.EN == "" || m.JA == "" || (m.Do == "") != (m.DoJA == "") {
			t.Errorf("class %s is not in both languages: %+v", m.Class, m)
		}
	}
}
