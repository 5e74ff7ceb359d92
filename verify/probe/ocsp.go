package probe

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"seihon/ledger"
	"seihon/public"
	"seihon/verify/responder"
)

// A questionGroup is what one sample of a responder stands for: the questions of one kind about certificates of one
// issuer.
type questionGroup struct {
	url       string
	method    string
	questions []responder.Question
}

// questions groups what is to be asked of the responder. The certificates change from one probe to the next, so a
// sample's address names what was asked about instead of the request: the part after the # is not sent.
func (c *Config) questions(ctx context.Context) ([]questionGroup, error) {
	if c.OCSPPath == "" || c.Trust == nil {
		return nil, nil
	}
	state, err := c.Master.State(ctx, c.Master.Size())
	if err != nil {
		return nil, err
	}
	all, err := responder.Questions(ctx, c.Master, state, c.Trust, rand.Uint32())
	if err != nil {
		return nil, err
	}
	var groups []questionGroup
	at := map[string]int{}
	for _, method := range c.responder().Methods() {
		for _, q := range all {
			what := strings.ReplaceAll(q.About, " ", "-")
			hash := strings.ToLower(strings.ReplaceAll(q.ID.Hash.String(), "-", ""))
			url := c.BaseURL + c.OCSPPath + "/#" +
				strings.Join([]string{public.Escape(q.Issuer), what, hash, strings.ToLower(method)}, "/")
			i, ok := at[url]
			if !ok {
				i = len(groups)
				at[url], groups = i, append(groups, questionGroup{url: url, method: method})
			}
			groups[i].questions = append(groups[i].questions, q)
		}
	}
	return groups, nil
}

func (c *Config) responder() *responder.Client {
	return &responder.Client{
		Address: c.BaseURL + c.OCSPPath, Trust: c.Trust, HTTP: c.ocspClient, Timeout: c.Timeout, Static: c.Static,
		Sent: c.Sent, Now: c.Now,
	}
}

// askGroup asks the questions of a group. The sample is good when every answer is; the slowest counts.
func (c *Config) askGroup(ctx context.Context, g questionGroup) ledger.Sample {
	s := ledger.Sample{URL: g.url, Time: c.Now().UTC().Truncate(time.Second), OK: true}
	ask := c.responder()
	var says []string
	for _, q := range g.questions {
		a := ask.Ask(ctx, q, g.method)
		s.Latency = max(s.Latency, a.Latency.Truncate(time.Millisecond))
		if s.OK {
			s.Status = int64(a.Status)
		}
		if a.Says != "" && !slices.Contains(says, a.Says) {
			says = append(says, a.Says)
		}
		why := ""
		switch {
		case a.Code == responder.Older && !a.Late, a.Code == "":
		case a.Code == responder.Older:
			why = olderCopy + a.Detail
		default:
			why = a.Code + ": " + a.Detail
		}
		if why != "" && s.OK {
			s.OK, s.Error = false, shorten(why)
		}
	}
	slices.Sort(says)
	s.Says = strings.Join(says, ", ")
	return s
}
