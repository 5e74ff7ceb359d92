package room

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"strings"

	"go.uber.org/zap"

	"seihon/artifact"
	"seihon/inventory"
	"seihon/ledger"
	"seihon/override"
	"seihon/public"
)

// position is where the room's log stands, as the inventory remembers it.
func (r *Room) position() inventory.Position {
	log := r.Log.Log()
	_, err := os.Stat(headFile(r.Config))
	return inventory.Position{Size: log.Size(), Root: artifact.Digest(log.Root()), Headed: err == nil}
}

// A standing is what a comparison of inventory and master log found.
type standing struct {
	from int64 // size of the log up to which the inventory is in step
	same bool  // it is in step with all of it
}

// compare holds the inventory's position against the log. Either of them being
// a restored older copy is told apart here: a log that is behind the inventory
// is refused, an inventory that is behind the log is healed from it.
func (r *Room) compare(ctx context.Context) (standing, error) {
	log := r.Log.Log()
	refuse := func(format string, args ...any) (standing, error) {
		return standing{}, &RecordError{Err: fmt.Errorf("opening the inventory: "+format, args...)}
	}
	pos, err := r.Inventory.Position(ctx, log.Origin())
	if errors.Is(err, inventory.ErrNotFound) {
		issuers, err := r.Inventory.Issuers(ctx)
		if err != nil || len(issuers) > 0 || log.Size() == 0 {
			return standing{}, err // of before positions were kept: compared from the beginning
		}
		return standing{}, emptyInventory(log.Size())
	}
	if err != nil {
		return standing{}, err
	}
	seen, err := r.seen(ctx, pos.Size)
	if err != nil {
		return standing{}, err
	}
	if seen > log.Size() {
		return standing{}, olderMaster(log, seen)
	}
	root, err := log.RootAt(pos.Size)
	if err != nil {
		return standing{}, err
	}
	if artifact.Digest(root) != pos.Root {
		return refuse("it has seen the master log %q with another content of its first %d entries: inventory and "+
			"master are of two different histories; restore both from the same one", log.Origin(), pos.Size)
	}
	return standing{from: pos.Size, same: pos.Size == log.Size()}, beheaded(r.Config, pos)
}

// seen is how many entries the log had when the inventory last heard of it: those up to its position, and
// the commitments to certificates that were recorded since, before a crash.
func (r *Room) seen(ctx context.Context, size int64) (int64, error) {
	issuers, err := r.Inventory.Issuers(ctx)
	if err != nil {
		return 0, err
	}
	for _, i := range issuers {
		entry, err := r.Inventory.LastIssuance(ctx, i.Name, r.Log.Log().Origin())
		if err != nil {
			return 0, err
		}
		size = max(size, entry+1)
	}
	return size, nil
}

// heal brings an inventory that is behind the master log up to it. It does
// nothing when they are in step.
func (r *Room) heal(ctx context.Context, dryRun bool) (*inventory.Healed, error) {
	at, err := r.compare(ctx)
	if err != nil || at.same {
		return &inventory.Healed{}, err
	}
	return r.healSince(ctx, at.from, nil, dryRun)
}

// healSince merges what the log says since a size, and what was found to be said, and puts it on record.
func (r *Room) healSince(ctx context.Context, from int64, said []inventory.Said,
	dryRun bool) (*inventory.Healed, error) {
	healed, err := r.mergeSince(ctx, from, said, dryRun)
	if err != nil || len(healed.Certificates) == 0 || dryRun {
		return healed, err
	}
	return healed, r.recordHealing(ctx, healed)
}

// mergeSince is healSince without the record.
func (r *Room) mergeSince(ctx context.Context, from int64, said []inventory.Said,
	dryRun bool) (*inventory.Healed, error) {
	artifacts, err := r.artifactsSince(ctx, from)
	if err != nil {
		return nil, err
	}
	healed, err := r.Inventory.Heal(ctx, inventory.Healing{
		Origin: r.Log.Log().Origin(), Position: r.position(), Records: r.privateRecords(ctx, from), From: from,
		List:      r.listed,
		Artifacts: artifacts, Said: said, DryRun: dryRun,
	})
	if err != nil {
		return nil, &RecordError{Err: fmt.Errorf("the inventory could not be healed from the master: %w", err)}
	}
	if !dryRun {
		r.warnHealed(healed)
	}
	return healed, nil
}

func (r *Room) warnHealed(healed *inventory.Healed) {
	for _, c := range healed.Certificates {
		r.logger.Warn("healed from the master", zap.String("issuer", c.Issuer), zap.String("serial", c.Serial),
			zap.String("was", c.Was), zap.String("now", c.Now))
	}
}

// recordHealing puts on record that the inventory was not what the master says:
// the details in the private master, that it happened as evidence in the log.
func (r *Room) recordHealing(ctx context.Context, healed *inventory.Healed) error {
	line, err := json.Marshal(struct {
		Type string `json:"t"`
		*inventory.Healed
	}{"heal", healed})
	if err != nil {
		return fmt.Errorf("recording the healing: %w", err)
	}
	p, err := r.Log.AppendPrivate(ctx, func(yield func([]byte, error) bool) { yield(line, nil) })
	if err != nil {
		return fmt.Errorf("recording the healing: %w", err)
	}
	e := &ledger.Evidence{Kind: "inventory-healed", Name: "private manifest " + p.Manifest.String()[:16],
		Digest: artifact.Sum(line),
		Note: fmt.Sprintf("%d certificates of the inventory were not as the master says and were restored",
			len(healed.Certificates))}
	if err := r.Log.Append(ctx, &ledger.Entry{Evidence: e}); err != nil {
		return fmt.Errorf("recording the healing: %w", err)
	}
	_, err = r.commitJournal(ctx)
	return err
}

// HealFaults takes back what a list or a shard would have unsaid: all that the
// private master has of the inventory, and the revocations that were said.
func (r *Room) HealFaults(ctx context.Context, e *RecordError) (*inventory.Healed, error) {
	if e.Err != nil {
		return &inventory.Healed{}, nil // not a matter of rows
	}
	healed, err := r.healSince(ctx, 0, nil, false)
	if err != nil {
		return healed, err
	}
	r.Healed.Certificates = append(r.Healed.Certificates, healed.Certificates...)
	if healed.Any() {
		return healed, nil
	}
	var said []inventory.Said
	for _, f := range e.Faults {
		if f.Was.State == override.Revoked && !f.Was.Time.IsZero() {
			said = append(said, inventory.Said{Issuer: e.Issuer, Serial: f.Serial,
				Revocation: inventory.Revocation{Time: f.Was.Time, Reason: f.Was.Reason,
					InvalidityDate: f.Was.Invalidity}})
		}
	}
	if len(said) == 0 {
		return healed, nil
	}
	healed, err = r.healSince(ctx, r.Log.Log().Size(), said, false)
	if err == nil {
		r.Healed.Certificates = append(r.Healed.Certificates, healed.Certificates...)
	}
	return healed, err
}

// artifactsSince turns the lines of the log into the history of what was signed.
func (r *Room) artifactsSince(ctx context.Context, from int64) ([]inventory.ArtifactRecord, error) {
	log := r.Log.Log()
	known, err := r.Inventory.Issuers(ctx)
	if err != nil {
		return nil, err
	}
	has := map[string]bool{}
	for _, i := range known {
		has[i.Name] = true
	}
	var out []inventory.ArtifactRecord
	for c, err := range log.Changes(ctx, from, log.Size()) {
		if err != nil {
			return nil, err
		}
		if c.Line == nil || !has[c.Line.Issuer] {
			continue
		}
		rec, err := recordOf(*c.Line)
		if err != nil {
			return nil, fmt.Errorf("reading entry %d of the master log: %w", c.Index, err)
		}
		entry, err := log.Entry(ctx, c.Index)
		if err != nil {
			return nil, err
		}
		rec.SignedAt, rec.Committed = entry.Time, c.Index+1
		out = append(out, rec)
	}
	return out, nil
}

// recordOf is the row of the history that a line of the log was made from.
func recordOf(line ledger.Line) (inventory.ArtifactRecord, error) {
	rec := inventory.ArtifactRecord{Issuer: line.Issuer, Kind: line.Kind, Name: line.Name, Digest: line.Digest,
		ThisUpdate: line.NotBefore, NextUpdate: line.NotAfter, Scope: scopeOf(line)}
	if line.Number == "" {
		return rec, nil
	}
	base := 10
	if line.Kind.IsCertificate() {
		base = 16
	}
	n, ok := new(big.Int).SetString(line.Number, base)
	if !ok {
		return rec, fmt.Errorf("the number %q of %s is none", line.Number, line.Name)
	}
	rec.Number = n
	return rec, nil
}

// scopeOf is the number series of a line, as list.series and the other records have it.
func scopeOf(line ledger.Line) string {
	switch line.Kind {
	case artifact.OCSPBundle:
		return line.Number
	case artifact.OCSPGeneration:
		return "generation"
	case artifact.IndexPage:
		return "index"
	case artifact.ARL:
		return "arl"
	case artifact.DeltaCRL:
		return "crl"
	case artifact.CRL:
		return listScope(line)
	case artifact.Document, artifact.DocumentSignature:
		return documentScope(line.Name)
	}
	return ""
}

func listScope(line ledger.Line) string {
	n, err := public.Parse(line.Name)
	switch {
	case line.History:
		return HistoryScope
	case err == nil && n.Sharded:
		return fmt.Sprintf("crl/%d", n.Shard)
	}
	return "crl"
}

// documentScope is the name of a document without folder, version and extension.
func documentScope(name string) string {
	name = strings.TrimPrefix(name, "docs/")
	stem, signature := strings.CutSuffix(name, ".p7s")
	if i := strings.LastIndexByte(stem, '-'); i > 0 {
		stem = stem[:i]
	}
	if signature {
		stem += ".p7s"
	}
	return stem
}
