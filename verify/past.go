package verify

import (
	"context"
	"fmt"

	"seihon/artifact"
	"seihon/ledger"
)

// A version is one line that the log ever held.
type version struct {
	ledger.Line
	index   int64
	order   int  // among all versions
	current bool // in the newest state

	master reading // of the first version of the same bytes
}

// A past is everything the log ever said, in its order.
type past struct {
	versions  []*version
	byName    map[string][]*version // in log order
	byDigest  map[artifact.Digest][]*version
	withdrawn map[string]int64 // name → entry of the last withdrawal, if no line followed
}

// readPast replays the log and computes the newest state. The master's index is not asked: it is not signed.
func (c *checker) readPast(ctx context.Context) error {
	p := &past{byName: map[string][]*version{}, byDigest: map[artifact.Digest][]*version{},
		withdrawn: map[string]int64{}}
	for ch, err := range c.log.Changes(ctx, 0, c.log.Size()) {
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			c.Logger.Info("the log's history cannot be read to its end")
			return nil // the log's own findings say why
		}
		if ch.Withdraw != nil {
			p.withdrawn[ch.Withdraw.Name] = ch.Index
			continue
		}
		v := &version{Line: *ch.Line, index: ch.Index, order: len(p.versions)}
		p.versions = append(p.versions, v)
		p.byName[v.Name] = append(p.byName[v.Name], v)
		p.byDigest[v.Digest] = append(p.byDigest[v.Digest], v)
		delete(p.withdrawn, v.Name)
	}
	for name, vs := range p.byName {
		if _, gone := p.withdrawn[name]; !gone {
			vs[len(vs)-1].current = true
		}
	}
	state, err := c.log.Replay(ctx, c.log.Size())
	if err != nil {
		return fmt.Errorf("computing the newest state: %w", err)
	}
	c.past, c.state = p, state
	if err := c.readKeys(ctx); err != nil {
		return err
	}
	return c.buildTrust(ctx)
}

// readKeys collects the key sets that the log ever had, since proofs of before a key rotation stay good, and the
// exceptions that section A needs from the first artifact on.
func (c *checker) readKeys(ctx context.Context) error {
	c.keys = []*ledger.Verifier{c.Verifier}
	index := int64(0)
	for e, err := range c.log.Entries(ctx, 0, c.log.Size()) {
		if err != nil {
			return ctx.Err() // the log's own findings say why
		}
		if e.Exception != nil {
			c.exceptions.enter(index, e, c.OverrideKeys)
		}
		index++
		if e.KeyRotation == nil {
			continue
		}
		// whoever pins the new ones needs the old ones, too
		for _, keys := range [][]string{e.KeyRotation.Old, e.KeyRotation.New} {
			if v, err := ledger.NewVerifier(c.log.Origin(), keys...); err == nil {
				c.keys = append(c.keys, v)
			}
		}
	}
	return nil
}

// verifyProof verifies a proof with the pinned keys or those that the log appointed since.
func (c *checker) verifyProof(proof []byte) (line *ledger.Line, err error) {
	for i := len(c.keys) - 1; i >= 0; i-- {
		if line, _, err = ledger.VerifyProof(proof, c.keys[i]); err == nil {
			return line, nil
		}
	}
	return nil, err
}

// buildTrust takes the CAs below the pinned anchors from everything the log ever named, as far as they chain: an issuer
// whose certificate was renewed still signed what came before.
func (c *checker) buildTrust(ctx context.Context) error {
	c.trust = artifact.NewTrust(c.Policy.Trust.Anchors(), c.Policy.Trust.Partners())
	c.policy = policyWithoutClock(c.Policy, c.trust)
	c.policy.Excepted = c.exceptions.allow
	waiting := c.Policy.Trust.Issuers()
	seen := map[artifact.Digest]bool{}
	for _, v := range c.past.versions {
		switch v.Kind {
		case artifact.CACertificate, artifact.LinkCertificate, artifact.CrossCertificate:
		default:
			continue
		}
		if seen[v.Digest] {
			continue
		}
		seen[v.Digest] = true
		der, err := c.log.ReadBlob(ctx, v.Line)
		if err != nil {
			continue // checkMaster reports it
		}
		if cert, err := artifact.ParseCertificate(der); err == nil {
			waiting = append(waiting, cert)
		}
	}
	for again := true; again; {
		again = false
		for i, cert := range waiting {
			if cert != nil && c.trust.Add(cert) == nil {
				waiting[i], again = nil, true
			}
		}
	}
	return ctx.Err()
}

// lineAt returns the version of a name that was current at a tree size, or nil.
func (p *past) lineAt(name string, size int64) *version {
	var found *version
	for _, v := range p.byName[name] {
		if v.index < size {
			found = v
		}
	}
	return found
}
