//go:build integration

package deploy_test

import (
	"fmt"
	"strings"
	"testing"

	"seihon/verify/report"
	"seihon/verify/status"
)

// TestFindingsPage holds docs/findings.md to the table in package verify.
func TestFindingsPage(t *testing.T) {
	var b strings.Builder
	b.WriteString(`# Findings

What ` + "`publisher verify`" + ` can report; made from the table in package verify. A code never changes its meaning.
The exit code is 3 when there is a finding above a note. Severities: critical (evidence of tampering, a leaked key, or loss), error (relying
parties get something wrong or nothing), warning (will become an error, or should be explained), note (for the record).
調査項目（3C56：正本と副本の一致、3713：公開と稼働実績）は報告書の案による。

| code | severity | item | rule | meaning | 意味 | what to do | 対応 |
| --- | --- | --- | --- | --- | --- | --- | --- |
`)
	cell := func(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
	table := func(all []report.Code) {
		for _, c := range all {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s | %s | %s |\n",
				c.Code, c.Severity, c.Item, cell(c.Rule), cell(c.TextEN), cell(c.TextJA), cell(c.Hint), cell(c.HintJA))
		}
	}
	table(report.Findings())
	b.WriteString(`
## What the status says

` + "`publisher status`" + ` names these beside what the last verification found. From a warning on, the exit code is 3.

| code | severity | item | rule | meaning | 意味 | what to do | 対応 |
| --- | --- | --- | --- | --- | --- | --- | --- |
`)
	table(status.Concerns())
	golden(t, "../docs/findings.md", b.String())
}
