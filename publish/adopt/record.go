package adopt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/publish"
)

// perEntry keeps an entry of the publication log below its limit, as with receipts.
const perEntry = 60

// recorded reports whether a takeover records an object: what a sync will replace, and what will be removed. What is
// right already needs no record, and what the master should have first gets none.
func (o *Object) recorded() bool {
	switch o.Class {
	case Replace, Remove, Secret, Unknown:
		return !o.Digest.IsZero()
	}
	return false
}

// Record writes what was found into the publication log. From then on a sync may put the master's bytes in the place of
// exactly these, and Clear may remove them.
func Record(ctx context.Context, c Config, w *ledger.Writer, r *Report) error {
	if r.Stops() {
		return fmt.Errorf("taking over target %q: it is not for this master to take over yet", c.Target)
	}
	before, err := publish.Found(ctx, w.Log(), c.Target)
	if err != nil {
		return err
	}
	var receipts []ledger.Receipt
	for i := range r.Objects {
		o := &r.Objects[i]
		if !o.recorded() {
			continue
		}
		r.Recorded++
		if before[o.Name] != o.Digest {
			receipts = append(receipts, c.receipt(o, ledger.OpFound))
		}
	}
	return c.append(ctx, w, receipts)
}

func (c Config) receipt(o *Object, op string) ledger.Receipt {
	return ledger.Receipt{
		Op: op, Name: o.Name, Kind: o.Kind, Digest: o.Digest, Size: o.Size, ETag: o.etag, Version: o.version,
		Time: c.Now().UTC().Truncate(time.Second),
	}
}

func (c Config) append(ctx context.Context, w *ledger.Writer, receipts []ledger.Receipt) error {
	if len(receipts) == 0 {
		return nil
	}
	for i := 0; i < len(receipts); i += perEntry {
		err := w.Append(ctx, &ledger.Entry{Publish: &ledger.Publish{
			Target: c.Target, MasterSize: c.Master.Size(), MasterRoot: c.Master.Root(),
			Receipts: receipts[i:min(i+perEntry, len(receipts))],
		}})
		if err != nil {
			return fmt.Errorf("recording target %q: %w", c.Target, err)
		}
	}
	if _, err := w.Commit(ctx); err != nil {
		return fmt.Errorf("recording target %q: %w", c.Target, err)
	}
	return nil
}

// Clear removes objects by name: only what a takeover recorded (found), only while it holds the same bytes, never what
// a sync writes, and, keys apart, only when the target is complete. Any name that may not be removed stops it before
// the first. Without a publication log it only says what would go.
func Clear(ctx context.Context, c Config, w *ledger.Writer, found map[string]artifact.Digest, r *Report,
	names []string) error {
	m, err := readMaster(ctx, c)
	if err != nil {
		return err
	}
	complete, err := c.complete(ctx)
	if err != nil {
		return err
	}
	var errs []error
	var gone []Object
	for _, name := range names {
		o, err := removable(r, m, found, name, complete)
		if err != nil {
			errs = append(errs, fmt.Errorf("%q: %w", name, err))
		} else if o != nil {
			gone = append(gone, *o)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%w: nothing was removed: %w", ErrNotRemovable, err)
	}
	if w != nil {
		return c.clear(ctx, w, r, gone)
	}
	for _, o := range gone {
		r.Removed = append(r.Removed, o.Name)
	}
	return nil
}

// ErrNotRemovable reports a name that must not be removed.
var ErrNotRemovable = errors.New("a name on the list may not be removed")

// clear removes, and records also what was removed before an error.
func (c Config) clear(ctx context.Context, w *ledger.Writer, r *Report, gone []Object) error {
	var receipts []ledger.Receipt
	var failed error
	for _, o := range gone {
		err := c.Store.Delete(ctx, o.Name, publish.Condition{IfMatch: o.etag})
		if err != nil && !errors.Is(err, publish.ErrNotFound) {
			failed = fmt.Errorf("removing %q from target %q: %w", o.Name, c.Target, err)
			break
		}
		r.Removed = append(r.Removed, o.Name)
		r.Objects = slices.DeleteFunc(r.Objects, func(x Object) bool { return x.Name == o.Name })
		r.Counts[o.Class]--
		receipts = append(receipts, c.receipt(&o, "delete"))
	}
	return errors.Join(failed, c.append(context.WithoutCancel(ctx), w, receipts))
}

// removable says why a name must not be removed, or what is to be removed; nil for what is gone already.
func removable(r *Report, m *master, found map[string]artifact.Digest, name string, complete bool) (*Object, error) {
	if m.synced(name) || strings.HasPrefix(name, "log/") {
		return nil,
			errors.New("it is a name of this repository; what it publishes is taken back in the room (signer withdraw)")
	}
	var o *Object
	for i := range r.Objects {
		if r.Objects[i].Name == name {
			o = &r.Objects[i]
		}
	}
	switch {
	case o == nil:
		return nil, nil
	case found[name].IsZero():
		return nil, errors.New("no takeover recorded it; run publisher adopt --yes first, and look at what it says")
	case found[name] != o.Digest:
		return nil,
			errors.New("it changed since the takeover recorded it; run publisher adopt --yes again, and look at what " +
				"it is now")
	case !complete && o.Class != Secret:
		return nil,
			errors.New("the target is not complete yet; run publisher sync first, so that what belongs is there " +
				"before something goes")
	}
	return o, nil
}

// complete reports whether the target has everything that the master has: its checkpoint says so.
func (c Config) complete(ctx context.Context) (bool, error) {
	o := Object{Name: publish.CheckpointName}
	b, err := c.fetch(ctx, &o)
	if errors.Is(err, publish.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading the checkpoint of target %q: %w", c.Target, err)
	}
	cp, err := ledger.ParseCheckpoint(b)
	return err == nil && cp.Size == c.Master.Size() && c.Master.Consistent(ctx, b) == nil, nil
}
