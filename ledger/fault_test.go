package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"seihon/artifact"
)

// A before is a log of 254 entries, so that the next commit fills a tile, a
// bundle and begins a new level; kept small, since it is copied often.
type before struct {
	*room
	dir string
	cp  []byte
}

func newBefore(t *testing.T) *before {
	b := &before{room: newRoom(t, testOrigin), dir: filepath.Join(t.TempDir(), "base")}
	w := b.create(t, b.dir)
	probes(t, w, 253)
	batch(t, w, 1, "crl/a.crl")
	b.cp = w.Log().Checkpoint()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *before) copy(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "log")
	if err := os.CopyFS(dir, os.DirFS(b.dir)); err != nil {
		t.Fatal(err)
	}
	return dir
}

const committed = 254 + 4 // entries after the commit under test

// stage does what a signing run does before its commit.
func stage(t *testing.T, w *Writer) error {
	d, n, err := w.PutBlob(t.Context(), artifact.CRL, strings.NewReader("new"))
	if err != nil {
		return err
	}
	if _, err := w.AppendBatch(t.Context(), []Line{{Name: "crl/a.crl", Kind: artifact.CRL, Digest: d, Size: n}},
		"run"); err != nil {
		return err
	}
	for range 3 {
		if err := w.Append(t.Context(), &Entry{Evidence: &Evidence{Kind: "k", Digest: d}}); err != nil {
			return err
		}
	}
	return nil
}

// survived checks what must hold of a log after a commit that was, or was not,
// acknowledged, and goes on with it.
func (b *before) survived(t *testing.T, dir string, acknowledged bool, must ...int64) {
	t.Helper()
	c := b.config()
	c.Known = [][]byte{b.cp}
	w, err := OpenWriter(t.Context(), dir, c)
	if err != nil {
		t.Errorf("opening again: %v", err)
		return
	}
	defer w.Close()
	size := w.Log().Size()
	if size != 254 && size != committed || acknowledged && size != committed {
		t.Errorf("size %d after a commit that was acknowledged: %v", size, acknowledged)
	}
	for _, m := range must {
		if size != m {
			t.Errorf("size %d, want %d", size, m)
		}
	}
	if err := w.Append(t.Context(), &Entry{Evidence: &Evidence{Kind: "after"}}); err != nil {
		t.Error(err)
		return
	}
	if _, err := w.Commit(t.Context()); err != nil {
		t.Errorf("the commit after: %v", err)
		return
	}
	if got := w.Log().Size(); got != size+1 {
		t.Errorf("size %d after one more entry, want %d", got, size+1)
	}
	b.sound(t, dir)
}

func (b *before) sound(t *testing.T, dir string) {
	t.Helper()
	got, err := Check(t.Context(), dir, b.v, CheckConfig{Now: func() time.Time { return b.now }, Known: [][]byte{b.cp}})
	if err != nil {
		t.Error(err)
	}
	for _, g := range got {
		if g.Severity != SeverityNote {
			t.Error(g)
		}
	}
}

// TestEverySyscallFails lets each system call of a signing run and its commit
// fail, before and after its effect, once and for good, and looks at the log
// that this leaves, and at the one a power cut would have left.
func TestEverySyscallFails(t *testing.T) {
	base := newBefore(t)
	for i, mode := range []struct {
		name              string
		after, half, dead bool
		err               error
	}{
		{"before, once", false, false, false, syscall.EIO},
		{"after, once", true, false, false, syscall.EIO},
		{"half a write, disk full", true, true, false, syscall.ENOSPC},
		{"before, then dead", false, false, true, syscall.EIO},
		{"after, then dead", true, false, true, syscall.EROFS},
	} {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			for at := 1 + i%faultStep; ; at += faultStep {
				f := newFaultFS()
				f.after, f.half, f.dead, f.err = mode.after, mode.half, mode.dead, mode.err
				dir := base.copy(t)
				c := base.config()
				c.fs = f
				w, err := OpenWriter(t.Context(), dir, c)
				if err != nil {
					t.Fatal(err)
				}
				f.arm(at)
				err = stage(t, w)
				staged := err == nil
				if staged {
					_, err = w.Commit(t.Context())
				}
				calls, what := f.calls, ""
				if at <= len(f.log) {
					what = strings.ReplaceAll(f.log[at-1], dir, "")
				}
				acknowledged := err == nil
				again := false
				if err != nil && !mode.dead && staged && !errors.Is(err, ErrBroken) {
					// The log is unchanged and the writer usable: the same commit goes through.
					if _, err := w.Commit(t.Context()); err != nil {
						t.Errorf("call %d, %s: the commit again: %v", at, what, err)
					}
					again = true
				}
				if err != nil && !errors.Is(err, mode.err) {
					t.Errorf("call %d, %s: the error hides its cause: %v", at, what, err)
				}
				w.Close()
				t.Run(fmt.Sprintf("call %d%s", at, strings.ReplaceAll(what, "/", " ")), func(t *testing.T) {
					if !again {
						luck := never
						if mode.after {
							luck = chance(uint64(at))
						}
						base.survived(t, f.image(t, base.dir, dir, luck), acknowledged)
					}
					base.survived(t, dir, acknowledged || again)
				})
				if calls < at {
					t.Logf("%d system calls", calls)
					if !acknowledged {
						t.Errorf("without a fault: %v", err)
					}
					break
				}
			}
		})
	}
}

// TestRollForwardFails lets each system call of the roll forward after a crash
// fail in its turn.
func TestRollForwardFails(t *testing.T) {
	base := newBefore(t)
	crashed := filepath.Join(t.TempDir(), "crashed")
	if err := os.CopyFS(crashed, os.DirFS(base.dir)); err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(filepath.Join(crashed, "log/checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	w, err := OpenWriter(t.Context(), crashed, base.config())
	if err != nil {
		t.Fatal(err)
	}
	if err := stage(t, w); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if err := os.WriteFile(filepath.Join(crashed, "log/checkpoint"), old, 0o644); err != nil {
		t.Fatal(err)
	}
	for i, after := range []bool{false, true} {
		for at := 1 + i%faultStep; ; at += faultStep {
			dir := filepath.Join(t.TempDir(), "log")
			if err := os.CopyFS(dir, os.DirFS(crashed)); err != nil {
				t.Fatal(err)
			}
			f := newFaultFS()
			f.after, f.dead = after, true
			f.arm(at)
			c := base.config()
			c.fs = f
			w, err := OpenWriter(t.Context(), dir, c)
			if err == nil {
				w.Close()
			}
			base.survived(t, f.image(t, crashed, dir, never), true, committed)
			base.survived(t, f.image(t, crashed, dir, always), true, committed)
			base.survived(t, dir, true, committed)
			if f.calls < at {
				if err != nil {
					t.Error(err)
				}
				break
			}
		}
	}
}

// TestCreateFails lets each system call of Create fail; afterwards there is a
// log, or Create can be called again.
func TestCreateFails(t *testing.T) {
	r := newRoom(t, testOrigin)
	empty := t.TempDir()
	for i, after := range []bool{false, true} {
		for at := 1 + i%faultStep; ; at += faultStep {
			dir := t.TempDir()
			f := newFaultFS()
			f.after, f.dead = after, true
			f.arm(at)
			c := r.config()
			c.fs = f
			w, err := Create(t.Context(), dir, c)
			if err == nil {
				w.Close()
			}
			for _, d := range []string{dir, f.image(t, empty, dir, never), f.image(t, empty, dir, always)} {
				w, err2 := Create(t.Context(), d, r.config())
				if errors.Is(err2, ErrExist) {
					w, err2 = OpenWriter(t.Context(), d, r.config())
				}
				if err2 != nil {
					t.Fatalf("call %d, after its effect %v (%v): %v", at, after, err, err2)
				}
				if got := w.Log().Size(); got != 0 {
					t.Errorf("size %d", got)
				}
				w.Close()
			}
			if f.calls < at {
				break
			}
		}
	}
}
