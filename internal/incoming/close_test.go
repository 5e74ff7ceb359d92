package incoming

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"seihon/internal/durable"
)

var errFault = errors.New("the fault of this test")

// A faultyDisk fails at its n-th step, before or after the effect, and knows which lines a power cut would take.
type faultyDisk struct {
	durable.OS
	t        *testing.T
	at       int
	after    bool
	steps    int
	unsynced map[string]bool
}

func (d *faultyDisk) step(do func() error) error {
	d.steps++
	if d.steps == d.at && !d.after {
		return errFault
	}
	err := do()
	if d.steps == d.at {
		return errFault
	}
	return err
}

func (d *faultyDisk) Mkdir(name string) error {
	return d.step(func() error { return d.OS.Mkdir(name) })
}

func (d *faultyDisk) Create(name string) (out durable.File, err error) {
	err = d.step(func() (err error) {
		d.unsynced[name] = true
		out, err = d.OS.Create(name)
		return err
	})
	return faultyLine{out, d, name}, err
}

// A faultyLine is synced in the books of its disk only: a test of a hundred faults needs no real disk.
type faultyLine struct {
	durable.File
	d    *faultyDisk
	name string
}

func (l faultyLine) Sync() error {
	return l.d.step(func() error {
		delete(l.d.unsynced, l.name)
		return nil
	})
}

func (d *faultyDisk) Rename(from, to string) error {
	if len(d.unsynced) > 0 {
		d.t.Errorf("%s moves while %d lines are not on disk", from, len(d.unsynced))
	}
	return d.step(func() error { return d.OS.Rename(from, to) })
}

func (d *faultyDisk) SyncDir(name string) error {
	return d.step(func() error { _, err := os.Stat(name); return err })
}

func (d *faultyDisk) OpenAll(dir string) (out durable.File, err error) {
	err = d.step(func() (err error) { out, err = d.OS.OpenAll(dir); return err })
	return faultyAll{out, d}, err
}

type faultyAll struct {
	durable.File
	d *faultyDisk
}

func (a faultyAll) Sync() error {
	return a.d.step(func() error {
		clear(a.d.unsynced)
		return nil
	})
}

// TestCloseAllFaults lets each step of closing many files fail, before and after its effect: no file moves before its
// line is on disk, and what did not move comes again, so that in the end every file is where it belongs, with its line.
func TestCloseAllFaults(t *testing.T) {
	t.Parallel()
	const files = closeMany
	fill := func(t *testing.T, d *faultyDisk) *Folder {
		f := folder(t)
		d.t, d.unsynced, f.FS = t, map[string]bool{}, d
		for n := range files {
			put(t, f, fmt.Sprintf("%03d", n), []byte{0x30, 2, 4, byte(n)}, time.Hour)
		}
		return f
	}
	good := &faultyDisk{}
	if err := closeReady(t, fill(t, good)); err != nil {
		t.Fatal(err)
	}
	// Opening, the first folder, a line, the last line, the wait for the disk, a move, the last move, both folders.
	for _, at := range []int{1, 2, 3, files + 3, files + 4, files + 5, 2*files + 4, good.steps - 1, good.steps} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("step %d, after its effect: %t", at, after), func(t *testing.T) {
				t.Parallel()
				d := &faultyDisk{at: at, after: after}
				f := fill(t, d)
				if err := closeReady(t, f); !errors.Is(err, errFault) {
					t.Errorf("closing says %v", err)
				}
				clear(d.unsynced)
				if err := closeReady(t, f); err != nil {
					t.Fatal(err)
				}
				wantClosed(t, f, files)
			})
		}
	}
}

// closeReady closes what is in the folder, every third file as refused.
func closeReady(t *testing.T, f *Folder) error {
	t.Helper()
	ready, waiting, err := f.Look()
	if err != nil || len(waiting) > 0 {
		t.Fatal(waiting, err)
	}
	var all []Closing
	for _, file := range ready {
		c := Closing{File: file, Folder: Accepted, Digest: "0123456789abcdef" + file.Name, Reason: "as it should be"}
		if file.Name[2]%3 == 0 {
			c.Folder = Refused
		}
		all = append(all, c)
	}
	return f.CloseAll(all)
}

func wantClosed(t *testing.T, f *Folder, files int) {
	t.Helper()
	found := 0
	for _, where := range []string{Accepted, Refused} {
		names, err := filepath.Glob(filepath.Join(f.Dir, where, "*"+reasonEnd))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			line, err := os.ReadFile(name)
			if err != nil || len(line) < 40 {
				t.Errorf("%s: %q %v", name, line, err)
			}
			if _, err := os.Stat(name[:len(name)-len(reasonEnd)]); err != nil {
				t.Errorf("the input of %s: %v", name, err)
			}
			found++
		}
	}
	if found != files {
		t.Errorf("%d files are closed, want %d", found, files)
	}
}
