package publish

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"seihon/artifact"
	"seihon/public"
)

// The errors on which the engine branches. A driver wraps them, so that the
// message still says what the provider answered.
var (
	// ErrConflict reports that the condition of a Put or Delete did not hold:
	// the object exists although it had to be absent, or its tag is another.
	// Nothing was written.
	ErrConflict = errors.New("condition does not hold")

	// ErrNotFound reports that there is no object of that name.
	ErrNotFound = errors.New("no such object")

	// ErrChecksum reports that the bytes that arrived are not those that the
	// caller promised. Nothing was written.
	ErrChecksum = errors.New("checksum does not match")

	// ErrDenied reports that the credentials do not allow the request. It is
	// never retried.
	ErrDenied = errors.New("permission denied")

	// ErrNoCredentials reports that there is nothing to sign the request with.
	// It is never retried.
	ErrNoCredentials = errors.New("no credentials")

	// ErrInvalid reports that the store does not understand or take the
	// request, such as an impossible bucket name. It is never retried.
	ErrInvalid = errors.New("store refuses the request")

	// ErrBusy reports that the store asked for fewer requests (429, 503
	// SlowDown). The engine lowers its concurrency and tries again.
	ErrBusy = errors.New("store asks to slow down")
)

// A Store holds the objects of one target. All methods may be called from
// many goroutines at once.
//
// A driver does not retry, so that one budget (see Limits) governs every
// driver and the number of requests is what the plan says. It honours ctx,
// and returns an error that wraps ErrConflict, ErrNotFound, ErrChecksum,
// ErrDenied, ErrNoCredentials, ErrInvalid or ErrBusy where one of them is the
// reason.
type Store interface {
	// Put writes one object if the condition holds. When it returns nil the
	// object is durable, and readers see either all of the new bytes or all
	// of the old. The store refuses bytes whose SHA-256 is not o.SHA256.
	// After any other error the object may or may not have been written:
	// the caller finds out by trying again and comparing on ErrConflict.
	Put(ctx context.Context, o Object, c Condition) (Receipt, error)

	// Get opens an object for reading. The caller closes the reader.
	Get(ctx context.Context, name string) (*Reader, error)

	// Delete removes one object if its tag is c.IfMatch, which is required:
	// nothing is removed that the caller has not seen.
	Delete(ctx context.Context, name string, c Condition) error
}

// A Lister is a Store that can also enumerate. Publishing never needs it;
// verification of extra objects does.
type Lister interface {
	// List yields the objects whose names begin with prefix, in byte order
	// of their names, page by page.
	List(ctx context.Context, prefix string) iter.Seq2[Listed, error]
}

// A Tagger is a Store whose tag is a function of the content, so that a
// replacement can be made conditional on the old bytes without a request to
// learn their tag. The result is a hint: when it is wrong, the Put fails with
// ErrConflict and the engine reads the object instead.
type Tagger interface {
	Tag(content []byte) string
}

// Listed is one object as enumerated.
type Listed struct {
	Name string
	Size int64
	ETag string
}

// An Object is what a Put writes.
type Object struct {
	Name   string
	Body   func() (io.ReadSeekCloser, error) // opened once for each attempt
	Size   int64
	SHA256 artifact.Digest
	CRC32C uint32 // Castagnoli; of the same bytes
	Header public.Header
}

// A Condition limits a Put or Delete. Exactly one of the two fields is set: a
// write without a condition does not exist in this package.
type Condition struct {
	IfAbsent bool
	IfMatch  string // the ETag that the object must have
}

// A Receipt is what the store said about a write.
type Receipt struct {
	ETag       string
	Version    string // S3 version id
	Generation int64  // GCS generation
	Requests   int    // how many requests it took; 0 means one
}

// A Reader is an open object.
type Reader struct {
	io.ReadCloser
	Size         int64 // -1 if unknown
	ETag         string
	Version      string
	Generation   int64
	ContentType  string
	CacheControl string
	LastModified time.Time
}

// Bytes returns a Body over b.
func Bytes(b []byte) func() (io.ReadSeekCloser, error) {
	return func() (io.ReadSeekCloser, error) { return nopCloser{bytes.NewReader(b)}, nil }
}

type nopCloser struct{ *bytes.Reader }

func (nopCloser) Close() error { return nil }
