package main

import (
	"testing"
	"time"

	"seihon/hsmsign"
	"seihon/internal/jsonschema"
	"seihon/inventory"
	"seihon/ledger/witness"
)

// TestSchemasOfTheAnswers wants a schema for whatever a command prints with --json.
func TestSchemasOfTheAnswers(t *testing.T) {
	t.Parallel()
	lines := jsonschema.Plain("JSON Lines in any case (docs/inventory.md)")
	ask := func(acts ...any) jsonschema.OneOf { return append(acts, askedAnswer{}) } // with --approval-request
	jsonschema.CheckCommands(t, app(time.Now), "../../docs/schema", map[string]any{
		"init":              hsmsign.InitResult{},
		"keygen":            ask(hsmsign.KeyResult{}, hsmsign.InitResult{}),
		"token":             jsonschema.OneOf{hsmsign.TokenInfo{}, hsmsign.TokenCheck{}},
		"counter":           hsmsign.Counted{},
		"issue":             ask(issuedAnswer{}, issuedAnswers{}),
		"request":           requestedAnswer{},
		"revoke":            ask(revokedAnswer{}),
		"import":            jsonschema.OneOf{inventory.ImportResult{}, inventory.DeclarationResult{}},
		"accept":            ask(hsmsign.Acceptance{}, hsmsign.Emptied{}),
		"inventory rebuild": hsmsign.Rebuilt{},
		"inventory history": lines,
		"show":              shownCertificate{},
		"document":          documentAnswer{},
		"link":              ask(linkedAnswer{}),
		"cross":             ask(crossedAnswer{}),
		"crl":               ask(hsmsign.RunResult{}, hsmsign.Plan{}),
		"ocsp":              jsonschema.OneOf{hsmsign.RunResult{}, hsmsign.Plan{}},
		"run":               jsonschema.OneOf{hsmsign.RunResult{}, hsmsign.Plan{}},
		"status":            hsmsign.Status{},
		"withdraw":          ask(withdrawnAnswer{}),
		"approval":          ask(hsmsign.ApprovalState{}),
		"evidence":          recordedEvidence{},
		"timestamp":         []stampedAnswer{},
		"witness":           []witness.Cosignature{},
		"export":            exportedAnswer{},
		"archive":           archivedAnswer{},
		"log rotate":        ask(rotatedAnswer{}),
		"log freeze":        ask(frozenAnswer{}),
	})
}
