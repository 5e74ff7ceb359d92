package room

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"seihon/approval"
	"seihon/artifact"
	"seihon/artifact/sshsig"
	"seihon/internal/config"
	"seihon/internal/regular"
	"seihon/ledger"
)

// What one person alone must not do is asked of several, by the rule of package approval. The rule in force is the one
// that the master log has; the configuration can make it stricter at any time, and weaker only with the approval of
// those whom the old one names. Request, signatures and rule go into the log before or with what they allow.

// An ApprovalRefusal says that people whose approval is needed have not approved.
type ApprovalRefusal struct{ Err error }

func (e *ApprovalRefusal) Error() string { return e.Err.Error() }
func (e *ApprovalRefusal) Unwrap() error { return e.Err }

// ErrAsked says that the request was written, as was asked, and that nothing was done.
var ErrAsked = errors.New("the approval request is written; nothing was done")

// checkRule finds the rule in force and holds the configuration against it. What is weaker than the rule on record
// stops every command: somebody has changed the configuration alone.
func (r *Room) checkRule(ctx context.Context) error {
	recorded, err := ruleOnRecord(ctx, r.Log.Log())
	if err != nil {
		return err
	}
	configured, err := configuredRule(r.Config)
	if err != nil {
		return err
	}
	r.Rule = configured
	if recorded == nil {
		return nil
	}
	r.ruleEntry = recorded.entry
	if why := recorded.rule.Weaker(configured); why != "" {
		if r.changingRule {
			r.Rule = recorded.rule
			return nil
		}
		return &ApprovalRefusal{Err: fmt.Errorf("signer.approval of %q is weaker than the rule of approvals on "+
			"record (of %s): %s; put it back, or have the people "+
			"of the rule on record approve the change (`signer approval --approval-request FILE`, docs/approvals.md)",
			r.Config.File, recorded.entry.Time.Format(time.RFC3339), why)}
	}
	return nil
}

// A recordedRule is the newest rule of a log.
type recordedRule struct {
	rule  *approval.Rule
	entry *ledger.Entry
}

// ruleOnRecord reads the newest rule of the log, nil when it has none. Whoever signs states it anew each month, so that
// it stands at most that long before the newest entry.
func ruleOnRecord(ctx context.Context, log *ledger.Log) (*recordedRule, error) {
	if log.Size() == 0 {
		return nil, nil
	}
	newest, err := log.Entry(ctx, log.Size()-1)
	if err != nil {
		return nil, fmt.Errorf("looking for the rule of approvals: %w", err)
	}
	e, err := log.LastEvidence(ctx, ledger.EvidenceApprovalRule, newest.Time.Add(-ledger.VerdictRenewal-24*time.Hour))
	if err != nil || e == nil {
		return nil, err
	}
	text, err := log.ReadBlob(ctx, evidenceLine(e.Evidence))
	if err != nil {
		return nil, fmt.Errorf("reading the rule of approvals: %w", err)
	}
	rule, err := approval.ParseRule(text)
	if err != nil {
		return nil, &RecordError{Err: fmt.Errorf("the rule of approvals on record cannot be used: %w", err)}
	}
	return &recordedRule{rule, e}, nil
}

func evidenceLine(e *ledger.Evidence) ledger.Line {
	return ledger.Line{Name: e.Kind, Kind: artifact.Log, Digest: e.Digest, Size: e.Size}
}

// configuredRule is the rule of the configuration; an empty one when it has none.
func configuredRule(c *config.Config) (*approval.Rule, error) {
	rule := func(quorum int, kinds []string, people []approval.Person) (*approval.Rule, error) {
		return approval.NewRule(c.Repository.Name, c.Master.Origin, quorum, kinds, people)
	}
	a := c.Signer.Approval
	if a == nil {
		return rule(0, nil, nil)
	}
	var people []approval.Person
	for i, k := range a.Keys {
		raw, err := regular.ReadFile(string(k.Key))
		if err != nil {
			return nil, fmt.Errorf("reading signer.approval.keys[%d]: %w", i, err)
		}
		key, err := sshsig.ParseKey(raw)
		if err != nil {
			return nil, fmt.Errorf("reading signer.approval.keys[%d] %q: %w", i, k.Key, err)
		}
		people = append(people, approval.Person{Name: k.Name, Key: key})
	}
	made, err := rule(a.Quorum, a.For, people)
	if err != nil {
		return nil, fmt.Errorf("reading signer.approval: %w", err)
	}
	return made, nil
}

// stageRule puts the rule into the log when it changed, and once a month; a log that never had one needs none to say
// so.
func (r *Room) stageRule(ctx context.Context) error {
	if r.Rule == nil {
		return nil // a room of keys in memory, which only tests have
	}
	text := r.Rule.Text()
	switch last := r.ruleEntry; {
	case last == nil && r.Rule.Empty():
		return nil
	case last != nil && last.Evidence.Digest == artifact.Sum(text) &&
		(r.Rule.Empty() || last.Time.After(r.Now().Add(-ledger.VerdictRenewal))):
		return nil
	}
	note := "one person suffices for everything"
	if !r.Rule.Empty() {
		note = fmt.Sprintf("%d approve: %s", r.Rule.Quorum, strings.Join(r.Rule.For, ", "))
	}
	e, err := r.stageEvidence(ctx, ledger.EvidenceApprovalRule, r.Config.Repository.Name, note, text)
	if err == nil {
		r.ruleEntry = &ledger.Entry{Time: r.Now(), Evidence: e}
	}
	return err
}

func (r *Room) stageEvidence(ctx context.Context, kind, name, note string, doc []byte) (*ledger.Evidence, error) {
	if r.DryRun {
		return &ledger.Evidence{Kind: kind, Name: name, Digest: artifact.Sum(doc), Size: int64(len(doc)),
			Note: note}, nil
	}
	digest, size, err := r.Log.PutBlob(ctx, artifact.Log, bytes.NewReader(doc))
	if err != nil {
		return nil, fmt.Errorf("storing the %s: %w", kind, err)
	}
	e := &ledger.Evidence{Kind: kind, Name: name, Digest: digest, Size: size, Note: note}
	if err := r.Log.Append(ctx, &ledger.Entry{Evidence: e}); err != nil {
		return nil, fmt.Errorf("recording the %s: %w", kind, err)
	}
	return e, nil
}

// Approve lets an act pass that the rule wants approvals for, or refuses it. What approved it is staged: it goes into
// the log with the act. Every act of a kind that a rule can be for comes through here before anything of it is done.
func (r *Room) Approve(ctx context.Context, a approval.Act) error {
	if !r.Rule.Demands(a.Kind) {
		return r.notDemanded(a.Kind)
	}
	if r.AskApproval != nil {
		return r.ask(a)
	}
	if r.DryRun && r.papers.Request == nil && len(r.papers.Signatures) == 0 {
		r.unapproved = append(r.unapproved,
			fmt.Sprintf("%s needs the approval of %d people (signer.approval)", a.Kind, r.Rule.Quorum))
		return nil
	}
	who, err := r.approvedBy(ctx, a)
	if err != nil {
		return &ApprovalRefusal{Err: fmt.Errorf("%s needs the approval of %d people (signer.approval), nothing was "+
			"done: %w", a.Kind, r.Rule.Quorum, err)}
	}
	if _, err := r.stageEvidence(ctx, ledger.EvidenceApproval, a.Kind, "approved by "+strings.Join(who, ", "),
		r.papers.Document()); err != nil {
		return err
	}
	r.logger.Info("approved", zap.String("kind", a.Kind), zap.Strings("by", who))
	r.papers = approval.Papers{} // a request is good for one act
	return nil
}

// ApproveNow is approve for an act that changes something beside the log: what approved it is on record before.
func (r *Room) ApproveNow(ctx context.Context, a approval.Act) error {
	staged := r.Log.Staged()
	if err := r.Approve(ctx, a); err != nil || r.Log.Staged() == staged {
		return err
	}
	if _, err := r.Log.Commit(ctx); err != nil {
		return fmt.Errorf("recording the approval: %w", err)
	}
	return nil
}

// notDemanded refuses to act where somebody expects that approvals are asked for.
func (r *Room) notDemanded(kind string) error {
	if r.AskApproval == nil && r.papers.Request == nil && len(r.papers.Signatures) == 0 {
		return nil
	}
	return &ApprovalRefusal{Err: fmt.Errorf("no approval is needed for %s: signer.approval does not name it; leave "+
		"out --approval and --approval-request to do it", kind)}
}

// ask writes the request for an act.
func (r *Room) ask(a approval.Act) error {
	valid := 7 * 24 * time.Hour
	if c := r.Config.Signer.Approval; c != nil {
		valid = c.Valid.Std()
	}
	log, now := r.Log.Log(), r.Now().UTC().Truncate(time.Second)
	q := &approval.Request{Repository: r.Config.Repository.Name, Log: log.Origin(), Size: log.Size(), Root: log.Root(),
		Made: now, Expires: now.Add(valid), Act: a}
	if err := q.Check(); err != nil {
		return fmt.Errorf("asking for approval: %w", err)
	}
	if err := r.AskApproval(q.Text()); err != nil {
		return err
	}
	return ErrAsked
}

// approvedBy holds what was handed over against the act, the rule and the log.
func (r *Room) approvedBy(ctx context.Context, a approval.Act) ([]string, error) {
	if r.papers.Request == nil && len(r.papers.Signatures) == 0 {
		return nil,
			errors.New("write the request with --approval-request FILE, have people sign it, and hand over request " +
				"and signatures with --approval (docs/approvals.md)")
	}
	q, who, err := r.papers.Check(r.Rule)
	if err != nil {
		return nil, err
	}
	if err := q.Timely(r.Now()); err != nil {
		return nil, fmt.Errorf("the request is not good now: %w; make it again with --approval-request", err)
	}
	if why := q.Differs(r.Config.Repository.Name, r.Log.Log().Origin(), a); why != "" {
		return nil, fmt.Errorf("the request asks for something else: %s", why)
	}
	return who, r.unused(ctx, q)
}

// unused wants a request to be of this log, and not on record yet.
func (r *Room) unused(ctx context.Context, q *approval.Request) error {
	log := r.Log.Log()
	if q.Size > log.Size() {
		return fmt.Errorf("the request was made when the log had %d entries; this one has %d: it is another log, or "+
			"an older copy", q.Size, log.Size())
	}
	root, err := log.RootAt(q.Size)
	if err != nil {
		return fmt.Errorf("looking at the log of the request: %w", err)
	}
	if root != q.Root {
		return fmt.Errorf("the request is for another log: with %d entries this one has the root %x", q.Size, root[:])
	}
	entry := q.Size
	for e, err := range log.Entries(ctx, q.Size, log.Size()) {
		if err != nil {
			return fmt.Errorf("looking whether the request was used: %w", err)
		}
		if e.Evidence != nil && e.Evidence.Kind == ledger.EvidenceApproval {
			doc, err := log.ReadBlob(ctx, evidenceLine(e.Evidence))
			if err != nil {
				return fmt.Errorf("looking whether the request was used: %w", err)
			}
			if used, err := approval.ParseDocument(doc); err == nil && bytes.Equal(used.Request, r.papers.Request) {
				return fmt.Errorf("the request was used already, at log entry %d: a request is good for one act; "+
					"make a new one with --approval-request", entry)
			}
		}
		entry++
	}
	return nil
}

// ApprovalState is the rule of approvals in force, and what became of a change.
type ApprovalState struct {
	Quorum  int      `json:"quorum"` // 0: one person suffices
	For     []string `json:"for"`
	People  []string `json:"people"`
	Changed bool     `json:"changed"`
	Size    int64    `json:"tree_size"`

	NeedsApproval []string `json:"needs_approval,omitempty"` // of a dry run: for what no approval was handed over
}

// ChangeRule puts the rule of the configuration into the log, with the approval of those whom the rule on record names
// where it is weaker.
func ChangeRule(ctx context.Context, o Options) (*ApprovalState, error) {
	r, err := openRoom(ctx, o)
	if err != nil {
		return nil, err
	}
	r.changingRule = true
	if err = r.openLog(ctx); err == nil {
		err = r.sameHistory(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	s, err := r.changeRule(ctx)
	return s, errors.Join(err, r.Close())
}

func (r *Room) changeRule(ctx context.Context) (*ApprovalState, error) {
	next, err := configuredRule(r.Config)
	if err != nil {
		return nil, err
	}
	if why := r.Rule.Weaker(next); why != "" {
		a := approval.Act{Kind: approval.ChangeRule, Params: []approval.Param{{Name: "weaker", Value: why}}}
		for _, line := range strings.Split(strings.TrimSpace(string(next.Text())), "\n")[3:] {
			name, value, _ := strings.Cut(line, " ")
			if value != "" {
				a.Params = append(a.Params, approval.Param{Name: name, Value: value})
			}
		}
		a.Params = append(a.Params, approval.Param{Name: "rule-sha256", Value: artifact.Sum(next.Text()).String()})
		if err := r.Approve(ctx, a); err != nil {
			return nil, err
		}
		r.Rule = next
	} else if err := r.notDemanded("this change"); err != nil {
		return nil, err
	}
	before := r.ruleEntry
	if err := r.stageRule(ctx); err != nil {
		return nil, err
	}
	s := &ApprovalState{Quorum: next.Quorum, For: append([]string{}, next.For...), People: []string{},
		Changed: r.Log.Staged() > 0 || r.ruleEntry != before}
	for _, p := range next.People {
		s.People = append(s.People, p.Name)
	}
	s.People = slices.Compact(s.People)
	if s.NeedsApproval = r.unapproved; !r.DryRun {
		err = r.recordVerdict(ctx)
	}
	s.Size = r.Log.Log().Size()
	return s, err
}

// Demands reports whether the rule of the configuration or the one on record wants approvals for a kind. It returns the
// log.
func Demands(ctx context.Context, conf *config.Config, kind string) (bool, *ledger.Log, error) {
	configured, err := configuredRule(conf)
	if err != nil {
		return false, nil, err
	}
	log, err := OpenMaster(ctx, conf)
	if err != nil {
		return false, nil, fmt.Errorf("looking for the rule of approvals: %w", err)
	}
	recorded, err := ruleOnRecord(ctx, log)
	return configured.Demands(kind) || err == nil && recorded != nil && recorded.rule.Demands(kind), log, err
}
