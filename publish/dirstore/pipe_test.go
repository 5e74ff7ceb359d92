//go:build unix

package dirstore_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"seihon/artifact"
	"seihon/publish"
	"seihon/publish/dirstore"
)

// TestPipe asks for an object in whose place a pipe stands: the answer is neither
// that there is none nor a wait for its writer.
func TestPipe(t *testing.T) {
	dir := t.TempDir()
	s, err := dirstore.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := syscall.Mkfifo(filepath.Join(dir, "checkpoint"), 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { _, err := s.Get(t.Context(), "checkpoint"); done <- err }()
	select {
	case err := <-done:
		if !errors.Is(err, publish.ErrInvalid) || errors.Is(err, publish.ErrNotFound) ||
			!strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("waits for the writer of a pipe")
	}
}

// TestLockOfAStoppedPublisher replaces an object while somebody else keeps the
// lock for ever: the deadline of the sync counts.
func TestLockOfAStoppedPublisher(t *testing.T) {
	dir := t.TempDir()
	s, err := dirstore.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	object := func(content string) publish.Object {
		return publish.Object{Name: "x", Size: int64(len(content)), SHA256: artifact.Sum([]byte(content)),
			Body: publish.Bytes([]byte(content))}
	}
	r, err := s.Put(t.Context(), object("1"), publish.Condition{IfAbsent: true})
	if err != nil {
		t.Fatal(err)
	}
	held := flock.New(dir, flock.SetFlag(syscall.O_RDONLY))
	if ok, err := held.TryLock(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	defer held.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := s.Put(ctx, object("2"), publish.Condition{IfMatch: r.ETag}); !errors.Is(err,
		context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}
