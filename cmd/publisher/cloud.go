//go:build !nocloud

package main

import (
	"context"

	"seihon/internal/config"
	"seihon/publish"
	"seihon/publish/azurestore"
	"seihon/publish/credentials"
	"seihon/publish/gcsstore"
	"seihon/publish/purge"
	"seihon/publish/s3store"
)

// left is added to the version: what was left out of this binary.
const left = ""

// openBucket opens a target in the storage of a cloud, with the cloud's own SDK.
func openBucket(ctx context.Context, t config.Target) (publish.Store, publish.Price, error) {
	switch {
	case t.S3 != nil:
		s, err := s3store.Open(ctx, s3store.Config{
			Bucket: t.S3.Bucket, Prefix: t.S3.Prefix, Region: t.S3.Region, Endpoint: t.S3.Endpoint,
			PathStyle: t.S3.PathStyle, Profile: t.S3.Profile, Owner: t.S3.Owner,
		})
		return s, publish.PriceS3, err
	case t.GCS != nil:
		s, err := gcsstore.Open(ctx, gcsstore.Config{Bucket: t.GCS.Bucket, Prefix: t.GCS.Prefix})
		return s, publish.PriceGCS, err
	}
	s, err := azurestore.Open(azurestore.Config{
		Account: t.Azure.Account, Container: t.Azure.Container, Prefix: t.Azure.Prefix, Endpoint: t.Azure.Endpoint,
		Access: credentials.AzureFrom{File: string(t.Azure.AccessFile), Credential: t.Azure.AccessCredential},
	})
	return s, publish.Price{}, err // its price was not read: no estimate
}

// openCloudCDN makes a client of the CDN of a cloud.
func openCloudCDN(ctx context.Context, c *config.CDN, limits purge.Limits) (purge.CDN, error) {
	if c.Kind == "cloudfront" {
		return purge.OpenCloudFront(ctx, purge.CloudFrontConfig{
			Distribution: c.Distribution, Profile: c.Profile, Endpoint: c.Endpoint, Limits: limits,
		})
	}
	return purge.OpenCloudCDN(ctx, purge.CloudCDNConfig{
		Project: c.Project, URLMap: c.URLMap, Endpoint: c.Endpoint, Limits: limits,
	})
}
