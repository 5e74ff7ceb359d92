package public

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A TilePath is the place of a tile in the log's tree (c2sp.org/tlog-tiles).
type TilePath struct {
	Entries bool  // the entries below the tile of level 0 with this index
	Level   int   // of hashes; 0 is the one above the leaves
	Index   int64 // from the left
	Width   int   // hashes or entries in it: 256 when it is full
}

const (
	fullTile  = 256
	maxLevel  = 63
	entryPart = "entries/"
)

// String is the path below log/tile/.
func (t TilePath) String() string {
	var b strings.Builder
	if t.Entries {
		b.WriteString(entryPart)
	} else {
		b.WriteString(strconv.Itoa(t.Level) + "/")
	}
	b.WriteString(indexPath(t.Index))
	if t.Width != fullTile {
		fmt.Fprintf(&b, ".p/%d", t.Width)
	}
	return b.String()
}

// Full is the path of the same tile when it has grown to its full width.
func (t TilePath) Full() TilePath {
	t.Width = fullTile
	return t
}

// indexPath writes an index in groups of three digits; all but the last begin with an x.
func indexPath(n int64) string {
	path := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		path = fmt.Sprintf("x%03d/%s", n%1000, path)
	}
	return path
}

func parseTile(path string) (TilePath, error) {
	t := TilePath{Width: fullTile}
	path, width, partial := strings.Cut(path, ".p/")
	if partial {
		w, err := strconv.Atoi(width)
		if err != nil || w < 1 || w >= fullTile {
			return t, fmt.Errorf("%q is not the width of a partial tile, 1 to %d", width, fullTile-1)
		}
		t.Width = w
	}
	level, index, _ := strings.Cut(path, "/")
	if level == strings.TrimSuffix(entryPart, "/") {
		t.Entries = true
	} else {
		l, err := strconv.Atoi(level)
		if err != nil || l < 0 || l > maxLevel {
			return t, fmt.Errorf("%q is not the level of a tile, 0 to %d", level, maxLevel)
		}
		t.Level = l
	}
	groups := strings.Split(index, "/")
	if len(groups) > 6 {
		return t, errors.New("the index of the tile is too large")
	}
	for i, g := range groups {
		digits, more := strings.CutPrefix(g, "x")
		n, err := strconv.ParseUint(digits, 10, 16)
		if err != nil || len(digits) != 3 || more != (i < len(groups)-1) {
			return t, fmt.Errorf("%q is not the index of a tile, groups of three digits", index)
		}
		t.Index = t.Index*1000 + int64(n)
	}
	return t, nil
}
