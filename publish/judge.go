package publish

import (
	"bytes"
	"context"
	"crypto/x509"
	"slices"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/ocspcache"
)

// A verdict says what an object on the target is, compared with what we want
// there.
type verdict string

const (
	same       verdict = "same"       // ours already
	superseded verdict = "superseded" // ours, of an earlier sync
	older      verdict = verdict(Rollback)
	newer      verdict = verdict(Ahead)
	strange    verdict = verdict(Drift)
	before     verdict = verdict(Before)
	found      verdict = "found" // what lay there when the target was taken over, to be replaced
)

// judge compares an object of the target with the item that is to be there. What was found at the takeover is there to
// be replaced, unless it is newer than ours; also with the same bytes, for the headers that others gave it.
func (s *session) judge(ctx context.Context, it *item, got *stored) (verdict, error) {
	v, err := s.judgeBytes(ctx, it, got)
	if err == nil && v == newer && it.kind.IsRevocationList() {
		return s.orBefore(ctx, it, got, v)
	}
	if err != nil || v != older && v != strange && !(v == same && it.fresh) {
		return v, err
	}
	if taken, err := s.adopted(ctx, it.name, got.digest); taken || err != nil {
		return found, err
	}
	if v == older && it.kind.IsRevocationList() {
		return s.orBefore(ctx, it, got, v)
	}
	return v, nil
}

// orBefore tells a list of the CA from before the take-over from one that somebody put back, or that another publisher
// sent: the target's checkpoint does not speak of its name, and the master never had it.
func (s *session) orBefore(ctx context.Context, it *item, got *stored, v verdict) (verdict, error) {
	if it.step == nil {
		return v, nil
	}
	if !it.taken() {
		line, err := s.plan.promise.get(ctx, it.step.artifact())
		if line != nil || err != nil {
			return v, err
		}
	}
	own, err := s.ours(ctx, got.digest)
	if own || err != nil {
		return v, err
	}
	return before, nil
}

func (s *session) judgeBytes(ctx context.Context, it *item, got *stored) (verdict, error) {
	d := got.digest
	if d == it.digest {
		return same, nil
	}
	if it.kind == artifact.OCSPGeneration {
		if d = bodyDigest(got.bytes); d == it.bodyDigest {
			// Ours, with the proof of another day; if that is damaged, ours anew.
			if _, ok := s.proven(got, d); ok {
				return same, nil
			}
			return superseded, nil
		}
	}
	if !it.prevDigest.IsZero() && d == it.prevDigest || slices.Contains(it.older, d) {
		return superseded, nil
	}
	if it.prevDigest.IsZero() && it.step != nil && s.plan.From > 0 {
		line, err := s.plan.current.get(ctx, it.step.artifact())
		if err != nil {
			return "", err
		}
		if line != nil && line.Digest == d {
			return superseded, nil
		}
	}
	if it.taken() {
		if own, err := s.ours(ctx, d); own || err != nil {
			return superseded, err
		}
	}
	switch {
	case it.kind.IsRevocationList():
		return s.judgeList(it, got), nil
	case it.kind == artifact.OCSPResponse:
		return s.judgeResponse(it, got), nil
	case it.kind == artifact.OCSPGeneration:
		return s.judgeGeneration(got, d), nil
	}
	return strange, nil
}

// judgeList compares revocation lists. Only one that a trusted issuer signed
// counts: a forgery must not keep ours away by claiming a large number.
func (s *session) judgeList(it *item, got *stored) verdict {
	theirs, err := artifact.ParseRevocationList(got.bytes)
	if err != nil || it.list == nil || !bytes.Equal(theirs.RawIssuer, it.list.RawIssuer) || !s.trusted(theirs.CheckSignatureFrom) {
		return strange
	}
	if theirs.Number == nil || it.list.Number == nil {
		return strange
	}
	switch theirs.Number.Cmp(it.list.Number) {
	case -1:
		return older
	case 1:
		return newer
	}
	return strange
}

// trusted reports whether a signature check succeeds with a trusted issuer.
func (s *session) trusted(check func(*x509.Certificate) error) bool {
	if s.config.Policy.Trust == nil {
		return false
	}
	return slices.ContainsFunc(s.config.Policy.Trust.Issuers(),
		func(issuer *x509.Certificate) bool { return check(issuer) == nil })
}

// judgeResponse compares responses for the same certificate. A genuine one that
// is no older than what the target should have was put there by an earlier sync.
func (s *session) judgeResponse(it *item, got *stored) verdict {
	r, err := artifact.ParseResponse(got.bytes)
	if err != nil || it.response == nil || !s.trusted(r.CheckSignatureFrom) {
		return strange
	}
	ours, theirs := it.response.Singles, r.Singles
	if len(ours) == 0 || len(theirs) == 0 || !bytes.Equal(ours[0].CertID.Serial, theirs[0].CertID.Serial) ||
		!bytes.Equal(ours[0].CertID.IssuerKeyHash, theirs[0].CertID.IssuerKeyHash) {
		return strange
	}
	switch t := theirs[0].ThisUpdate; {
	case t.After(ours[0].ThisUpdate):
		return newer
	case t.Equal(ours[0].ThisUpdate):
		return strange
	case it.prevThisUpdate.IsZero() || !t.Before(it.prevThisUpdate):
		return superseded
	}
	return older
}

// judgeGeneration tells by the proof that comes with it whether a generation
// was ever in the log, and on which side of ours.
func (s *session) judgeGeneration(got *stored, body artifact.Digest) verdict {
	size, ok := s.proven(got, body)
	switch {
	case !ok:
		return strange
	case size > s.config.Master.Size():
		return newer
	}
	return older
}

// proven reports whether a generation carries a proof that the master log has
// it, and the size of the log that the proof was made from.
func (s *session) proven(got *stored, body artifact.Digest) (size int64, ok bool) {
	_, proof, err := ocspcache.ParseGeneration(got.bytes)
	if err != nil || proof == nil {
		return 0, false
	}
	v, err := ledger.NewVerifier(s.config.Master.Origin(), s.config.Master.Keys()...)
	if err != nil {
		return 0, false
	}
	line, checkpoint, err := ledger.VerifyProof(proof, v)
	if err != nil || line.Digest != body {
		return 0, false
	}
	return checkpoint.Size, true
}

// bodyDigest is the digest of a generation file without its proof, which
// depends on the checkpoint of the day it was made.
func bodyDigest(public []byte) artifact.Digest {
	if i := bytes.Index(public, []byte("\n\n")); i >= 0 {
		return artifact.Sum(public[:i+1])
	}
	return artifact.Sum(public)
}
