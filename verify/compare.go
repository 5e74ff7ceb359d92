package verify

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"seihon/artifact"
	"seihon/internal/redirect"
	"seihon/ledger"
	"seihon/ocspcache"
	"seihon/verify/headers"
	"seihon/verify/report"
)

// compare fetches one artifact and compares it with its line.
func (k *copyCheck) compare(ctx context.Context, line ledger.Line) sighting {
	if k.Tier == report.TierList {
		return k.compareSize(ctx, line.Name, line.Size, line.Digest, line.Kind == artifact.OCSPGeneration)
	}
	if line.Kind == artifact.OCSPGeneration {
		return k.compareGeneration(ctx, line)
	}
	if k.taken(line.Name, line.Digest, line.Size) {
		k.remember(line, line.Digest)
		return sighting{line.Digest, report.EqualEarlier}
	}
	got, o, err := k.digest(ctx, line.Name, line.Size)
	if errors.Is(err, errLonger) {
		return k.longer(ctx, line)
	}
	if err != nil {
		if errors.Is(err, ErrNotFound) && line.Kind == artifact.OCSPBundle && artifact.Stale(line.NotAfter, k.now) {
			k.lapsed(line, err)
			return sighting{how: report.Missing}
		}
		return k.unread(ctx, line.Name, line.Digest.String(), err)
	}
	k.remember(line, got)
	fine := k.checkHeaders(line.Name, line.Kind, &line, o)
	if got != line.Digest {
		k.mismatch(ctx, line, got)
		return sighting{got, report.Different}
	}
	if fine {
		k.done(line.Name, got, line.Size, o)
	}
	return sighting{got, report.Equal}
}

// errLonger says that an object has more bytes than its master. How many more does not matter: it may have no end.
var errLonger = errors.New("it is longer than its master")

// digest hashes an object as it arrives, up to the size that it must have.
func (k *copyCheck) digest(ctx context.Context, name string, size int64) (artifact.Digest, *Object, error) {
	o, err := k.fetch(ctx, name)
	if err != nil {
		return artifact.Digest{}, nil, err
	}
	defer o.Close()
	h := sha256.New()
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	n, err := io.CopyBuffer(onlyWriter{h}, &boundedReader{ctx, o, size + 1}, *buf)
	k.bytes.Add(n)
	if err == nil && n > size {
		return artifact.Digest{}, o, errLonger
	}
	if err == nil && o.Size >= 0 && n != o.Size {
		err = fmt.Errorf("reading %s: %d bytes arrived of %d", name, n, o.Size)
	}
	if err != nil {
		return artifact.Digest{}, o, err
	}
	k.objects.Add(1)
	return artifact.Digest(h.Sum(nil)), o, nil
}

// buffers are what bytes pass through while they are hashed. The wrapper keeps io.CopyBuffer from finding other ways.
var buffers = sync.Pool{New: func() any { b := make([]byte, 128<<10); return &b }}

type onlyWriter struct{ io.Writer }

// A boundedReader reads at most left bytes, and nothing more once the check was interrupted.
type boundedReader struct {
	ctx  context.Context
	r    io.Reader
	left int64
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	if b.left <= 0 {
		return 0, io.EOF
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// longer reports an object that goes on where its master ends. Another version, or another name's master, may be
// longer.
func (k *copyCheck) longer(ctx context.Context, line ledger.Line) sighting {
	f := report.Finding{Code: "copy-different", Name: line.Name, Want: bytesText(line.Size),
		Got: "more than " + bytesText(line.Size)}
	if f.Detail = irregular(k.src, line.Name); f.Detail != "" {
		k.report(f)
		return sighting{how: report.Different}
	}
	b, _, err := k.read(ctx, line.Name, maxRead)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		f.Detail = err.Error()
		k.report(f)
	default:
		k.mismatch(ctx, line, artifact.Sum(b))
		return sighting{artifact.Sum(b), report.Different}
	}
	return sighting{how: report.Different}
}

// remember keeps the digests of names that change, for comparing vantages.
func (k *copyCheck) remember(line ledger.Line, got artifact.Digest) {
	if line.Kind == artifact.OCSPBundle || len(k.Copies) < 2 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.digests[line.Name] = got
}

// unread reports an object that is missing or could not be read.
func (k *copyCheck) unread(ctx context.Context, name, want string, err error) sighting {
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, errNotAsked):
		k.notAsked.Add(1)
		return sighting{how: report.NotRead}
	case errors.Is(err, ErrNotFound):
		k.report(report.Finding{Code: "copy-missing", Name: name, Want: want, Detail: refusal(err)})
		return sighting{how: report.Missing}
	default:
		k.report(cannotRead(name, want, err))
	}
	return sighting{how: report.Unreadable}
}

// cannotRead is the finding about what could not be read: as a rule that, or that its readers are sent where nothing is
// asked.
func cannotRead(name, want string, err error) report.Finding {
	var away *redirect.Refused
	if errors.As(err, &away) {
		return report.Finding{Code: headers.CodeRedirect, Severity: report.Error, Name: name, Want: want,
			Got: away.To.String(), Detail: away.Error()}
	}
	return report.Finding{Code: "copy-unreadable", Name: name, Want: want, Detail: err.Error()}
}

// mismatch says what the bytes under a name are instead of the master's.
func (k *copyCheck) mismatch(ctx context.Context, line ledger.Line, got artifact.Digest) {
	f := report.Finding{Code: "copy-different", Name: line.Name, Want: line.Digest.String(), Got: got.String()}
	promised := k.past.lineAt(line.Name, k.size)
	for _, v := range k.past.byName[line.Name] {
		if v.Digest != got || promised == nil {
			continue
		}
		if v.index > promised.index {
			f.Code, f.Severity = "copy-ahead", report.Note
		} else if f.Code != "copy-ahead" {
			f.Code = "copy-outdated"
		}
		f.Detail = describe(v)
	}
	if vs := k.past.byDigest[got]; f.Code == "copy-different" && len(vs) > 0 {
		f.Code, f.Detail = "copy-swapped", "the master of "+vs[0].Name
	}
	if f.Code == "copy-different" {
		f.Detail = k.explain(ctx, line)
		if f.Detail == "" {
			return // explain reported it under a code of its own
		}
	}
	k.report(f)
}

// explain looks into bytes that no master has. It returns "" when they hold a private key, which it reports.
func (k *copyCheck) explain(ctx context.Context, line ledger.Line) string {
	b, _, err := k.read(ctx, line.Name, maxRead)
	if err != nil {
		return "its content could not be read again: " + err.Error()
	}
	a := artifact.Parse(b)
	if a.Kind == artifact.PrivateKey {
		k.report(report.Finding{Code: "private-key", Name: line.Name, Want: line.Digest.String(),
			Got: a.Digest.String(), Detail: a.Problem})
		return ""
	}
	if a.Trailing > 0 || int64(len(b)) > line.Size && artifact.Sum(b[:line.Size]) == line.Digest {
		return fmt.Sprintf("the master's bytes, if any, are followed by %d others", int64(len(b))-line.Size)
	}
	if line.Kind.IsRevocationList() && a.CRL != nil {
		if _, err := k.trust.CheckCRL(a.CRL); err != nil {
			return "a list that no CA of this hierarchy signed: " + err.Error()
		}
		return fmt.Sprintf("a list numbered %v that is validly signed but not in the ledger", a.CRL.Number)
	}
	return strings.TrimSpace(fmt.Sprintf("its content is a %s of %d bytes, the master has %d. %s", a.Kind, len(b),
		line.Size, a.Problem))
}

// compareGeneration checks the public copy of a generation: the master's body, and a proof that holds with the pinned
// keys.
func (k *copyCheck) compareGeneration(ctx context.Context, line ledger.Line) sighting {
	b, o, err := k.read(ctx, line.Name, 16<<20)
	if err != nil {
		return k.unread(ctx, line.Name, line.Digest.String(), err)
	}
	k.objects.Add(1)
	k.checkHeaders(line.Name, line.Kind, &line, o)
	g, proof, err := ocspcache.ParseGeneration(b)
	if err != nil {
		k.remember(line, artifact.Sum(b))
		k.report(report.Finding{Code: "copy-different", Name: line.Name, Want: line.Digest.String(),
			Got: artifact.Sum(b).String(), Detail: err.Error()})
		return sighting{artifact.Sum(b), report.Different}
	}
	body := artifact.Sum(g.Body())
	k.remember(line, body)
	if body != line.Digest {
		k.mismatch(ctx, line, body)
		return sighting{body, report.Different}
	}
	proven, err := k.verifyProof(proof)
	switch {
	case err != nil:
		k.report(report.Finding{Code: "generation-proof", Name: line.Name, Detail: err.Error()})
	case proven.Digest != body || proven.Name != line.Name || proven.Kind != line.Kind:
		k.report(report.Finding{Code: "generation-proof", Name: line.Name, Want: body.String(),
			Got: proven.Digest.String(), Detail: "the proof is of another line, " + proven.Name})
	default:
		k.tolerateProof(line.Name, proof)
	}
	return sighting{body, report.Equal}
}

// compareSize is compare without reading: by size, and by digest where the source tells one.
func (k *copyCheck) compareSize(ctx context.Context, name string, size int64, digest artifact.Digest,
	atLeast bool) sighting {
	h, ok := k.src.(Heads)
	if !ok {
		k.report(report.Finding{Code: "copy-unreadable", Name: name, Want: bytesText(size),
			Detail: "the source tells nothing without being read; use another tier"})
		return sighting{how: report.Unreadable}
	}
	got, err := k.head(ctx, h, name)
	if err != nil {
		return k.unread(ctx, name, bytesText(size), err)
	}
	k.objects.Add(1)
	switch {
	case got.Size >= 0 && got.Size != size && !(atLeast && got.Size > size):
		k.report(report.Finding{Code: "copy-different", Name: name, Want: bytesText(size), Got: bytesText(got.Size)})
	case !got.Digest.IsZero() && got.Digest != digest && !atLeast:
		k.report(report.Finding{Code: "copy-different", Name: name, Want: digest.String(), Got: got.Digest.String()})
	default:
		return sighting{how: report.SizeOnly}
	}
	return sighting{how: report.Different}
}
