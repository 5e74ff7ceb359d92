package s3store

import (
	"context"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyauth "github.com/aws/smithy-go/auth"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"seihon/publish"
)

// shortUpTo is the size up to which an object takes the short way. Larger ones
// gain nothing by it, and the SDK asks before it sends them (100-continue).
const shortUpTo = 1 << 20

// short is PutObject without the SDK's sixty layers of middleware, which for an
// object of a kilobyte cost more than all the rest. What decides about right and
// wrong is still the SDK's: its endpoint rules, resolved once instead of for
// each object, its credentials, its signature and its HTTP client. The SHA-256
// that the signature covers is the ledger's.
type short struct {
	base        string // URL of the bucket, with a slash at the end
	region      string // to sign for
	credentials aws.CredentialsProvider
	client      s3.HTTPClient
	signer      *v4.Signer
	c           Config
}

// newShort returns nil where only the SDK knows the way: access points, S3
// Express, several regions.
func newShort(ctx context.Context, o s3.Options, c Config) (*short, error) {
	if strings.HasPrefix(c.Bucket, "arn:") || o.Credentials == nil || o.UseAccelerate {
		return nil, nil
	}
	params := s3.EndpointParameters{
		Bucket: &c.Bucket, Region: &o.Region, ForcePathStyle: &o.UsePathStyle, Endpoint: o.BaseEndpoint,
		UseFIPS:      aws.Bool(o.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled),
		UseDualStack: aws.Bool(o.EndpointOptions.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled),
	}
	endpoint, err := o.EndpointResolverV2.ResolveEndpoint(ctx, params)
	if err != nil {
		return nil, fmt.Errorf("resolving the endpoint: %w", err)
	}
	s := &short{
		base: strings.TrimSuffix(endpoint.URI.String(), "/") + "/", region: o.Region, credentials: o.Credentials,
		client: o.HTTPClient, c: c,
		signer: v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }),
	}
	if schemes, ok := smithyauth.GetAuthOptions(&endpoint.Properties); ok && len(schemes) > 0 {
		if schemes[0].SchemeID != "sigv4" { // S3 Express and multi-region have others
			return nil, nil
		}
		if name, ok := smithyhttp.GetSigV4SigningName(&schemes[0].SignerProperties); ok && name != "s3" {
			return nil, nil
		}
		if region, ok := smithyhttp.GetSigV4SigningRegion(&schemes[0].SignerProperties); ok && region != "" {
			s.region = region
		}
	}
	return s, nil
}

func (s *short) put(ctx context.Context, o publish.Object, c publish.Condition) (publish.Receipt, error) {
	none, match, err := conditions(c)
	if err != nil {
		return publish.Receipt{}, err
	}
	body, err := o.Body()
	if err != nil {
		return publish.Receipt{}, err
	}
	defer body.Close()
	q, err := http.NewRequestWithContext(ctx, http.MethodPut, s.base+escape(s.c.Prefix+o.Name), body)
	if err != nil {
		return publish.Receipt{}, err
	}
	q.ContentLength = o.Size
	if o.Size == 0 {
		q.Body = http.NoBody
	}
	set := func(name, value string) {
		if value != "" {
			q.Header.Set(name, value)
		}
	}
	hash := o.SHA256.String()
	set("X-Amz-Content-Sha256", hash)
	set("X-Amz-Checksum-Sha256", base64.StdEncoding.EncodeToString(o.SHA256[:]))
	set("X-Amz-Expected-Bucket-Owner", s.c.Owner)
	set("Content-Type", o.Header.ContentType)
	set("Cache-Control", o.Header.CacheControl)
	set("If-None-Match", aws.ToString(none))
	set("If-Match", aws.ToString(match))
	set("User-Agent", "seihon-publisher")
	if !o.Header.Expires.IsZero() {
		set("Expires", o.Header.Expires.UTC().Format(http.TimeFormat))
	}
	keys, err := s.credentials.Retrieve(ctx)
	if err != nil {
		return publish.Receipt{}, fmt.Errorf("getting credentials: %w", err)
	}
	if err := s.signer.SignHTTP(ctx, keys, q, hash, "s3", s.region, s.c.Now().UTC()); err != nil {
		return publish.Receipt{}, fmt.Errorf("signing the request: %w", err)
	}
	return s.send(q)
}

func (s *short) send(q *http.Request) (publish.Receipt, error) {
	resp, err := s.client.Do(q)
	if err != nil {
		return publish.Receipt{}, err
	}
	defer resp.Body.Close()
	// A body that is read to its end lets the connection be used again.
	b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return publish.Receipt{}, fmt.Errorf("reading the answer: %w", err)
	}
	if resp.StatusCode == http.StatusOK {
		return publish.Receipt{ETag: strings.Trim(resp.Header.Get("ETag"), `"`),
			Version: resp.Header.Get("X-Amz-Version-Id")}, nil
	}
	return publish.Receipt{}, asSDK(resp, b)
}

// asSDK makes of an answer the error that the SDK would have made, so that both
// ways are judged alike.
func asSDK(resp *http.Response, body []byte) error {
	var answer struct{ Code, Message string }
	if err := xml.Unmarshal(body, &answer); err != nil || answer.Code == "" {
		answer.Code, answer.Message = http.StatusText(resp.StatusCode), "the answer is no S3 error"
	}
	return &awshttp.ResponseError{
		RequestID: resp.Header.Get("X-Amz-Request-Id"),
		ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: resp},
			Err:      &smithy.GenericAPIError{Code: answer.Code, Message: answer.Message},
		},
	}
}

// escape encodes a key for the path as S3's signatures want it: everything but
// RFC 3986's unreserved characters and the slash.
func escape(key string) string {
	const unreserved = "-._~/"
	var b strings.Builder
	for i := range len(key) {
		c := key[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			strings.IndexByte(unreserved, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
