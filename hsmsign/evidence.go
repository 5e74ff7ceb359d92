package hsmsign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/token"
	"seihon/ledger"
)

// TokenInfo opens the token and returns what it says of itself.
func TokenInfo(ctx context.Context, o Options) (token.Info, error) {
	r, err := openToken(ctx, o)
	if err != nil {
		return token.Info{}, err
	}
	info, err := r.tok.Info(ctx)
	return info, errors.Join(err, r.Close())
}

// TokenCheck is the evidence of one day and what the allow-list says of it.
type TokenCheck struct {
	Evidence *token.Evidence `json:"evidence"`
	Findings []token.Finding `json:"findings"`
	Recorded int64           `json:"recorded"` // size of the log that holds it; 0: not recorded
}

// CheckToken collects the claims of the token about itself and every configured
// key, holds them against the operator's allow-list, and records them when asked to.
func CheckToken(ctx context.Context, o Options, record bool) (*TokenCheck, error) {
	open := openToken
	if record {
		open = Open
	}
	r, err := open(ctx, o)
	if err != nil {
		return nil, err
	}
	check, err := r.checkToken(ctx, record)
	return check, errors.Join(err, r.Close())
}

func (r *Room) checkToken(ctx context.Context, record bool) (*TokenCheck, error) {
	roles := r.roles()
	var keys []*token.Key
	for _, label := range slices.Sorted(maps.Keys(roles)) {
		k, err := r.tok.Signer(ctx, token.KeySpec{Label: label})
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	e, err := r.decide(ctx, roles, keys)
	if err != nil {
		return nil, err
	}
	check := &TokenCheck{Evidence: e, Findings: r.verdict.All()}
	if record {
		check.Recorded, err = r.recordEvidence(ctx, e)
	}
	return check, err
}

// recordEvidence puts the document into the master and names it in the log. It is
// no artifact and never public.
func (r *Room) recordEvidence(ctx context.Context, e *token.Evidence) (int64, error) {
	doc, err := e.JSON()
	if err != nil {
		return 0, err
	}
	digest, size, err := r.log.PutBlob(ctx, artifact.Log, bytes.NewReader(doc))
	if err != nil {
		return 0, fmt.Errorf("storing the evidence: %w", err)
	}
	entry := &ledger.Entry{Evidence: &ledger.Evidence{
		Kind: ledger.EvidenceKeys, Name: "key-evidence-" + e.Time.Format("20060102T150405Z"), Digest: digest, Size: size, Note: evidenceNote(e.Use),
	}}
	if err := r.log.Append(ctx, entry); err != nil {
		return 0, fmt.Errorf("recording the evidence: %w", err)
	}
	if _, err := r.log.Commit(ctx); err != nil {
		return 0, fmt.Errorf("recording the evidence: %w", err)
	}
	return r.log.Log().Size(), nil
}

// evidenceNote is what the log says beside an evidence document.
func evidenceNote(use token.Use) string { return "use: " + string(use) }

// Review records a document about the operation, such as a risk assessment (report
// 3-1) or the minutes of a key ceremony, and the day of its next review, if it has one.
func (r *Room) Review(ctx context.Context, kind string, doc []byte, next time.Time) (int64, error) {
	digest, size, err := r.log.PutBlob(ctx, artifact.Log, bytes.NewReader(doc))
	if err != nil {
		return 0, fmt.Errorf("storing the document: %w", err)
	}
	e := &ledger.Evidence{Kind: kind, Name: digest.String(), Digest: digest, Size: size}
	if !next.IsZero() {
		e.Note = ledger.ReviewNote("", next.UTC().Format(time.DateOnly))
	}
	if err := r.log.Append(ctx, &ledger.Entry{Evidence: e}); err != nil {
		return 0, fmt.Errorf("recording the document: %w", err)
	}
	if _, err := r.log.Commit(ctx); err != nil {
		return 0, fmt.Errorf("recording the document: %w", err)
	}
	return r.log.Log().Size(), nil
}
