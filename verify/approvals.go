package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"seihon/approval"
	"seihon/artifact"
	"seihon/ledger"
	"seihon/verify/report"
)

// Where a rule is on record, what it names needs the approval of several people, and the room records their signatures
// before it acts or with it (docs/approvals.md). Here the log is read once in its order: which rule was in force, which
// approvals were good then, and whether each act behind them has one of its own. Nothing of the room's configuration is
// asked.

// approvals is the state of the walk through the log.
type approvals struct {
	*checker
	rule    *approval.Rule // in force
	rules   []ruleSince    // all that were
	granted []*grant
	used    map[artifact.Digest]bool // requests
	kinds   map[string]artifact.Kind // of the names that the log has until here
	at      int64                    // the entry in hand
	summary report.ApprovalSummary
}

// A ruleSince is a rule and the entry behind which it is in force.
type ruleSince struct {
	rule  *approval.Rule
	entry int64
}

// A grant is an approval that was good when it was recorded.
type grant struct {
	*approval.Request
	entry int64
	spent map[string]int // on what, and how often
}

// checkApprovals holds the acts of the log against its approvals. A log that is only public has neither here.
func (c *checker) checkApprovals(ctx context.Context) error {
	if c.mirror != "" {
		return nil
	}
	a := &approvals{checker: c, used: map[artifact.Digest]bool{}, kinds: map[string]artifact.Kind{}}
	a.summary = report.ApprovalSummary{For: []string{}, People: []string{}, Entry: -1}
	versions := c.past.versions
	for e, err := range c.log.Entries(ctx, 0, c.log.Size()) {
		if err != nil {
			return ctx.Err() // the log's own findings say why
		}
		a.entry(ctx, e)
		for ; len(versions) > 0 && versions[0].index == a.at; versions = versions[1:] {
			a.version(ctx, versions[0])
		}
		a.at++
	}
	if err := a.revokedAuthorities(ctx); err != nil {
		return err
	}
	c.approval = &a.summary
	return nil
}

func (a *approvals) where() string { return fmt.Sprintf("log entry %d", a.at) }

// entry looks at what an entry says itself; the lines of its batch come after it.
func (a *approvals) entry(ctx context.Context, e *ledger.Entry) {
	switch {
	case e.Evidence != nil && e.Evidence.Kind == ledger.EvidenceApprovalRule:
		if err := a.changeRule(ctx, e.Evidence); err != nil {
			a.Found(report.Finding{Code: "approval-rule", Source: report.SourceLog, Name: a.where(),
				Detail: err.Error()})
		}
	case e.Evidence != nil && e.Evidence.Kind == ledger.EvidenceApproval:
		if err := a.grant(ctx, e); err != nil {
			a.Found(report.Finding{Code: "approval-invalid", Source: report.SourceLog, Name: a.where(),
				Detail: err.Error()})
		}
	default:
		a.act(ctx, e)
	}
}

// document reads what an entry of evidence names.
func (a *approvals) document(ctx context.Context, e *ledger.Evidence) ([]byte, error) {
	return a.log.ReadBlob(ctx, ledger.Line{Name: e.Kind, Kind: artifact.Log, Digest: e.Digest, Size: e.Size})
}

// changeRule puts a rule into force. One that is weaker than the one before needs the approval of those whom that one
// names; without it the old one stays in force here.
func (a *approvals) changeRule(ctx context.Context, e *ledger.Evidence) error {
	text, err := a.document(ctx, e)
	if err != nil {
		return err
	}
	next, err := approval.ParseRule(text)
	switch {
	case err != nil:
		return err
	case next.Log != a.log.Origin():
		return fmt.Errorf("the rule is of the log %q", next.Log)
	}
	if why := a.rule.Weaker(next); why != "" &&
		!a.spend(approval.ChangeRule, "",
			func(q *approval.Request) bool { return q.Get("rule-sha256") == e.Digest.String() }) {
		return fmt.Errorf("the rule is weaker than the one in force, and nobody has approved that: %s", why)
	}
	a.rule, a.rules = next, append(a.rules, ruleSince{next, a.at})
	a.summary.Quorum, a.summary.For, a.summary.People, a.summary.Entry = next.Quorum, append([]string{}, next.For...),
		[]string{}, a.at
	for _, p := range next.People {
		a.summary.People = append(a.summary.People, p.Name)
	}
	a.summary.People = slices.Compact(a.summary.People)
	return nil
}

// grant takes an approval into account that is good by the rule in force.
func (a *approvals) grant(ctx context.Context, e *ledger.Entry) error {
	doc, err := a.document(ctx, e.Evidence)
	if err != nil {
		return err
	}
	papers, err := approval.ParseDocument(doc)
	switch {
	case err != nil:
		return err
	case a.rule.Empty():
		return errors.New("no rule is in force that says whose approval counts")
	}
	q, _, err := papers.Check(a.rule)
	if err == nil {
		err = q.Timely(e.Time)
	}
	switch {
	case err != nil:
		return err
	case q.Log != a.log.Origin() || q.Repository != a.rule.Repository:
		return fmt.Errorf("it is for repository %q and the log %q", q.Repository, q.Log)
	case q.Size > a.at:
		return fmt.Errorf("it is for a log of %d entries", q.Size)
	case a.used[q.Digest()]:
		return errors.New("the same request was used before")
	}
	if root, err := a.log.RootAt(q.Size); err != nil || root != q.Root {
		return fmt.Errorf("it is for another log: with %d entries this one does not have the root %x (%v)", q.Size,
			q.Root[:], err)
	}
	a.used[q.Digest()] = true
	a.granted = append(a.granted, &grant{q, a.at, map[string]int{}})
	a.summary.Approvals++
	return nil
}

// spend uses up an approval that fits, for a thing of which it allows one; it reports whether there is one.
func (a *approvals) spend(kind, thing string, fits func(*approval.Request) bool) bool {
	return a.spendOne(kind, thing, once(fits))
}

// spendOne uses up one of the things that an approval allows; allows says how many of them.
func (a *approvals) spendOne(kind, thing string, allows func(*approval.Request) int) bool {
	for _, g := range a.granted {
		if g.Kind == kind && g.entry < a.at && g.spent[thing] < allows(g.Request) {
			g.spent[thing]++
			return true
		}
	}
	return false
}

// once allows one thing where an approval fits.
func once(fits func(*approval.Request) bool) func(*approval.Request) int {
	return func(q *approval.Request) int {
		if fits(q) {
			return 1
		}
		return 0
	}
}

// hold wants an approval for an act, if the rule in force does.
func (a *approvals) hold(kind, name, thing, what string, fits func(*approval.Request) bool) {
	a.holdOne(kind, name, thing, what, once(fits))
}

func (a *approvals) holdOne(kind, name, thing, what string, allows func(*approval.Request) int) {
	if !a.rule.Demands(kind) {
		return
	}
	a.summary.Acts++
	if !a.spendOne(kind, thing, allows) {
		a.Found(report.Finding{Code: "approval-missing", Source: report.SourceLog, Name: name,
			Detail: fmt.Sprintf("log entry %d, %s (%s): none of the approvals before it is for this", a.at, what,
				kind)})
	}
}
