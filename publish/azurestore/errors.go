package azurestore

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"seihon/publish"
	"seihon/publish/credentials"
)

// An answer is what Azure said instead of doing it, in one line: the library
// draws a page of it.
type answer struct{ *azcore.ResponseError }

func (a answer) Error() string {
	text := fmt.Sprintf("Azure answers %d %s", a.StatusCode, a.ErrorCode)
	if a.RawResponse != nil {
		if id := a.RawResponse.Header.Get("x-ms-request-id"); id != "" {
			text += " (request " + id + ")"
		}
	}
	return text
}

func (a answer) Unwrap() error { return a.ResponseError }

// classify adds to an error of the client the sentinel that the engine branches on.
func classify(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	if missing := (*credentials.Missing)(nil); errors.As(err, &missing) {
		return missing // the SDK's layers around it say nothing more
	}
	var resp *azcore.ResponseError
	if !errors.As(err, &resp) {
		return err
	}
	if sentinel := byCode(resp); sentinel != nil {
		return fmt.Errorf("%w: %w", sentinel, answer{resp})
	}
	return answer{resp}
}

// codes are answers whose status alone would mislead.
var codes = map[bloberror.Code]error{
	bloberror.BlobAlreadyExists: publish.ErrConflict, // 409: If-None-Match: * did not hold
	bloberror.InvalidBlockList:  publish.ErrConflict, // 400: another writer's commit threw our blocks away

	bloberror.MD5Mismatch:   publish.ErrChecksum, // 400
	bloberror.CRC64Mismatch: publish.ErrChecksum,

	// Nothing that a retry, a right or another name could mend.
	bloberror.ContainerNotFound:     publish.ErrInvalid, // 404
	bloberror.ContainerDisabled:     publish.ErrInvalid, // 409
	bloberror.ContainerBeingDeleted: publish.ErrInvalid, // 409

	bloberror.BlobImmutableDueToPolicy: publish.ErrDenied, // 409: a retention policy or a legal hold
	bloberror.LeaseIDMissing:           publish.ErrDenied, // 412: somebody holds a lease on the blob

	bloberror.PendingCopyOperation: nil, // 409, and over soon
	bloberror.SystemInUse:          nil,
}

func byCode(resp *azcore.ResponseError) error {
	if sentinel, ok := codes[bloberror.Code(resp.ErrorCode)]; ok {
		return sentinel
	}
	switch resp.StatusCode {
	case http.StatusPreconditionFailed:
		return publish.ErrConflict
	case http.StatusNotFound:
		return publish.ErrNotFound
	case http.StatusUnauthorized, http.StatusForbidden:
		return publish.ErrDenied
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return publish.ErrBusy
	case http.StatusBadRequest, http.StatusConflict, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return publish.ErrInvalid
	}
	return nil
}
