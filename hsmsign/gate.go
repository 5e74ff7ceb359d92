package hsmsign

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"seihon/artifact"
	"seihon/hsmsign/token"
	"seihon/internal/config"
	"seihon/internal/regular"
	"seihon/ledger"
)

// Before the first signature of a command, the token and every key that the command asks for are held against the list
// that the operator signed (report 3-2 and 3-3). What the list does not approve does not sign, unless signer.policy says
// that nothing here is of an accredited CA. The verdict goes into the master log before anything that is signed under it:
// once per change, and once a month, so that whoever reads the log need not go back for years.

// A TokenRefusal says that the operator's policy forbids to sign with the token, or with one key of it.
type TokenRefusal struct {
	Key      string          // its label; empty: no key of the token may sign
	Findings []token.Finding // what speaks against it, each an error
}

// Error says what is refused, by which rule, and what to do.
func (e *TokenRefusal) Error() string {
	what := "the token"
	if e.Key != "" {
		what = fmt.Sprintf("key %q", e.Key)
	}
	var why []string
	for _, f := range e.Findings {
		why = append(why, fmt.Sprintf("%s (report %s): %s: want %s, got %s; %s [%s – %s]",
			f.Code, f.Rule, f.Subject, f.Want, f.Got, f.Hint, f.Quote, f.Gloss))
	}
	return fmt.Sprintf("signing with %s is refused by the policy on HSMs, nothing was signed with it: %s",
		what, strings.Join(why, "; "))
}

// judgeToken makes the verdict on the token, on the configured keys that it has, and on more of its keys.
func (r *Room) judgeToken(ctx context.Context, more ...string) error {
	roles := r.roles(more...)
	keys := []*token.Key{}
	for label := range roles {
		k, err := r.tok.Signer(ctx, token.KeySpec{Label: label})
		if errors.Is(err, token.ErrKeyNotFound) {
			continue // it is judged when it was made
		}
		if err != nil {
			return err
		}
		keys = append(keys, k)
	}
	if _, err := r.decide(ctx, roles, keys); err != nil {
		return err
	}
	if against := r.verdict.Against(); len(against) > 0 {
		return &TokenRefusal{Findings: against}
	}
	return nil
}

// roles says what the keys of the configuration are for, by their labels. More keys are of the log: its next ones are not
// configured yet.
func (r *Room) roles(more ...string) map[string]token.Role {
	roles := map[string]token.Role{}
	for _, label := range slices.Concat(r.conf.Signer.LogKeys, more) {
		roles[label] = token.RoleLog
	}
	for name, k := range configuredKeys(r.conf) {
		roles[k.Label] = roleOf(r.conf, name)
	}
	return roles
}

// decide asks the token about itself and these keys, and makes the verdict.
func (r *Room) decide(ctx context.Context, roles map[string]token.Role, keys []*token.Key) (*token.Evidence, error) {
	list, id, err := approvals(r.conf.Signer)
	if err != nil {
		return nil, err
	}
	e, err := r.tok.Evidence(ctx, token.UseSigning, keys...)
	if err != nil {
		return nil, err
	}
	r.verdict = list.Decide(token.Policy(r.conf.Signer.Policy), id, e, roles, r.now())
	for i := range r.conf.Issuers {
		if r.conf.Issuers[i].External() {
			r.verdict.Elsewhere = append(r.verdict.Elsewhere, r.conf.Issuers[i].Name)
		}
	}
	return e, nil
}

// approvedKey finds a key of the token that the policy lets sign.
func (r *Room) approvedKey(ctx context.Context, spec token.KeySpec) (crypto.Signer, error) {
	key, err := r.tok.Signer(ctx, spec)
	if err != nil {
		return nil, err
	}
	pin := key.Pin()
	spki := hex.EncodeToString(pin[:])
	has := func(k token.KeyVerdict) bool { return k.SPKISHA256 == spki }
	i := slices.IndexFunc(r.verdict.Keys, has)
	if i < 0 { // it was made since, or is the log's next one
		if err := r.judgeToken(ctx, key.Label()); err != nil {
			return nil, err
		}
		if i = slices.IndexFunc(r.verdict.Keys, has); i < 0 {
			return nil, fmt.Errorf("judging key %q: the token has several keys of that label; give each its own", spec.Label)
		}
		if r.log != nil {
			if err := r.stageVerdict(ctx); err != nil {
				return nil, err
			}
		}
	}
	if against := r.verdict.AgainstKey(r.verdict.Keys[i]); len(against) > 0 {
		return nil, &TokenRefusal{Key: r.verdict.Keys[i].Label, Findings: against}
	}
	return key, nil
}

// recordVerdict puts the verdict, and the rule of approvals, into the master log, unless the newest ones there say the same and
// are of this month.
func (r *Room) recordVerdict(ctx context.Context) error {
	if err := r.stageRule(ctx); err != nil {
		return err
	}
	if err := r.stageVerdict(ctx); err != nil || r.log.Staged() == 0 {
		return err
	}
	if _, err := r.log.Commit(ctx); err != nil {
		return fmt.Errorf("recording the verdict on the token and the rule of approvals: %w", err)
	}
	return nil
}

// stageVerdict does that without committing: what is signed next is committed behind it.
func (r *Room) stageVerdict(ctx context.Context) error {
	if r.verdict == nil {
		return nil // a room of keys in memory, which only tests have
	}
	doc, err := r.verdict.JSON()
	if err != nil {
		return err
	}
	last, err := r.log.Log().LastEvidence(ctx, ledger.EvidenceVerdict, r.now().Add(-ledger.VerdictRenewal))
	if err != nil {
		return fmt.Errorf("looking for the last verdict on the token: %w", err)
	}
	if last != nil && last.Evidence.Digest == artifact.Digest(sha256.Sum256(doc)) {
		return nil
	}
	digest, size, err := r.log.PutBlob(ctx, artifact.Log, bytes.NewReader(doc))
	if err != nil {
		return fmt.Errorf("storing the verdict on the token: %w", err)
	}
	note := r.verdict.Summary()
	if list := r.verdict.List; list != nil {
		note = ledger.ReviewNote(note, list.Review)
	}
	e := &ledger.Evidence{Kind: ledger.EvidenceVerdict, Name: r.conf.Signer.Policy, Digest: digest, Size: size, Note: note}
	if err := r.log.Append(ctx, &ledger.Entry{Evidence: e}); err != nil {
		return fmt.Errorf("recording the verdict on the token: %w", err)
	}
	return nil
}

// approvals reads the operator's signed list; nil when none is configured.
func approvals(s *config.Signer) (*token.Approvals, *token.ListID, error) {
	if s == nil || s.Modules == nil {
		return nil, nil, nil
	}
	var files [3][]byte
	for i, file := range []config.Path{s.Modules.List, s.Modules.Signature, s.Modules.Key} {
		raw, err := regular.ReadFile(string(file))
		if err != nil {
			return nil, nil, fmt.Errorf("reading the list of approved HSMs: %w", err)
		}
		files[i] = raw
	}
	list, err := token.ParseApprovals(files[0], files[1], files[2])
	return list, list.IdentifyList(files[0]), err
}
