package main

import (
	"seihon/artifact"
	"seihon/ocspcache"
)

// bundleArtifact lets section A see every response inside a bundle.
func bundleArtifact(content []byte) (*artifact.Artifact, error) {
	b, err := ocspcache.ParseBundle(content)
	if err != nil {
		return nil, err
	}
	a := artifact.Parse(content)
	a.Members = func(yield func(*artifact.Artifact, error) bool) {
		for _, der := range b.All() {
			if !yield(artifact.Parse(der), nil) {
				return
			}
		}
	}
	return a, nil
}
