package hsmsign

import (
	"context"
	"errors"
	"fmt"
	"time"

	"seihon/approval"
	"seihon/artifact"
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
	// Inputs is what became of the files of the drop folder.
	Inputs []Verdict `json:"inputs,omitempty"`
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
func (r *Room) Run(ctx context.Context, f Force) (*RunResult, error) {
	res := &RunResult{Signed: []Done{}, Before: r.log.Log().Size()}
	now := r.now()
	if f.Final {
		if err := r.approveFinal(ctx, f.Issuer); err != nil {
			return nil, err
		}
	}
	var errs []error
	refused := map[string]bool{}     // issuers whose next word would unsay an earlier one
	waiting := map[string][]string{} // for tokens that cannot be used
	note := func(issuer, name string, err error) {
		var unsaid *RecordError
		refused[issuer] = refused[issuer] || errors.As(err, &unsaid)
		if lost, ok := errors.AsType[*LostToken](err); ok {
			waiting[lost.Token.Name] = append(waiting[lost.Token.Name], name)
			return
		}
		errs = append(errs, err)
	}
	if !f.Only {
		errs = append(errs, r.emptyFolder(ctx, f.NoFolder, res))
		r.renewResponders(ctx, now, res, note)
	}
	for _, l := range r.lists() {
		if refused[l.Name] {
			continue
		}
		if err := r.runList(ctx, l, f, now, res); err != nil {
			note(l.Name, l.name(), err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	for i := range r.conf.Issuers {
		a := r.authorities[r.conf.Issuers[i].Name]
		if a.cert == nil || a.OCSP == nil || a.OCSP.External() || ctx.Err() != nil || refused[a.Name] {
			continue
		}
		if err := r.runResponses(ctx, a, f, now, res); err != nil {
			note(a.Name, public.Generation(a.Name), err)
		}
	}
	if !f.Only || len(waiting) > 0 {
		errs = append(errs, r.lostTokens(waiting)...)
	}
	res.UpToDate = len(r.pending) == 0
	errs = append(errs, r.withdrawSuperseded(ctx, now))
	size, err := r.Commit(ctx, "signer run")
	res.Size, res.Healed = size, r.healed.Certificates
	return res, errors.Join(append(append(errs, r.leftOut...), err)...)
}

// emptyFolder takes what is in the drop folder of the configuration, if there is one.
func (r *Room) emptyFolder(ctx context.Context, skip bool, res *RunResult) error {
	if r.conf.Accept == nil || skip {
		return nil
	}
	taken, err := r.Empty(ctx, r.DropFolder(r.conf.Accept))
	if taken == nil {
		return err
	}
	res.Inputs = taken.Verdicts
	return errors.Join(taken.Err(), err)
}

func (r *Room) runList(ctx context.Context, l list, f Force, now time.Time, res *RunResult) error {
	forced := f.CRLs && (f.Issuer == "" || f.Issuer == l.Name)
	if f.Only && !forced || f.Final && l.kind == artifact.DeltaCRL { // there is no last delta
		return nil
	}
	why := "asked for"
	if !forced {
		var err error
		if why, err = r.listDue(ctx, l, now); err != nil || why == "" {
			return err
		}
	}
	if err := r.checkPast(ctx, l.authority); err != nil {
		return err
	}
	if err := r.signList(ctx, l, now, f.Final); err != nil {
		return err
	}
	res.Signed = append(res.Signed, Done{Name: l.name(), Why: why})
	return nil
}

func (r *Room) runResponses(ctx context.Context, a *authority, f Force, now time.Time, res *RunResult) error {
	forced := f.Responses && (f.Issuer == "" || f.Issuer == a.Name)
	if f.Only && !forced {
		return nil
	}
	if err := r.checkPast(ctx, a); err != nil {
		return err
	}
	if _, lost := r.token(a.responseKey().Token); lost != nil && !forced {
		if due, _, err := r.responsesDue(ctx, a, now); err != nil || due == 0 {
			return err
		}
		return lost
	}
	ahead, err := r.responsesAhead(ctx, a, now)
	if err != nil {
		return err
	}
	before := len(r.pending)
	n, err := r.signResponses(ctx, a, now, forced || ahead)
	res.Responses += n
	for _, rec := range r.pending[before:] {
		if rec.Kind == artifact.OCSPGeneration {
			res.Signed = append(res.Signed, Done{Name: rec.Name, Why: fmt.Sprintf("%d responses", n)})
		}
	}
	return err
}

// renewResponders issues the next certificates of delegated OCSP signers, where they are due, and notes what failed.
func (r *Room) renewResponders(ctx context.Context, now time.Time, res *RunResult, note func(issuer, name string, err error)) {
	for i := range r.conf.Issuers {
		a := r.authorities[r.conf.Issuers[i].Name]
		if !r.responderDue(a, now) {
			continue
		}
		name := public.Certificate(a.OCSP.Responder.Name)
		c, err := r.IssueResponder(ctx, a.Name)
		if err != nil {
			note(a.Name, name, err)
			continue
		}
		a.responder = c
		res.Signed = append(res.Signed, Done{Name: name, Why: "renewal"})
	}
}

// approveFinal asks for the last lists of an issuer.
func (r *Room) approveFinal(ctx context.Context, issuer string) error {
	a, err := r.authority(issuer)
	if err != nil {
		return err
	}
	return r.approveNow(ctx, act(approval.FinalCRL, append([]string{"issuer", issuer}, certified("ca", a.cert)...)...))
}
