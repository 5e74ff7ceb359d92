package ocspcache

import (
	"container/list"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"seihon/internal/regular"
)

// Limits bound the copies of objects that a Remote keeps. The objects that were
// asked for longest ago give way.
type Limits struct {
	Bytes int64 // 1 GiB when 0
	Files int   // 10,000 when 0; as many names again are remembered as absent
}

func (l *Limits) complete() {
	if l.Bytes <= 0 {
		l.Bytes = 1 << 30
	}
	if l.Files <= 0 {
		l.Files = 10_000
	}
}

// copies are the files of a cache, bounded in bytes and number, and what is known
// about names that have none.
type copies struct {
	dir    string
	limits Limits

	mu      sync.Mutex
	bytes   int64
	files   list.List // of *cached, those asked for last in front
	missing list.List // of *cached that are absent or never came
	known   map[string]*list.Element
}

// cached is what is known about a name.
type cached struct {
	key     string
	etag    string
	looked  time.Time
	absent  bool // the origin says that there is none
	present bool // there is a file
	size    int64
}

// newCopies takes up the files that an earlier process left.
func newCopies(dir string, limits Limits) *copies {
	c := &copies{dir: dir, limits: limits, known: make(map[string]*list.Element)}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return c // nothing is there yet
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || strings.HasPrefix(e.Name(), ".new-") {
			_ = os.RemoveAll(filepath.Join(dir, e.Name())) // half-written, or nothing of ours
			continue
		}
		c.keep(&cached{key: e.Name(), present: true, size: info.Size()})
	}
	return c
}

// key names the copy of an object. Names become hashes, so that no name can leave
// the directory or clash with a folder.
func key(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])
}

// get tells what is known about a name, which is being asked for.
func (c *copies) get(name string) cached {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.known[key(name)]
	if e == nil {
		return cached{}
	}
	found := *e.Value.(*cached)
	c.of(&found).MoveToFront(e)
	return found
}

func (c *copies) of(e *cached) *list.List {
	if e.present {
		return &c.files
	}
	return &c.missing
}

// open opens the copy of a name.
func (c *copies) open(name string) (*os.File, error) {
	f, err := regular.Open(filepath.Join(c.dir, key(name)))
	if errors.Is(err, fs.ErrNotExist) {
		c.lost(name)
	}
	return f, err
}

// lost forgets a copy whose file is gone, so that the next request fetches it.
func (c *copies) lost(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.known[key(name)]; e != nil && e.Value.(*cached).present {
		c.forget(e)
	}
}

// looked records that the origin was asked and had nothing new.
func (c *copies) looked(name string, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := cached{key: key(name)}
	if old := c.known[e.key]; old != nil {
		e = *old.Value.(*cached)
	}
	e.looked = at
	c.keep(&e)
}

// absent records that the origin has no such object; a copy goes.
func (c *copies) absent(name string, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.known[key(name)]; e != nil && e.Value.(*cached).present {
		c.drop(e)
	}
	c.keep(&cached{key: key(name), looked: at, absent: true})
}

// put writes a new copy and makes room for it.
func (c *copies) put(name, etag string, at, modified time.Time, write func(io.Writer) error) error {
	path := filepath.Join(c.dir, key(name))
	if err := writeFile(path, write); err != nil {
		return err
	}
	if !modified.IsZero() {
		if err := os.Chtimes(path, modified, modified); err != nil {
			return err
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep(&cached{key: key(name), etag: etag, looked: at, present: true, size: info.Size()})
	return nil
}

// keep takes up an entry in place of what was known, and drops the oldest ones
// beyond the limits.
func (c *copies) keep(e *cached) {
	if old := c.known[e.key]; old != nil {
		c.forget(old)
	}
	c.known[e.key] = c.of(e).PushFront(e)
	c.bytes += e.size
	for c.files.Len() > c.limits.Files || c.bytes > c.limits.Bytes {
		c.drop(c.files.Back())
	}
	for c.missing.Len() > c.limits.Files {
		c.forget(c.missing.Back())
	}
}

func (c *copies) forget(e *list.Element) {
	entry := e.Value.(*cached)
	c.of(entry).Remove(e)
	c.bytes -= entry.size
	delete(c.known, entry.key)
}

// drop forgets a copy and its file. Who reads it just now goes on reading.
func (c *copies) drop(e *list.Element) {
	entry := e.Value.(*cached)
	c.forget(e)
	_ = os.Remove(filepath.Join(c.dir, entry.key)) // a file that stays is taken up by the next start
}
