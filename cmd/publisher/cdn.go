package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/internal/config"
	"seihon/ledger"
	"seihon/public"
	"seihon/publish/purge"
)

// cdn makes a client of the CDN of a target. base is the path of the public address, which the CDN's paths begin with.
func (h *host) cdn(ctx context.Context, t config.Target) (cdn purge.CDN, base string, err error) {
	c := t.CDN
	limits := purge.Limits{Logger: h.logger}
	if c.Kind == "http" {
		cdn, err = purge.OpenHTTP(purge.HTTPConfig{
			Endpoint: c.Endpoint, All: c.All, Host: c.Host, Method: c.Method, Header: c.Header, Token: token(c.Token),
			Wildcard: c.Wildcard, Limits: limits,
		})
		return cdn, "", err
	}
	u, err := url.Parse(t.URL)
	if err != nil {
		return nil, "", fmt.Errorf("reading the address %q: %w", t.URL, err)
	}
	cdn, err = openCloudCDN(ctx, c, limits)
	return cdn, u.EscapedPath(), err
}

func token(t *config.Token) purge.Token {
	if t == nil {
		return purge.Token{}
	}
	return purge.Token{File: string(t.File), Credential: t.Credential}
}

// responseFolders are the folders of the target's address below which a CDN keeps OCSP responses: objects, or the
// answers of a responder to GET. A bundle has the name of its digest and is never stale.
func (h *host) responseFolders(t config.Target) []string {
	var folders []string
	if t.Layout == "objects" {
		folders = append(folders, public.Responses)
	}
	if t.OCSP {
		folders = append(folders, strings.TrimSuffix(h.conf.Serve.OCSPPath, "/")+"/")
	}
	return folders
}

// recordPurges puts what the CDNs accepted into the publication log. A sync that is running holds that log; the record
// waits for it, since the purge itself could not.
func (h *host) recordPurges(ctx context.Context, master *ledger.Log, state *ledger.State, results []*purged) error {
	accepted := 0
	for _, p := range results {
		accepted += len(p.Receipts)
	}
	if accepted == 0 {
		return nil
	}
	log, err := h.publicationWhenFree(ctx, time.Minute)
	if err != nil {
		return locked(fmt.Errorf("recording the purge, which was done: %w", err))
	}
	for _, p := range results {
		for i := 0; i < len(p.Receipts); i += purgesPerEntry {
			chunk := p.Receipts[i:min(i+purgesPerEntry, len(p.Receipts))]
			entry := &ledger.Publish{Target: p.Target, MasterSize: master.Size(), MasterRoot: master.Root()}
			for _, r := range chunk {
				entry.Receipts = append(entry.Receipts, h.purgeReceipt(p.base, r, state))
			}
			err = errors.Join(err, log.Append(context.WithoutCancel(ctx), &ledger.Entry{Publish: entry}))
		}
	}
	if err == nil {
		_, err = log.Commit(context.WithoutCancel(ctx))
	}
	return errors.Join(err, log.Close())
}

// purgesPerEntry keeps an entry below the log's limit of 65,535 bytes.
const purgesPerEntry = 60

// purgeReceipt is the line of the publication log: what the master has under the name, and the CDN's own id.
func (h *host) purgeReceipt(base string, r purge.Receipt, state *ledger.State) ledger.Receipt {
	name := strings.TrimPrefix(strings.TrimPrefix(r.Path, strings.TrimSuffix(base, "/")), "/")
	if name == "" {
		name = "/"
	}
	receipt := ledger.Receipt{Op: "purge", Name: name, Kind: artifact.Unrecognised, Version: r.ID,
		Time: h.now().UTC().Truncate(time.Second)}
	if plain, err := url.PathUnescape(name); err == nil {
		if line, ok := state.Get(plain); ok {
			receipt.Name, receipt.Kind, receipt.Digest, receipt.Size = line.Name, line.Kind, line.Digest, line.Size
		}
	}
	return receipt
}

// publicationWhenFree opens the publication log, after at most that long.
func (h *host) publicationWhenFree(ctx context.Context, most time.Duration) (*ledger.Writer, error) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for {
		log, err := h.publication(context.WithoutCancel(ctx))
		if !errors.Is(err, ledger.ErrLocked) {
			return log, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(200 * time.Millisecond):
		}
	}
}
