package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"seihon/artifact"
	"seihon/public"
)

// A copy of the master that is older than what a target has would take back what is public, in every kind: lists,
// generations, pages, documents that were withdrawn since, and the checkpoint. The checkpoint tells, if it is there.
// When it is gone, damaged or put back, three others do: what this host saw there before, the tiles of the longer log,
// and lists and generations that are newer.

// ErrBehind reports that a target has more than this copy of the master.
var ErrBehind = errors.New("this copy of the master is older than what the target has: bring it up to date first " +
	"(publisher import with the newest export, or copy the newest master), then sync again")

// notBehind refuses a master that is shorter than a checkpoint which this host saw on the target and, for a repair,
// than the log that lies there.
func (s *session) notBehind(ctx context.Context, seen int64) error {
	size := s.config.Master.Size()
	if seen > size {
		return fmt.Errorf("target %q had a checkpoint of %d entries when this host last looked, the master here "+
			"has %d: %w", s.result.Target, seen, size, ErrBehind)
	}
	if !s.config.Repair {
		return nil
	}
	longer, err := s.longerTile(ctx)
	if err == nil && longer != "" {
		err = fmt.Errorf("target %q has %s, of a log that goes on where the master here ends, at %d entries: %w",
			s.result.Target, longer, size, ErrBehind)
	}
	return err
}

// tileWidth is how many hashes a full tile has (c2sp.org/tlog-tiles).
const tileWidth = 256

// longerTile finds a tile on the target that has the hashes of the master's last tile and more behind them; "" if there
// is none. A tile's name says how many it has, so each possible name is asked for.
func (s *session) longerTile(ctx context.Context) (string, error) {
	size := s.config.Master.Size()
	ours, err := s.lastTile(ctx)
	if err != nil {
		return "", err
	}
	longer := make([]string, tileWidth+1)
	var group errgroup.Group
	group.SetLimit(s.caller.limits.MinWorkers)
	for width := int(size%tileWidth) + 1; width <= tileWidth; width++ {
		group.Go(func() error {
			name := public.Name{Kind: artifact.Tile,
				Tile: public.TilePath{Index: size / tileWidth, Width: width}}.String()
			got, err := s.caller.get(ctx, name, int64(len(artifact.Digest{})*tileWidth), true)
			switch {
			case errors.Is(err, ErrNotFound), errors.Is(err, ErrDenied): // without s3:ListBucket, 403 stands for 404
				return nil
			case err != nil:
				return fmt.Errorf("looking for a longer log on target %q: %w", s.result.Target, err)
			case bytes.HasPrefix(got.bytes, ours):
				longer[width] = name
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return "", err
	}
	for _, name := range longer {
		if name != "" {
			return name, nil
		}
	}
	return "", nil
}

// lastTile is the tile of leaves at the end of the master's log; empty when the last one is full.
func (s *session) lastTile(ctx context.Context) ([]byte, error) {
	size := s.config.Master.Size()
	if size%tileWidth == 0 {
		return nil, nil
	}
	want := public.Name{Kind: artifact.Tile,
		Tile: public.TilePath{Index: size / tileWidth, Width: int(size % tileWidth)}}.String()
	for f, err := range s.config.Master.PublicFiles(ctx, size-1, size) {
		if err != nil {
			return nil, err
		}
		if f.Name != want {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return nil, err
		}
		return io.ReadAll(r)
	}
	return nil, fmt.Errorf("the master has no tile %s", want)
}

// newer says why nothing more may be repaired: something on the target is newer than the master has it.
func (s *session) newer() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var earlier error
	for _, f := range s.result.Findings {
		switch f.Code {
		case Ahead:
			return fmt.Errorf("target %q: %w", s.result.Target, ErrBehind)
		case Before:
			earlier = fmt.Errorf("target %q has a list that this master never had, %s: that comes first, and nothing "+
				"more was repaired", s.result.Target, f.Name)
		}
	}
	return earlier
}
