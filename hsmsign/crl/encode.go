// Package crl encodes and signs certificate revocation lists (RFC 5280 section 5) of any length in constant
// memory.
//
// A CRL's outermost header states the length of everything inside, and its signature covers a header that
// states the length of all entries, so neither can be written before the last entry is known. Encode therefore
// goes over the data three times: the entries come from an iterator, are checked, encoded and spooled (in memory
// when few, else in an unlinked temporary file); the spool is hashed behind its header and the hash is signed;
// then header, spool and signature go to the writer. The writer sees nothing until the signature exists and has
// been verified with the issuer's key, so an input that is refused leaves no half-written CRL, and every refusal
// other than a failing writer happens before the key is used.
//
// Entries are written in the order in which they come. A serial number that comes twice is refused: while the
// entries ascend, as they do out of a database index, comparing neighbours is enough; otherwise the spool is
// searched in parts of bounded size.
//
// The package knows no clock, no database and no token: number, times and key are the caller's.
package crl

import (
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"

	"seihon/hsmsign/internal/algid"
	"seihon/hsmsign/internal/der"
)

// checkEvery is after how many entries Encode looks whether it was cancelled.
const checkEvery = 4096

// Encode writes the DER of a CRL with these entries, signed by signer, to w. It holds a bounded part of it in memory,
// except for an Ed25519 or ML-DSA key, which must sign the whole message in one piece. Nothing is written unless
// everything was in order.
func Encode(ctx context.Context, w io.Writer, t Template, entries iter.Seq2[Entry, error], signer crypto.Signer,
	opts Options) (Result, error) {
	if err := t.check(); err != nil {
		return Result{}, fmt.Errorf("encoding a CRL: %w", err)
	}
	if signer == nil {
		return Result{}, errors.New("encoding a CRL: no signer is given")
	}
	if !algid.SamePublic(t.Issuer.PublicKey, signer.Public()) {
		return Result{}, fmt.Errorf("encoding a CRL: the signer's key is not that of the issuer %q", t.Issuer.Subject)
	}
	algorithm, err := algid.For(signer.Public(), opts.Signature)
	if err != nil {
		return Result{}, fmt.Errorf("encoding a CRL: %w", err)
	}

	body := newSpool(opts.SpoolDir)
	defer body.close()
	count, err := spoolEntries(ctx, body, entries, t.BaseNumber != nil)
	if err != nil {
		return Result{}, fmt.Errorf("encoding a CRL: %w", err)
	}
	e := &encoding{algorithm: algorithm, body: body}
	e.frame(t)
	if err := e.sign(ctx, signer); err != nil {
		return Result{}, fmt.Errorf("encoding a CRL: %w", err)
	}
	r, err := e.write(ctx, w)
	if err != nil {
		return Result{}, fmt.Errorf("writing a CRL: %w", err)
	}
	r.Entries = count
	return r, nil
}

// spoolEntries encodes all entries into s and returns how many there are.
func spoolEntries(ctx context.Context, s *spool, entries iter.Seq2[Entry, error], delta bool) (int, error) {
	var (
		count int
		order ascending
	)
	for entry, err := range entries {
		if err != nil {
			return 0, fmt.Errorf("reading revoked certificates: %w", err)
		}
		if count%checkEvery == 0 && ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		if err := entry.check(delta); err != nil {
			return 0, fmt.Errorf("entry %d: %w", count+1, err)
		}
		if !order.next(entry.Serial) {
			return 0, fmt.Errorf("entry %d: the serial number %x is listed twice", count+1, entry.Serial)
		}
		s.buf = appendEntry(s.buf, &entry)
		if err := s.spill(); err != nil {
			return 0, err
		}
		count++
	}
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if order.proven() {
		return count, nil
	}
	serial, err := findDuplicate(ctx, s, count, partSize)
	if err != nil {
		return 0, err
	}
	if serial != nil {
		return 0, fmt.Errorf("the serial number %x is listed twice", serial)
	}
	return count, nil
}

// encoding is a CRL between its parts being known and being written.
type encoding struct {
	algorithm *algid.Algorithm

	// The TBSCertList is head, the spool, tail.
	head, tail []byte
	body       *spool
	signature  []byte
}

// frame computes what stands before and after the entries in the TBSCertList.
func (e *encoding) frame(t Template) {
	extensions := der.Wrap(der.Context(0), t.extensions())
	fields := [][]byte{{der.Integer, 1, 1}, e.algorithm.DER, t.Issuer.RawSubject, der.AppendTime(nil, t.ThisUpdate),
		der.AppendTime(nil, t.NextUpdate)}
	if e.body.size() > 0 { // RFC 5280 section 5.1.2.6: absent, not empty, when there are none
		fields = append(fields, der.AppendHeader(nil, der.Sequence, e.body.size()))
	}
	n := e.body.size() + len(extensions)
	for _, f := range fields {
		n += len(f)
	}
	e.head = der.AppendHeader(nil, der.Sequence, n)
	for _, f := range fields {
		e.head = append(e.head, f...)
	}
	e.tail = extensions
}

func (e *encoding) tbsSize() int { return len(e.head) + e.body.size() + len(e.tail) }

// writeTBS writes the TBSCertList.
func (e *encoding) writeTBS(ctx context.Context, w io.Writer) error {
	if _, err := w.Write(e.head); err != nil {
		return err
	}
	if err := e.body.copyTo(ctx, w); err != nil {
		return err
	}
	_, err := w.Write(e.tail)
	return err
}

// sign signs the TBSCertList and verifies the signature: a CRL of a signer that failed silently must not leave
// the room.
func (e *encoding) sign(ctx context.Context, signer crypto.Signer) error {
	input, err := e.signerInput(ctx)
	if err != nil {
		return err
	}
	e.signature, err = e.algorithm.Sign(signer, input)
	if err != nil {
		return fmt.Errorf("signing: %w", err)
	}
	if err := e.algorithm.Verify(input, e.signature); err != nil {
		return fmt.Errorf("checking the signature that the signer made: %w", err)
	}
	return nil
}

// signerInput returns what is to be signed: the hash of the TBSCertList, or itself when the algorithm hashes on
// its own.
func (e *encoding) signerInput(ctx context.Context) ([]byte, error) {
	if e.algorithm.Hash == 0 {
		message := sliceWriter(make([]byte, 0, e.tbsSize()))
		err := e.writeTBS(ctx, &message)
		return message, err
	}
	h := e.algorithm.Hash.New()
	err := e.writeTBS(ctx, h)
	return h.Sum(nil), err
}

// write writes the finished CertificateList to w.
func (e *encoding) write(ctx context.Context, w io.Writer) (Result, error) {
	tail := append([]byte(nil), e.algorithm.DER...)
	tail = der.AppendHeader(tail, der.BitString, len(e.signature)+1)
	tail = append(tail, 0) // no unused bits
	tail = append(tail, e.signature...)
	n := e.tbsSize() + len(tail)

	out := &digestWriter{w: w, h: sha256.New()}
	if _, err := out.Write(der.AppendHeader(nil, der.Sequence, n)); err != nil {
		return Result{}, err
	}
	if err := e.writeTBS(ctx, out); err != nil {
		return Result{}, err
	}
	if _, err := out.Write(tail); err != nil {
		return Result{}, err
	}
	return Result{Size: out.n, Digest: [32]byte(out.h.Sum(nil))}, nil
}

// digestWriter hashes and counts what it passes on.
type digestWriter struct {
	w io.Writer
	h hash.Hash
	n int64
}

func (d *digestWriter) Write(p []byte) (int, error) {
	n, err := d.w.Write(p)
	d.h.Write(p[:n])
	d.n += int64(n)
	return n, err
}

// sliceWriter appends what is written to it.
type sliceWriter []byte

func (s *sliceWriter) Write(p []byte) (int, error) {
	*s = append(*s, p...)
	return len(p), nil
}
