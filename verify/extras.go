package verify

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/ocspcache"
	"seihon/public"
	"seihon/sectiona"
	"seihon/verify/report"
)

// extras looks for objects that the copy's checkpoint does not promise, and says what they are.
func (k *copyCheck) extras(ctx context.Context) error {
	l, ok := k.src.(Lister)
	if !ok {
		k.report(report.Finding{Code: "copy-unlisted"})
		return nil
	}
	k.listed = true
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(k.Workers)
	for obj, err := range l.List(ctx) {
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			k.report(report.Finding{Code: "copy-unreadable", Detail: err.Error()})
			break
		}
		if obj.Note == "" && (k.expected[obj.Name] || k.layout == LayoutObjects && k.shelf.promises(obj.Name)) {
			continue
		}
		g.Go(func() error {
			k.extraObject(gctx, obj)
			return gctx.Err()
		})
	}
	return g.Wait()
}

// extraObject judges one object that nobody promised. Earlier partial tiles, and what the log knows of other times, are
// ours. What it is called excuses nothing: a name that starts with a dot is as public as any other.
func (k *copyCheck) extraObject(ctx context.Context, obj Listed) {
	if obj.Note != "" {
		k.oddObject(obj)
		return
	}
	x, err := k.readExtra(ctx, obj.Name)
	if errors.Is(err, errNotAsked) {
		k.notAsked.Add(1)
		return
	}
	if err != nil {
		if ctx.Err() == nil {
			k.report(report.Finding{Code: "copy-unreadable", Name: obj.Name, Detail: err.Error()})
		}
		return
	}
	if x.whole() && k.isOwn(ctx, obj.Name, x.head) {
		return
	}
	k.extra.Add(1)
	a := artifact.Parse(x.head)
	f := report.Finding{Code: "copy-extra", Name: obj.Name, Detail: fmt.Sprintf("a %s of %d bytes", a.Kind, x.size)}
	if x.whole() {
		f.Got = a.Digest.String()
	} else {
		f.Detail = fmt.Sprintf("%d bytes, of which the first %d are a %s", x.size, len(x.head), a.Kind)
	}
	if x.cut {
		f.Detail += fmt.Sprintf("; what follows the first %d bytes was not read", x.size)
	}
	for _, why := range []string{a.Problem, x.dark} {
		if why != "" {
			f.Detail += ": " + why
		}
	}
	switch {
	case a.Kind == artifact.PrivateKey:
		f.Code, f.Detail = "private-key", a.Problem
	case x.key != "":
		f.Code, f.Detail = "private-key", x.key
	case x.whole() && k.isLeftover(ctx, obj.Name, x.head):
		f.Code = "copy-leftover"
	default:
		k.judgeExtra(a, &f)
	}
	k.report(f)
}

// oddObject reports what is no regular file. A folder without files is nobody's secret when the log knows names in it.
func (k *copyCheck) oddObject(obj Listed) {
	f := report.Finding{Code: "copy-extra", Name: obj.Name, Detail: obj.Note}
	if obj.Note == noteEmptyFolder {
		known := obj.Name == leftoverFolder || k.expected[strings.TrimSuffix(obj.Name, "/")]
		for name := range k.past.byName {
			known = known || strings.HasPrefix(name, obj.Name)
		}
		if known || strings.HasPrefix(obj.Name, "log/") {
			return
		}
		f.Severity = report.Warning
	}
	k.extra.Add(1)
	k.report(f)
}

// judgeExtra says what an object is to the log and to section A.
func (k *copyCheck) judgeExtra(a *artifact.Artifact, f *report.Finding) {
	d := a.Digest
	if a.Kind == artifact.OCSPGeneration {
		if g, _, err := ocspcache.ParseGeneration(a.Bytes); err == nil {
			d = artifact.Sum(g.Body())
		}
	}
	of := k.artifactOf(f.Name)
	vs := k.past.byName[of]
	gone, withdrawn := k.past.withdrawn[of]
	switch had := slices.ContainsFunc(vs, func(v *version) bool { return v.Digest == d }); {
	// the room withdraws what expired; publishers without the right to delete keep it
	case withdrawn && had && a.Kind == artifact.OCSPBundle:
		f.Code = "copy-superseded"
		return
	case withdrawn && had:
		f.Code = "copy-withdrawn"
		return
	case withdrawn:
		f.Detail += fmt.Sprintf("; the name was withdrawn by log entry %d, and never had these bytes", gone)
	}
	if i := slices.IndexFunc(vs, func(v *version) bool { return v.Digest == d }); i >= 0 && vs[i].index >= k.size {
		f.Code = "copy-ahead"
		return
	}
	if others := k.past.byDigest[d]; len(others) > 0 {
		f.Detail += "; the same bytes as the master of " + others[0].Name
	}
	if r := k.policy.Admit(a, sectiona.Evidence{}); r != nil {
		f.Rule, f.Got = r.Rule, r.Kind
		f.Detail += "; section A: " + r.Reason
		if isSecret(a.Kind) {
			f.Severity = report.Critical
		}
	}
}

// isSecret reports whether publishing a kind discloses something.
func isSecret(kind artifact.Kind) bool {
	switch kind {
	case artifact.PrivateKey, artifact.LedgerMaster, artifact.Log, artifact.RegistrationData:
		return true
	}
	return false
}

// isOwn reports whether an object is a file of the log at some other size, or a response that an expired certificate
// once had.
func (k *copyCheck) isOwn(ctx context.Context, name string, b []byte) bool {
	if k.isEarlierTile(ctx, name, b) {
		return true
	}
	if k.layout == LayoutObjects {
		return k.isEarlierResponse(name, b)
	}
	return false
}

// isEarlierTile reports whether b is a file of the log at another size: the beginning of a tile that has grown since,
// or a file that the copy's checkpoint does not promise yet.
func (k *copyCheck) isEarlierTile(ctx context.Context, name string, b []byte) bool {
	k.tilesOnce.Do(func() {
		k.tiles = map[string]ledger.File{}
		for f, err := range k.log.PublicFiles(ctx, 0, k.log.Size()) {
			if err != nil {
				return // the log's own findings say why
			}
			if n, err := public.Parse(f.Name); err == nil {
				k.tiles[grown(n)] = f
			}
		}
	})
	n, err := public.Parse(name)
	if err != nil {
		return false
	}
	f, ok := k.tiles[grown(n)]
	if !ok {
		return false
	}
	want, err := f.Bytes()
	if err != nil || name == f.Name {
		return err == nil && bytes.Equal(want, b)
	}
	if n.Kind != artifact.Tile {
		return false
	}
	if n.Tile.Entries {
		return bytes.Equal(firstRecords(want, n.Tile.Width), b)
	}
	hashes := n.Tile.Width * tlog.HashSize
	return len(want) >= hashes && bytes.Equal(want[:hashes], b)
}

// grown is the name that a file of the log has when it is complete: a tile's without the width of a partial one.
func grown(n public.Name) string {
	n.Tile = n.Tile.Full()
	return n.String()
}

// firstRecords returns the bytes of the first n entries of an entry bundle, nil when it has fewer.
func firstRecords(b []byte, n int) []byte {
	at := 0
	for range n {
		if len(b) < at+2 {
			return nil
		}
		at += 2 + int(binary.BigEndian.Uint16(b[at:]))
	}
	if at > len(b) {
		return nil
	}
	return b[:at]
}

// isEarlierResponse reports whether b is a response under its proper name that a trusted CA signed: no promise speaks
// of the answers of expired certificates, which stay where they are until they are withdrawn.
func (k *copyCheck) isEarlierResponse(name string, b []byte) bool {
	r, err := artifact.ParseResponse(b)
	if err != nil {
		return false
	}
	if _, _, err := k.trust.CheckResponse(r); err != nil {
		return false
	}
	return slices.ContainsFunc(r.Singles, func(s artifact.Single) bool {
		id := s.CertID
		return ocspcache.ObjectName(ocspcache.Key{Hash: id.Hash, IssuerNameHash: id.IssuerNameHash,
			IssuerKeyHash: id.IssuerKeyHash, Serial: id.Serial}) == name &&
			artifact.Stale(s.NextUpdate, k.now)
	})
}

// compareVantages reports names that different copies give different bytes for, at one and the same promised size: a
// cache that was not purged, or an attack on some of the relying parties.
func (c *checker) compareVantages(copies []*copyCheck) {
	for i, a := range copies {
		for _, b := range copies[i+1:] {
			var names []string
			for name, d := range a.digests {
				if other, ok := b.digests[name]; ok && other != d {
					names = append(names, name)
				}
			}
			slices.SortFunc(names, func(x, y string) int { return cmp.Compare(x, y) })
			for _, n := range names {
				c.Found(report.Finding{Code: "vantage-differs", Source: b.src.Name(), Name: n,
					Want: a.digests[n].String(), Got: b.digests[n].String(), Detail: "compared with " + a.src.Name()})
			}
		}
	}
}
