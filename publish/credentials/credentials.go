// Package credentials finds the cloud credentials of a target by the providers'
// own chains, and says in one sentence what to do when there are none: the
// chains themselves end with the error of the last place they looked into, a
// metadata service that an on-premises host does not have.
//
// Nothing here reads a secret from the configuration or from the command line.
package credentials

import (
	"context"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"google.golang.org/api/option"
	htransport "google.golang.org/api/transport/http"

	"seihon/publish"
)

// Missing says that a chain found nothing, and what to do. It is a
// [publish.ErrNoCredentials].
type Missing struct {
	Cloud, Where, Do string
	Err              error // of the chain
}

func (m *Missing) Error() string {
	return fmt.Sprintf("no %s credentials in %s: %s (%v)", m.Cloud, m.Where, m.Do, m.Err)
}

// Unwrap lets callers branch on the sentinel and on the chain's own error.
func (m *Missing) Unwrap() []error { return []error{publish.ErrNoCredentials, m.Err} }

// AWS loads the SDK's standard configuration for a region and a profile, both of
// which may be empty. The SDK does not retry: its callers have their own budgets.
func AWS(ctx context.Context, region, profile string, more ...func(*config.LoadOptions) error) (aws.Config, error) {
	options := append([]func(*config.LoadOptions) error{
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
	}, more...)
	if region != "" {
		options = append(options, config.WithRegion(region))
	}
	if profile != "" {
		options = append(options, config.WithSharedConfigProfile(profile))
	}
	c, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, err
	}
	if b, ok := c.HTTPClient.(*awshttp.BuildableClient); ok {
		c.HTTPClient = &http.Client{Transport: Stay(b.GetTransport()), Timeout: b.GetTimeout()}
	}
	if c.Credentials != nil {
		c.Credentials = aws.NewCredentialsCache(explained{c.Credentials, profile})
	}
	return c, nil
}

// explained is a chain whose failure says what to do.
type explained struct {
	chain   aws.CredentialsProvider
	profile string
}

func (e explained) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := e.chain.Retrieve(ctx)
	if err == nil || ctx.Err() != nil {
		return c, err
	}
	m := &Missing{
		Cloud: "AWS", Where: "the environment, the shared configuration and the metadata service", Err: err,
		Do: "name a profile in the configuration or in AWS_PROFILE, or give the host a role (terraform/README.md)",
	}
	if e.profile != "" {
		m.Where = fmt.Sprintf("the profile %q of the shared configuration", e.profile)
	}
	return c, m
}

// Google wraps a transport so that each request carries a token of the
// Application Default Credentials.
func Google(ctx context.Context, base http.RoundTripper, scopes ...string) (http.RoundTripper, error) {
	t, err := htransport.NewTransport(ctx, base, option.WithScopes(scopes...))
	if err != nil {
		return nil, &Missing{
			Cloud: "Google", Where: "the application default credentials", Err: err,
			Do: "name a file in GOOGLE_APPLICATION_CREDENTIALS, or give the host a service account " +
				"(terraform/README.md)",
		}
	}
	return t, nil
}
