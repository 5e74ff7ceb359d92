// Package storetest is the contract of publish.Store as tests. Every driver
// runs the same suite against the real thing: a server, or a directory.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/public"
	"seihon/publish"
)

// A Suite describes the store under test.
type Suite struct {
	// Open returns an empty store. It is called once for each test.
	Open func(t *testing.T) publish.Store

	// Headers says that the store keeps Content-Type and Cache-Control.
	Headers bool

	// BlindDelete says that the server under test ignores the condition of a
	// delete, as fake-gcs-server does and Cloud Storage does not.
	BlindDelete bool

	// Large is the size of a large object; 0 means 40 MiB, which takes more
	// than one part on every store.
	Large int64

	// Objects is how many objects the listing test makes; 0 means 1100,
	// which is more than one page of S3 and of GCS.
	Objects int
}

// Run runs all tests of the suite.
func (s Suite) Run(t *testing.T) {
	for _, c := range []struct {
		name string
		test func(*testing.T, publish.Store)
	}{
		{"RoundTrip", s.roundTrip},
		{"IfAbsent", s.ifAbsent},
		{"IfMatch", s.ifMatch},
		{"NotFound", s.notFound},
		{"Delete", s.delete},
		{"WrongChecksum", s.wrongChecksum},
		{"BrokenBody", s.brokenBody},
		{"NoCondition", s.noCondition},
		{"RaceAbsent", s.raceAbsent},
		{"RaceMatch", s.raceMatch},
		{"Large", s.large},
		{"Cancelled", s.cancelled},
		{"CancelledMidway", s.cancelledMidway},
		{"List", s.list},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, s.Open(t)) })
	}
}

// Object returns an object of that content with the headers of a CRL.
func Object(name string, content []byte) publish.Object {
	now := time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)
	return publish.Object{
		Name:   name,
		Body:   publish.Bytes(content),
		Size:   int64(len(content)),
		SHA256: artifact.Sum(content),
		CRC32C: crc32.Checksum(content, crc32.MakeTable(crc32.Castagnoli)),
		Header: public.HeaderFor(artifact.CRL, now, now.Add(24*time.Hour), now, time.Hour),
	}
}

// Content returns n bytes that depend on the seed.
func Content(seed uint64, n int64) []byte {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	b := make([]byte, n)
	rand.NewChaCha8(key).Read(b)
	return b
}

func put(t *testing.T, s publish.Store, name string, content []byte) publish.Receipt {
	t.Helper()
	r, err := s.Put(t.Context(), Object(name, content), publish.Condition{IfAbsent: true})
	if err != nil {
		t.Fatalf("putting %q: %v", name, err)
	}
	if r.ETag == "" {
		t.Fatalf("putting %q: the receipt has no tag", name)
	}
	return r
}

// read returns the content and the open reader's facts.
func read(ctx context.Context, s publish.Store, name string) ([]byte, *publish.Reader, error) {
	r, err := s.Get(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return b, r, err
}

func wantContent(t *testing.T, s publish.Store, name string, want []byte) *publish.Reader {
	t.Helper()
	got, r, err := read(t.Context(), s, name)
	if err != nil {
		t.Fatalf("reading %q: %v", name, err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("reading %q: %d bytes (%s), want %d (%s)", name, len(got), artifact.Sum(got), len(want),
			artifact.Sum(want))
	}
	return r
}

func wantAbsent(t *testing.T, s publish.Store, name string) {
	t.Helper()
	if _, _, err := read(t.Context(), s, name); !errors.Is(err, publish.ErrNotFound) {
		t.Fatalf("reading %q: %v, want ErrNotFound", name, err)
	}
}

func wantErr(t *testing.T, what string, err error, want ...error) {
	t.Helper()
	for _, w := range want {
		if errors.Is(err, w) {
			return
		}
	}
	t.Fatalf("%s: %v, want %v", what, err, want)
}

func (s Suite) roundTrip(t *testing.T, store publish.Store) {
	for name, content := range map[string][]byte{
		"crl/sub.crl":      Content(1, 700),
		"docs/cps-1.0.pdf": Content(2, 300<<10),
		"ocsp/s1/" + strings.Repeat("ab", 20) + "/00ff": Content(3, 500),
		"log/tile/0/x001/234.p/5":                       Content(4, 5*32),
		"empty":                                         {},
	} {
		receipt := put(t, store, name, content)
		r := wantContent(t, store, name, content)
		if r.ETag != receipt.ETag || r.Version != receipt.Version || r.Generation != receipt.Generation {
			t.Errorf("%q: read tag %q version %q generation %d, the receipt says %+v", name, r.ETag, r.Version,
				r.Generation, receipt)
		}
		if r.Size != -1 && r.Size != int64(len(content)) {
			t.Errorf("%q: size %d, want %d", name, r.Size, len(content))
		}
		if tagger, ok := store.(publish.Tagger); ok && tagger.Tag(content) != receipt.ETag {
			t.Errorf("%q: predicted tag %q, got %q", name, tagger.Tag(content), receipt.ETag)
		}
		if h := Object(name, content).Header; s.Headers &&
			(r.ContentType != h.ContentType || r.CacheControl != h.CacheControl) {
			t.Errorf("%q: headers %q, %q; want %q, %q", name, r.ContentType, r.CacheControl, h.ContentType,
				h.CacheControl)
		}
	}
}

func (s Suite) ifAbsent(t *testing.T, store publish.Store) {
	first, second := Content(1, 900), Content(2, 900)
	put(t, store, "crl/a.crl", first)
	for _, content := range [][]byte{first, second} {
		_, err := store.Put(t.Context(), Object("crl/a.crl", content), publish.Condition{IfAbsent: true})
		wantErr(t, "putting over an object", err, publish.ErrConflict)
	}
	wantContent(t, store, "crl/a.crl", first)
}

func (s Suite) ifMatch(t *testing.T, store publish.Store) {
	first, second, third := Content(1, 900), Content(2, 901), Content(3, 902)
	one := put(t, store, "crl/a.crl", first)
	two, err := store.Put(t.Context(), Object("crl/a.crl", second), publish.Condition{IfMatch: one.ETag})
	if err != nil {
		t.Fatalf("replacing what was read: %v", err)
	}
	if two.ETag == one.ETag {
		t.Errorf("the tag %q did not change with the content", one.ETag)
	}
	wantContent(t, store, "crl/a.crl", second)
	_, err = store.Put(t.Context(), Object("crl/a.crl", third), publish.Condition{IfMatch: one.ETag})
	wantErr(t, "replacing what was not read", err, publish.ErrConflict)
	wantContent(t, store, "crl/a.crl", second)
	_, err = store.Put(t.Context(), Object("crl/b.crl", third), publish.Condition{IfMatch: one.ETag})
	wantErr(t, "replacing nothing", err, publish.ErrConflict, publish.ErrNotFound)
	wantAbsent(t, store, "crl/b.crl")
}

func (s Suite) notFound(t *testing.T, store publish.Store) {
	wantAbsent(t, store, "log/checkpoint")
	put(t, store, "log/tile/0/000", Content(1, 32))
	wantAbsent(t, store, "log/tile/0/001")
	wantAbsent(t, store, "log/tile")
}

func (s Suite) delete(t *testing.T, store publish.Store) {
	content := Content(1, 600)
	r := put(t, store, "crl/a.crl", content)
	if err := store.Delete(t.Context(), "crl/a.crl", publish.Condition{IfAbsent: true}); err == nil {
		t.Fatal("a delete without a tag was accepted")
	}
	if !s.BlindDelete {
		other := put(t, store, "crl/b.crl", Content(2, 600))
		err := store.Delete(t.Context(), "crl/a.crl", publish.Condition{IfMatch: other.ETag})
		wantErr(t, "deleting what was not read", err, publish.ErrConflict)
		wantContent(t, store, "crl/a.crl", content)
	}
	if err := store.Delete(t.Context(), "crl/a.crl", publish.Condition{IfMatch: r.ETag}); err != nil {
		t.Fatalf("deleting: %v", err)
	}
	wantAbsent(t, store, "crl/a.crl")
}

func (s Suite) wrongChecksum(t *testing.T, store publish.Store) {
	for i, size := range []int64{0, 800, 2 << 20} {
		name := fmt.Sprintf("crl/%d.crl", i)
		o := Object(name, Content(1, size))
		o.SHA256 = artifact.Sum([]byte("something else"))
		_, err := store.Put(t.Context(), o, publish.Condition{IfAbsent: true})
		wantErr(t, "putting other bytes than promised", err, publish.ErrChecksum)
		wantAbsent(t, store, name)
	}
}

func (s Suite) noCondition(t *testing.T, store publish.Store) {
	for _, c := range []publish.Condition{{}, {IfAbsent: true, IfMatch: "x"}} {
		if _, err := store.Put(t.Context(), Object("crl/a.crl", Content(1, 10)), c); err == nil {
			t.Errorf("the condition %+v was accepted", c)
		}
	}
	wantAbsent(t, store, "crl/a.crl")
}

// brokenBody fails while the body is read, as a full or broken disk makes it.
func (s Suite) brokenBody(t *testing.T, store publish.Store) {
	broken := errors.New("input/output error")
	for i, size := range []int64{800, 2 << 20, 20 << 20} {
		name := fmt.Sprintf("crl/%d.crl", i)
		o := Object(name, Content(1, size))
		o.Body = func() (io.ReadSeekCloser, error) {
			return &failing{Reader: bytes.NewReader(Content(1, size)), at: size / 2, err: broken}, nil
		}
		_, err := store.Put(t.Context(), o, publish.Condition{IfAbsent: true})
		wantErr(t, "putting from a body that breaks", err, broken)
		wantAbsent(t, store, name)
	}
}

// failing ends with an error halfway.
type failing struct {
	*bytes.Reader
	at  int64
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	if f.Size()-int64(f.Len()) >= f.at {
		return 0, f.err
	}
	return f.Reader.Read(p[:min(int64(len(p)), f.at-(f.Size()-int64(f.Len())))])
}

func (f *failing) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, struct{ io.Reader }{f}) }

func (f *failing) Close() error { return nil }
