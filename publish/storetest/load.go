package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/publish"
)

const writers = 16

// race lets 16 writers put different bytes under the same condition and reports
// the one that won.
func race(t *testing.T, store publish.Store, name string, c publish.Condition) []byte {
	t.Helper()
	var wg sync.WaitGroup
	errs := make([]error, writers)
	for i := range writers {
		wg.Go(func() {
			_, errs[i] = store.Put(t.Context(), Object(name, Content(uint64(i)+100, 1000)), c)
		})
	}
	wg.Wait()
	var won []int
	for i, err := range errs {
		switch {
		case err == nil:
			won = append(won, i)
		case !errors.Is(err, publish.ErrConflict) && !errors.Is(err, publish.ErrBusy):
			t.Errorf("writer %d of %q: %v", i, name, err)
		}
	}
	if len(won) != 1 {
		t.Fatalf("%q: the writers %v all won, want exactly one", name, won)
	}
	return Content(uint64(won[0])+100, 1000)
}

func (s Suite) raceAbsent(t *testing.T, store publish.Store) {
	for i := range 20 {
		name := fmt.Sprintf("crl/%d.crl", i)
		wantContent(t, store, name, race(t, store, name, publish.Condition{IfAbsent: true}))
	}
}

func (s Suite) raceMatch(t *testing.T, store publish.Store) {
	for i := range 20 {
		name := fmt.Sprintf("crl/%d.crl", i)
		r := put(t, store, name, Content(uint64(i), 1000))
		wantContent(t, store, name, race(t, store, name, publish.Condition{IfMatch: r.ETag}))
	}
}

func (s Suite) large(t *testing.T, store publish.Store) {
	size := s.Large
	if size == 0 {
		size = 40 << 20
	}
	first, second := Content(1, size), Content(2, size+1)
	one := put(t, store, "ocsp/bundles/large", first)
	if r := wantContent(t, store, "ocsp/bundles/large", first); r.ETag != one.ETag {
		t.Errorf("tag %q, the receipt says %q", r.ETag, one.ETag)
	}
	_, err := store.Put(t.Context(), Object("ocsp/bundles/large", second), publish.Condition{IfAbsent: true})
	wantErr(t, "putting over a large object", err, publish.ErrConflict)
	wantContent(t, store, "ocsp/bundles/large", first)

	wrong := Object("ocsp/bundles/wrong", second)
	wrong.SHA256 = artifact.Sum(first)
	_, err = store.Put(t.Context(), wrong, publish.Condition{IfAbsent: true})
	wantErr(t, "putting other bytes than promised", err, publish.ErrChecksum)
	wantAbsent(t, store, "ocsp/bundles/wrong")

	_, err = store.Put(t.Context(), Object("ocsp/bundles/large", second), publish.Condition{IfMatch: one.ETag})
	if err != nil {
		t.Fatalf("replacing a large object: %v", err)
	}
	wantContent(t, store, "ocsp/bundles/large", second)
}

func (s Suite) cancelled(t *testing.T, store publish.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := store.Put(ctx, Object("crl/a.crl", Content(1, 900)), publish.Condition{IfAbsent: true})
	wantErr(t, "putting with a cancelled context", err, context.Canceled)
	wantAbsent(t, store, "crl/a.crl")
	put(t, store, "crl/b.crl", Content(1, 900))
	_, _, err = read(ctx, store, "crl/b.crl")
	wantErr(t, "reading with a cancelled context", err, context.Canceled)
}

// cancelledMidway gives up while the body is being read.
func (s Suite) cancelledMidway(t *testing.T, store publish.Store) {
	for i, size := range []int64{1 << 20, 24 << 20} {
		name := fmt.Sprintf("ocsp/bundles/%d", i)
		ctx, cancel := context.WithCancel(t.Context())
		content := Content(1, size)
		o := Object(name, content)
		o.Body = func() (io.ReadSeekCloser, error) {
			return &cancelling{Reader: bytes.NewReader(content), at: size / 2, cancel: cancel}, nil
		}
		start := time.Now()
		_, err := store.Put(ctx, o, publish.Condition{IfAbsent: true})
		cancel()
		if err == nil {
			continue // the store had taken all of it when the context ended
		}
		wantErr(t, "putting with a context cancelled midway", err, context.Canceled)
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("giving up took %v", d)
		}
		if got, _, err := read(t.Context(), store, name); err == nil && !bytes.Equal(got, content) {
			t.Errorf("%q holds %d of %d bytes after the cancellation", name, len(got), size)
		}
	}
}

type cancelling struct {
	*bytes.Reader
	at     int64
	cancel func()
}

func (c *cancelling) Read(p []byte) (int, error) {
	if c.Size()-int64(c.Len()) >= c.at {
		c.cancel()
	}
	return c.Reader.Read(p)
}

func (c *cancelling) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, struct{ io.Reader }{c}) }

func (c *cancelling) Close() error { return nil }

func (s Suite) list(t *testing.T, store publish.Store) {
	lister, ok := store.(publish.Lister)
	if !ok {
		t.Fatal("the store cannot list: verification of extra objects needs it")
	}
	n := s.Objects
	if n == 0 {
		n = 1100
	}
	names := []string{"crl/a.crl", "crl/a/1.crl", "crl/a/2.crl", "crl/ab.crl", "index.html"}
	for i := range n {
		names = append(names, fmt.Sprintf("ocsp/s1/00/%04x", i))
	}
	var wg sync.WaitGroup
	limit := make(chan struct{}, writers)
	for _, name := range names {
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { <-limit }()
			if _, err := store.Put(t.Context(), Object(name, []byte(name)),
				publish.Condition{IfAbsent: true}); err != nil {
				t.Errorf("putting %q: %v", name, err)
			}
		})
	}
	wg.Wait()
	slices.Sort(names)
	for _, prefix := range []string{"", "crl/", "crl/a", "ocsp/s1/00/00", "nothing/"} {
		var want []string
		for _, name := range names {
			if strings.HasPrefix(name, prefix) {
				want = append(want, name)
			}
		}
		if got := listed(t, lister, prefix); !slices.Equal(got, want) {
			t.Errorf("listing %q: %d names, want %d in byte order", prefix, len(got), len(want))
		}
	}
	for l, err := range lister.List(t.Context(), "") { // stopping early is allowed
		if err != nil || l.Name == "" {
			t.Errorf("listing: %+v, %v", l, err)
		}
		break
	}
}

func listed(t *testing.T, lister publish.Lister, prefix string) []string {
	t.Helper()
	var names []string
	for l, err := range lister.List(t.Context(), prefix) {
		if err != nil {
			t.Fatalf("listing %q: %v", prefix, err)
		}
		if l.Size != int64(len(l.Name)) || l.ETag == "" {
			t.Errorf("listing %q: %+v: size or tag is wrong", prefix, l)
		}
		names = append(names, l.Name)
	}
	return names
}
