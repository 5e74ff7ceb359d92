package ledger

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Errors that callers tell apart. Each typed error below matches one of them
// with errors.Is and carries the facts.
var (
	ErrExist    = errors.New("a log is already there")
	ErrNotExist = errors.New("there is no log")
	ErrLocked   = errors.New("the log is locked by another writer")
	ErrFork     = errors.New("two trees of this log contradict each other")
	ErrRollback = errors.New("the log is older than what was already signed")
	ErrOrigin   = errors.New("the checkpoint is of another log")
	ErrKey      = errors.New("the checkpoint is not signed by the expected keys")
	ErrCorrupt  = errors.New("the log's files are damaged")
	ErrFrozen   = errors.New("the log is frozen")
	ErrBroken   = errors.New("a commit failed half-way; open the log again to find out whether it happened")
	ErrNotFound = errors.New("the name is not in the current state")
)

// A LockedError says who holds a log's lock.
type LockedError struct{ Path, Holder string }

func (e *LockedError) Error() string {
	return fmt.Sprintf("locking %s: held by %s; try again when it is done", e.Path, e.Holder)
}

// Is matches ErrLocked.
func (e *LockedError) Is(target error) bool { return target == ErrLocked }

// A ForkError says that two signed trees cannot both be of an append-only log.
type ForkError struct {
	Size       int64     // of the smaller tree
	Here, Seen tlog.Hash // root at that size in this log, and the one signed elsewhere
	Where      string
}

func (e *ForkError) Error() string {
	return fmt.Sprintf("fork: %s has the root %s at size %d, this log has %s; keep both as evidence and stop", e.Where,
		e.Seen, e.Size, e.Here)
}

// Is matches ErrFork.
func (e *ForkError) Is(target error) bool { return target == ErrFork }

// A RollbackError says that entries that were signed before are gone.
type RollbackError struct {
	Have, Seen int64
	Where      string
}

func (e *RollbackError) Error() string {
	return fmt.Sprintf("rollback: %s was signed at size %d, this log has only %d entries; restore the newest copy, "+
		"do not go on from here", e.Where, e.Seen, e.Have)
}

// Is matches ErrRollback.
func (e *RollbackError) Is(target error) bool { return target == ErrRollback }

// An OriginError says that a checkpoint is of another log.
type OriginError struct{ Want, Got string }

func (e *OriginError) Error() string {
	return fmt.Sprintf("verifying checkpoint: it is of the log %q, not of %q", e.Got, e.Want)
}

// Is matches ErrOrigin.
func (e *OriginError) Is(target error) bool { return target == ErrOrigin }

// A KeyError says that a checkpoint lacks a signature it must have.
type KeyError struct {
	Origin string
	Size   int64
	Err    error
}

func (e *KeyError) Error() string {
	// note's errors for a missing signature quote the whole note.
	why := e.Err.Error()
	if i := strings.IndexByte(why, '\n'); i >= 0 {
		why = why[:i]
	}
	return fmt.Sprintf("verifying checkpoint of %q at size %d: %s", e.Origin, e.Size, why)
}

// Unwrap gives the cause.
func (e *KeyError) Unwrap() error { return e.Err }

// Is matches ErrKey.
func (e *KeyError) Is(target error) bool { return target == ErrKey }

// A CorruptError names a file whose bytes are not what the log says.
type CorruptError struct {
	Path string
	Err  error
}

func (e *CorruptError) Error() string { return fmt.Sprintf("%s: %v", e.Path, e.Err) }

// Unwrap gives the cause.
func (e *CorruptError) Unwrap() error { return e.Err }

// Is matches ErrCorrupt.
func (e *CorruptError) Is(target error) bool { return target == ErrCorrupt }
