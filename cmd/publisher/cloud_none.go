//go:build nocloud

package main

import (
	"context"
	"fmt"

	"seihon/internal/cliexit"
	"seihon/internal/config"
	"seihon/publish"
	"seihon/publish/purge"
)

// left is added to the version: what was left out of this binary.
const left = " nocloud"

func openBucket(_ context.Context, t config.Target) (publish.Store, publish.Price, error) {
	return nil, publish.Price{}, withoutCloud(fmt.Sprintf("target %q is a bucket", t.Name))
}

func openCloudCDN(_ context.Context, c *config.CDN, _ purge.Limits) (purge.CDN, error) {
	return nil, withoutCloud(fmt.Sprintf("a CDN of kind %q belongs to a cloud", c.Kind))
}

func withoutCloud(what string) error {
	return cliexit.UsageError("%s, and this publisher was built without the SDKs of the clouds (nocloud): use the "+
		"other one", what)
}
