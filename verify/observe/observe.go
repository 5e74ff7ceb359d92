package observe

import (
	"bytes"
	"cmp"
	"context"
	"encoding/pem"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"seihon/artifact"
)

const (
	groupsAtOnce = 4
	listsAtOnce  = 4
	maxFollowed  = 8 // delta lists that the lists of one CA name and nobody gave
)

// An observer is a run under way.
type observer struct {
	Config
	follows, direct *http.Client // direct follows no redirect, as many OCSP clients do not
	history         *history
	downloads       chan struct{}

	mu     sync.Mutex
	result Result
}

// Observe looks at everything that the configuration names. An error is returned when it could not look at all, or was
// interrupted.
func Observe(ctx context.Context, c Config) (*Result, error) {
	if c.Timeout <= 0 {
		c.Timeout = 30 * time.Second
	}
	if c.MaxList <= 0 {
		c.MaxList = 64 << 20
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	h, err := openHistory(c.State, c.Now())
	if err != nil {
		return nil, err
	}
	if h != nil {
		defer h.unlock()
	}
	o := &observer{
		Config: c, follows: newClient(c.Proxy, true), direct: newClient(c.Proxy, false), history: h,
		downloads: make(chan struct{}, 2*listsAtOnce),
		result: Result{Made: c.Now().UTC().Truncate(time.Second), Remembers: h != nil, Lists: []List{},
			Responders: []Responder{}, Issuers: []Issuer{}},
	}
	defer o.follows.CloseIdleConnections()
	defer o.direct.CloseIdleConnections()
	done := 0
	work, gctx := errgroup.WithContext(ctx)
	work.SetLimit(groupsAtOnce)
	for i := range c.Groups {
		work.Go(func() error {
			err := o.group(gctx, &c.Groups[i])
			o.mu.Lock()
			defer o.mu.Unlock()
			if done++; c.Progress != nil {
				c.Progress(done, len(c.Groups))
			}
			return err
		})
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	o.sort()
	return &o.result, h.save()
}

// group looks at one CA.
func (o *observer) group(ctx context.Context, g *Group) error {
	o.issuers(g)
	lists, err := o.lists(ctx, g)
	if err != nil {
		return err
	}
	o.together(lists)
	for _, s := range lists {
		if err := o.compare(s, g); err != nil {
			return err
		}
		s.body = nil
	}
	err = o.askAll(ctx, g, lists)
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range lists {
		o.result.Lists = append(o.result.Lists, s.List)
		if s.Previous != "" {
			o.result.Earlier++
		}
	}
	return err
}

func (o *observer) issuers(g *Group) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range g.Issuers {
		i := Issuer{Name: nameOf(c), SHA256: artifact.Sum(c.Raw).String(), NotAfter: c.NotAfter}
		if !slices.Contains(o.result.Issuers, i) {
			o.result.Issuers = append(o.result.Issuers, i)
		}
	}
}

// lists fetches the lists of a CA, and the delta lists that they name.
func (o *observer) lists(ctx context.Context, g *Group) ([]*seen, error) {
	all, err := o.fetchAll(ctx, g, g.Lists, false)
	if err != nil {
		return nil, err
	}
	parts, err := o.fetchAll(ctx, g, g.Partitions, true)
	if err != nil {
		return nil, err
	}
	all = append(all, parts...)
	var more []string
	for _, s := range all {
		if s.issuer == nil {
			continue
		}
		for _, u := range s.crl.FreshestCRL {
			if Address(u) == nil && len(more) < maxFollowed &&
				!slices.Contains(slices.Concat(g.Lists, g.Partitions, more), u) {
				more = append(more, u)
			}
		}
	}
	deltas, err := o.fetchAll(ctx, g, more, false)
	return append(all, deltas...), err
}

func (o *observer) fetchAll(ctx context.Context, g *Group, addresses []string, partitions bool) ([]*seen, error) {
	all := make([]*seen, len(addresses))
	work, gctx := errgroup.WithContext(ctx)
	work.SetLimit(listsAtOnce)
	for i, address := range addresses {
		work.Go(func() error {
			select {
			case o.downloads <- struct{}{}:
				defer func() { <-o.downloads }()
			case <-gctx.Done():
				return gctx.Err()
			}
			all[i] = o.look(gctx, g, address, partitions)
			return gctx.Err()
		})
	}
	return all, work.Wait()
}

func (o *observer) add(f Finding) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.result.Findings = append(o.result.Findings, f)
}

func (o *observer) countCompared(q *question) {
	if q.from == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.result.Compared++
}

// sort makes the result independent of who answered first.
func (o *observer) sort() {
	r := &o.result
	slices.SortFunc(r.Issuers,
		func(a, b Issuer) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.SHA256, b.SHA256)) })
	slices.SortFunc(r.Lists,
		func(a, b List) int { return cmp.Or(cmp.Compare(a.Address, b.Address), cmp.Compare(a.SHA256, b.SHA256)) })
	slices.SortFunc(r.Responders, func(a, b Responder) int {
		return cmp.Or(cmp.Compare(a.Address, b.Address), cmp.Compare(a.Issuer, b.Issuer))
	})
	text := func(f Finding) string {
		return strings.Join([]string{f.Source, f.Code, f.Name, f.Detail, f.Want, f.Got}, "\x00")
	}
	slices.SortFunc(r.Findings, func(a, b Finding) int { return cmp.Compare(text(a), text(b)) })
}

// derOf is the list in what arrived, which may be PEM.
func derOf(body []byte) []byte {
	if block, rest := pem.Decode(body); block != nil && block.Type == "X509 CRL" && len(bytes.TrimSpace(rest)) == 0 {
		return block.Bytes
	}
	return body
}
