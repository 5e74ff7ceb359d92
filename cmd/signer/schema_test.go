package main

import (
	"testing"
	"time"

	"seihon/hsmsign/accept"
	"seihon/hsmsign/books"
	"seihon/hsmsign/ceremony"
	"seihon/hsmsign/room"
	"seihon/hsmsign/schedule"
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
		"init":              room.InitResult{},
		"keygen":            ask(room.KeyResult{}, room.InitResult{}),
		"token":             jsonschema.OneOf{room.TokenInfo{}, room.TokenCheck{}},
		"counter":           ceremony.Counted{},
		"issue":             ask(issuedAnswer{}, issuedAnswers{}),
		"request":           requestedAnswer{},
		"revoke":            ask(revokedAnswer{}),
		"import":            jsonschema.OneOf{inventory.ImportResult{}, inventory.DeclarationResult{}},
		"accept":            ask(accept.Acceptance{}, accept.Emptied{}),
		"inventory rebuild": room.Rebuilt{},
		"inventory history": lines,
		"show":              shownCertificate{},
		"document":          documentAnswer{},
		"link":              ask(linkedAnswer{}),
		"cross":             ask(crossedAnswer{}),
		"crl":               ask(schedule.RunResult{}, schedule.Plan{}),
		"ocsp":              jsonschema.OneOf{schedule.RunResult{}, schedule.Plan{}},
		"run":               jsonschema.OneOf{schedule.RunResult{}, schedule.Plan{}},
		"status":            books.Status{},
		"withdraw":          ask(withdrawnAnswer{}),
		"approval":          ask(room.ApprovalState{}),
		"evidence":          recordedEvidence{},
		"timestamp":         []stampedAnswer{},
		"witness":           []witness.Cosignature{},
		"export":            exportedAnswer{},
		"archive":           archivedAnswer{},
		"log rotate":        ask(rotatedAnswer{}),
		"log freeze":        ask(frozenAnswer{}),
	})
}
