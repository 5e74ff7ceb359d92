package main

import (
	"context"
	"time"

	"seihon/internal/cliexit"
	"seihon/internal/config"
	"seihon/publish"
	"seihon/publish/dirstore"
)

// targets opens the stores of the configured targets; only limits it to one name.
func (h *host) targets(ctx context.Context, only string) ([]publish.Target, error) {
	var out []publish.Target
	var names []string
	for _, t := range h.conf.Targets {
		names = append(names, t.Name)
	}
	if err := cliexit.Choice("target", only, names...); err != nil && len(names) > 0 {
		return nil, err
	}
	for _, t := range h.conf.Targets {
		if only != "" && only != t.Name {
			continue
		}
		store, price, err := h.store(ctx, t)
		if err != nil {
			store = unopened{err} // fails alone: the other targets must not wait for it
		}
		out = append(out, publish.Target{
			TargetConfig: publish.TargetConfig{Name: t.Name, Layout: publish.Layout(t.Layout), Cadence: h.cadence(),
				Price: price, Timeout: t.Timeout.Std(), Aliases: h.conf.Aliases(),
				Trial: t.Trial || h.conf.Repository.Local()},
			Store: store,
		})
	}
	if len(out) == 0 {
		return nil, cliexit.UsageError("there is no target to publish to; see targets in %q", h.conf.File)
	}
	return out, nil
}

func (h *host) store(ctx context.Context, t config.Target) (publish.Store, publish.Price, error) {
	if t.Directory == "" {
		return openBucket(ctx, t)
	}
	s, err := dirstore.Open(string(t.Directory), h.now)
	return s, publish.Price{}, err
}

// An unopened store answers every request with the reason.
type unopened struct{ err error }

func (u unopened) Put(context.Context, publish.Object, publish.Condition) (publish.Receipt, error) {
	return publish.Receipt{}, u
}
func (u unopened) Get(context.Context, string) (*publish.Reader, error)    { return nil, u }
func (u unopened) Delete(context.Context, string, publish.Condition) error { return u }
func (u unopened) Error() string                                           { return u.err.Error() }

// never tried again
func (u unopened) Unwrap() []error { return []error{publish.ErrInvalid, u.err} }

// cadence is the shortest refresh of the configuration: no cache may keep a copy for longer.
func (h *host) cadence() time.Duration {
	var least time.Duration
	consider := func(d config.Duration) {
		if d > 0 && (least == 0 || d.Std() < least) {
			least = d.Std()
		}
	}
	for _, i := range h.conf.Issuers {
		for _, c := range []*config.CRL{i.CRL, i.ARL} {
			if c != nil {
				consider(c.Refresh)
				consider(c.Delta)
			}
		}
		if i.OCSP != nil {
			consider(i.OCSP.Refresh)
		}
	}
	return least
}
