package ocspcache

import (
	"context"
	"errors"
	"iter"
	"time"
)

var errOutline = errors.New("not written yet")

// A Bundle is an open bundle file. Its methods are safe for concurrent use until
// Close; the slices it hands out end with it.
type Bundle struct {
	issuer string
	shard  uint16
}

// OpenBundle maps the bundle file at path.
func OpenBundle(path string) (*Bundle, error) { return nil, errOutline }

// ParseBundle reads a bundle held in memory. It keeps b.
func ParseBundle(b []byte) (*Bundle, error) { return nil, errOutline }

// Lookup returns the response for k.
func (b *Bundle) Lookup(k Key) ([]byte, bool) { return nil, false }

// All iterates over the responses in the order of the file: by hash algorithm,
// issuer key hash and serial.
func (b *Bundle) All() iter.Seq2[Key, []byte] { return func(func(Key, []byte) bool) {} }

// Check reads the whole bundle and reports the first thing that is wrong in it.
func (b *Bundle) Check(ctx context.Context) error { return errOutline }

// Len returns the number of responses.
func (b *Bundle) Len() int { return 0 }

// Issuer returns the name of the issuer whose certificates the responses speak of.
func (b *Bundle) Issuer() string { return b.issuer }

// Shard returns the shard that the bundle holds.
func (b *Bundle) Shard() uint16 { return b.shard }

// MinNextUpdate returns the earliest nextUpdate among the responses.
func (b *Bundle) MinNextUpdate() time.Time { return time.Time{} }

// MaxThisUpdate returns the latest thisUpdate among the responses.
func (b *Bundle) MaxThisUpdate() time.Time { return time.Time{} }

// Close unmaps the file.
func (b *Bundle) Close() error { return nil }
