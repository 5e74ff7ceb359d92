// Package source reads what other systems know of a CA's certificates, as
// streams of inventory.Record: OpenSSL's index.txt, CSV, JSON lines, a folder
// of certificates, a signed CRL, and a query against the CA's own database.
//
// Each reader is strict: a line that it does not understand ends the import
// with its number, since a revocation that is skipped is a revocation that is
// forgotten. The digest of a source is the SHA-256 of the bytes read, so that
// sha256sum shows what an override was signed for; a folder and a query, which
// have no such bytes, are digested over the records as they come.
package source

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"time"

	"seihon/artifact"
	"seihon/internal/unwrap"
	"seihon/inventory"
)

// Options are what a file does not say of itself.
type Options struct {
	Name string // for people; a file name
	// AsOf is the moment that the input describes, such as the file's time of
	// modification. An input older than the last one is refused.
	AsOf time.Time
	// Kind is what the certificates are; empty means subscriber certificates.
	Kind artifact.Kind
	// Partial says that serials may be missing from the input.
	Partial bool
	// Misissued reports whether a serial that RFC 5280 4.1.2.2 forbids is known to be that of a certificate which
	// exists. Nil: none is.
	Misissued func(serial []byte) bool
	// Irregular explains what a CA got wrong in a certificate, "" when that does not matter. Nil: it is not asked.
	Irregular func(c, by *x509.Certificate) string
}

func (o Options) scope() inventory.Completeness {
	if o.Partial {
		return inventory.Partial
	}
	return inventory.AllSerials
}

func (o Options) kind() artifact.Kind {
	if o.Kind == "" {
		return artifact.SubscriberCertificate
	}
	return o.Kind
}

// maxLine is the longest line of a text format; a base64 certificate in JSON
// fits in easily.
const maxLine = 1 << 20

// text is a source of lines, one record each.
type text struct {
	info  inventory.SourceInfo
	r     io.Reader
	sum   hash.Hash
	parse func(line []byte, r *inventory.Record) (ok bool, err error)
}

func newText(r io.Reader, format string, o Options, parse func([]byte, *inventory.Record) (bool, error)) *text {
	return &text{r: r, sum: sha256.New(), parse: parse,
		info: inventory.SourceInfo{Name: o.Name, Format: format, Scope: o.scope(), AsOf: o.AsOf}}
}

// Info describes the source.
func (t *text) Info() inventory.SourceInfo { return t.info }

// Records parses line by line.
func (t *text) Records(ctx context.Context) iter.Seq2[inventory.Record, error] {
	return func(yield func(inventory.Record, error) bool) {
		fail := func(number int, err error) {
			yield(inventory.Record{}, fmt.Errorf("parsing %s line %d: %w", t.info.Format, number, err))
		}
		in := bufio.NewReaderSize(unwrap.NewReader(io.TeeReader(t.r, t.sum)), maxLine)
		for number := 1; ; number++ {
			line, err := in.ReadSlice('\n')
			if err != nil && err != io.EOF || ctx.Err() != nil {
				if errors.Is(err, bufio.ErrBufferFull) {
					err = fmt.Errorf("it is longer than %d octets", maxLine)
				}
				fail(number, errors.Join(err, ctx.Err()))
				return
			}
			end := err == io.EOF
			for len(line) > 0 && (line[len(line)-1] == '\n' || line[len(line)-1] == '\r') {
				line = line[:len(line)-1]
			}
			var r inventory.Record
			if len(line) > 0 {
				ok, err := t.parse(line, &r)
				if err != nil {
					fail(number, err)
					return
				}
				r.Line = number
				if ok && !yield(r, nil) {
					return
				}
			}
			if end {
				t.info.Digest = artifact.Digest(t.sum.Sum(nil))
				return
			}
		}
	}
}

// stamp writes a time for messages.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// recordDigest digests records of a source that has no bytes of its own.
type recordDigest struct{ h hash.Hash }

func newRecordDigest() recordDigest { return recordDigest{sha256.New()} }

func (d recordDigest) add(r *inventory.Record) {
	fmt.Fprintf(d.h, "%x %d %d %d %d %d %d %q %q %q %x\n", r.Serial, r.State, r.NotBefore.Unix(), r.NotAfter.Unix(),
		r.Revocation.Time.Unix(), r.Revocation.Reason, r.Revocation.InvalidityDate.Unix(), r.Kind, r.Subject, r.Consent,
		sha256.Sum256(r.DER))
}

func (d recordDigest) sum() artifact.Digest { return artifact.Digest(d.h.Sum(nil)) }
