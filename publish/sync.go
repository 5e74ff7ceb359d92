package publish

import (
	"context"
	"errors"
)

var errSkeleton = errors.New("not built yet")

// ErrLocked reports that another sync of the same target is running on this
// host (exit code 75).
var ErrLocked = errors.New("another sync of this target is running")

// Plans reads each target's checkpoint and plans what Sync would do. A target
// that cannot be planned has its reason in the result at the same index; the
// plan is nil then.
func Plans(ctx context.Context, c Config) ([]*Plan, *Result, error) { return nil, nil, errSkeleton }

// Sync brings every target up to the master. The error is for what concerns
// all of them (configuration, master); what became of each target, including
// the reason why it could not be finished, is in the result.
func Sync(ctx context.Context, c Config) (*Result, error) { return nil, errSkeleton }
