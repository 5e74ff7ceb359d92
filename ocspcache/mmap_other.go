//go:build !unix

package ocspcache

import (
	"fmt"
	"os"

	"seihon/internal/regular"
)

// maxReadBundle is the largest bundle that is held in memory where files are not
// mapped.
const maxReadBundle = 1 << 30

// mapFile reads the file at path.
func mapFile(path string) (data []byte, release func() error, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if size := info.Size(); !info.Mode().IsRegular() || size < headSize || size > maxReadBundle {
		return nil, nil, fmt.Errorf("%q has %d bytes and mode %s, which no bundle has", path, size, info.Mode())
	}
	data, err = regular.ReadFile(path)
	return data, func() error { return nil }, err
}
