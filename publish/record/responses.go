package record

import (
	"bytes"
	"context"
	"fmt"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/ocspcache"
	"seihon/override"
	"seihon/public"
)

// generations compares the responses of a generation with those of its successor. Bundles that both have
// hold the same responses; of the others, each response of the older generation is looked up in the newer.
func (p *pair) generations(ctx context.Context) error {
	was, err := p.readGeneration(ctx, p.was)
	if err != nil {
		return err
	}
	now, err := p.readGeneration(ctx, p.now)
	if err != nil {
		return err
	}
	if now.Number < was.Number {
		p.fault(Fault{Why: "an older generation of responses was put in the place of a newer one"})
	}
	p.since = was.ThisUpdate
	same := map[artifact.Digest]bool{}
	for _, b := range now.Bundles {
		same[b.Digest] = true
	}
	newer := &shelf{log: p.Master, bundles: now.Bundles, open: map[int]*ocspcache.Bundle{}}
	defer newer.close()
	for _, b := range was.Bundles {
		if same[b.Digest] && len(was.Bundles) == len(now.Bundles) {
			continue
		}
		if err := p.bundle(ctx, b, newer); err != nil {
			return err
		}
	}
	return nil
}

func (p *pair) readGeneration(ctx context.Context, h head) (*ocspcache.Generation, error) {
	body, err := p.Master.ReadBlob(ctx, h.line())
	if err != nil {
		return nil, fmt.Errorf("comparing %s with the generation before: %w", p.now.Name, err)
	}
	g, _, err := ocspcache.ParseGeneration(body)
	if err != nil {
		return nil, fmt.Errorf("comparing %s with the generation before: %w", p.now.Name, err)
	}
	return g, nil
}

// bundle compares the responses of one older bundle.
func (p *pair) bundle(ctx context.Context, old ocspcache.GenerationBundle, newer *shelf) error {
	b, err := open(ctx, p.Master, old)
	if err != nil {
		return err
	}
	defer b.Close()
	n := 0
	for key, der := range b.All() {
		if n++; n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		now, err := newer.lookup(ctx, key)
		if err != nil {
			return err
		}
		if bytes.Equal(der, now) {
			continue
		}
		if err := p.response(ctx, key, der, now); err != nil {
			return err
		}
	}
	return nil
}

// response compares two answers for one certificate; now is nil when there is none any more.
func (p *pair) response(ctx context.Context, key ocspcache.Key, was, now []byte) error {
	before, err := p.answer(key, was)
	if err != nil {
		return fmt.Errorf("reading a response of %s: %w", p.was.Name, err)
	}
	if before.status.State != override.Revoked {
		return nil
	}
	after := said{status: override.Status{State: override.Absent}}
	if now != nil {
		if after, err = p.answer(key, now); err != nil {
			return fmt.Errorf("reading a response of %s: %w", p.now.Name, err)
		}
	}
	if before.neverIssued {
		// That a certificate was never issued may be dropped (RFC 6960, section 2.2), not turned into "good".
		if after.status.State != override.Good {
			return nil
		}
		return p.refuted(ctx, key, before.status, after.status)
	}
	return p.changed(ctx, key.Serial, before.status, after.status)
}

// refuted is for a certificate that was said never to have been issued and now is good.
func (p *pair) refuted(ctx context.Context, key ocspcache.Key, was, now override.Status) error {
	number := serialText(key.Serial)
	allowed, err := p.words.allow(ctx, p, number, was, now)
	if err != nil || allowed {
		return err
	}
	p.fault(Fault{Serial: number, Was: was.String(), Now: now.String(), Why: "it was said never to have been issued"})
	return nil
}

// said is what a response says of one certificate.
type said struct {
	status      override.Status
	neverIssued bool
}

func (k *checker) answer(key ocspcache.Key, der []byte) (said, error) {
	r, err := k.certificates.ParseResponse(der)
	if err != nil {
		return said{}, err
	}
	for i := range r.Singles {
		s := &r.Singles[i]
		if !bytes.Equal(s.CertID.Serial, key.Serial) || s.CertID.Hash != key.Hash {
			continue
		}
		switch s.Status {
		case artifact.StatusRevoked:
			status := statusOf(artifact.RevokedEntry{Time: s.RevokedAt, Reason: s.Reason})
			return said{status, r.NeverIssued(s)}, nil
		case artifact.StatusGood:
			return said{status: override.Status{State: override.Good}}, nil
		}
		return said{status: override.Status{State: override.Absent}}, nil // "unknown" says nothing
	}
	return said{}, fmt.Errorf("it does not answer for serial %x", key.Serial)
}

// A shelf looks responses up in the bundles of one generation, opened when first asked.
type shelf struct {
	log     *ledger.Log
	bundles []ocspcache.GenerationBundle
	open    map[int]*ocspcache.Bundle
}

func (s *shelf) lookup(ctx context.Context, key ocspcache.Key) ([]byte, error) {
	if len(s.bundles) == 0 {
		return nil, nil
	}
	i := ocspcache.ShardOf(key.Serial, len(s.bundles))
	b := s.open[i]
	if b == nil {
		var err error
		if b, err = open(ctx, s.log, s.bundles[i]); err != nil {
			return nil, err
		}
		s.open[i] = b
	}
	der, _ := b.Lookup(key)
	return der, nil
}

func (s *shelf) close() {
	for _, b := range s.open {
		_ = b.Close() // it was only read
	}
}

// open maps a bundle whose bytes are those that the log names.
func open(ctx context.Context, log *ledger.Log, b ocspcache.GenerationBundle) (*ocspcache.Bundle, error) {
	line := ledger.Line{Name: public.Bundle(b.Digest), Kind: artifact.OCSPBundle, Digest: b.Digest, Size: b.Size}
	if err := log.CheckBlob(ctx, line); err != nil {
		return nil, fmt.Errorf("comparing responses: %w", err)
	}
	return ocspcache.OpenBundle(log.BlobPath(line))
}
