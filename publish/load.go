package publish

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"iter"
	"time"

	"seihon/artifact"
	"seihon/artifact/keyscan"
	"seihon/ledger"
	"seihon/ocspcache"
	"seihon/public"
	"seihon/publish/record"
	"seihon/sectiona"
)

// An item is one object on its way: read, checked against the ledger, admitted
// by section A. The bytes that were checked are the bytes that are sent.
type item struct {
	step   *Step // nil for a response of an expansion
	name   string
	kind   artifact.Kind
	digest artifact.Digest
	bytes  []byte
	header public.Header

	index      int64                    // of the entry that made it so; -1 for the log's own files
	fresh      bool                     // the name should be free
	prevBytes  func() []byte            // what the target should have, to predict its tag; may return nil
	prevDigest artifact.Digest          // of the same; zero when unknown
	predicted  string                   // the tag that the first try relied on
	older      []artifact.Digest        // what the log had there since
	list       *artifact.RevocationList // of the list kinds
	response   *artifact.Response       // of OCSP responses
	bodyDigest artifact.Digest          // of generations, without the proof
	generation *ocspcache.Generation    // of generations
	signed     time.Time                // when the room made it; zero when unknown

	prevThisUpdate time.Time // of OCSP responses
	// of OCSP responses in a repair: what the target's checkpoint speaks of; zero for none
	promised artifact.Digest
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// taken reports whether the item goes to an alias that the target is not known to have.
func (it *item) taken() bool { return it.step != nil && it.step.taken }

func (it *item) object() Object {
	return Object{
		Name: it.name, Body: Bytes(it.bytes), Size: int64(len(it.bytes)), SHA256: it.digest,
		CRC32C: crc32.Checksum(it.bytes, castagnoli), Header: it.header,
	}
}

// A problem is why one artifact cannot be published although the target is
// well. It does not hold up the others.
type problem struct {
	refusal *sectiona.Refusal // by section A
	err     error             // of the master
	unsaid  bool              // its issuer unsays what it said: the result's Unsaid has the details
}

func evidenceOf(claimed artifact.Kind) sectiona.Evidence {
	return sectiona.Evidence{InLedger: true, Claimed: claimed}
}

// load reads the bytes of a step and lets section A judge them.
func (s *session) load(ctx context.Context, step *Step) (*item, *problem) {
	if step.file != nil {
		return s.loadFile(step)
	}
	b, err := s.config.Master.ReadBlob(ctx, step.line)
	if err != nil {
		return nil, &problem{err: fmt.Errorf("reading %q from the master: %w", step.Name, err)}
	}
	it := &item{
		step: step, name: step.Name, kind: step.Kind, digest: step.Digest, bytes: b,
		// zero for unindexed
		index: step.index, fresh: step.Action == Send, older: step.older, signed: s.entryTime(ctx, step.index),
		header: public.HeaderFor(step.Kind, step.line.NotBefore, step.line.NotAfter, s.now(), s.plan.config.Cadence),
	}
	previous := s.previous(ctx, step, it)
	a, err := s.parse(ctx, step, b)
	if err != nil {
		return nil, &problem{err: fmt.Errorf("reading %q from the master: %w", step.Name, err)}
	}
	ev := evidenceOf(step.line.Kind)
	ev.Recorded = it.signed
	if a.CRL != nil {
		it.list = a.CRL
		if previous != nil {
			ev.Previous, _ = artifact.ParseRevocationList(previous)
		}
		if ev.Previous != nil && a.CRL.ThisUpdate.Before(ev.Previous.ThisUpdate) {
			// In the whole log: where exactly it must stand was judged by the record, for each list and its own
			// predecessor.
			ev.Corrected, err = record.Corrected(ctx, s.config.Master, ev.Previous.ThisUpdate, a.CRL.ThisUpdate, -1,
				step.index)
			if err != nil {
				return nil, &problem{err: fmt.Errorf("comparing %q with the list before: %w", step.Name, err)}
			}
		}
	}
	if step.signed != nil {
		if sig, err := s.config.Master.ReadBlob(ctx, *step.signed); err == nil {
			ev.Signature = artifact.Parse(sig)
		}
	}
	if refusal := s.policyFor(step).Admit(a, ev); refusal != nil {
		return nil, &problem{refusal: refusal}
	}
	if step.Kind == artifact.OCSPGeneration {
		if err := s.addProof(ctx, step, it); err != nil {
			return nil, &problem{err: err}
		}
	}
	return it, nil
}

// policyFor returns the policy for a step. An archived list is past its
// nextUpdate by nature; under its own number it misleads nobody.
func (s *session) policyFor(step *Step) *sectiona.Policy {
	if !step.line.History {
		return s.config.Policy
	}
	timeless := *s.config.Policy
	timeless.Now = nil
	return &timeless
}

func (s *session) loadFile(step *Step) (*item, *problem) {
	b, err := step.file.Bytes()
	if err != nil {
		return nil, &problem{err: fmt.Errorf("reading %q from the master: %w", step.Name, err)}
	}
	a := artifact.ParseKnown(b, step.Digest)
	if a.Kind != artifact.PrivateKey {
		// The ledger has checked these bytes against the Merkle tree. Hashes look
		// like anything: one tile in two hundred begins like a DER object.
		a.Kind, a.Problem = step.Kind, ""
	}
	if refusal := s.config.Policy.Admit(a, evidenceOf(step.Kind)); refusal != nil {
		return nil, &problem{refusal: refusal}
	}
	return &item{
		step: step, name: step.Name, kind: step.Kind, digest: step.Digest, bytes: b, index: -1, fresh: true,
		header: public.HeaderFor(step.Kind, time.Time{}, time.Time{}, s.now(), s.plan.config.Cadence),
	}, nil
}

// previous notes what the target should hold now and returns its bytes, nil if
// they are unknown or no longer in the master.
func (s *session) previous(ctx context.Context, step *Step, it *item) []byte {
	if step.prev == nil {
		return nil
	}
	it.prevDigest = step.prev.Digest
	if step.prev.Size > maxPredicted {
		return nil
	}
	b, err := s.config.Master.ReadBlob(ctx, *step.prev)
	if err != nil {
		return nil // the store is asked instead
	}
	it.prevBytes = func() []byte { return b }
	return b
}

// maxPredicted is the size from which the old object is read instead of its tag
// predicted: multipart uploads have other tags.
const maxPredicted = 16 << 20

// parse classifies the bytes and opens bundles for their members.
func (s *session) parse(ctx context.Context, step *Step, b []byte) (*artifact.Artifact, error) {
	a := artifact.ParseKnown(b, step.Digest)
	if a.Kind != artifact.OCSPBundle {
		return a, nil
	}
	bundle, err := ocspcache.ParseBundle(b)
	if err != nil {
		return nil, err
	}
	if err := bundle.Check(ctx); err != nil {
		return nil, err
	}
	old := s.plan.replaced[step.line.Issuer]
	if artifact.Stale(bundle.MinNextUpdate(), s.now()) {
		old = nil // let section A say which
	}
	a.Members = s.members(ctx, bundle, old)
	return a, nil
}

// members yields the responses that section A has to judge. Those that the
// target holds already, in the generation that its checkpoint promises, were
// judged when they went there, and still hold: after a revocation one response
// of thousands is new.
func (s *session) members(ctx context.Context, b *ocspcache.Bundle,
	before *ocspcache.Generation) iter.Seq2[*artifact.Artifact, error] {
	return func(yield func(*artifact.Artifact, error) bool) {
		old := openOld(s.config.Master, before)
		old.check = func(l ledger.Line) error { return s.config.Master.CheckBlob(ctx, l) }
		defer old.close()
		for k, der := range b.All() {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			if known, err := old.lookup(k); err == nil && known != nil && bytes.Equal(known, der) {
				continue
			}
			if !yield(s.parseResponse(der), nil) {
				return
			}
		}
	}
}

// parseResponse is artifact.Parse for what should be a response. It keeps the
// certificates of delegates, which are in every one of their responses, so that
// each is verified once.
func (s *session) parseResponse(der []byte) *artifact.Artifact {
	key, err := keyscan.Find(der)
	if key != nil || err != nil {
		return artifact.Parse(der)
	}
	r, err := s.certificates.ParseResponse(der)
	if err != nil {
		return artifact.Parse(der) // says what it is instead
	}
	return &artifact.Artifact{Kind: artifact.OCSPResponse, Digest: artifact.Sum(der), Bytes: der, OCSP: r}
}

// addProof makes the public form of a generation: its body and the proof that
// the master log has it.
func (s *session) addProof(ctx context.Context, step *Step, it *item) error {
	g, _, err := ocspcache.ParseGeneration(it.bytes)
	if err != nil {
		return fmt.Errorf("reading %q from the master: %w", step.Name, err)
	}
	proof, err := s.config.Master.ProveLine(ctx, step.index, step.line)
	if err != nil {
		return fmt.Errorf("proving %q: %w", step.Name, err)
	}
	it.generation, it.bodyDigest = g, it.digest
	it.bytes = g.Public(proof)
	it.digest = artifact.Sum(it.bytes)
	it.prevBytes = nil // the old copy's proof cannot be predicted
	return nil
}

// loadMember makes an item of a response. The bytes are copied, since the
// bundle is closed before the upload ends.
func (s *session) loadMember(m member, index int64) (*item, *problem) {
	der := append([]byte(nil), m.der...)
	a := s.parseResponse(der)
	if refusal := s.config.Policy.Admit(a, evidenceOf(artifact.OCSPResponse)); refusal != nil {
		return nil, &problem{refusal: refusal}
	}
	it := &item{
		name: m.name, kind: artifact.OCSPResponse, digest: a.Digest, bytes: der,
		index: index, fresh: m.prev == nil, response: a.OCSP, promised: m.promised,
	}
	if len(a.OCSP.Singles) > 0 {
		one := a.OCSP.Singles[0]
		it.header = public.HeaderFor(artifact.OCSPResponse, one.ThisUpdate, one.NextUpdate, s.now(),
			s.plan.config.Cadence)
	}
	if m.prev != nil {
		prev := append([]byte(nil), m.prev...)
		it.prevBytes = func() []byte { return prev }
		it.prevDigest = artifact.Sum(prev)
		if r, err := artifact.ParseResponse(prev); err == nil && len(r.Singles) > 0 {
			it.prevThisUpdate = r.Singles[0].ThisUpdate
		}
	}
	return it, nil
}

// entryTime is when the room made an entry.
func (s *session) entryTime(ctx context.Context, index int64) time.Time {
	s.mu.Lock()
	t, ok := s.entryTimes[index]
	s.mu.Unlock()
	if ok {
		return t
	}
	e, err := s.config.Master.Entry(ctx, index)
	if err == nil {
		t = e.Time
	}
	s.mu.Lock()
	s.entryTimes[index] = t
	s.mu.Unlock()
	return t
}
