package s3store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"seihon/publish"
)

const (
	multipartFrom = 16 << 20    // larger objects go up in parts
	minPart       = 8 << 20     // S3 wants 5 MiB or more
	maxParts      = 10000       // what S3 takes
	partWorkers   = 4           // parts in flight; each holds its bytes
	abortTimeout  = time.Minute // for tidying up after a failure
)

// A part is a stretch of the body with its checksum.
type part struct {
	number int32
	offset int64
	size   int64
	sha256 [sha256.Size]byte
}

func (p part) checksum() *string { return aws.String(base64.StdEncoding.EncodeToString(p.sha256[:])) }

// putMultipart uploads a large object. The condition is checked when the parts
// are put together, which is also when the object appears.
func (s *Store) putMultipart(ctx context.Context, o publish.Object, c publish.Condition) (publish.Receipt, error) {
	none, match, err := conditions(c)
	if err != nil {
		return publish.Receipt{}, err
	}
	parts, err := hashParts(ctx, o)
	if err != nil {
		return publish.Receipt{}, err
	}
	create := &s3.CreateMultipartUploadInput{
		Bucket: &s.c.Bucket, Key: s.key(o.Name),
		ChecksumAlgorithm:   types.ChecksumAlgorithmSha256,
		ContentType:         &o.Header.ContentType,
		CacheControl:        optional(o.Header.CacheControl),
		ExpectedBucketOwner: s.owner(),
	}
	if !o.Header.Expires.IsZero() {
		create.Expires = &o.Header.Expires
	}
	upload, err := s.client.CreateMultipartUpload(ctx, create)
	if err != nil {
		return publish.Receipt{}, err
	}
	done, err := s.putParts(ctx, o, upload.UploadId, parts)
	var out *s3.CompleteMultipartUploadOutput
	if err == nil {
		out, err = s.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
			Bucket: &s.c.Bucket, Key: s.key(o.Name), UploadId: upload.UploadId,
			MultipartUpload:     &types.CompletedMultipartUpload{Parts: done},
			IfNoneMatch:         none,
			IfMatch:             match,
			ExpectedBucketOwner: s.owner(),
		})
	}
	if err != nil {
		return publish.Receipt{}, errors.Join(err, s.abort(ctx, o.Name, upload.UploadId))
	}
	return publish.Receipt{
		ETag: unquote(out.ETag), Version: aws.ToString(out.VersionId), Requests: len(parts) + 2,
	}, nil
}

// abort removes the parts of a failed upload. It works on although the sync was
// cancelled. Credentials may lack the permission: the bucket's lifecycle rule
// for incomplete uploads then does it, so a refusal is no second error.
func (s *Store) abort(ctx context.Context, name string, id *string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	_, err := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
		Bucket: &s.c.Bucket, Key: s.key(name), UploadId: id, ExpectedBucketOwner: s.owner(),
	})
	if err == nil || errors.Is(classify(ctx, err), publish.ErrDenied) ||
		errors.Is(classify(ctx, err), publish.ErrNotFound) {
		return nil
	}
	return fmt.Errorf("aborting the upload: %w", err)
}

// hashParts cuts the body into parts and reads it once, so that the checksums
// of the parts and the digest of the whole come from the same bytes.
func hashParts(ctx context.Context, o publish.Object) ([]part, error) {
	body, err := o.Body()
	if err != nil {
		return nil, err
	}
	defer body.Close()
	size := max(minPart, (o.Size+maxParts-1)/maxParts)
	whole := sha256.New()
	var parts []part
	var offset int64
	for offset < o.Size {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		h := sha256.New()
		n, err := io.CopyN(io.MultiWriter(whole, h), body, min(size, o.Size-offset))
		if err == io.EOF {
			return nil, fmt.Errorf("%w: %d bytes came, %d were promised", publish.ErrChecksum, offset+n, o.Size)
		}
		if err != nil {
			return nil, err
		}
		parts = append(parts,
			part{number: int32(len(parts) + 1), offset: offset, size: n, sha256: [sha256.Size]byte(h.Sum(nil))})
		offset += n
	}
	if [sha256.Size]byte(whole.Sum(nil)) != o.SHA256 {
		return nil, fmt.Errorf("%w: SHA-256 is %x, %s was promised", publish.ErrChecksum, whole.Sum(nil), o.SHA256)
	}
	return parts, nil
}

// putParts uploads the parts, a few at a time, and returns them in order.
func (s *Store) putParts(ctx context.Context, o publish.Object, id *string,
	parts []part) ([]types.CompletedPart, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make([]types.CompletedPart, len(parts))
	var wg sync.WaitGroup
	limit := make(chan struct{}, partWorkers)
	for i, p := range parts {
		limit <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-limit }()
			etag, err := s.putPart(ctx, o, id, p)
			if err != nil {
				cancel(fmt.Errorf("uploading part %d: %w", p.number, err))
				return
			}
			done[i] = types.CompletedPart{PartNumber: &p.number, ETag: etag, ChecksumSHA256: p.checksum()}
		})
	}
	wg.Wait()
	return done, context.Cause(ctx)
}

func (s *Store) putPart(ctx context.Context, o publish.Object, id *string, p part) (etag *string, err error) {
	body, err := o.Body()
	if err != nil {
		return nil, err
	}
	defer body.Close()
	if _, err := body.Seek(p.offset, io.SeekStart); err != nil {
		return nil, err
	}
	b := make([]byte, p.size)
	if _, err := io.ReadFull(body, b); err != nil {
		return nil, err
	}
	out, err := s.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &s.c.Bucket, Key: s.key(o.Name), UploadId: id,
		PartNumber: &p.number, Body: bytes.NewReader(b), ContentLength: &p.size,
		ChecksumSHA256:      p.checksum(),
		ExpectedBucketOwner: s.owner(),
	})
	if err != nil {
		return nil, err
	}
	return out.ETag, nil
}
