//go:build unix

package ocspcache

import (
	"fmt"

	"seihon/internal/regular"

	"golang.org/x/sys/unix"
)

// mapFile maps the file at path for reading. A bundle never changes under its
// name, so the pages stay valid; see [Handler] for a file that someone cuts off
// all the same.
func mapFile(path string) (data []byte, release func() error, err error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	size := info.Size()
	if !info.Mode().IsRegular() || size < headSize || size > maxBundleBytes || int64(int(size)) != size {
		return nil, nil, fmt.Errorf("%q has %d bytes and mode %s, which no bundle has", path, size, info.Mode())
	}
	data, err = unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, fmt.Errorf("mapping %q: %w", path, err)
	}
	// Lookups hit single pages all over the file: reading ahead would only evict.
	_ = unix.Madvise(data, unix.MADV_RANDOM)
	return data, func() error { return unix.Munmap(data) }, nil
}
