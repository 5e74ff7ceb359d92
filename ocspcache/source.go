package ocspcache

import (
	"context"
	"io"
	"time"

	"seihon/artifact"
)

// A Source holds the public copy of a repository: the current generation of each
// issuer with its bundles, and the objects by their public names.
type Source interface {
	// Acquire pins the current view. The caller releases it after it has written
	// the answer; the files behind it stay mapped until then.
	Acquire() *View
	// Open opens the public object of that name. The error is fs.ErrNotExist
	// when there is none.
	Open(ctx context.Context, name string) (*Object, error)
	// Close ends the source's work in the background and unmaps its files.
	Close() error
}

// An Object is a public object that is open for reading.
type Object struct {
	Kind       artifact.Kind
	Digest     artifact.Digest // of the content, its ETag
	ThisUpdate time.Time       // or notBefore; zero when the content has no dates
	NextUpdate time.Time       // or notAfter
	Modified   time.Time       // of the stored copy
	io.ReadSeekCloser
}

// lastModified is thisUpdate where the content has one, so that every copy of
// the object has the same.
func (o *Object) lastModified() time.Time {
	if o.ThisUpdate.IsZero() {
		return o.Modified
	}
	return o.ThisUpdate
}
