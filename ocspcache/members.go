package ocspcache

import (
	"fmt"
	"iter"

	"seihon/artifact"
)

// Attach reads a.Bytes as a bundle and gives the artifact its members. The bytes
// must stay unchanged as long as the members are used.
func Attach(a *artifact.Artifact) error {
	b, err := ParseBundle(a.Bytes)
	if err != nil {
		return err
	}
	a.Kind = artifact.OCSPBundle
	a.Members = Members(b)
	return nil
}

// Members iterates over the responses of a bundle as artifacts, in the order of
// the file. A response that cannot be parsed, or that does not say what the index
// says of it, gives an error in its place; the rest follows.
func Members(b *Bundle) iter.Seq2[*artifact.Artifact, error] {
	return func(yield func(*artifact.Artifact, error) bool) {
		var cache artifact.CertificateCache
		for i := range uint32(b.count) {
			if a, err := b.member(i, &cache); !yield(a, err) {
				return
			}
		}
	}
}

func (b *Bundle) member(i uint32, cache *artifact.CertificateCache) (*artifact.Artifact, error) {
	e, ok := b.entryAt(i)
	if !ok {
		return nil, fmt.Errorf("reading OCSP bundle of %s, shard %d: entry %d points out of the file", b.issuer,
			b.shard, i)
	}
	s, err := scanResponse(e.der, b.keyOf(e))
	if err == nil && (s.thisUpdate != e.thisUpdate || s.nextUpdate != e.nextUpdate) {
		err = fmt.Errorf("index gives other times than the response")
	}
	var response *artifact.Response
	if err == nil {
		response, err = cache.ParseResponse(e.der)
	}
	if err != nil {
		return nil, fmt.Errorf("reading OCSP bundle of %s, shard %d, serial %x: %w", b.issuer, b.shard, e.serial, err)
	}
	return &artifact.Artifact{Kind: artifact.OCSPResponse, Digest: artifact.Sum(e.der), Bytes: e.der,
		OCSP: response}, nil
}
