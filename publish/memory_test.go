package publish_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"seihon/publish"
	"seihon/publish/storetest"
)

// memStore is a store in memory with the tags of S3.
type memStore struct {
	mu       sync.Mutex
	objects  map[string]memObject
	requests []string // "PUT name", in order
}

type memObject struct {
	body   []byte
	header string
}

func newMemStore() *memStore { return &memStore{objects: map[string]memObject{}} }

func (m *memStore) Tag(b []byte) string {
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}

func (m *memStore) Put(ctx context.Context, o publish.Object, c publish.Condition) (publish.Receipt, error) {
	if c.IfAbsent == (c.IfMatch != "") {
		return publish.Receipt{}, errors.New("want exactly one condition")
	}
	body, err := o.Body()
	if err != nil {
		return publish.Receipt{}, err
	}
	defer body.Close()
	b, err := io.ReadAll(body)
	if err := errors.Join(err, ctx.Err()); err != nil {
		return publish.Receipt{}, err
	}
	if int64(len(b)) != o.Size || sha256.Sum256(b) != o.SHA256 {
		return publish.Receipt{}, publish.ErrChecksum
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests = append(m.requests, "PUT "+o.Name)
	if err := m.check(o.Name, c); err != nil {
		return publish.Receipt{}, err
	}
	m.objects[o.Name] = memObject{b, o.Header.ContentType + "|" + o.Header.CacheControl}
	return publish.Receipt{ETag: m.Tag(b)}, nil
}

func (m *memStore) check(name string, c publish.Condition) error {
	o, ok := m.objects[name]
	switch {
	case c.IfAbsent && ok:
		return publish.ErrConflict
	case !c.IfAbsent && !ok:
		return publish.ErrNotFound
	case !c.IfAbsent && m.Tag(o.body) != c.IfMatch:
		return publish.ErrConflict
	}
	return nil
}

func (m *memStore) Get(ctx context.Context, name string) (*publish.Reader, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests = append(m.requests, "GET "+name)
	o, ok := m.objects[name]
	if !ok {
		return nil, fmt.Errorf("getting %q: %w", name, publish.ErrNotFound)
	}
	kind, cache, _ := strings.Cut(o.header, "|")
	return &publish.Reader{
		ReadCloser: io.NopCloser(bytes.NewReader(o.body)), Size: int64(len(o.body)), ETag: m.Tag(o.body),
		ContentType: kind, CacheControl: cache,
	}, nil
}

func (m *memStore) Delete(ctx context.Context, name string, c publish.Condition) error {
	if c.IfAbsent || c.IfMatch == "" {
		return errors.New("a delete needs a tag")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests = append(m.requests, "DELETE "+name)
	if err := m.check(name, c); err != nil {
		return err
	}
	delete(m.objects, name)
	return nil
}

func (m *memStore) List(ctx context.Context, prefix string) iter.Seq2[publish.Listed, error] {
	return func(yield func(publish.Listed, error) bool) {
		for _, name := range m.names() {
			o := m.get(name)
			if strings.HasPrefix(name, prefix) &&
				!yield(publish.Listed{Name: name, Size: int64(len(o)), ETag: m.Tag(o)}, nil) {
				return
			}
		}
	}
}

func (m *memStore) names() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.objects))
}

func (m *memStore) get(name string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.objects[name].body
}

func (m *memStore) set(name string, b []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b == nil {
		delete(m.objects, name)
		return
	}
	m.objects[name] = memObject{body: b}
}

// took returns the requests since the last call.
func (m *memStore) took() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.requests
	m.requests = nil
	return r
}

func (m *memStore) clone() *memStore {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &memStore{objects: maps.Clone(m.objects)}
}

func TestMemStore(t *testing.T) {
	storetest.Suite{Headers: true, Large: 1 << 20, Objects: 50,
		Open: func(*testing.T) publish.Store { return newMemStore() }}.Run(t)
}
