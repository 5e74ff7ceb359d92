package risk

import (
	"fmt"
	"slices"
	"time"
)

// A Problem is what a register lacks.
type Problem struct {
	Field string `json:"field"` // as in risks[2].owner
	Text  string `json:"text"`
	// Recommended says that section 3-1 recommends it; all else it asks for.
	Recommended bool `json:"recommended"`
}

func (p Problem) String() string { return p.Field + ": " + p.Text }

// Sentences of section 3-1, which the problems are about.
const (
	asks       = "適時に情報セキュリティに係るリスク評価を実施するとともに、当該リスクへの対応方針・計画を定めること、またこれらについて組織管理に関する書類として記録することを求めるべきである。"
	recommends = "情報セキュリティに係るリスクへの対応方針・計画の中で、非常時を念頭に置いた責任や権限の明確化等が改めて図られることは、円滑なリスクへの対応を行う観点で推奨される。"
)

// Quote is the sentence of section 3-1 behind a problem.
func (p Problem) Quote() string {
	if p.Recommended {
		return recommends
	}
	return asks
}

// A checker gathers problems.
type checker struct {
	problems []Problem
	now      time.Time
}

func (c *checker) want(good bool, field, format string, args ...any) {
	if !good {
		c.problems = append(c.problems, Problem{Field: field, Text: fmt.Sprintf(format, args...)})
	}
}

// Check says what the register lacks of section 3-1, in the order of the register.
func (r *Register) Check(now time.Time) []Problem {
	c := &checker{now: now}
	c.want(r.Organisation != "", "organisation", "it is missing: whose risks are these?")
	c.want(!r.Scope.empty(), "scope", "it is missing: what was assessed?")
	c.act("assessed", r.Assessed)
	c.act("approved", r.Approved)
	c.want(r.Approved.On.IsZero() || !r.Approved.On.Before(r.Assessed.On), "approved.on",
		"it is before the assessment of %s", day(r.Assessed.On))
	c.want(!r.NextReview.IsZero(), "next_review", "it is missing: the report asks for assessments in good time")
	c.want(r.NextReview.IsZero() || r.NextReview.After(now), "next_review",
		"%s has come: assess anew, and date the assessment", day(r.NextReview))
	if r.Certification != nil {
		c.certification(r.Certification)
	} else {
		c.risks(r)
	}
	if len(r.Emergency) == 0 {
		c.problems = append(c.problems, Problem{Field: "emergency", Recommended: true,
			Text: "nobody is named who decides in an emergency"})
	}
	for i, d := range r.Emergency {
		c.want(!d.Duty.empty() && d.Who != "", fmt.Sprintf("emergency[%d]", i), "duty and who are needed")
	}
	return c.problems
}

func (c *checker) act(field string, a Act) {
	c.want(a.By != "", field+".by", "it is missing: a person or an office")
	c.want(!a.On.IsZero(), field+".on", "it is missing: a day, as 2026-11-24")
	c.want(!a.On.After(c.now), field+".on", "%s is in the future", day(a.On))
}

func (c *checker) certification(t *Certification) {
	c.want(t.Scheme != "" && t.Body != "" && t.Number != "", "certification", "scheme, body and number are needed")
	c.want(!t.Scope.empty(), "certification.scope", "it is missing: does the certificate cover this service?")
	c.want(t.ValidUntil.After(c.now), "certification.valid_until",
		"the certificate has to be valid today; it says %s", day(t.ValidUntil))
}

func (c *checker) risks(r *Register) {
	most := r.Scale.Levels * r.Scale.Levels
	c.want(r.Scale.Levels >= 2 && r.Scale.Levels <= 10, "scale.levels", "%d is not from 2 to 10", r.Scale.Levels)
	c.want(r.Scale.PlanFrom >= 1 && r.Scale.PlanFrom <= most, "scale.plan_from",
		"%d is not a product of likelihood and impact, from 1 to %d: no risk would ever need a plan", r.Scale.PlanFrom,
		most)
	c.want(len(r.Risks) > 0, "risks", "there is none, and no certification of a third party either")
	seen := map[string]bool{}
	for i := range r.Risks {
		field := fmt.Sprintf("risks[%d]", i)
		risk := &r.Risks[i]
		c.want(risk.ID != "", field+".id", "it is missing")
		c.want(risk.ID == "" || !seen[risk.ID], field+".id", "%q is twice in the register", risk.ID)
		seen[risk.ID] = true
		if risk.ID != "" {
			field = fmt.Sprintf("risks[%d] %q", i, risk.ID)
		}
		c.risk(field, risk, r.Scale)
	}
}

func (c *checker) risk(field string, r *Risk, s Scale) {
	graded := func(n int) bool { return n >= 1 && n <= s.Levels }
	c.want(!r.Risk.empty(), field+".risk", "it is missing: what may happen?")
	c.want(graded(r.Likelihood), field+".likelihood", "%d is not from 1 to %d: it is not assessed", r.Likelihood,
		s.Levels)
	c.want(graded(r.Impact), field+".impact", "%d is not from 1 to %d: it is not assessed", r.Impact, s.Levels)
	c.want(r.Owner != "", field+".owner", "it is missing")
	known := slices.Contains([]Response{Avoid, Reduce, Share, Accept}, r.Response)
	c.want(known, field+".response", "%q is not avoid, reduce, share or accept", string(r.Response))
	if r.Response == Accept {
		c.want(!r.Because.empty(), field+".because", "a risk that is accepted needs a reason")
	} else if known {
		c.want(len(r.Measures) > 0 || len(r.Plan) > 0, field+".measures", "to %s a risk takes a measure or a plan",
			r.Response)
		high := graded(r.Likelihood) && graded(r.Impact) && r.Score() >= s.PlanFrom
		c.want(!high || len(r.Plan) > 0, field+".plan",
			"%d × %d is %d, and from %d on the register wants a plan", r.Likelihood, r.Impact, r.Score(), s.PlanFrom)
	}
	for i, m := range r.Measures {
		c.want(!m.empty(), fmt.Sprintf("%s.measures[%d]", field, i), "it is empty")
	}
	for i, p := range r.Plan {
		c.step(fmt.Sprintf("%s.plan[%d]", field, i), p)
	}
}

func (c *checker) step(field string, p Step) {
	c.want(!p.What.empty(), field+".what", "it is missing")
	c.want(p.Owner != "", field+".owner", "it is missing")
	c.want(!p.By.IsZero(), field+".by", "it is missing: a day")
	c.want(!p.Done.After(c.now), field+".done", "%s is in the future", day(p.Done))
	c.want(!p.Done.IsZero() || p.By.IsZero() || p.By.After(c.now), field+".by",
		"%s has come, and it is not done: set another day, or write when it was done", day(p.By))
}

func day(t time.Time) string {
	if t.IsZero() {
		return "no day"
	}
	return t.Format(time.DateOnly)
}
