package room

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"os"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"seihon/artifact"
	"seihon/hsmsign/memory"
	"seihon/inventory"
	"seihon/ledger"
	"seihon/public"
	"seihon/sectiona"
)

// Stage lets section A judge the bytes, stores them in the master and records
// them in the history. They become part of the ledger with the next Commit.
func (r *Room) Stage(ctx context.Context, rec inventory.ArtifactRecord, content []byte) error {
	if err := r.admit(rec, content, nil); err != nil {
		return err
	}
	return r.store(ctx, rec, content)
}

// StageDocument is stage for a document and the detached signature beside it.
func (r *Room) StageDocument(ctx context.Context, rec inventory.ArtifactRecord, pdf, p7s []byte) error {
	sig := rec
	sig.Kind, sig.Name, sig.Scope = artifact.DocumentSignature, public.Signature(rec.Name), public.Signature(rec.Scope)
	if err := r.admit(rec, pdf, artifact.Parse(p7s)); err != nil {
		return err
	}
	if err := r.admit(sig, p7s, nil); err != nil {
		return err
	}
	if err := r.store(ctx, sig, p7s); err != nil {
		return err
	}
	return r.store(ctx, rec, pdf)
}

// admit asks section A. The bytes are about to be in the ledger: the room is where masters come from.
func (r *Room) admit(rec inventory.ArtifactRecord, content []byte, signature *artifact.Artifact) error {
	evidence := sectiona.Evidence{InLedger: true, Claimed: rec.Kind, Signature: signature}
	if refusal := r.Policy.Admit(artifact.Parse(content), evidence); refusal != nil {
		return fmt.Errorf("admitting %s: %w", rec.Name, refusal)
	}
	return nil
}

// store puts the bytes into the master and a line into the history of what was signed.
func (r *Room) store(ctx context.Context, rec inventory.ArtifactRecord, content []byte) error {
	if r.DryRun {
		rec.Digest = artifact.Sum(content)
		r.Pending = append(r.Pending, rec) // for what is judged after it
		return nil
	}
	digest, _, err := r.Log.PutBlob(ctx, rec.Kind, bytes.NewReader(content))
	if err != nil {
		return fmt.Errorf("storing %s: %w", rec.Name, err)
	}
	rec.Digest, rec.SignedAt = digest, r.Now().UTC().Truncate(time.Second)
	if err := r.Inventory.AddArtifacts(ctx, []inventory.ArtifactRecord{rec}); err != nil {
		return fmt.Errorf("recording %s: %w", rec.Name, err)
	}
	r.Pending = append(r.Pending, rec)
	return nil
}

// Latest returns the newest record of a series, nil when there is none.
func Latest(ctx context.Context, db *inventory.DB, issuer string, kind artifact.Kind,
	scope string) (*inventory.ArtifactRecord, error) {
	rec, err := db.Latest(ctx, issuer, kind, scope)
	if errors.Is(err, inventory.ErrNotFound) {
		return nil, nil
	}
	return rec, err
}

// recover takes up what an earlier process signed and did not commit. What is
// in the log but was not marked is marked; the rest waits for the next Commit.
func (r *Room) recover(ctx context.Context) error {
	type named struct { // a list and its copy in the history have one digest
		name   string
		digest artifact.Digest
	}
	open := map[named]inventory.ArtifactRecord{}
	var order []named
	for rec, err := range r.Inventory.Uncommitted(ctx) {
		if err != nil {
			return fmt.Errorf("reading what is not committed: %w", err)
		}
		at := named{rec.Name, rec.Digest}
		if _, again := open[at]; !again {
			order = append(order, at)
		}
		open[at] = rec
	}
	if len(open) == 0 {
		return nil
	}
	log := r.Log.Log()
	var done []artifact.Digest
	// Only the last commit can have been cut off before it was marked, and a commit appends few entries.
	for change, err := range log.Changes(ctx, max(0, log.Size()-64), log.Size()) {
		if err != nil {
			return fmt.Errorf("reading the master log: %w", err)
		}
		if change.Line == nil {
			continue
		}
		at := named{change.Line.Name, change.Line.Digest}
		if _, ok := open[at]; ok {
			done = append(done, at.digest)
			delete(open, at)
		}
	}
	if len(done) > 0 {
		if err := r.Inventory.MarkCommitted(ctx, done, log.Size()); err != nil {
			return fmt.Errorf("marking what is committed: %w", err)
		}
	}
	for _, d := range order {
		if rec, ok := open[d]; ok {
			r.Pending = append(r.Pending, rec)
		}
	}
	if len(r.Pending) == 0 {
		return nil
	}
	r.logger.Info("recording what an earlier process signed and did not record", zap.Int("artifacts", len(r.Pending)))
	_, err := r.commitPending(ctx, "recovered", true)
	return err
}

// Commit writes everything staged into the master log and has the HSM sign a
// checkpoint over it. Nothing staged and nothing changed in the inventory:
// nothing is signed, and it returns the size as it is.
func (r *Room) Commit(ctx context.Context, why string) (size int64, err error) {
	if r.DryRun {
		return r.LogSize() // a frozen one takes nothing more
	}
	if len(r.Pending) == 0 {
		changed, err := r.Inventory.Unrecorded(ctx)
		if err == nil {
			err = r.appendExceptions(ctx)
		}
		if err != nil || !changed && r.Log.Staged() == 0 {
			return r.Log.Log().Size(), err
		}
		if err := r.appendOverridden(ctx); err != nil {
			return 0, err
		}
		return r.commitJournal(ctx)
	}
	if err := r.stageIndex(ctx); err != nil {
		return 0, err
	}
	return r.commitPending(ctx, why, false)
}

// recovered says that an earlier process signed what is pending: an override that nobody has
// recorded yet may be older or newer, so it stands before and behind it.
func (r *Room) commitPending(ctx context.Context, why string, recovered bool) (size int64, err error) {
	digests := make([]artifact.Digest, 0, len(r.Pending))
	batches, err := r.batches()
	if err != nil {
		return 0, err
	}
	// What explains a list stands in the log before the list.
	if err := r.appendExpired(ctx); err != nil {
		return 0, err
	}
	if err := r.appendOverridden(ctx); err != nil {
		return 0, err
	}
	if err := r.appendExceptions(ctx); err != nil {
		return 0, err
	}
	for _, lines := range batches {
		if _, err := r.Log.AppendBatch(ctx, lines, why); err != nil {
			return 0, fmt.Errorf("recording the batch: %w", err)
		}
	}
	if recovered {
		if err := r.appendOverridden(ctx); err != nil {
			return 0, err
		}
	}
	for _, rec := range r.Pending {
		digests = append(digests, rec.Digest)
	}
	size, err = r.commitJournal(ctx)
	if err != nil {
		return 0, err
	}
	if err := r.Inventory.MarkCommitted(ctx, digests, size); err != nil {
		return 0, fmt.Errorf("marking what is committed: %w", err)
	}
	r.Pending, r.expired = nil, nil
	return size, nil
}

// commitJournal puts what the inventory changed into the private master, commits
// the log, and notes in the inventory that both are in step.
func (r *Room) commitJournal(ctx context.Context) (size int64, err error) {
	if err := r.settle(ctx); err != nil {
		return 0, err
	}
	if _, err := r.Log.AppendPrivate(ctx, r.Inventory.Journal(ctx)); err != nil {
		return 0, err
	}
	if err := r.commitLog(ctx); err != nil {
		return 0, err
	}
	pos := r.position()
	if err := r.Inventory.MarkRecorded(ctx, r.Log.Log().Origin(), pos); err != nil {
		return 0, err
	}
	return pos.Size, nil
}

// settle keeps edited rows out of the private master: a status behind which no
// command and no import stands is set back to what the master has.
func (r *Room) settle(ctx context.Context) error {
	edited, err := r.Inventory.Unvouched(ctx)
	if err != nil || len(edited) == 0 {
		return err
	}
	healed, err := r.Inventory.Heal(ctx,
		inventory.Healing{Origin: r.Log.Log().Origin(), Position: r.position(), Records: r.privateRecords(ctx, 0),
			List: r.listed})
	if err != nil {
		return &RecordError{Err: fmt.Errorf("the inventory could not be healed from the master: %w", err)}
	}
	r.warnHealed(healed)
	r.Healed.Certificates = append(r.Healed.Certificates, healed.Certificates...)
	if edited, err = r.Inventory.Unvouched(ctx); err != nil || len(edited) == 0 {
		return err
	}
	return &RecordError{Err: fmt.Errorf("the inventory says %q of serial %s of %s (and the like of %d more), and no "+
		"command and no import of this room has said so: "+
		"somebody edited it; restore a copy of before, or rebuild it with `signer inventory rebuild`", edited[0].Was,
		edited[0].Serial, edited[0].Issuer, len(edited)-1)}
}

// expiredPerEntry keeps an entry of expired certificates below its 64 KiB.
const expiredPerEntry = 800

// appendExpired states which certificates have left a list because they expired.
func (r *Room) appendExpired(ctx context.Context) error {
	for _, issuer := range slices.Sorted(maps.Keys(r.expired)) {
		all := slices.Clone(r.expired[issuer])
		slices.SortFunc(all, func(a, b ledger.Expired) int { return strings.Compare(a.Serial, b.Serial) })
		for part := range slices.Chunk(slices.Compact(all), expiredPerEntry) {
			if err := r.Log.Append(ctx,
				&ledger.Entry{Expiry: &ledger.Expiry{Issuer: issuer, Entries: part}}); err != nil {
				return fmt.Errorf("recording what has expired: %w", err)
			}
		}
	}
	return nil
}

// changesPerEntry keeps an entry of overridden changes below its 64 KiB.
const changesPerEntry = 200

// appendOverridden puts the signed overrides that were used into the log, with what they let pass.
func (r *Room) appendOverridden(ctx context.Context) error {
	var open *ledger.Override
	flush := func() error {
		if open == nil {
			return nil
		}
		err := r.Log.Append(ctx, &ledger.Entry{Override: open})
		open = nil
		return err
	}
	for c, err := range r.Inventory.OverriddenUnrecorded(ctx) {
		if err == nil &&
			open != nil && (open.Issuer != c.Issuer || open.Text != c.Text || len(open.Changes) == changesPerEntry) {
			err = flush()
		}
		if err != nil {
			return fmt.Errorf("recording an override: %w", err)
		}
		if open == nil {
			open = &ledger.Override{Issuer: c.Issuer, Text: c.Text}
		}
		open.Changes = append(open.Changes, ledger.StatusChange{Serial: SerialText(c.Serial), Was: c.Was, Now: c.Now})
	}
	if err := flush(); err != nil {
		return fmt.Errorf("recording an override: %w", err)
	}
	return nil
}

// batches turns what is pending into manifests. A name stands once in a
// manifest; a name that was signed twice (after a crash) needs a second one, in order.
func (r *Room) batches() ([][]ledger.Line, error) {
	var out [][]ledger.Line
	times := map[string]int{}
	for _, rec := range r.Pending {
		n := times[rec.Name]
		times[rec.Name]++
		if n == len(out) {
			out = append(out, nil)
		}
		line, err := r.Line(rec)
		if err != nil {
			return nil, err
		}
		out[n] = append(out[n], line)
	}
	return out, nil
}

// Line is the line of a manifest that says what was signed.
func (r *Room) Line(rec inventory.ArtifactRecord) (ledger.Line, error) {
	line := ledger.Line{
		Name:      rec.Name,
		Kind:      rec.Kind,
		Digest:    rec.Digest,
		NotBefore: rec.ThisUpdate,
		NotAfter:  rec.NextUpdate,
		Issuer:    rec.Issuer,
		Number:    numberText(rec.Kind, rec.Number),
		History:   rec.Scope == HistoryScope,
	}
	info, err := os.Stat(r.Log.Log().BlobPath(line))
	if err != nil {
		return line, fmt.Errorf("recording %s: %w", rec.Name, err)
	}
	line.Size = info.Size()
	return line, nil
}

// numberText writes a serial in hex and every other number in decimal.
func numberText(kind artifact.Kind, n *big.Int) string {
	switch {
	case n == nil:
		return ""
	case kind == artifact.CACertificate, kind == artifact.LinkCertificate, kind == artifact.CrossCertificate,
		kind == artifact.OCSPSignerCertificate, kind == artifact.SubscriberCertificate:
		return fmt.Sprintf("%x", n)
	}
	return n.String()
}

// LogSize is the size of the master log; a frozen one is an error.
func (r *Room) LogSize() (int64, error) {
	log := r.Log.Log()
	if log.Frozen() != nil {
		return 0, fmt.Errorf("the master log is frozen since entry %d", log.Size()-1)
	}
	return log.Size(), nil
}

// AddExpired notes certificates that have left a list because they expired; the next commit says so before the list.
func (r *Room) AddExpired(issuer string, expired []memory.Expired) {
	if r.expired == nil {
		r.expired = map[string][]ledger.Expired{}
	}
	for _, x := range expired {
		r.expired[issuer] = append(r.expired[issuer],
			ledger.Expired{Serial: SerialText(x.Serial), NotAfter: x.NotAfter})
	}
}
