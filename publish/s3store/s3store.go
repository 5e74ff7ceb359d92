// Package s3store publishes to Amazon S3 and to stores that speak its protocol
// (Cloudflare R2, MinIO, versitygw).
//
// Every write carries the SHA-256 that the ledger knows, so the store refuses
// bytes that are not the master's, and a condition. Objects up to 16 MiB are
// one PutObject; larger ones are multipart uploads whose parts each carry their
// own SHA-256, computed in the same pass in which the whole was compared with
// the ledger's. The condition then sits on the completion, so an upload that
// loses a race leaves nothing behind.
//
// Credentials come from the SDK's standard chain. s3:PutObject and s3:GetObject
// suffice; listing and deleting are used only when asked for. The SDK neither
// retries nor adds checksums of its own: the engine has one budget for all
// stores, and some stores refuse the trailing checksums. Small objects take a
// short way through it (see short), since there may be a million of them.
package s3store

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"seihon/publish"
	"seihon/publish/credentials"
)

// Config says which bucket and how to reach it.
type Config struct {
	Bucket    string
	Prefix    string // of every key, such as "ca1/"; may be empty
	Region    string // empty: from the environment
	Endpoint  string // URL of an S3-compatible store; empty: AWS
	PathStyle bool   // http://host/bucket/key, which most compatible stores want
	Profile   string // of the shared configuration; empty: default
	Owner     string // AWS account that must own the bucket; empty: not checked

	// Opaque says that the store's ETag is not the MD5 of the content, as
	// with SSE-KMS. It only saves requests: a wrong guess is harmless.
	Opaque bool

	Now func() time.Time // of signatures; nil is time.Now

	// MaxConns bounds the idle connections; 0 means 512, the engine's own limit.
	MaxConns int
}

// A Store is one bucket, or a prefix in it.
type Store struct {
	client *s3.Client
	short  *short // nil if the bucket needs the SDK's own way
	c      Config
}

var (
	_ publish.Store  = (*Store)(nil)
	_ publish.Lister = (*Store)(nil)
	_ publish.Tagger = (*Store)(nil)
)

// Open makes a client of the bucket. It sends no request to it.
func Open(ctx context.Context, c Config) (*Store, error) {
	if c.Bucket == "" {
		return nil, errors.New("opening S3 target: no bucket is named")
	}
	if c.MaxConns <= 0 {
		c.MaxConns = 512
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	loaded, err := credentials.AWS(ctx, c.Region, c.Profile,
		config.WithHTTPClient(httpClient(c.MaxConns)),
		config.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenRequired),
		config.WithResponseChecksumValidation(aws.ResponseChecksumValidationWhenRequired),
	)
	if err != nil {
		return nil, fmt.Errorf("opening S3 target %q: %w", c.Bucket, err)
	}
	if loaded.Region == "" {
		return nil, fmt.Errorf("opening S3 target %q: no region: set it in the configuration or as AWS_REGION",
			c.Bucket)
	}
	client := s3.NewFromConfig(loaded, func(o *s3.Options) {
		o.UsePathStyle = c.PathStyle
		if c.Endpoint != "" {
			o.BaseEndpoint = aws.String(c.Endpoint)
		}
	})
	s := &Store{client: client, c: c}
	if s.short, err = newShort(ctx, client.Options(), c); err != nil {
		return nil, fmt.Errorf("opening S3 target %q: %w", c.Bucket, err)
	}
	return s, nil
}

// httpClient keeps as many connections as the engine may use at once. The SDK's
// default keeps ten, so that most requests would open a new one.
func httpClient(conns int) *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns = conns
		t.MaxIdleConnsPerHost = conns
		t.IdleConnTimeout = 90 * time.Second
		t.ResponseHeaderTimeout = time.Minute
		t.WriteBufferSize, t.ReadBufferSize = 8<<10, 8<<10
	})
}

// Tag returns the ETag of an object with that content.
func (s *Store) Tag(content []byte) string {
	if s.c.Opaque || len(content) > multipartFrom {
		return ""
	}
	sum := md5.Sum(content)
	return hex.EncodeToString(sum[:])
}

func (s *Store) key(name string) *string { return aws.String(s.c.Prefix + name) }

func (s *Store) owner() *string {
	if s.c.Owner == "" {
		return nil
	}
	return aws.String(s.c.Owner)
}

// conditions returns the two header values, of which one is nil.
func conditions(c publish.Condition) (ifNoneMatch, ifMatch *string, err error) {
	switch {
	case c.IfAbsent && c.IfMatch == "":
		return aws.String("*"), nil, nil
	case !c.IfAbsent && c.IfMatch != "":
		return nil, aws.String(`"` + c.IfMatch + `"`), nil
	}
	return nil, nil, errors.New("want exactly one condition, if-absent or if-match")
}

// Put implements publish.Store.
func (s *Store) Put(ctx context.Context, o publish.Object, c publish.Condition) (publish.Receipt, error) {
	put := s.putSingle
	switch {
	case o.Size > multipartFrom:
		put = s.putMultipart
	case s.short != nil && o.Size <= shortUpTo:
		put = s.short.put
	}
	r, err := put(ctx, o, c)
	if err != nil {
		return r, fmt.Errorf("putting %q into %q: %w", o.Name, s.c.Bucket, classify(ctx, err))
	}
	return r, nil
}

func (s *Store) putSingle(ctx context.Context, o publish.Object, c publish.Condition) (publish.Receipt, error) {
	none, match, err := conditions(c)
	if err != nil {
		return publish.Receipt{}, err
	}
	body, err := o.Body()
	if err != nil {
		return publish.Receipt{}, err
	}
	defer body.Close()
	in := &s3.PutObjectInput{
		Bucket:              &s.c.Bucket,
		Key:                 s.key(o.Name),
		Body:                body,
		ContentLength:       &o.Size,
		ChecksumSHA256:      aws.String(base64.StdEncoding.EncodeToString(o.SHA256[:])),
		IfNoneMatch:         none,
		IfMatch:             match,
		ContentType:         &o.Header.ContentType,
		CacheControl:        optional(o.Header.CacheControl),
		ExpectedBucketOwner: s.owner(),
	}
	if !o.Header.Expires.IsZero() {
		in.Expires = &o.Header.Expires
	}
	out, err := s.client.PutObject(ctx, in)
	if err != nil {
		return publish.Receipt{}, err
	}
	return publish.Receipt{ETag: unquote(out.ETag), Version: aws.ToString(out.VersionId)}, nil
}

// Get implements publish.Store.
func (s *Store) Get(ctx context.Context, name string) (*publish.Reader, error) {
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{
		Bucket: &s.c.Bucket, Key: s.key(name), ExpectedBucketOwner: s.owner(),
	})
	if err != nil {
		return nil, fmt.Errorf("getting %q from %q: %w", name, s.c.Bucket, classify(ctx, err))
	}
	size := int64(-1)
	if out.ContentLength != nil {
		size = *out.ContentLength
	}
	return &publish.Reader{
		ReadCloser:   out.Body,
		Size:         size,
		ETag:         unquote(out.ETag),
		Version:      aws.ToString(out.VersionId),
		ContentType:  aws.ToString(out.ContentType),
		CacheControl: aws.ToString(out.CacheControl),
		LastModified: aws.ToTime(out.LastModified),
	}, nil
}

// Delete implements publish.Store. With versioning it leaves a delete marker.
//
// BUG: MinIO ignores the condition on a delete and removes whatever is there.
func (s *Store) Delete(ctx context.Context, name string, c publish.Condition) error {
	_, match, err := conditions(c)
	if err == nil && match == nil {
		err = errors.New("a delete needs the tag of what it removes")
	}
	if err == nil {
		_, err = s.client.DeleteObject(ctx, &s3.DeleteObjectInput{
			Bucket: &s.c.Bucket, Key: s.key(name), IfMatch: match, ExpectedBucketOwner: s.owner(),
		})
	}
	if err != nil {
		return fmt.Errorf("deleting %q from %q: %w", name, s.c.Bucket, classify(ctx, err))
	}
	return nil
}

// List implements publish.Lister.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[publish.Listed, error] {
	return func(yield func(publish.Listed, error) bool) {
		pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{
			Bucket: &s.c.Bucket, Prefix: s.key(prefix), ExpectedBucketOwner: s.owner(),
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(publish.Listed{}, fmt.Errorf("listing %q in %q: %w", prefix, s.c.Bucket, classify(ctx, err)))
				return
			}
			for _, o := range page.Contents {
				name := strings.TrimPrefix(aws.ToString(o.Key), s.c.Prefix)
				if !yield(publish.Listed{Name: name, Size: aws.ToInt64(o.Size), ETag: unquote(o.ETag)}, nil) {
					return
				}
			}
		}
	}
}

// classify adds to an error of the SDK the sentinel that the engine branches on.
func classify(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	if missing := (*credentials.Missing)(nil); errors.As(err, &missing) {
		return missing // the SDK's layers around it say nothing more
	}
	var sentinel error
	var status *awshttp.ResponseError
	if errors.As(err, &status) {
		sentinel = byStatus(status.HTTPStatusCode())
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode() {
		case "PreconditionFailed":
			sentinel = publish.ErrConflict
		case "NoSuchKey":
			sentinel = publish.ErrNotFound
		case "BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch":
			sentinel = publish.ErrChecksum
		case "SlowDown", "SlowDownWrite", "TooManyRequests", "RequestLimitExceeded", "ConditionalRequestConflict":
			sentinel = publish.ErrBusy
		case "RequestTimeout": // 400, but only slow
			sentinel = nil
		case "NoSuchBucket":
			sentinel = publish.ErrInvalid // nothing that a retry, a right or another name could mend
		}
	}
	if sentinel == nil {
		return err
	}
	return fmt.Errorf("%w: %w", sentinel, err)
}

func byStatus(code int) error {
	switch code {
	case http.StatusPreconditionFailed:
		return publish.ErrConflict
	case http.StatusNotFound:
		return publish.ErrNotFound
	case http.StatusUnauthorized, http.StatusForbidden:
		return publish.ErrDenied
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return publish.ErrBusy
	case http.StatusBadRequest, http.StatusMovedPermanently, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return publish.ErrInvalid
	}
	return nil
}

func unquote(etag *string) string { return strings.Trim(aws.ToString(etag), `"`) }

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
