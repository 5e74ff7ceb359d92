package room

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

// TokenInfo is what a token says of itself; Others are the further tokens of the room.
type TokenInfo struct {
	token.Info
	Others []token.Info `json:"others,omitempty"`
}

// TokenInfos opens the tokens and returns what they say of themselves. What cannot be used is in the error.
func TokenInfos(ctx context.Context, o Options) (*TokenInfo, error) {
	r, err := openRoom(ctx, o)
	if err != nil {
		return nil, err
	}
	all := []token.Info{}
	for t := range r.open {
		info, err := t.Info(ctx)
		if err != nil {
			return nil, errors.Join(err, r.Close())
		}
		all = append(all, info)
	}
	return &TokenInfo{Info: all[0], Others: all[1:]}, errors.Join(append(r.LostTokens(nil), r.Close())...)
}

// TokenCheck is the evidence of one day and what the allow-list says of it.
type TokenCheck struct {
	Evidence *token.Evidence   `json:"evidence"`
	Others   []*token.Evidence `json:"others,omitempty"` // of the room's further tokens
	Findings []token.Finding   `json:"findings"`
	Recorded int64             `json:"recorded"` // size of the log that holds it; 0: not recorded
}

// CheckToken collects the claims of the tokens about themselves and every configured
// key, holds them against the operator's allow-list, and records them when asked to.
// What cannot be used is in the error.
func CheckToken(ctx context.Context, o Options, record bool) (*TokenCheck, error) {
	open := openRoom
	if record {
		open = Open
	}
	r, err := open(ctx, o)
	if err != nil {
		return nil, err
	}
	check, err := r.checkTokens(ctx, record)
	return check, errors.Join(err, r.Close())
}

func (r *Room) checkTokens(ctx context.Context, record bool) (*TokenCheck, error) {
	check := &TokenCheck{Findings: []token.Finding{}}
	for t := range r.open {
		e, err := r.checkToken(ctx, t)
		if err != nil {
			return nil, err
		}
		if check.Evidence == nil {
			check.Evidence = e
		} else {
			check.Others = append(check.Others, e)
		}
		check.Findings = append(check.Findings, t.verdict.All()...)
		if !record {
			continue
		}
		if check.Recorded, err = r.recordEvidence(ctx, t, e); err != nil {
			return nil, err
		}
	}
	return check, errors.Join(r.LostTokens(nil)...)
}

func (r *Room) checkToken(ctx context.Context, t *RoomToken) (*token.Evidence, error) {
	roles := r.roles(t)
	var keys []*token.Key
	for _, label := range slices.Sorted(maps.Keys(roles)) {
		k, err := t.Signer(ctx, token.KeySpec{Label: label})
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return r.decide(ctx, t, roles, keys)
}

// recordEvidence puts the document into the master and names it in the log. It is
// no artifact and never public.
func (r *Room) recordEvidence(ctx context.Context, t *RoomToken, e *token.Evidence) (int64, error) {
	doc, err := e.JSON()
	if err != nil {
		return 0, err
	}
	digest, size, err := r.Log.PutBlob(ctx, artifact.Log, bytes.NewReader(doc))
	if err != nil {
		return 0, fmt.Errorf("storing the evidence: %w", err)
	}
	name := "key-evidence-" + e.Time.Format("20060102T150405Z")
	if t.Name != "" {
		name += "-" + t.Name
	}
	entry := &ledger.Entry{Evidence: &ledger.Evidence{
		Kind: ledger.EvidenceKeys, Name: name, Digest: digest, Size: size, Note: EvidenceNote(e.Use),
	}}
	if err := r.Log.Append(ctx, entry); err != nil {
		return 0, fmt.Errorf("recording the evidence: %w", err)
	}
	if _, err := r.Log.Commit(ctx); err != nil {
		return 0, fmt.Errorf("recording the evidence: %w", err)
	}
	return r.Log.Log().Size(), nil
}

// EvidenceNote is what the log says beside an evidence document.
func EvidenceNote(use token.Use) string { return "use: " + string(use) }

// Review records a document about the operation, such as a risk assessment (report
// 3-1) or the minutes of a key ceremony, and the day of its next review, if it has one.
func (r *Room) Review(ctx context.Context, kind string, doc []byte, next time.Time) (int64, error) {
	if r.DryRun {
		return r.LogSize()
	}
	digest, size, err := r.Log.PutBlob(ctx, artifact.Log, bytes.NewReader(doc))
	if err != nil {
		return 0, fmt.Errorf("storing the document: %w", err)
	}
	e := &ledger.Evidence{Kind: kind, Name: digest.String(), Digest: digest, Size: size}
	if !next.IsZero() {
		e.Note = ledger.ReviewNote("", next.UTC().Format(time.DateOnly))
	}
	if err := r.Log.Append(ctx, &ledger.Entry{Evidence: e}); err != nil {
		return 0, fmt.Errorf("recording the document: %w", err)
	}
	if _, err := r.Log.Commit(ctx); err != nil {
		return 0, fmt.Errorf("recording the document: %w", err)
	}
	return r.Log.Log().Size(), nil
}
