package azurestore

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"seihon/publish"
)

const (
	singleUpTo   = 16 << 20 // larger objects go up in blocks
	minBlock     = 8 << 20
	maxBlocks    = 50000 // what Azure takes
	blockWorkers = 4     // blocks in flight; each holds its bytes
)

// putBlocks uploads a large object. Its body is read once; the commit, which makes
// the blocks an object, comes after the digest of the whole was compared.
func (s *Store) putBlocks(ctx context.Context, o publish.Object, c publish.Condition) (publish.Receipt, error) {
	access, err := conditions(c)
	if err != nil {
		return publish.Receipt{}, err
	}
	body, err := o.Body()
	if err != nil {
		return publish.Receipt{}, err
	}
	defer body.Close()
	names, err := s.stage(ctx, o, o.Promised(body))
	if err != nil {
		return publish.Receipt{}, err
	}
	out, err := s.blob(o.Name).CommitBlockList(ctx, names, &blockblob.CommitBlockListOptions{
		HTTPHeaders: headers(o), Metadata: metadata(o), AccessConditions: access,
	})
	if err != nil {
		return publish.Receipt{}, err
	}
	return publish.Receipt{ETag: unquote(out.ETag), Version: value(out.VersionID), Requests: len(names) + 1}, nil
}

// stage uploads the blocks, a few at a time, and returns their names in order. Each
// upload has names of its own: two publishers that race never mix their blocks.
func (s *Store) stage(ctx context.Context, o publish.Object, source io.Reader) (names []string, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	limit := make(chan struct{}, blockWorkers)
	upload, size := rand.Text(), max(minBlock, (o.Size+maxBlocks-1)/maxBlocks)
	for left := o.Size; left > 0 && ctx.Err() == nil; left -= size {
		limit <- struct{}{}
		b := make([]byte, min(size, left))
		if _, err := io.ReadFull(source, b); err != nil {
			cancel(err)
			break
		}
		number := len(names)
		name := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s-%05d", upload, number))
		names = append(names, name)
		wg.Go(func() {
			defer func() { <-limit }()
			sum := md5.Sum(b)
			_, err := s.blob(o.Name).StageBlock(ctx, name, streaming.NopCloser(bytes.NewReader(b)),
				&blockblob.StageBlockOptions{
					TransactionalValidation: blob.TransferValidationTypeMD5(sum[:]),
				})
			if err != nil {
				cancel(fmt.Errorf("uploading block %d: %w", number, err))
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(source, make([]byte, 1)); err != io.EOF {
		return nil, err
	}
	return names, nil
}
