package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"seihon/artifact"
	"seihon/internal/cliexit"
	"seihon/internal/config"
	"seihon/internal/regular"
	"seihon/ledger"
	"seihon/publish"
)

// beginAgain begins another publication log where the one that was cannot be
// gone on with. What is left of that one, its key included, is kept under other
// names: no key ever signs two histories. The new log says first whose place it
// takes, and why.
func (h *host) beginAgain(ctx context.Context, reason string) error {
	first := &ledger.Entry{Anchor: h.predecessor(reason)}
	log, err := h.publication(ctx)
	switch {
	case err == nil && log.Log().Size() > 0:
		outrun, unsure := h.outrun(ctx, log.Log())
		if outrun {
			err = log.Close()
			break
		}
		if unsure != nil {
			return errors.Join(unsure, log.Close())
		}
		return errors.Join(cliexit.UsageError("--new-log: the publication log is whole, with %d entries; leave the "+
			"flag out", log.Log().Size()), log.Close())
	case err == nil: // nothing was ever recorded
		if err = log.Append(ctx, first); err == nil {
			_, err = log.Commit(ctx)
		}
		return errors.Join(err, log.Close())
	case cliexit.Code(err) != cliexit.Record:
		return err
	default:
		err = nil // it is why another log begins
	}
	if err != nil {
		return err
	}
	if err := h.setAside(h.now().UTC().Format("-20060102T150405Z")); err != nil {
		return err
	}
	log, err = h.beginPublication(ctx, first)
	if err != nil {
		return err
	}
	return log.Close()
}

// outrun reports whether a target is further than the publication log can account for: then it is an older one that was
// put back.
func (h *host) outrun(ctx context.Context, log *ledger.Log) (bool, error) {
	targets, err := h.targets(ctx, "")
	if err != nil {
		return false, err
	}
	var errs []error
	for _, t := range targets {
		cp, err := targetCheckpoint(ctx, t.Store)
		if err == nil && cp != nil && cp.Origin == h.conf.Master.Origin {
			err = publish.Unrecorded(ctx, log, h.stateDir(), t.Name, cp.Size)
		}
		if errors.Is(err, publish.ErrUnrecorded) {
			return true, nil
		}
		errs = append(errs, err)
	}
	return false, errors.Join(errs...)
}

// predecessor tells what is known of the log that was: by its head, or, where
// that is lost, by the log itself.
func (h *host) predecessor(reason string) *ledger.Anchor {
	p := h.conf.Publication
	was := &ledger.Anchor{Kind: ledger.AnchorPredecessor, Where: p.Origin, Note: reason}
	for _, file := range []string{string(p.Head), filepath.Join(string(p.Directory), "log", "checkpoint")} {
		raw, err := regular.ReadFile(file)
		if err != nil {
			continue
		}
		if cp, err := ledger.ParseCheckpoint(raw); err == nil {
			was.Size, was.Root, was.Digest = cp.Size, cp.Root, artifact.Sum(raw)
			break
		}
	}
	return was
}

// setAside renames what is left of a publication log. The head goes last: until
// then a run that was killed can be repeated.
func (h *host) setAside(suffix string) error {
	p := h.conf.Publication
	if dir := string(p.Directory); exists(dir) {
		if err := ledger.SetAside(dir, dir+suffix, h.now); err != nil {
			return locked(err)
		}
	}
	for _, file := range []config.Path{p.Key, p.VKey, p.Head} {
		if err := os.Rename(string(file), string(file)+suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("setting the publication log aside: %w", err)
		}
	}
	return nil
}
