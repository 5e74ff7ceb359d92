// Package schedule is the cron job of the room. [Run] renews what repository.yaml asks for, revocations
// first: a revoked serial makes its list and its OCSP shard due at once, and both enter the log in the same
// batch, so that a target never holds one without the other. When nothing is due, nothing is signed and the
// log does not grow. [PlanRun] says what [Run] would do, by the same rules.
package schedule

import (
	"context"
	"errors"
	"fmt"
	"time"

	"seihon/approval"
	"seihon/artifact"
	"seihon/hsmsign/accept"
	"seihon/hsmsign/room"
	"seihon/inventory"
	"seihon/public"
)

// RunResult says what one run of the room signed.
type RunResult struct {
	Signed    []Done `json:"signed"`
	Responses int    `json:"responses"` // OCSP statuses signed anew
	Size      int64  `json:"tree_size"`
	Before    int64  `json:"tree_size_before"`
	UpToDate  bool   `json:"up_to_date"` // nothing was due
	// Healed is what was taken back from the master because the inventory had lost it.
	Healed []inventory.HealedCertificate `json:"healed,omitempty"`
	// AcceptedLoss are the entries of the log whose private manifests were accepted as lost.
	AcceptedLoss string `json:"accepted_private_loss,omitempty"`
	// Inputs is what became of the files of the drop folder.
	Inputs []accept.Verdict `json:"inputs,omitempty"`
}

// Done is one artifact that a run made, and why.
type Done struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// Force makes a run sign what is not due. The zero value signs only what is due.
type Force struct {
	CRLs      bool
	Responses bool
	Only      bool   // nothing but what is forced
	NoFolder  bool   // the drop folder is somebody else's work
	Final     bool   // the lists are the last ones: nextUpdate 99991231235959Z, never due again
	Issuer    string // limits the forced part; empty: every issuer
}

// Run signs whatever is due and commits it, revocations first. It goes on past
// an issuer that fails, so that one broken issuer or one lost token does not let the
// others expire, and reports every failure. A token that cannot be used is one though nothing was due.
func Run(ctx context.Context, r *room.Room, f Force) (*RunResult, error) {
	res := &RunResult{Signed: []Done{}, Before: r.Log.Log().Size(), AcceptedLoss: r.AcceptedLoss()}
	now := r.Now()
	if f.Final {
		if err := approveFinal(ctx, r, f.Issuer); err != nil {
			return nil, err
		}
	}
	var errs []error
	refused := map[string]bool{}     // issuers whose next word would unsay an earlier one
	waiting := map[string][]string{} // for tokens that cannot be used
	note := func(issuer, name string, err error) {
		var unsaid *room.RecordError
		refused[issuer] = refused[issuer] || errors.As(err, &unsaid)
		if lost, ok := errors.AsType[*room.LostToken](err); ok {
			waiting[lost.Token.Name] = append(waiting[lost.Token.Name], name)
			return
		}
		errs = append(errs, err)
	}
	if !f.Only {
		errs = append(errs, emptyFolder(ctx, r, f.NoFolder, res))
		renewResponders(ctx, r, now, res, note)
	}
	for _, l := range r.Lists() {
		if refused[l.Name] {
			continue
		}
		if err := runList(ctx, r, l, f, now, res); err != nil {
			note(l.Name, l.PublicName(), err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	for i := range r.Config.Issuers {
		a := r.Authorities[r.Config.Issuers[i].Name]
		if a.Certificate == nil || a.OCSP == nil || a.OCSP.External() || ctx.Err() != nil || refused[a.Name] {
			continue
		}
		if err := runResponses(ctx, r, a, f, now, res); err != nil {
			note(a.Name, public.Generation(a.Name), err)
		}
	}
	if !f.Only || len(waiting) > 0 {
		errs = append(errs, r.LostTokens(waiting)...)
	}
	res.UpToDate = len(r.Pending) == 0
	errs = append(errs, withdrawSuperseded(ctx, r, now))
	size, err := r.Commit(ctx, "signer run")
	res.Size, res.Healed = size, r.Healed.Certificates
	return res, errors.Join(append(append(errs, r.LeftOut...), err)...)
}

// emptyFolder takes what is in the drop folder of the configuration, if there is one.
func emptyFolder(ctx context.Context, r *room.Room, skip bool, res *RunResult) error {
	if r.Config.Accept == nil || skip {
		return nil
	}
	taken, err := accept.Empty(ctx, r, accept.DropFolder(r, r.Config.Accept))
	if taken == nil {
		return err
	}
	res.Inputs = taken.Verdicts
	return errors.Join(taken.Err(), err)
}

func runList(ctx context.Context, r *room.Room, l room.List, f Force, now time.Time, res *RunResult) error {
	forced := f.CRLs && (f.Issuer == "" || f.Issuer == l.Name)
	if f.Only && !forced || f.Final && l.Kind == artifact.DeltaCRL { // there is no last delta
		return nil
	}
	why := "asked for"
	if !forced {
		var err error
		if why, err = listDue(ctx, r, l, now); err != nil || why == "" {
			return err
		}
	}
	if err := checkPast(ctx, r, l.Authority); err != nil {
		return err
	}
	if err := signList(ctx, r, l, now, f.Final); err != nil {
		return err
	}
	res.Signed = append(res.Signed, Done{Name: l.PublicName(), Why: why})
	return nil
}

func runResponses(ctx context.Context, r *room.Room, a *room.Authority, f Force, now time.Time, res *RunResult) error {
	forced := f.Responses && (f.Issuer == "" || f.Issuer == a.Name)
	if f.Only && !forced {
		return nil
	}
	if err := checkPast(ctx, r, a); err != nil {
		return err
	}
	if _, lost := r.Token(a.ResponseKey().Token); lost != nil && !forced {
		if due, _, err := responsesDue(ctx, r, a, now); err != nil || due == 0 {
			return err
		}
		return lost
	}
	ahead, err := r.ResponsesAhead(ctx, a, now)
	if err != nil {
		return err
	}
	before := len(r.Pending)
	n, err := signResponses(ctx, r, a, now, forced || ahead)
	res.Responses += n
	for _, rec := range r.Pending[before:] {
		if rec.Kind == artifact.OCSPGeneration {
			res.Signed = append(res.Signed, Done{Name: rec.Name, Why: fmt.Sprintf("%d responses", n)})
		}
	}
	return err
}

// renewResponders issues the next certificates of delegated OCSP signers, where they are due, and notes what failed.
func renewResponders(ctx context.Context, r *room.Room, now time.Time, res *RunResult,
	note func(issuer, name string, err error)) {
	for i := range r.Config.Issuers {
		a := r.Authorities[r.Config.Issuers[i].Name]
		if !responderDue(r, a, now) {
			continue
		}
		name := public.Certificate(a.OCSP.Responder.Name)
		c, err := r.IssueResponder(ctx, a.Name)
		if err != nil {
			note(a.Name, name, err)
			continue
		}
		a.Responder = c
		res.Signed = append(res.Signed, Done{Name: name, Why: "renewal"})
	}
}

// approveFinal asks for the last lists of an issuer.
func approveFinal(ctx context.Context, r *room.Room, issuer string) error {
	a, err := r.Authority(issuer)
	if err != nil {
		return err
	}
	return r.ApproveNow(ctx,
		room.Act(approval.FinalCRL, append([]string{"issuer", issuer}, room.Certified("ca", a.Certificate)...)...))
}
