//go:build !linux

package verify

import "io"

// skipHoles gives a file as it is: only Linux is asked where a sparse file has holes.
func skipHoles(r io.Reader) io.Reader { return r }
