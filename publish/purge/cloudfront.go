//go:build !nocloud

package purge

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/aws/smithy-go"

	"seihon/publish/credentials"
)

// What CloudFront takes at one time, by its quotas as read on 2026-11-24.
const (
	cloudFrontPaths     = 3000
	cloudFrontWildcards = 15
)

// CloudFrontConfig says which distribution.
type CloudFrontConfig struct {
	Distribution string
	Profile      string // of the shared configuration; empty: default
	Endpoint     string // of the API; empty: AWS
	Limits       Limits
}

// CloudFront is a distribution of Amazon CloudFront. The identity needs
// cloudfront:CreateInvalidation on it, and cloudfront:GetInvalidation to wait.
type CloudFront struct {
	client *cloudfront.Client
	c      CloudFrontConfig
}

// OpenCloudFront makes a client of the distribution. It sends no request.
func OpenCloudFront(ctx context.Context, c CloudFrontConfig) (*CloudFront, error) {
	c.Limits = c.Limits.withDefaults()
	loaded, err := credentials.AWS(ctx, "us-east-1", c.Profile) // CloudFront is global; its API is there
	if err != nil {
		return nil, fmt.Errorf("opening distribution %q: %w", c.Distribution, err)
	}
	client := cloudfront.NewFromConfig(loaded, func(o *cloudfront.Options) {
		if c.Endpoint != "" {
			o.BaseEndpoint = &c.Endpoint
		}
	})
	return &CloudFront{client: client, c: c}, nil
}

// Fold implements CDN.
func (f *CloudFront) Fold(paths []string) ([]string, error) {
	paths = fold(paths, cloudFrontPaths)
	if wildcards(paths) > cloudFrontWildcards {
		return []string{"/*"}, nil
	}
	return paths, nil
}

// Purge implements CDN. All paths are one invalidation.
func (f *CloudFront) Purge(ctx context.Context, paths []string) ([]Receipt, error) {
	// With the same reference a second try is the same invalidation, not one more to pay.
	reference := "seihon-" + newID()
	in := &cloudfront.CreateInvalidationInput{
		DistributionId: &f.c.Distribution,
		InvalidationBatch: &types.InvalidationBatch{
			CallerReference: &reference,
			Paths:           &types.Paths{Quantity: aws.Int32(int32(len(paths))), Items: slices.Clone(paths)},
		},
	}
	var receipts []Receipt
	err := f.c.Limits.try(ctx, func(ctx context.Context) error {
		out, err := f.client.CreateInvalidation(ctx, in)
		if err != nil {
			return awsError(err)
		}
		for _, p := range paths {
			receipts = append(receipts,
				Receipt{Path: p, ID: aws.ToString(out.Invalidation.Id),
					Done: aws.ToString(out.Invalidation.Status) == "Completed"})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("invalidating %d paths of distribution %q: %w", len(paths), f.c.Distribution, err)
	}
	return receipts, nil
}

// Wait implements CDN.
func (f *CloudFront) Wait(ctx context.Context, receipts []Receipt) error {
	for len(receipts) > 0 && !receipts[0].Done {
		err := sleep(ctx, f.c.Limits.Poll)
		if err == nil {
			err = f.look(ctx, receipts)
		}
		if err != nil {
			return fmt.Errorf("waiting for invalidation %s of distribution %q: %w", receipts[0].ID, f.c.Distribution,
				err)
		}
	}
	return nil
}

// look asks once how far the invalidation is.
func (f *CloudFront) look(ctx context.Context, receipts []Receipt) error {
	return f.c.Limits.try(ctx, func(ctx context.Context) error {
		out, err := f.client.GetInvalidation(ctx,
			&cloudfront.GetInvalidationInput{DistributionId: &f.c.Distribution, Id: &receipts[0].ID})
		if err != nil {
			return awsError(err)
		}
		for i := range receipts {
			receipts[i].Done = aws.ToString(out.Invalidation.Status) == "Completed"
		}
		return nil
	})
}

// awsError marks the errors after which another try makes sense.
func awsError(err error) error {
	if missing := (*credentials.Missing)(nil); errors.As(err, &missing) {
		return missing
	}
	var answer *awshttp.ResponseError
	answered := errors.As(err, &answer)
	var api smithy.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode() {
		case "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyInvalidationsInProgress",
			"ServiceUnavailable":
			l := &later{err: err}
			if answered && answer.Response != nil {
				l.after = retryAfter(answer.Response.Header)
			}
			return l
		}
	}
	if !answered || retryable(answer.HTTPStatusCode()) {
		return &later{err: err}
	}
	return err
}
