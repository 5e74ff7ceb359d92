package verify_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"seihon/verify"
)

func TestCleanRepositoryYieldsNothing(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	report := r.check(t)
	if len(report.Findings) > 0 || !report.OK {
		t.Fatalf("findings about a clean repository:\n%s", strings.Join(codesOf(report), "\n"))
	}
	c := report.Counts
	if c.Responses != 26 || c.Revocations != 2 || c.Current < 12 || report.Copies[0].Layout != verify.LayoutBundle ||
		report.Copies[0].Objects < 20 {
		t.Errorf("counts %+v, copies %+v", c, report.Copies)
	}
	var text, js bytes.Buffer
	if err := report.WriteText(&text); err != nil || !strings.HasPrefix(text.String(), "OK - 0 critical") {
		t.Errorf("text report: %v\n%s", err, text.String())
	}
	if err := report.WriteJSON(&js); err != nil || !json.Valid(js.Bytes()) {
		t.Errorf("JSON report: %v", err)
	}
}
