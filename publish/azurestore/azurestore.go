// Package azurestore publishes to Azure Blob Storage.
//
// Every write carries a condition and the MD5 of what is sent, by which Azure
// refuses bytes that changed on the way. It does not know SHA-256, so the driver
// compares the ledger's with the bytes before the last of them can become public,
// and leaves it with the blob as metadata (x-ms-meta-sha256), where other tools
// find it. Objects up to 16 MiB are one Put Blob; larger ones are blocks that
// nobody sees until they are committed. The condition sits on the commit, so a
// writer that loses a race leaves nothing public; blocks that were never committed
// are Azure's to remove, after a week. The tag of an object is its ETag.
//
// Credentials come from [credentials.Azure]. Reading and writing suffice; listing
// and deleting are used only when asked for. The client does not retry, since the
// engine has one budget for all stores.
package azurestore

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"seihon/publish"
	"seihon/publish/credentials"
)

// Config says which container and how to reach it.
type Config struct {
	Account   string // storage account
	Container string
	Prefix    string // of every name, such as "ca1/"; may be empty
	Endpoint  string // URL of the blob service, such as https://ACCOUNT.blob.core.windows.net

	Access credentials.AzureFrom // where the secret lies; empty: environment and identity

	// MaxConns bounds the idle connections; 0 means 512, the engine's own limit.
	MaxConns int
}

// A Store is one container, or a prefix in it.
type Store struct {
	client *container.Client
	c      Config
}

var (
	_ publish.Store  = (*Store)(nil)
	_ publish.Lister = (*Store)(nil)
)

// Open makes a client of the container. It sends no request to it.
func Open(c Config) (*Store, error) {
	s, err := open(c)
	if err != nil {
		return nil, fmt.Errorf("opening Azure target %q: %w", c.Container, err)
	}
	return s, nil
}

func open(c Config) (*Store, error) {
	if c.Account == "" || c.Container == "" || c.Endpoint == "" {
		return nil, errors.New("no storage account, no container or no endpoint is named")
	}
	at, err := url.Parse(strings.TrimSuffix(c.Endpoint, "/") + "/" + url.PathEscape(c.Container))
	if err != nil {
		return nil, err
	}
	if c.MaxConns <= 0 {
		c.MaxConns = 512
	}
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.MaxIdleConns, base.MaxIdleConnsPerHost = c.MaxConns, c.MaxConns
	base.ResponseHeaderTimeout, base.DisableCompression = time.Minute, true
	access, err := credentials.Azure(c.Access, base)
	if err != nil {
		return nil, err
	}
	// The signature of a key covers one request; a token and a shared access
	// signature are good for whoever reads them.
	if access.Key == "" && at.Scheme != "https" && !loopback(at.Hostname()) {
		return nil, fmt.Errorf("a token or a shared access signature is not sent in the clear: %q is no https address",
			c.Endpoint)
	}
	client, err := containerClient(at.String(), c.Account, access, base)
	if err != nil {
		return nil, err
	}
	return &Store{client: client, c: c}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func containerClient(at, account string, access credentials.AzureAccess,
	base http.RoundTripper) (*container.Client, error) {
	if access.SAS != nil {
		base = credentials.Append(base, access.SAS)
	}
	options := &container.ClientOptions{ClientOptions: policy.ClientOptions{
		Transport: &http.Client{Transport: credentials.Stay(base)},
		Retry:     policy.RetryOptions{MaxRetries: -1},
	}}
	switch {
	case access.Key != "":
		key, err := container.NewSharedKeyCredential(account, access.Key)
		if err != nil {
			return nil, errors.New("the key of the storage account is no base64")
		}
		return container.NewClientWithSharedKeyCredential(at, key, options)
	case access.Token != nil:
		return container.NewClient(at, access.Token, options)
	}
	return container.NewClientWithNoCredential(at, options) // the signature is in the query
}

func (s *Store) blob(name string) *blockblob.Client {
	return s.client.NewBlockBlobClient(s.c.Prefix + name)
}

func conditions(c publish.Condition) (*blob.AccessConditions, error) {
	var m blob.ModifiedAccessConditions
	switch {
	case c.IfAbsent && c.IfMatch == "":
		tag := azcore.ETagAny
		m.IfNoneMatch = &tag
	case !c.IfAbsent && c.IfMatch != "":
		tag := azcore.ETag(`"` + c.IfMatch + `"`)
		m.IfMatch = &tag
	default:
		return nil, errors.New("want exactly one condition, if-absent or if-match")
	}
	return &blob.AccessConditions{ModifiedAccessConditions: &m}, nil
}

func headers(o publish.Object) *blob.HTTPHeaders {
	h := &blob.HTTPHeaders{BlobContentType: &o.Header.ContentType}
	if o.Header.CacheControl != "" {
		h.BlobCacheControl = &o.Header.CacheControl
	}
	return h
}

func metadata(o publish.Object) map[string]*string {
	hex := o.SHA256.String()
	return map[string]*string{"sha256": &hex}
}

// Put implements publish.Store.
func (s *Store) Put(ctx context.Context, o publish.Object, c publish.Condition) (publish.Receipt, error) {
	put := s.putSingle
	if o.Size > singleUpTo {
		put = s.putBlocks
	}
	r, err := put(ctx, o, c)
	if err != nil {
		return r, fmt.Errorf("putting %q into %q: %w", o.Name, s.c.Container, classify(ctx, err))
	}
	return r, nil
}

func (s *Store) putSingle(ctx context.Context, o publish.Object, c publish.Condition) (publish.Receipt, error) {
	access, err := conditions(c)
	if err != nil {
		return publish.Receipt{}, err
	}
	b, err := o.Whole()
	if err != nil {
		return publish.Receipt{}, err
	}
	sum := md5.Sum(b)
	out, err := s.blob(o.Name).Upload(ctx, streaming.NopCloser(bytes.NewReader(b)), &blockblob.UploadOptions{
		HTTPHeaders: headers(o), Metadata: metadata(o), AccessConditions: access,
		TransactionalValidation: blob.TransferValidationTypeMD5(sum[:]),
	})
	if err != nil {
		return publish.Receipt{}, err
	}
	return publish.Receipt{ETag: unquote(out.ETag), Version: value(out.VersionID)}, nil
}

// Get implements publish.Store.
func (s *Store) Get(ctx context.Context, name string) (*publish.Reader, error) {
	out, err := s.blob(name).DownloadStream(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("getting %q from %q: %w", name, s.c.Container, classify(ctx, err))
	}
	size := int64(-1)
	if out.ContentLength != nil {
		size = *out.ContentLength
	}
	r := &publish.Reader{
		ReadCloser:   out.Body,
		Size:         size,
		ETag:         unquote(out.ETag),
		Version:      value(out.VersionID),
		ContentType:  value(out.ContentType),
		CacheControl: value(out.CacheControl),
	}
	if out.LastModified != nil {
		r.LastModified = *out.LastModified
	}
	return r, nil
}

// Delete implements publish.Store.
func (s *Store) Delete(ctx context.Context, name string, c publish.Condition) error {
	access, err := conditions(c)
	if err == nil && c.IfAbsent {
		err = errors.New("a delete needs the tag of what it removes")
	}
	if err == nil {
		_, err = s.blob(name).Delete(ctx, &blob.DeleteOptions{AccessConditions: access})
	}
	if err != nil {
		return fmt.Errorf("deleting %q from %q: %w", name, s.c.Container, classify(ctx, err))
	}
	return nil
}

// listPage is how many blobs one answer of a listing names, as with S3: 5000, which Azure would give, are megabytes of
// XML.
const listPage = 1000

// List implements publish.Lister.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[publish.Listed, error] {
	return func(yield func(publish.Listed, error) bool) {
		whole, most := s.c.Prefix+prefix, int32(listPage)
		for pages := s.client.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Prefix: &whole,
			MaxResults: &most}); pages.More(); {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(publish.Listed{}, fmt.Errorf("listing %q in %q: %w", prefix, s.c.Container, classify(ctx, err)))
				return
			}
			for _, b := range page.Segment.BlobItems {
				l := publish.Listed{Name: strings.TrimPrefix(value(b.Name), s.c.Prefix), Size: -1}
				if p := b.Properties; p != nil {
					l.ETag = unquote(p.ETag)
					if p.ContentLength != nil {
						l.Size = *p.ContentLength
					}
				}
				if !yield(l, nil) {
					return
				}
			}
		}
	}
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func unquote(tag *azcore.ETag) string {
	if tag == nil {
		return ""
	}
	return strings.Trim(string(*tag), `"`)
}
