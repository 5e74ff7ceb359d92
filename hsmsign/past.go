package hsmsign

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"

	"seihon/artifact"
	"seihon/hsmsign/token"
	"seihon/inventory"
	"seihon/ledger"
	"seihon/public"
)

// A CA that was taken over has a past: what it revoked before stands on its old lists. A first list here without that
// would unsay all of it, and no memory of this room could tell. So its past is imported first, or somebody says, on
// record, that there is none.

// checkPast refuses the first word of a CA that was taken over without its past.
func (r *Room) checkPast(ctx context.Context, a *authority) error {
	if a.External() { // its own lists bring its past, and nothing is answered without one
		return nil
	}
	state, err := r.logState(ctx)
	if err != nil {
		return err
	}
	if _, spoke := state.Get(public.Generation(a.Name)); spoke {
		return nil
	}
	for _, l := range listsOf(a) {
		if _, spoke := state.Get(l.name()); spoke {
			return nil
		}
	}
	book := a.Parent
	if book == "" {
		book = a.Name
	}
	e, err := r.inv.Get(ctx, book, artifact.SerialBytes(a.cert))
	if err != nil {
		return fmt.Errorf("looking for the certificate of %s: %w", a.Name, err)
	}
	if !e.Imported {
		return nil
	}
	past, err := r.inv.HasPast(ctx, a.Name)
	if err != nil || past {
		return err
	}
	return &RecordError{Issuer: a.Name, err: fmt.Errorf("signing for %s: it was taken over with --adopt, and what it revoked before was not: a first list without that would unsay it; "+
		"take its past over (signer import --issuer %s --crl FILE, or --index, --csv, --jsonl, --sql), "+
		"or say on record that it has none: signer import --issuer %s --no-past REASON", a.Name, a.Name, a.Name)}
}

// BroughtAlong reports whether a configured issuer has no certificate here, and a key that `signer keygen` found in the
// token instead of making it: the log has the evidence of each key that was made.
func (r *Room) BroughtAlong(ctx context.Context, name string) (bool, error) {
	a, ok := r.authorities[name]
	if !ok || a.cert != nil || a.External() {
		return false, nil
	}
	der, err := readPublicKey(string(a.Key.PublicKey))
	if err != nil {
		return false, nil // issuing says what is missing
	}
	pin, log := artifact.Sum(der).String(), r.log.Log()
	for e, err := range log.Entries(ctx, 0, log.Size()) {
		if err != nil {
			return false, err
		}
		if e.Evidence == nil || e.Evidence.Kind != ledger.EvidenceKeys || e.Evidence.Note != evidenceNote(token.UseKeyChange) {
			continue
		}
		doc, err := log.ReadBlob(ctx, ledger.Line{Name: e.Evidence.Name, Kind: artifact.Log, Digest: e.Evidence.Digest, Size: e.Evidence.Size})
		if err != nil {
			return false, fmt.Errorf("reading the evidence of keys: %w", err)
		}
		var made token.Evidence
		if err := json.Unmarshal(doc, &made); err != nil {
			return false, fmt.Errorf("reading the evidence of keys in entry %q: %w", e.Evidence.Name, err)
		}
		if slices.ContainsFunc(made.Keys, func(k token.KeyEvidence) bool { return k.SPKISHA256 == pin }) {
			return false, nil
		}
	}
	return true, nil
}

// DeclareNoPast records, as an import without records, that a CA which was taken over revoked nothing before.
func (b *Books) DeclareNoPast(ctx context.Context, issuer, reason string, dryRun bool) (*inventory.ImportResult, error) {
	past, err := b.HasPast(ctx, issuer)
	if err != nil {
		return nil, err
	}
	if past {
		return nil, fmt.Errorf("saying that %s has no past: an import of it is on record, or the same was said before", issuer)
	}
	return b.DB.Import(ctx, inventory.Import{Issuer: issuer, Source: noPast(strings.TrimSpace(reason)), Empty: true, DryRun: dryRun})
}

// noPast is an input without records: the reason why there are none.
type noPast string

func (noPast) Records(context.Context) iter.Seq2[inventory.Record, error] {
	return func(func(inventory.Record, error) bool) {}
}

func (n noPast) Info() inventory.SourceInfo {
	return inventory.SourceInfo{Name: string(n), Format: inventory.NoPast, NoStatus: true, Digest: artifact.Sum([]byte(n))}
}
