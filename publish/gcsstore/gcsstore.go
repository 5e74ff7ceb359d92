// Package gcsstore publishes to Google Cloud Storage.
//
// Every write carries a generation condition and the CRC32C that the engine
// computed together with the ledger's SHA-256. Cloud Storage does not know
// SHA-256, so the driver compares it itself before the last byte leaves: a small
// object in memory, a large one as it streams, giving up the upload on a
// difference. The tag of an object is its generation.
//
// Credentials come from the standard chain (Application Default Credentials);
// with STORAGE_EMULATOR_HOST set, none are used. The client does not retry,
// since the engine has one budget for all stores.
package gcsstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/storage"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"

	"seihon/publish"
	"seihon/publish/credentials"
)

// smallObject is the size up to which an object is one request. The client
// allocates a buffer of ChunkSize for each larger upload.
const smallObject = 16 << 20

// Config says which bucket.
type Config struct {
	Bucket      string
	Prefix      string // of every name; may be empty
	UserProject string // who pays, for requester-pays buckets; may be empty

	// MaxConns bounds the idle connections; 0 means 512, the engine's own limit.
	MaxConns int
}

// A Store is one bucket, or a prefix in it.
type Store struct {
	client *storage.Client
	bucket *storage.BucketHandle
	c      Config
}

var (
	_ publish.Store  = (*Store)(nil)
	_ publish.Lister = (*Store)(nil)
)

// Open makes a client of the bucket. It sends no request to it.
func Open(ctx context.Context, c Config) (*Store, error) {
	if c.Bucket == "" {
		return nil, errors.New("opening GCS target: no bucket is named")
	}
	if c.MaxConns <= 0 {
		c.MaxConns = 512
	}
	hc, err := httpClient(ctx, c.MaxConns)
	if err != nil {
		return nil, fmt.Errorf("opening GCS target %q: %w", c.Bucket, err)
	}
	client, err := storage.NewClient(ctx, option.WithHTTPClient(hc), storage.WithJSONReads())
	if err != nil {
		return nil, fmt.Errorf("opening GCS target %q: %w", c.Bucket, err)
	}
	client.SetRetry(storage.WithPolicy(storage.RetryNever))
	bucket := client.Bucket(c.Bucket)
	if c.UserProject != "" {
		bucket = bucket.UserProject(c.UserProject)
	}
	return &Store{client: client, bucket: bucket, c: c}, nil
}

func httpClient(ctx context.Context, conns int) (*http.Client, error) {
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.MaxIdleConns, base.MaxIdleConnsPerHost = conns, conns
	base.ResponseHeaderTimeout = time.Minute
	if os.Getenv("STORAGE_EMULATOR_HOST") != "" {
		return &http.Client{Transport: credentials.Stay(base)}, nil
	}
	transport, err := credentials.Google(ctx, base, storage.ScopeReadWrite)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: credentials.Stay(transport)}, nil
}

// Close releases the client.
func (s *Store) Close() error { return s.client.Close() }

func (s *Store) object(name string, c publish.Condition) (*storage.ObjectHandle, error) {
	o := s.bucket.Object(s.c.Prefix + name)
	switch {
	case c.IfAbsent && c.IfMatch == "":
		return o.If(storage.Conditions{DoesNotExist: true}), nil
	case !c.IfAbsent && c.IfMatch != "":
		g, err := strconv.ParseInt(c.IfMatch, 10, 64)
		if err != nil || g <= 0 {
			return nil, fmt.Errorf("tag %q is not a generation", c.IfMatch)
		}
		return o.If(storage.Conditions{GenerationMatch: g}), nil
	}
	return nil, errors.New("want exactly one condition, if-absent or if-match")
}

// Put implements publish.Store.
func (s *Store) Put(ctx context.Context, o publish.Object, c publish.Condition) (publish.Receipt, error) {
	r, err := s.put(ctx, o, c)
	var api *googleapi.Error
	if errors.As(err, &api) && api.Code == http.StatusNotFound { // an object that is not there yet is what a put is for
		err = fmt.Errorf("%w: %w", storage.ErrBucketNotExist, err)
	}
	if err != nil {
		return r, fmt.Errorf("putting %q into %q: %w", o.Name, s.c.Bucket, classify(ctx, err))
	}
	return r, nil
}

func (s *Store) put(ctx context.Context, o publish.Object, c publish.Condition) (publish.Receipt, error) {
	handle, err := s.object(o.Name, c)
	if err != nil {
		return publish.Receipt{}, err
	}
	var source io.Reader
	if o.Size <= smallObject {
		b, err := o.Whole()
		if err != nil {
			return publish.Receipt{}, err
		}
		source = bytes.NewReader(b)
	} else {
		body, err := o.Body()
		if err != nil {
			return publish.Receipt{}, err
		}
		defer body.Close()
		source = o.Promised(body)
	}
	// Ending the writer's context before Close is how an upload is given up.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := handle.NewWriter(ctx)
	w.ChunkSize = 0
	if o.Size > smallObject {
		w.ChunkSize = smallObject
	}
	w.ContentType = o.Header.ContentType
	w.CacheControl = o.Header.CacheControl
	w.CRC32C, w.SendCRC32C = o.CRC32C, true
	if _, err := io.Copy(w, source); err != nil {
		cancel()
		return publish.Receipt{}, errors.Join(err, ignore(w.Close()))
	}
	if err := w.Close(); err != nil {
		return publish.Receipt{}, err
	}
	g := w.Attrs().Generation
	return publish.Receipt{ETag: strconv.FormatInt(g, 10), Generation: g, Requests: requests(o.Size)}, nil
}

// ignore drops the error of closing a writer that was given up on purpose.
func ignore(error) error { return nil }

// requests counts a resumable upload: one to begin and one for each chunk.
func requests(size int64) int {
	if size <= smallObject {
		return 1
	}
	return 1 + int((size+smallObject-1)/smallObject)
}

// Get implements publish.Store.
func (s *Store) Get(ctx context.Context, name string) (*publish.Reader, error) {
	r, err := s.bucket.Object(s.c.Prefix + name).NewReader(ctx)
	if err != nil {
		return nil, fmt.Errorf("getting %q from %q: %w", name, s.c.Bucket, classify(ctx, err))
	}
	return &publish.Reader{
		ReadCloser:   r,
		Size:         r.Attrs.Size,
		ETag:         strconv.FormatInt(r.Attrs.Generation, 10),
		Generation:   r.Attrs.Generation,
		ContentType:  r.Attrs.ContentType,
		CacheControl: r.Attrs.CacheControl,
		LastModified: r.Attrs.LastModified,
	}, nil
}

// Delete implements publish.Store.
func (s *Store) Delete(ctx context.Context, name string, c publish.Condition) error {
	handle, err := s.object(name, c)
	if err == nil && c.IfAbsent {
		err = errors.New("a delete needs the tag of what it removes")
	}
	if err == nil {
		err = handle.Delete(ctx)
	}
	if err != nil {
		return fmt.Errorf("deleting %q from %q: %w", name, s.c.Bucket, classify(ctx, err))
	}
	return nil
}

// List implements publish.Lister.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[publish.Listed, error] {
	return func(yield func(publish.Listed, error) bool) {
		q := &storage.Query{Prefix: s.c.Prefix + prefix}
		if err := q.SetAttrSelection([]string{"Name", "Size", "Generation"}); err != nil {
			yield(publish.Listed{}, fmt.Errorf("listing %q in %q: %w", prefix, s.c.Bucket, err))
			return
		}
		for it := s.bucket.Objects(ctx, q); ; {
			o, err := it.Next()
			if errors.Is(err, iterator.Done) {
				return
			}
			if err != nil {
				yield(publish.Listed{}, fmt.Errorf("listing %q in %q: %w", prefix, s.c.Bucket, classify(ctx, err)))
				return
			}
			name := strings.TrimPrefix(o.Name, s.c.Prefix)
			if !yield(publish.Listed{Name: name, Size: o.Size, ETag: strconv.FormatInt(o.Generation, 10)}, nil) {
				return
			}
		}
	}
}

// noBucket is what GCS says about an object whose bucket does not exist; the status, and the client's error, are those
// of an object that does not.
const noBucket = "The specified bucket does not exist"

// classify adds to an error of the client the sentinel that the engine branches on.
func classify(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	var sentinel error
	var api *googleapi.Error
	switch {
	case errors.Is(err, storage.ErrBucketNotExist), strings.Contains(err.Error(), noBucket):
		sentinel = publish.ErrInvalid // nothing that a retry, a right or another name could mend
	case errors.Is(err, storage.ErrObjectNotExist):
		sentinel = publish.ErrNotFound
	case errors.As(err, &api):
		sentinel = byStatus(api)
	}
	if sentinel == nil {
		return err
	}
	return fmt.Errorf("%w: %w", sentinel, err)
}

func byStatus(err *googleapi.Error) error {
	switch err.Code {
	case http.StatusPreconditionFailed:
		return publish.ErrConflict
	case http.StatusNotFound:
		return publish.ErrNotFound
	case http.StatusUnauthorized, http.StatusForbidden:
		return publish.ErrDenied
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return publish.ErrBusy
	case http.StatusBadRequest:
		if strings.Contains(strings.ToLower(err.Error()), "crc32c") {
			return publish.ErrChecksum
		}
		return publish.ErrInvalid
	}
	return nil
}
