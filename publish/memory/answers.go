package memory

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/ocspcache"
	"seihon/override"
)

// generations compares what a generation answers with its successor.
func (s *step) generations() error {
	old, err := s.generation(s.old)
	if err != nil {
		return err
	}
	now, err := s.generation(s.now)
	if err != nil {
		return err
	}
	next := &books{s: s, g: now, open: make([]*ocspcache.Bundle, len(now.Bundles))}
	defer next.close()
	for i, u := range old.Bundles {
		if len(old.Bundles) == len(now.Bundles) && u.Digest == now.Bundles[i].Digest {
			continue
		}
		b, err := s.bundle(u)
		if err != nil {
			return err
		}
		if err := errors.Join(s.shard(b, next), b.Close()); err != nil {
			return err
		}
	}
	return nil
}

func (s *step) generation(line ledger.Line) (*ocspcache.Generation, error) {
	body, err := s.c.log.ReadBlob(s.ctx, line)
	if err != nil {
		return nil, err
	}
	g, _, err := ocspcache.ParseGeneration(body)
	if err != nil {
		return nil, fmt.Errorf("parsing %s number %s: %w", line.Name, line.Number, err)
	}
	return g, nil
}

func (s *step) bundle(u ocspcache.GenerationBundle) (*ocspcache.Bundle, error) {
	line := ledger.Line{Name: "bundle " + u.Digest.String(), Kind: artifact.OCSPBundle, Digest: u.Digest, Size: u.Size}
	if err := s.c.log.CheckBlob(s.ctx, line); err != nil {
		return nil, err
	}
	return ocspcache.OpenBundle(s.c.log.BlobPath(line))
}

// books are the bundles of the new generation, opened as they are asked for.
type books struct {
	s    *step
	g    *ocspcache.Generation
	open []*ocspcache.Bundle
}

func (b *books) lookup(k ocspcache.Key) ([]byte, error) {
	if len(b.g.Bundles) == 0 {
		return nil, nil
	}
	i := ocspcache.ShardOf(k.Serial, len(b.g.Bundles))
	if b.open[i] == nil {
		bundle, err := b.s.bundle(b.g.Bundles[i])
		if err != nil {
			return nil, err
		}
		b.open[i] = bundle
	}
	der, _ := b.open[i].Lookup(k)
	return der, nil
}

func (b *books) close() {
	for _, o := range b.open {
		if o != nil {
			o.Close()
		}
	}
}

// shard compares the answers of one bundle with the new ones.
func (s *step) shard(old *ocspcache.Bundle, next *books) error {
	for k, der := range old.All() {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		now, err := next.lookup(k)
		if err != nil {
			return err
		}
		if bytes.Equal(der, now) {
			continue
		}
		if err := s.answer(k.Serial, der, now); err != nil {
			return err
		}
	}
	return nil
}

// An answer is what a response says of one certificate.
type answer struct {
	override.Status
	next        time.Time
	neverIssued bool
}

func (s *step) answer(serial, oldDER, newDER []byte) error {
	was, err := read(serial, oldDER)
	if err != nil || was.State != override.Revoked && !was.neverIssued {
		return err // good may become anything; that it is absent the inventory knows
	}
	now := answer{Status: override.Status{State: override.Absent}}
	if newDER != nil {
		if now, err = read(serial, newDER); err != nil {
			return err
		}
	}
	held := was.Reason == certificateHold
	switch {
	case was.neverIssued && (now.neverIssued || now.State == override.Absent):
		return nil
	case !was.neverIssued && !now.neverIssued && was.Equal(now.Status):
		return nil
	case held && !was.neverIssued && now.State != override.Revoked && !now.neverIssued:
		return nil // released
	case held && !was.neverIssued && now.State == override.Revoked && now.Reason != certificateHold && !now.Time.Before(was.Time):
		return nil
	}
	text := serialText(serial)
	if now.State == override.Absent {
		if ok, err := s.expired(text, s.now.NotBefore); err != nil || ok {
			return err
		}
	}
	ok, err := s.permitted(text, was.Status, now.Status, true)
	if err == nil && !ok {
		s.fault(text, was.String(), now.String())
	}
	return err
}

// read finds what a response says of a serial.
func read(serial, der []byte) (answer, error) {
	r, err := artifact.ParseResponse(der)
	if err != nil {
		return answer{}, fmt.Errorf("parsing a response about %x: %w", serial, err)
	}
	for i := range r.Singles {
		one := &r.Singles[i]
		if !bytes.Equal(one.CertID.Serial, serial) {
			continue
		}
		a := answer{Status: override.Status{State: override.Good}, next: one.NextUpdate, neverIssued: r.NeverIssued(one)}
		if one.Status == artifact.StatusRevoked {
			a.Status = override.Status{State: override.Revoked, Time: one.RevokedAt, Reason: one.Reason}
		}
		return a, nil
	}
	return answer{}, fmt.Errorf("a response in the place of %x speaks of another certificate", serial)
}
