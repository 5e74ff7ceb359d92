package verify

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/verify/exchange"
	"seihon/verify/report"
	"seihon/verify/responder"
)

// An askedPlace is what a report says of a responder, and all of its answers, for comparing places.
type askedPlace struct {
	report.ResponderSummary
	answers []responder.Answer
}

// checkResponders asks the responder of every copy that has one, and compares the answers with the master's and with
// each other.
func (c *checker) checkResponders(ctx context.Context, r *report.Report, copies []*copyCheck) error {
	if !slices.ContainsFunc(c.Copies, func(p Copy) bool { return p.Responder != "" }) {
		return nil
	}
	questions, err := responder.Questions(ctx, c.log, c.state, c.trust, c.Seed)
	if err != nil {
		return err
	}
	var all []askedPlace
	for i, p := range c.Copies {
		if p.Responder == "" {
			continue
		}
		s, err := c.askResponder(ctx, p, copies[i], questions)
		if err != nil {
			return err
		}
		all = append(all, s)
		r.Responders = append(r.Responders, s.ResponderSummary)
	}
	c.compareResponders(all)
	return nil
}

// askResponder asks one responder all questions and reports what is wrong with the answers.
func (c *checker) askResponder(ctx context.Context, p Copy, k *copyCheck,
	questions []responder.Question) (askedPlace, error) {
	ask := responder.Client{Address: strings.TrimSuffix(p.Responder, "/"), Trust: c.trust,
		HTTP: exchange.NewClient(c.Proxy), Tries: 3, Static: k.layout == LayoutObjects, Now: c.Now}
	s := askedPlace{ResponderSummary: report.ResponderSummary{Address: p.Responder, Methods: ask.Methods(),
		Issuers: countQuestions(questions)}}
	var mu sync.Mutex
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for _, q := range questions {
		for _, method := range s.Methods {
			g.Go(func() error {
				a := ask.Ask(gctx, q, method)
				if gctx.Err() != nil {
					return gctx.Err()
				}
				mu.Lock()
				defer mu.Unlock()
				s.answers = append(s.answers, a)
				if a.OneRead {
					s.OneRead++
				}
				return nil
			})
		}
	}
	err := g.Wait()
	if err != nil {
		return s, err
	}
	if n := len(s.answers); n > 0 && !slices.ContainsFunc(s.answers,
		func(a responder.Answer) bool { return a.Code != responder.Fails || a.Detail != s.answers[0].Detail }) {
		c.Found(report.Finding{Code: responder.Fails, Source: p.Responder, Name: "every question",
			Detail: fmt.Sprintf("%d questions: %s", n, s.answers[0].Detail)})
		return s, nil
	}
	for _, a := range s.answers {
		if a.Before() && ask.Sent == nil {
			if ask.Sent, err = c.sentAnswers(ctx); err != nil {
				return s, err
			}
		}
		if at, ok := a.Question.SentAt(ask.Sent); a.Before() && ok && !c.now.After(at.Add(responder.Polled)) {
			a.Code = responder.Older // it was sent a moment ago
		}
		c.reportAnswer(p, k, a)
	}
	return s, nil
}

// sentAnswers reads from the publication log when bundles and responses were sent.
func (c *checker) sentAnswers(ctx context.Context) (map[artifact.Digest]time.Time, error) {
	sent := map[artifact.Digest]time.Time{}
	if c.Publication == "" || c.PublicationVerifier == nil {
		return sent, nil
	}
	log, err := ledger.Open(ctx, c.Publication, c.PublicationVerifier)
	if err != nil {
		return sent, ctx.Err() // checkLogs has reported why
	}
	for e, err := range log.Entries(ctx, 0, log.Size()) {
		if err != nil {
			return sent, ctx.Err()
		}
		if e.Publish == nil {
			continue
		}
		for _, r := range e.Publish.Receipts {
			if r.Op != ledger.OpFound && (r.Kind == artifact.OCSPBundle || r.Kind == artifact.OCSPResponse) {
				sent[r.Digest] = r.Time // the last place: responders of all of them may still be behind
			}
		}
	}
	return sent, nil
}

func countQuestions(questions []responder.Question) []report.ResponderIssuer {
	all := []report.ResponderIssuer{}
	for _, q := range questions {
		i := slices.IndexFunc(all, func(n report.ResponderIssuer) bool { return n.Issuer == q.Issuer })
		if i < 0 {
			i, all = len(all), append(all, report.ResponderIssuer{Issuer: q.Issuer})
		}
		switch q.About {
		case responder.Good:
			all[i].Good++
		case responder.Revoked:
			all[i].Revoked++
		case responder.NeverIssued:
			all[i].NeverIssued++
		}
	}
	return all
}

// reportAnswer reports what is wrong with an answer. A place whose checkpoint is behind the master's may answer as that
// promises: relying parties are misled all the same, but nobody has replaced its answers.
func (c *checker) reportAnswer(p Copy, k *copyCheck, a responder.Answer) {
	if a.Code == "" {
		return
	}
	f := report.Finding{Code: a.Code, Source: p.Responder, Name: questionText(a), Detail: a.Detail}
	if a.Code == responder.Differs && k.size < c.log.Size() && a.Before() {
		f.Severity = report.Error
		f.Detail += fmt.Sprintf("; the copy is behind the master, at %d of %d", k.size, c.log.Size())
	}
	c.Found(f)
}

func questionText(a responder.Answer) string {
	return fmt.Sprintf("%s serial %x (%s, %s, %s)", a.Question.Issuer, a.Question.ID.Serial, a.Question.About,
		a.Question.ID.Hash, a.Method)
}

// compareResponders reports questions that places answer with different statuses. What only caches explain is no
// disagreement.
func (c *checker) compareResponders(all []askedPlace) {
	type said struct{ where, what string }
	first := map[string]said{}
	for _, s := range all {
		slices.SortFunc(s.answers,
			func(a, b responder.Answer) int { return cmp.Compare(questionText(a), questionText(b)) })
		for _, a := range s.answers {
			what := a.Says
			if what == exchange.Unauthorized || what == responder.NotFound {
				what = "no answer"
			}
			key := questionText(a)
			f, ok := first[key]
			switch {
			case what == "" || a.Code == responder.Older: // it has been reported
			case !ok:
				first[key] = said{s.Address, what}
			case f.what != what:
				c.Found(report.Finding{Code: responder.Edges, Source: s.Address, Name: key, Got: what, Want: f.what,
					Detail: f.where + " answers " + f.what})
			}
		}
	}
}
