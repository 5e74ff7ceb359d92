package memory

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"slices"
	"strings"

	"seihon/artifact"
	"seihon/ocspcache"
)

// A said is an answer other than good that some generation holds.
type said struct {
	serial string
	hash   crypto.Hash
	standing
}

// A shelf is what the newest generation of an issuer says, shard by shard.
type shelf struct {
	from    Artifact
	digests []artifact.Digest
	said    [][]said
}

// Answers by the algorithm of their CertID, and these by serial number.
type (
	byHash    map[crypto.Hash]standing
	answersOf map[string]byHash
)

// walkGenerations compares every generation of one issuer with the one before. A bundle that both
// have is not read again.
func (m *Memory) walkGenerations(ctx context.Context, versions []Artifact) error {
	var s *shelf
	for _, a := range versions {
		if err := ctx.Err(); err != nil {
			return err
		}
		body, err := m.in.Read(ctx, a)
		if err != nil {
			continue
		}
		g, _, err := ocspcache.ParseGeneration(body)
		if err != nil {
			continue
		}
		if s == nil {
			s = &shelf{}
		}
		s.resize(len(g.Bundles))
		for i := range g.Bundles {
			if err := m.walkBundle(ctx, s, g, i, a); err != nil {
				return err
			}
		}
		s.from = a
	}
	return nil
}

// resize spreads what was said over another number of shards.
func (s *shelf) resize(n int) {
	if len(s.said) == n {
		return
	}
	old := s.said
	s.digests, s.said = make([]artifact.Digest, n), make([][]said, n)
	for _, all := range old {
		for _, e := range all {
			if n > 0 {
				i := ocspcache.ShardOf([]byte(e.serial), n)
				s.said[i] = append(s.said[i], e)
			}
		}
	}
}

// walkBundle reads the bundle of one shard, compares, and remembers what it says.
func (m *Memory) walkBundle(ctx context.Context, s *shelf, g *ocspcache.Generation, shard int, now Artifact) error {
	digest := g.Bundles[shard].Digest
	if s.digests[shard] == digest {
		return nil
	}
	b, err := ocspcache.OpenBundle(m.in.BundlePath(digest))
	if err != nil {
		return ctx.Err() // that it is missing or damaged is reported elsewhere; what was said before still stands
	}
	defer b.Close()
	before := answersOf{}
	for _, e := range s.said[shard] {
		before[e.serial] = byHash{}
	}
	var next []said
	count := 0
	for key, der := range b.All() {
		if count++; count%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		is, ok := readAnswer(der, key)
		if !ok {
			continue
		}
		if is.status != good {
			next = append(next, said{string(key.Serial), key.Hash, is})
		}
		if len(before) > 0 {
			if found, ok := before[string(key.Serial)]; ok {
				found[key.Hash] = is
			}
		}
	}
	m.answers.Add(int64(count))
	m.compareAnswers(s.from, s.said[shard], before, g, now)
	s.digests[shard], s.said[shard] = digest, next
	return nil
}

// compareAnswers judges what became of everything that a shard said. An answer for one hash
// algorithm is succeeded by that for another when its own is not made any more.
func (m *Memory) compareAnswers(from Artifact, all []said, found answersOf, g *ocspcache.Generation, now Artifact) {
	slices.SortFunc(all, func(a, b said) int {
		return cmp.Or(strings.Compare(a.serial, b.serial), cmp.Compare(a.hash, b.hash))
	})
	issuer := g.Issuer
	if ids := m.in.Named(g.Issuer); len(ids) > 0 {
		issuer = ids[len(ids)-1]
	}
	judged := ""
	for _, e := range all {
		is, ok := found[e.serial][e.hash]
		if !ok {
			is = leastRevoked(found[e.serial])
		}
		if e.serial == judged || compare(e.standing, is) == fine {
			continue
		}
		judged = e.serial
		m.judge(step{from, now, issuer, []byte(e.serial), e.standing, is, g.ThisUpdate.Unix(), true})
	}
}

// leastRevoked returns what relying parties can be told at best.
func leastRevoked(answers byHash) standing {
	out, first := standing{}, true
	for _, h := range []crypto.Hash{crypto.SHA1, crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		if is, ok := answers[h]; ok && (first || is.status < out.status) {
			out, first = is, false
		}
	}
	return out
}

// readAnswer finds what a response says of the certificate under whose key it is kept.
func readAnswer(der []byte, key ocspcache.Key) (standing, bool) {
	if is, ok := quickAnswer(der, key); ok {
		return is, true
	}
	r, err := artifact.ParseResponse(der)
	if err != nil {
		return standing{}, false // reported by the check of the newest generation, or of no use to anybody
	}
	for i := range r.Singles {
		s := &r.Singles[i]
		if !bytes.Equal(s.CertID.Serial, key.Serial) || !bytes.Equal(s.CertID.IssuerKeyHash, key.IssuerKeyHash) {
			continue
		}
		switch s.Status {
		case artifact.StatusGood:
			return standing{status: good, invalid: noDate}, true
		case artifact.StatusUnknown:
			return standing{status: unknown, invalid: noDate}, true
		}
		return standing{
			status: revoked, at: s.RevokedAt.Unix(), invalid: noDate, reason: int8(max(s.Reason, 0)),
			never: r.NeverIssued(s),
		}, true
	}
	return standing{}, false
}
