package room

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
// that the operator signed (report 3-2 and 3-3). What the list does not approve does not sign, unless signer.policy
// says that nothing here is of an accredited CA. The verdict goes into the master log before anything that is signed
// under it: once per change, and once a month, so that whoever reads the log need not go back for years.

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

// judgeTokens judges every token of the room. One that the policy refuses cannot be used.
func (r *Room) judgeTokens(ctx context.Context) error {
	for t := range r.open {
		err := r.judge(ctx, t)
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return err
		}
		if err := r.lose(t, err); err != nil {
			return err
		}
	}
	return nil
}

// judge makes the verdict on a token, on the configured keys that it has, and on more of its keys.
func (r *Room) judge(ctx context.Context, t *RoomToken, more ...string) error {
	roles := r.roles(t, more...)
	keys := []*token.Key{}
	for label := range roles {
		k, err := t.Signer(ctx, token.KeySpec{Label: label})
		if errors.Is(err, token.ErrKeyNotFound) {
			continue // it is judged when it was made
		}
		if err != nil {
			return err
		}
		keys = append(keys, k)
	}
	if _, err := r.decide(ctx, t, roles, keys); err != nil {
		return err
	}
	if against := t.verdict.Against(); len(against) > 0 {
		return &TokenRefusal{Findings: against}
	}
	return nil
}

// roles says what the keys of the configuration that are in a token are for, by their labels. More keys are of the log:
// its next ones are not configured yet.
func (r *Room) roles(t *RoomToken, more ...string) map[string]token.Role {
	roles := map[string]token.Role{}
	if t.Name == r.logToken().Name {
		more = slices.Concat(r.Config.Signer.LogKeys, more)
	}
	for _, label := range more {
		roles[label] = token.RoleLog
	}
	for name, k := range configuredKeys(r.Config) {
		if in, err := r.Config.Signer.TokenNamed(k.Token); err == nil && in.Name == t.Name {
			roles[k.Label] = roleOf(r.Config, name)
		}
	}
	return roles
}

// decide asks a token about itself and these keys, and makes the verdict.
func (r *Room) decide(ctx context.Context, t *RoomToken, roles map[string]token.Role,
	keys []*token.Key) (*token.Evidence, error) {
	list, id, err := approvals(r.Config.Signer)
	if err != nil {
		return nil, err
	}
	e, err := t.Evidence(ctx, token.UseSigning, keys...)
	if err != nil {
		return nil, err
	}
	t.verdict = list.Decide(token.Policy(r.Config.Signer.Policy), id, e, roles, r.Now())
	t.verdict.Name(t.Name)
	return e, nil
}

// verdictOnAll is what the log has to say: of every token that can be used, nil when there is none.
func (r *Room) verdictOnAll() *token.Verdict {
	var all []*token.Verdict
	var absent []string
	for _, t := range r.tokens {
		switch {
		case t.Retired:
		case t.lost != nil:
			absent = append(absent, t.Name)
		case t.verdict != nil:
			all = append(all, t.verdict)
		}
	}
	if len(all) == 0 {
		return nil // a room of keys in memory, which only tests have
	}
	v := token.Together(all, absent)
	for i := range r.Config.Issuers {
		if r.Config.Issuers[i].External() {
			v.Elsewhere = append(v.Elsewhere, r.Config.Issuers[i].Name)
		}
	}
	return v
}

// onTrial reports whether a token was judged, and all of them are on trial.
func (r *Room) onTrial() bool {
	v := r.verdictOnAll()
	return v != nil && v.Policy == token.Trial
}

// approvedKey finds a key, in the token of that name, that the policy lets sign.
func (r *Room) approvedKey(ctx context.Context, name string, spec token.KeySpec) (crypto.Signer, error) {
	t, err := r.Token(name)
	if err != nil {
		return nil, err
	}
	key, err := t.Signer(ctx, spec)
	if err != nil {
		return nil, err
	}
	pin := key.Pin()
	spki := hex.EncodeToString(pin[:])
	has := func(k token.KeyVerdict) bool { return k.SPKISHA256 == spki }
	i := slices.IndexFunc(t.verdict.Keys, has)
	if i < 0 { // it was made since, or is the log's next one
		if err := r.judge(ctx, t, key.Label()); err != nil {
			return nil, err
		}
		if i = slices.IndexFunc(t.verdict.Keys, has); i < 0 {
			return nil, fmt.Errorf("judging key %q: the token has several keys of that label; give each its own",
				spec.Label)
		}
		if r.Log != nil && !r.DryRun {
			if err := r.stageVerdict(ctx); err != nil {
				return nil, err
			}
		}
	}
	if against := t.verdict.AgainstKey(t.verdict.Keys[i]); len(against) > 0 {
		return nil, &TokenRefusal{Key: t.verdict.Keys[i].Label, Findings: against}
	}
	return key, nil
}

// recordVerdict puts the verdict, and the rule of approvals, into the master log, unless the newest ones there say the
// same and are of this month.
func (r *Room) recordVerdict(ctx context.Context) error {
	if err := r.stageRule(ctx); err != nil {
		return err
	}
	if err := r.stageVerdict(ctx); err != nil || r.Log.Staged() == 0 {
		return err
	}
	if _, err := r.Log.Commit(ctx); err != nil {
		return fmt.Errorf("recording the verdict on the token and the rule of approvals: %w", err)
	}
	return nil
}

// stageVerdict does that without committing: what is signed next is committed behind it.
func (r *Room) stageVerdict(ctx context.Context) error {
	verdict := r.verdictOnAll()
	if verdict == nil {
		return nil
	}
	doc, err := verdict.JSON()
	if err != nil {
		return err
	}
	last, err := r.Log.Log().LastEvidence(ctx, ledger.EvidenceVerdict, r.Now().Add(-ledger.VerdictRenewal))
	if err != nil {
		return fmt.Errorf("looking for the last verdict on the token: %w", err)
	}
	if last != nil && last.Evidence.Digest == artifact.Digest(sha256.Sum256(doc)) {
		return nil
	}
	digest, size, err := r.Log.PutBlob(ctx, artifact.Log, bytes.NewReader(doc))
	if err != nil {
		return fmt.Errorf("storing the verdict on the token: %w", err)
	}
	note := verdict.Summary()
	if list := verdict.List; list != nil {
		note = ledger.ReviewNote(note, list.Review)
	}
	e := &ledger.Evidence{Kind: ledger.EvidenceVerdict, Name: r.Config.Signer.Policy, Digest: digest, Size: size,
		Note: note}
	if err := r.Log.Append(ctx, &ledger.Entry{Evidence: e}); err != nil {
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
