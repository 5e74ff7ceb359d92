package ledger

import "iter"

// newPaths gives the files below log/ that a tree of size to has and a copy
// complete at size from may lack: new full tiles and bundles, and the partial
// ones at the right edge of to. Bundles first, then tiles from the bottom up.
func newPaths(from, to int64) iter.Seq[string] {
	return func(yield func(string) bool) {
		if from >= to {
			return
		}
		for level := -1; level < levels(to); level++ {
			shift := 8 * max(level, 0)
			old, end := from>>shift, to>>shift
			if old == end {
				continue
			}
			path := func(n int64, w int) string {
				if level < 0 {
					return entriesPath(n, w)
				}
				return tilePath(level, n, w)
			}
			for n := old / tileWidth; n < end/tileWidth; n++ {
				if !yield(path(n, 0)) {
					return
				}
			}
			if w := int(end % tileWidth); w > 0 && !yield(path(end/tileWidth, w)) {
				return
			}
		}
	}
}

// edgePaths gives the partial tiles and the partial bundle of a tree.
func edgePaths(size int64) iter.Seq[string] {
	return func(yield func(string) bool) {
		if w := int(size % tileWidth); w > 0 && !yield(entriesPath(size/tileWidth, w)) {
			return
		}
		for level := range levels(size) {
			n := size >> (8 * level)
			if w := int(n % tileWidth); w > 0 && !yield(tilePath(level, n/tileWidth, w)) {
				return
			}
		}
	}
}
