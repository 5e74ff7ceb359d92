package verify

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"iter"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/ocspcache"
	"seihon/public"
	"seihon/verify/report"
)

// logFiles compares the public copy of the log itself.
func (k *copyCheck) logFiles(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(k.Workers)
	i := -1
	for f, err := range k.log.PublicFiles(ctx, 0, k.size) {
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			break // the log's own findings say why
		}
		k.expected[f.Name] = true
		i++
		at := i
		g.Go(func() error {
			k.enterFile(at, f, k.compareFile(gctx, f))
			return gctx.Err()
		})
	}
	return g.Wait()
}

func (k *copyCheck) compareFile(ctx context.Context, f ledger.File) sighting {
	if k.Tier == report.TierList {
		return k.compareSize(ctx, f.Name, f.Size, f.Digest, false)
	}
	if k.taken(f.Name, f.Digest, f.Size) {
		return sighting{f.Digest, report.EqualEarlier}
	}
	got, o, err := k.digest(ctx, f.Name, f.Size)
	if errors.Is(err, errLonger) {
		return k.longer(ctx, ledger.Line{Name: f.Name, Kind: f.Kind, Digest: f.Digest, Size: f.Size})
	}
	if err != nil {
		return k.unread(ctx, f.Name, f.Digest.String(), err)
	}
	fine := k.checkHeaders(f.Name, f.Kind, nil, o)
	if got != f.Digest {
		k.mismatch(ctx, ledger.Line{Name: f.Name, Kind: f.Kind, Digest: f.Digest, Size: f.Size}, got)
		return sighting{got, report.Different}
	}
	if fine {
		k.done(f.Name, got, f.Size, o)
	}
	return sighting{got, report.Equal}
}

// A shelf holds the open bundles of the generations that the promised state names, by the issuer's name in the ledger.
type shelf map[string][]shelved

// A shelved is an open bundle and its digest, which the master's check compared; nil when it cannot be opened.
type shelved struct {
	*ocspcache.Bundle
	digest artifact.Digest
}

// openShelf opens the master's bundles. What cannot be opened has been reported by the checks of the master.
func (k *copyCheck) openShelf(ctx context.Context) shelf {
	s := shelf{}
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
		for _, gb := range g.Bundles {
			b, err := ocspcache.OpenBundle(k.log.BlobPath(ledger.Line{Kind: artifact.OCSPBundle, Digest: gb.Digest}))
			if err != nil {
				b = nil
			}
			s[g.Issuer] = append(s[g.Issuer], shelved{b, gb.Digest})
		}
	}
	return s
}

func (s shelf) close() {
	for b := range s.all() {
		b.Close()
	}
}

func (s shelf) all() iter.Seq[*ocspcache.Bundle] {
	return func(yield func(*ocspcache.Bundle) bool) {
		for _, b := range s.digests() {
			if !yield(b) {
				return
			}
		}
	}
}

func (s shelf) digests() iter.Seq2[artifact.Digest, *ocspcache.Bundle] {
	return func(yield func(artifact.Digest, *ocspcache.Bundle) bool) {
		for _, issuer := range slices.Sorted(maps.Keys(s)) {
			for _, b := range s[issuer] {
				if b.Bundle != nil && !yield(b.digest, b.Bundle) {
					return
				}
			}
		}
	}
}

// promises reports whether name is that of a member of the bundles. A million names are looked up, not remembered.
func (s shelf) promises(name string) bool {
	key, ok := responseKey(name)
	if !ok {
		return false
	}
	for _, bundles := range s {
		if b := bundles[ocspcache.ShardOf(key.Serial, len(bundles))]; b.Bundle != nil {
			if _, ok := b.Lookup(key); ok {
				return true
			}
		}
	}
	return false
}

// responseKey is the inverse of ocspcache.ObjectName.
func responseKey(name string) (key ocspcache.Key, ok bool) {
	n, err := public.Parse(name)
	if err != nil || n.Kind != artifact.OCSPResponse {
		return key, false
	}
	// Parse has checked both to be hex.
	key.IssuerKeyHash, _ = hex.DecodeString(n.KeyHash)
	key.Serial, _ = hex.DecodeString(n.Serial)
	key.Hash = n.Hash
	return key, true
}

// responses compares the single objects of the layout without a responder with the members of the master's bundles.
func (k *copyCheck) responses(ctx context.Context) error {
	for digest, b := range k.shelf.digests() {
		count := &bundleReading{digest: digest, reading: k.reading(report.Equal)}
		if k.Annex != nil {
			k.record.bundles = append(k.record.bundles, count)
		}
		if err := k.members(ctx, b, count); err != nil {
			return err
		}
	}
	return nil
}

// A memberOf is one response of a bundle with its public name.
type memberOf struct {
	name string
	der  []byte // valid as long as the bundle is open
}

// members compares the members of one bundle, some dozens at a time: a goroutine for each of a million files costs more
// than its file.
func (k *copyCheck) members(ctx context.Context, b *ocspcache.Bundle, count *bundleReading) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(k.Workers)
	var batch []memberOf
	flush := func() {
		if len(batch) == 0 {
			return
		}
		work := batch
		g.Go(func() error {
			for _, m := range work {
				count.total.Add(1)
				if k.compareMember(gctx, m.name, m.der) {
					count.equal.Add(1)
				}
			}
			return gctx.Err()
		})
		batch = nil
	}
	for key, der := range b.All() {
		if batch = append(batch, memberOf{ocspcache.ObjectName(key), der}); len(batch) == 64 {
			flush()
		}
		if gctx.Err() != nil {
			break
		}
	}
	flush()
	return g.Wait()
}

// compareMember reports whether the object is the member.
func (k *copyCheck) compareMember(ctx context.Context, name string, der []byte) bool {
	if k.Tier == report.TierList {
		return k.compareSize(ctx, name, int64(len(der)), artifact.Sum(der), false).how == report.SizeOnly
	}
	if k.resume != nil && k.taken(name, artifact.Sum(der), int64(len(der))) {
		return true
	}
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	n, o, err := k.readInto(ctx, name, (*buf)[:min(len(*buf), len(der)+1)])
	if err != nil {
		k.unread(ctx, name, artifact.Sum(der).String(), err)
		return false
	}
	k.objects.Add(1)
	same := bytes.Equal((*buf)[:n], der)
	if same && o.Header == nil {
		return true
	}
	line := ledger.Line{Name: name, Kind: artifact.OCSPResponse, Digest: artifact.Sum(der), Size: int64(len(der))}
	if r, err := artifact.ParseResponse(der); err == nil {
		line.NotBefore, line.NotAfter = r.Singles[0].ThisUpdate, r.Singles[0].NextUpdate
	}
	fine := k.checkHeaders(name, artifact.OCSPResponse, &line, o)
	if same {
		if fine {
			k.done(name, line.Digest, line.Size, o)
		}
		return true
	}
	b, _, err := k.read(ctx, name, maxRead)
	if err != nil {
		k.unread(ctx, name, line.Digest.String(), err)
		return false
	}
	k.mismatchedMember(line, der, b)
	return false
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
	f := report.Finding{Code: "copy-different", Name: line.Name, Want: line.Digest.String(),
		Got: artifact.Sum(got).String()}
	a := artifact.Parse(got)
	switch {
	case a.Kind == artifact.PrivateKey:
		f.Code, f.Detail = "private-key", a.Problem
	case a.OCSP == nil:
		f.Detail = "its content is a " + string(a.Kind) + ". " + a.Problem
	default:
		ours, err := artifact.ParseResponse(want)
		if err == nil && a.OCSP.Singles[0].ThisUpdate.Before(ours.Singles[0].ThisUpdate) {
			f.Code, f.Detail = "copy-outdated", "its thisUpdate is "+report.Stamp(a.OCSP.Singles[0].ThisUpdate)
		} else {
			f.Detail = "it is another response"
		}
	}
	k.report(f)
}
