package main

import (
	"testing"
	"time"

	"seihon/evidence"
	"seihon/internal/config"
	"seihon/internal/jsonschema"
	"seihon/ledger"
	"seihon/publish"
	"seihon/publish/adopt"
	"seihon/verify/report"
	"seihon/verify/status"
)

// TestSchemasOfTheAnswers wants a schema for whatever a command prints with --json.
func TestSchemasOfTheAnswers(t *testing.T) {
	t.Parallel()
	jsonschema.CheckCommands(t, app(time.Now), "../../docs/schema", map[string]any{
		"run":          jsonschema.Plain("the answers of sync, probe and verify, one after the other"),
		"plan":         []*publish.Plan{},
		"sync":         publish.Result{},
		"verify":       report.Report{},
		"explain":      []verdict{},
		"serve":        jsonschema.Plain("it answers clients until it is ended"),
		"probe":        []*ledger.Probe{},
		"observe":      report.Observation{},
		"report":       report.Uptime{},
		"status":       status.Status{},
		"dashboard":    jsonschema.Plain("it serves a page until it is ended; /status.json is the answer of status"),
		"retire":       retired{},
		"status-at":    evidence.Answer{},
		"ledger show":  shownLedger{},
		"ledger prove": jsonschema.Plain("a proof has a format of its own"),
		"ledger check": []ledger.Finding{},
		"ledger tail":  jsonschema.Plain("JSON Lines in any case: the entries as they are in the log (docs/formats.md)"),
		"import":       importedAnswer{},
		"adopt":        adopt.Report{},
		"purge":        []*purged{},
		"config init":  jsonschema.Plain("it writes a file"),
		"config check": []config.Problem{},
		"config print": jsonschema.Plain("the configuration itself, with the names of docs/config.md"),
	})
}
