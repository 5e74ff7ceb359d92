package verify

import (
	"bytes"
	"context"
	"io"

	"golang.org/x/sync/errgroup"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/ocspcache"
)

// logFiles compares the public copy of the log itself.
func (k *copyCheck) logFiles(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(k.Workers)
	for f, err := range k.log.PublicFiles(ctx, 0, k.size) {
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			break // the log's own findings say why
		}
		k.expected[f.Name] = true
		g.Go(func() error {
			k.compareFile(gctx, f)
			return gctx.Err()
		})
	}
	return g.Wait()
}

func (k *copyCheck) compareFile(ctx context.Context, f ledger.File) {
	if k.Tier == TierList {
		k.compareSize(ctx, f.Name, f.Size, false)
		return
	}
	got, o, err := k.digest(ctx, f.Name)
	if err != nil {
		k.unread(ctx, f.Name, f.Digest.String(), err)
		return
	}
	k.checkHeaders(f.Name, f.Kind, nil, o)
	if got != f.Digest {
		k.mismatch(ctx, ledger.Line{Name: f.Name, Kind: f.Kind, Digest: f.Digest, Size: f.Size}, got)
	}
}

// bundlePaths returns the bundles of the generations that the promised state names.
func (k *copyCheck) bundlePaths(ctx context.Context) []string {
	var paths []string
	for line := range k.state.All() {
		if line.Kind != artifact.OCSPGeneration {
			continue
		}
		body, err := k.log.ReadBlob(ctx, line)
		if err != nil {
			continue
		}
		g, _, err := ocspcache.ParseGeneration(body)
		if err != nil {
			continue
		}
		for _, b := range g.Bundles {
			paths = append(paths, k.log.BlobPath(ledger.Line{Kind: artifact.OCSPBundle, Digest: b.Digest}))
		}
	}
	return paths
}

// responses compares the single objects of the layout without a responder with the members of the master's bundles.
func (k *copyCheck) responses(ctx context.Context) error {
	for _, path := range k.bundlePaths(ctx) {
		b, err := ocspcache.OpenBundle(path)
		if err != nil {
			continue // checkMaster or checkStatus has reported it
		}
		err = k.members(ctx, b)
		b.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (k *copyCheck) members(ctx context.Context, b *ocspcache.Bundle) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(k.Workers)
	for key, der := range b.All() {
		name := ocspcache.ObjectName(key)
		k.expected[name] = true
		if gctx.Err() != nil {
			break
		}
		g.Go(func() error {
			k.compareMember(gctx, name, der)
			return gctx.Err()
		})
	}
	return g.Wait()
}

func (k *copyCheck) compareMember(ctx context.Context, name string, der []byte) {
	if k.Tier == TierList {
		k.compareSize(ctx, name, int64(len(der)), false)
		return
	}
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	n, o, err := k.readInto(ctx, name, (*buf)[:min(len(*buf), len(der)+1)])
	if err != nil {
		k.unread(ctx, name, artifact.Sum(der).String(), err)
		return
	}
	k.objects.Add(1)
	equal := bytes.Equal((*buf)[:n], der)
	if equal && o.Header == nil {
		return
	}
	line := ledger.Line{Name: name, Kind: artifact.OCSPResponse, Digest: artifact.Sum(der), Size: int64(len(der))}
	if r, err := artifact.ParseResponse(der); err == nil {
		line.NotBefore, line.NotAfter = r.Singles[0].ThisUpdate, r.Singles[0].NextUpdate
	}
	k.checkHeaders(name, artifact.OCSPResponse, &line, o)
	if equal {
		return
	}
	b, _, err := k.read(ctx, name, maxRead)
	if err != nil {
		k.unread(ctx, name, line.Digest.String(), err)
		return
	}
	k.mismatchedMember(line, der, b)
}

// readInto reads as much of an object as fits into p.
func (k *copyCheck) readInto(ctx context.Context, name string, p []byte) (int, *Object, error) {
	o, err := k.fetch(ctx, name)
	if err != nil {
		return 0, nil, err
	}
	defer o.Close()
	n := 0
	for n < len(p) && err == nil {
		var m int
		m, err = o.Read(p[n:])
		n += m
	}
	k.bytes.Add(int64(n))
	if err == io.EOF {
		err = nil
	}
	return n, o, err
}

// mismatchedMember says what lies in the place of a response.
func (k *copyCheck) mismatchedMember(line ledger.Line, want, got []byte) {
	f := Finding{Code: "copy-different", Name: line.Name, Want: line.Digest.String(), Got: artifact.Sum(got).String()}
	a := artifact.Parse(got)
	switch {
	case a.Kind == artifact.PrivateKey:
		f.Code, f.Detail = "private-key", a.Problem
	case a.OCSP == nil:
		f.Detail = "its content is a " + string(a.Kind) + ". " + a.Problem
	default:
		ours, err := artifact.ParseResponse(want)
		if err == nil && a.OCSP.Singles[0].ThisUpdate.Before(ours.Singles[0].ThisUpdate) {
			f.Code, f.Detail = "copy-outdated", "its thisUpdate is "+stamp(a.OCSP.Singles[0].ThisUpdate)
		} else {
			f.Detail = "it is another response"
		}
	}
	k.report(f)
}
