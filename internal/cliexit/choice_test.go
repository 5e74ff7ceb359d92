package cliexit

import (
	"strings"
	"testing"
)

func TestChoice(t *testing.T) {
	tiers := []string{"log", "list", "full", "sample"}
	for value, want := range map[string]string{
		"full": "", "": "", "ful": `did you mean "full"?`, "Full": `did you mean "full"?`,
		"sam":   `did you mean "sample"?`,
		"urgnt": "must be one of log, list, full, sample",
	} {
		err := Choice("tier", value, tiers...)
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", value, err)
		case want != "" && (Code(err) != Usage || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: error is %v, want a usage error with %q", value, err, want)
		}
	}
	if err := Choice("only", "urgnt", "urgent"); err == nil ||
		!strings.Contains(err.Error(), `did you mean "urgent"?`) {
		t.Errorf("error is %v", err)
	}
	if err := Choice("only", "everything", "urgent"); err == nil || strings.Contains(err.Error(), "did you mean") {
		t.Errorf("error is %v", err)
	}
}
