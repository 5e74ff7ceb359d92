package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"

	"seihon/internal/durable"
	"seihon/internal/regular"
	"seihon/ledger"
)

// waitingFormat is the first line of the files below. Each further line is an entry as
// the publication log would have it, a probe or a verification.
const waitingFormat = "seihon/waiting/v1\n"

// A waitingRoom keeps rounds of probes and outcomes of verifications until they are recorded
// together: a signed checkpoint for each of two thousand a day would be more to keep than what they
// say. Nothing is signed here yet, so nothing stays longer than publication.batch while jobs run.
//
//	waiting   what comes in, appended and synced line by line
//	taken     what is being recorded; it goes when the log has it
//
// A process that is killed between leaves taken behind. The next one looks whether the log has
// it, so that nothing is lost and nothing is recorded twice.
type waitingRoom struct{ dir string }

func (w *waitingRoom) path(name string) string { return filepath.Join(w.dir, name) }

// lock keeps other processes from both files for the moment of a change.
func (w *waitingRoom) lock(ctx context.Context) (*flock.Flock, error) {
	if err := os.MkdirAll(w.dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the folder of what waits to be recorded: %w", err)
	}
	path := w.path("waiting.lock")
	if err := regular.Check(path); err != nil {
		return nil, err
	}
	l := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR|regular.Nonblock))
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if _, err := l.TryLockContext(ctx, 10*time.Millisecond); err != nil {
		return nil, fmt.Errorf("locking %q: %w", path, err)
	}
	return l, nil
}

// add appends entries. They are on the disk when it returns.
func (w *waitingRoom) add(ctx context.Context, entries []*ledger.Entry) (err error) {
	text, err := linesOf(entries)
	if err != nil {
		return err
	}
	l, err := w.lock(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	path := w.path("waiting")
	had, err := regular.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading what waits to be recorded: %w", err)
	}
	// A line without an end was being written when a process was killed: nobody was told that it is kept.
	whole := had[:bytes.LastIndexByte(had, '\n')+1]
	if len(whole) == 0 || len(whole) < len(had) {
		return durable.WriteFile(path,
			slices.Concat([]byte(waitingFormat), bytes.TrimPrefix(whole, []byte(waitingFormat)), text), 0o644)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		_, err = f.Write(text)
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err != nil {
		return fmt.Errorf("keeping what waits to be recorded: %w", err)
	}
	return nil
}

func linesOf(entries []*ledger.Entry) (text []byte, err error) {
	for _, e := range entries {
		raw, err := e.Encode()
		if err != nil {
			return nil, err
		}
		text = append(append(text, raw...), '\n')
	}
	return text, nil
}

// putBack has what was taken, and was not recorded, wait again, before what came in since.
func (w *waitingRoom) putBack(ctx context.Context, taken []*ledger.Entry) (err error) {
	l, err := w.lock(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	waiting, err := w.read("waiting")
	if err != nil {
		return err
	}
	first, err := linesOf(taken)
	if err != nil {
		return err
	}
	text := append([]byte(waitingFormat), first...)
	for _, e := range waiting {
		line, err := linesOf([]*ledger.Entry{e})
		if err != nil {
			return err
		}
		if !bytes.Contains(first, line) { // else a process was killed below
			text = append(text, line...)
		}
	}
	if err := durable.WriteFile(w.path("waiting"), text, 0o644); err != nil {
		return err
	}
	return w.done()
}

// read returns what one of the files has; none when it is not there.
func (w *waitingRoom) read(name string) ([]*ledger.Entry, error) {
	path := w.path(name)
	raw, err := regular.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what waits to be recorded: %w", err)
	}
	lines, whole := bytes.CutPrefix(raw[:bytes.LastIndexByte(raw, '\n')+1], []byte(waitingFormat))
	if !whole {
		return nil,
			fmt.Errorf("reading what waits to be recorded: the first line of %q is not %q; move the file away, "+
				"what it has was never on record", path, waitingFormat[:len(waitingFormat)-1])
	}
	if len(lines) == 0 {
		return nil, nil
	}
	var entries []*ledger.Entry
	for i, line := range bytes.Split(bytes.TrimSuffix(lines, []byte("\n")), []byte("\n")) {
		e, err := ledger.ParseEntry(line)
		if err == nil && e.Probe == nil && e.Verify == nil {
			err = fmt.Errorf("an entry of type %q does not wait", e.Type)
		}
		if err != nil {
			return nil,
				fmt.Errorf("reading what waits to be recorded: %q, line %d: %w; move the file away, what it has was "+
					"never on record",
					path, i+2, err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// all is what waits, the oldest first, for who only looks.
func (w *waitingRoom) all() ([]*ledger.Entry, error) {
	taken, err := w.read("taken")
	if err != nil {
		return nil, err
	}
	waiting, err := w.read("waiting")
	return append(taken, waiting...), err
}

// take is for who holds the lock of the log. again says that an earlier process had taken the
// entries, which the log may have by now.
func (w *waitingRoom) take(ctx context.Context) (entries []*ledger.Entry, again bool, err error) {
	if _, err := os.Stat(w.path("taken")); err == nil {
		entries, err = w.read("taken")
		return entries, true, err
	}
	if _, err := os.Stat(w.path("waiting")); err != nil {
		return nil, false, nil
	}
	l, err := w.lock(ctx)
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if entries, err = w.read("waiting"); err != nil {
		return nil, false, err
	}
	if err := os.Rename(w.path("waiting"), w.path("taken")); err != nil {
		return nil, false, fmt.Errorf("taking what waits to be recorded: %w", err)
	}
	return entries, false, durable.OS{}.SyncDir(w.dir)
}

// done forgets what was taken, since the log has it.
func (w *waitingRoom) done() error {
	if err := os.Remove(w.path("taken")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing what was recorded: %w", err)
	}
	return nil
}
