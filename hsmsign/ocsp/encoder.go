// Package ocsp encodes and signs OCSP responses after the profile of RFC 9919: they are made ahead of the question, so
// they never hold a nonce; the responder is named by key; producedAt equals thisUpdate, in whole seconds; nextUpdate is
// always there; the certificate of a delegated signer is embedded, the issuer's own is not.
//
// All responses of an issuer share everything but serial number, status, times and signature. NewEncoder validates and
// encodes the shared parts once; signing one status is then a sum of lengths, a run of appends into a buffer that is
// used again, the signature, and one allocation for the result.
//
// An answer whose CertID uses another hash than the question's is no answer to OpenSSL, Java and NSS. The CertID policy
// therefore decides which hashes are answered, and whether in one response or in several.
//
// A wrong responder certificate, period, serial number or reason is refused before the key is used. The package knows
// no clock, no database and no token.
package ocsp

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"seihon/hsmsign/internal/algid"
	"seihon/hsmsign/internal/der"
)

// Encoder signs the responses of one issuer. It is safe for concurrent use when its signer is.
type Encoder struct {
	signer    crypto.Signer
	algorithm *algid.Algorithm
	selfCheck bool

	// Who answers and whose validity bounds the responses: the delegate, else the issuer.
	responder *x509.Certificate

	responderID  []byte   // the responderID field
	certificates []byte   // the certs field; empty when the issuer signs
	groups       [][]name // one response per group, one SingleResponse per name

	archiveCutoff time.Time
	retention     time.Duration
}

// name is the part of a CertID that tells the issuer.
type name struct {
	hash    crypto.Hash
	keyHash []byte
	prefix  []byte // content of CertID up to the serial number
}

// NewEncoder returns an encoder for the certificates of issuer. responder is the certificate of the delegated OCSP
// signer, or nil when the issuer's own key signs.
func NewEncoder(issuer, responder *x509.Certificate, signer crypto.Signer, policy Policy) (*Encoder, error) {
	e, err := newEncoder(issuer, responder, signer, policy)
	if err != nil {
		return nil, fmt.Errorf("preparing OCSP responses: %w", err)
	}
	return e, nil
}

func newEncoder(issuer, responder *x509.Certificate, signer crypto.Signer, policy Policy) (*Encoder, error) {
	if issuer == nil || signer == nil {
		return nil, errors.New("no issuer or no signer is given")
	}
	if responder != nil && responder.Equal(issuer) {
		responder = nil
	}
	e := &Encoder{signer: signer, selfCheck: policy.SelfCheck, responder: issuer}
	if responder == nil {
		if !issuer.IsCA {
			return nil, fmt.Errorf("the issuer %q is not a CA certificate", issuer.Subject)
		}
	} else {
		if err := checkDelegate(issuer, responder); err != nil {
			return nil, fmt.Errorf("the responder %q: %w", responder.Subject, err)
		}
		e.responder = responder
		// certs [0] EXPLICIT SEQUENCE OF Certificate
		e.certificates = der.Wrap(der.Context(0), der.Wrap(der.Sequence, responder.Raw))
	}
	if !algid.SamePublic(e.responder.PublicKey, signer.Public()) {
		return nil, fmt.Errorf("the signer's key is not that of the responder %q", e.responder.Subject)
	}
	var err error
	if e.algorithm, err = algid.For(signer.Public(), policy.Signature); err != nil {
		return nil, err
	}
	if err := e.archive(policy); err != nil {
		return nil, err
	}
	keyHash, err := publicKeyHash(e.responder, crypto.SHA1) // SHA-1 by definition (RFC 6960 section 4.2.1)
	if err != nil {
		return nil, err
	}
	e.responderID = der.Wrap(der.Context(2), der.Wrap(der.OctetString, keyHash))
	e.groups, err = groups(issuer, policy.CertID)
	return e, err
}

// archive takes over the archive cutoff of policy.
func (e *Encoder) archive(policy Policy) error {
	if !policy.ArchiveCutoff.IsZero() {
		if policy.Retention != 0 {
			return errors.New("an archive cutoff date and a retention exclude each other: set one")
		}
		if err := der.CheckTime(policy.ArchiveCutoff); err != nil {
			return fmt.Errorf("the archive cutoff: %w", err)
		}
	}
	if policy.Retention < 0 {
		return fmt.Errorf("the retention %s is negative", policy.Retention)
	}
	e.archiveCutoff, e.retention = policy.ArchiveCutoff, policy.Retention
	return nil
}

// Sign returns the signed responses for one status, in the order SHA-1, SHA-256. Times are written in whole seconds; a
// fraction is dropped.
func (e *Encoder) Sign(ctx context.Context, s Status, thisUpdate, nextUpdate time.Time) ([]Encoded, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return e.sign(newScratch(), &Job{s, thisUpdate, nextUpdate})
}

// sign signs one job. b is the calling goroutine's own.
func (e *Encoder) sign(b *scratch, j *Job) ([]Encoded, error) {
	if err := e.check(j); err != nil {
		return nil, fmt.Errorf("encoding the OCSP response for serial number %x: %w", j.Serial, err)
	}
	out := make([]Encoded, 0, 2)
	for _, group := range e.groups {
		response, err := e.response(b, group, j)
		if err != nil {
			return nil, fmt.Errorf("signing the OCSP response for serial number %x: %w", j.Serial, err)
		}
		for i := range group {
			out = append(out,
				Encoded{Hash: group[i].hash, IssuerKeyHash: group[i].keyHash, Serial: j.Serial, DER: response})
		}
	}
	return out, nil
}

// response encodes and signs one response.
func (e *Encoder) response(b *scratch, group []name, j *Job) ([]byte, error) {
	b.tbs = e.appendTBS(b.tbs[:0], group, j)
	input := b.tbs
	if e.algorithm.Hash != 0 {
		input = b.digest(e.algorithm.Hash, b.tbs)
	}
	signature, err := e.algorithm.Sign(e.signer, input)
	if err != nil {
		return nil, err
	}
	if e.selfCheck {
		if err := e.algorithm.Verify(input, signature); err != nil {
			return nil, fmt.Errorf("checking the signature that the signer made: %w", err)
		}
	}
	return e.envelope(b.tbs, signature), nil
}
