package publish

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"seihon/internal/durable"
	"seihon/internal/regular"
)

// A memory is what one host remembers of a target between syncs. It only ever
// adds suspicion or saves work, and nothing in it is believed against the
// target's own checkpoint.
type memory struct {
	V    int   `json:"v"`
	Size int64 `json:"size"` // the largest that the target's checkpoint was seen to have

	// A sync that had to hold something back did the rest up to Done, starting
	// from a target at From. Until the target's checkpoint moves, the next
	// sync goes on from there instead of comparing everything again.
	From int64    `json:"from"`
	Done int64    `json:"done"`
	Held []string `json:"held"`

	// Begun is the largest size up to which a sync of this host set out to bring
	// the target: a checkpoint of it may be there before its receipt is in the log.
	Begun int64 `json:"begun,omitempty"`

	// Pruned is the size up to which all that the log withdrew is gone.
	Pruned int64 `json:"pruned"`

	// Last is how the last sync ended.
	Last *Last `json:"last,omitempty"`

	// Aliases are the further names that the target has, and of which artifact each is.
	Aliases map[string]string `json:"aliases,omitempty"`
}

// Last is how the last sync of a target ended on this host.
type Last struct {
	At       time.Time `json:"at"`
	Finished bool      `json:"finished"` // all that it was to send is there
	Why      string    `json:"why,omitempty"`
}

// LastSync returns how the last sync of a target ended, nil when a state directory does not know.
func LastSync(dir, target string) (*Last, error) {
	m, err := recall(dir, target)
	return m.Last, err
}

const memoryVersion = 1

// lockTarget keeps a second sync of the same target on this host away.
func lockTarget(dir, target string) (unlock func(), err error) {
	if dir == "" {
		return func() {}, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("locking target %q: %w", target, err)
	}
	file := filepath.Join(dir, target+".lock")
	if err := regular.Check(file); err != nil {
		return nil, fmt.Errorf("locking target %q: %w", target, err)
	}
	l := flock.New(file, flock.SetFlag(os.O_CREATE|os.O_RDWR|regular.Nonblock))
	ok, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("locking target %q: %w", target, err)
	}
	if !ok {
		return nil, fmt.Errorf("target %q: %w", target, ErrLocked)
	}
	return func() { l.Close() }, nil
}

const memoryEnd = ".json"

func memoryPath(dir, target string) string { return filepath.Join(dir, target+memoryEnd) }

// Remembered names a file in which a state directory remembers a target, or is
// empty when it remembers none.
func Remembered(dir string) (string, error) {
	all, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("looking for what is remembered of targets: %w", err)
	}
	for _, d := range all {
		if filepath.Ext(d.Name()) == memoryEnd {
			return filepath.Join(dir, d.Name()), nil
		}
	}
	return "", nil
}

// recall reads the memory of a target. Where there is none nothing is remembered; what is there and cannot be read, or
// is of another version, is a fault: going on would forget how far the target was.
func recall(dir, target string) (memory, error) {
	if dir == "" {
		return memory{}, nil
	}
	b, err := regular.ReadFile(memoryPath(dir, target))
	if errors.Is(err, fs.ErrNotExist) {
		return memory{}, nil
	}
	if err != nil {
		return memory{}, fmt.Errorf("reading what is remembered of target %q: %w", target, err)
	}
	var m memory
	if err := json.Unmarshal(b, &m); err != nil {
		return memory{}, fmt.Errorf("reading what is remembered of target %q: %q is damaged: %w; %s", target,
			memoryPath(dir, target), err, putBack)
	}
	if m.V != memoryVersion {
		return memory{},
			fmt.Errorf("reading what is remembered of target %q: %q is of version %d, this program knows %d: use the "+
				"program that wrote it, or %s",
				target, memoryPath(dir, target), m.V, memoryVersion, putBack)
	}
	return m, nil
}

// putBack is what to do about a memory that cannot be read.
const putBack = "put it back from the backup, or move it away, and the next sync compares the target with the log alone"

func remember(dir, target string, m memory) error {
	if dir == "" {
		return nil
	}
	m.V = memoryVersion
	b, err := json.Marshal(m)
	if err == nil {
		err = durable.WriteFile(memoryPath(dir, target), b, 0o600)
	}
	if err != nil {
		return fmt.Errorf("remembering target %q: %w", target, err)
	}
	return nil
}
