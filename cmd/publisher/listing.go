package main

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"seihon/internal/cliexit"
	"seihon/publish"
	"seihon/verify"
)

// withListing hands the verifier a listing of the bucket behind a target's URL. The
// verifier itself knows no cloud: to it a listing is data, and every object in it is
// fetched and judged like any other.
func (h *host) withListing(ctx context.Context, source verify.Source, url string) (verify.Source, error) {
	for _, t := range h.conf.Targets {
		if !slices.Contains(t.Addresses(), url) || t.Directory != "" {
			continue
		}
		store, _, err := h.store(ctx, t)
		if err != nil {
			return nil, fmt.Errorf("listing target %s: %w", t.Name, err)
		}
		lister, ok := store.(publish.Lister)
		if !ok {
			return nil, fmt.Errorf("listing target %s: its store has no listing", t.Name)
		}
		return verify.WithListing(source, listing(lister.List(ctx, ""))), nil
	}
	return nil, cliexit.UsageError("--list: no bucket of the targets has the url %q", url)
}

func listing(in iter.Seq2[publish.Listed, error]) iter.Seq2[verify.Listed, error] {
	return func(yield func(verify.Listed, error) bool) {
		for l, err := range in {
			if !yield(verify.Listed{Name: l.Name, Size: l.Size, Tag: l.ETag}, err) || err != nil {
				return
			}
		}
	}
}
