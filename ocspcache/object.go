package ocspcache

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"seihon/artifact"
	"seihon/public"
)

// maxObject is the longest object whose content is looked at for its headers.
// The CRL of a million revocations has 40 MB.
const maxObject = 256 << 20

// A describer remembers what the content of an object says, so that a request
// does not have to read it.
type describer struct {
	flight singleflight.Group // one reading of a new content, however many ask
	mu     sync.Mutex
	known  map[string]described
}

// described is the description of an object at a size and time of change.
type described struct {
	size     int64
	modified time.Time
	object   Object
	err      error
}

const maxDescribed = 1 << 16

func newDescriber() *describer { return &describer{known: make(map[string]described)} }

// open describes the object in f, which is called name.
func (d *describer) open(name string, f *os.File) (*Object, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("opening object %q: %w", name, fs.ErrNotExist)
	}
	d.mu.Lock()
	found, ok := d.known[name]
	d.mu.Unlock()
	if !ok || found.size != info.Size() || !found.modified.Equal(info.ModTime()) {
		result, _, _ := d.flight.Do(fmt.Sprint(name, info.Size(), info.ModTime().UnixNano()), func() (any, error) {
			return d.learn(name, f, info), nil
		})
		found, _ = result.(described)
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
	}
	if found.err != nil {
		return nil, found.err
	}
	o := found.object
	o.ReadSeekCloser = f
	return &o, nil
}

// learn describes the object in f and remembers that, unless reading failed: the
// next request tries again then.
func (d *describer) learn(name string, f *os.File, info fs.FileInfo) described {
	found := described{size: info.Size(), modified: info.ModTime()}
	found.object, found.err = describe(name, f, info)
	if found.err != nil && !errors.Is(found.err, fs.ErrNotExist) && !errors.Is(found.err, fs.ErrPermission) {
		return found
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.known) >= maxDescribed {
		clear(d.known)
	}
	d.known[name] = found
	return found
}

func describe(name string, f *os.File, info fs.FileInfo) (Object, error) {
	n, err := public.Parse(name)
	if err != nil {
		return Object{}, fmt.Errorf("opening object %q: %w", name, fs.ErrNotExist)
	}
	o := Object{Kind: n.Opaque(), Modified: info.ModTime()}
	if o.Kind == artifact.OCSPBundle {
		// Its name is its digest; reading gigabytes would tell nothing new.
		o.Digest = n.Digest
		return o, nil
	}
	if info.Size() > maxObject {
		return o, fmt.Errorf("opening object %q: %d bytes, at most %d are served: %w", name, info.Size(), maxObject,
			fs.ErrNotExist)
	}
	content, err := io.ReadAll(io.LimitReader(f, maxObject))
	if err != nil {
		return o, fmt.Errorf("reading object %q: %w", name, err)
	}
	if o.Kind != "" {
		o.Digest = artifact.Sum(content)
		return o, nil
	}
	return o, o.describeContent(name, content)
}

// describeContent fills in what the content says. Key material is withheld: a
// mistake of the operator must not become a publication.
func (o *Object) describeContent(name string, content []byte) error {
	a := artifact.Parse(content)
	o.Kind, o.Digest = a.Kind, a.Digest
	switch {
	case a.Kind == artifact.PrivateKey || a.Kind == artifact.LedgerMaster || a.Kind == artifact.RegistrationData:
		return fmt.Errorf("opening object %q: content is %s, which is never public: %w", name, a.Kind, fs.ErrPermission)
	case a.Kind.IsCertificate() && len(a.Certificates) == 1:
		o.ThisUpdate, o.NextUpdate = a.Certificates[0].NotBefore, a.Certificates[0].NotAfter
	case a.CRL != nil:
		o.ThisUpdate, o.NextUpdate = a.CRL.ThisUpdate, a.CRL.NextUpdate
	case a.OCSP != nil && len(a.OCSP.Singles) > 0:
		o.ThisUpdate, o.NextUpdate = a.OCSP.Singles[0].ThisUpdate, a.OCSP.Singles[0].NextUpdate
	}
	return nil
}
