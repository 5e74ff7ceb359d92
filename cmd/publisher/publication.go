package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/mod/sumdb/note"

	"seihon/internal/cliexit"
	"seihon/internal/durable"
	"seihon/internal/regular"
	"seihon/ledger"
	"seihon/publish"
)

// publication opens the publication log for writing. On a new host, where
// neither key nor log nor head exist and no target was published to, it makes
// them; a host that lost one of them, or whose log is not the one that the head
// knows, is told so instead of being given a new past.
func (h *host) publication(ctx context.Context) (*ledger.Writer, error) {
	p := h.conf.Publication
	head, err := h.publicationHead()
	if err != nil {
		return nil, err
	}
	hasLog, err := h.publicationParts(head)
	switch {
	case err != nil:
		return nil, err
	case !hasLog:
		if err := h.neverPublished(ctx); err != nil {
			return nil, err
		}
		return h.beginPublication(ctx, nil)
	}
	conf, err := h.publicationWriter()
	if err != nil {
		return nil, err
	}
	if head != nil {
		conf.Known = [][]byte{head.Note}
	}
	log, err := ledger.OpenWriter(ctx, string(p.Directory), conf)
	if errors.Is(err, ledger.ErrRollback) || errors.Is(err, ledger.ErrFork) || errors.Is(err, ledger.ErrKey) {
		return nil, unlogged("%q is not the log that %q knows: %w", p.Directory, p.Head, err)
	}
	if err != nil {
		return nil, err
	}
	err = h.atHead(log.Log(), head)
	// a run was killed before it remembered
	if now := log.Log().Checkpoint(); err == nil && (head == nil || !bytes.Equal(head.Note, now)) {
		err = conf.Committed(now)
	}
	if err == nil {
		err = h.stageWaiting(ctx, log)
	}
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return log, nil
}

// publicationParts wants log, key and head of the publication log to be here together, or none of them.
func (h *host) publicationParts(head *ledger.Checkpoint) (hasLog bool, err error) {
	p := h.conf.Publication
	hasKey, hasLog := exists(string(p.Key)), exists(filepath.Join(string(p.Directory), "log", "checkpoint"))
	switch {
	case hasLog && !hasKey:
		err = unlogged("its key %q is missing", p.Key)
	case !hasLog && head != nil:
		err = unlogged("%q is missing, and %q says that it has %d entries", p.Directory, p.Head, head.Size)
	case !hasLog && hasKey && exists(string(p.VKey)):
		err = unlogged("%q is missing, but its key exists", p.Directory)
	}
	return hasLog, err
}

// wholePublication says of a host that writes the publication log, and so has its key or its head, that the next sync
// would refuse to go on with it. Where neither is, this is a reader of a copy.
func (h *host) wholePublication(ctx context.Context, log *ledger.Log) error {
	p := h.conf.Publication
	head, err := h.publicationHead()
	if err != nil || head == nil && !exists(string(p.Key)) {
		return err
	}
	if _, err := h.publicationParts(head); err != nil {
		return err
	}
	if head != nil && log != nil {
		if err := log.Consistent(ctx, head.Note); err != nil {
			return unlogged("%q is not the log that %q knows: %w", p.Directory, p.Head, err)
		}
	}
	return h.atHead(log, head)
}

// atHead refuses a log with entries beside which nothing remembers its last checkpoint.
func (h *host) atHead(log *ledger.Log, head *ledger.Checkpoint) error {
	if head == nil && log != nil && log.Size() > 0 {
		return unlogged("it has %d entries, and %q, which knows its last checkpoint, is missing", log.Size(),
			h.conf.Publication.Head)
	}
	return nil
}

// stateDir is where this host remembers what it found at targets, besides the log.
func (h *host) stateDir() string { return filepath.Join(string(h.conf.Publication.Directory), "state") }

// neverPublished holds the last things that can know better against a beginning:
// a target that has a checkpoint was published to before, and so was one that this
// host remembers; somewhere there is or was a log that says what was sent. When no
// target can be asked nobody knows, and nothing begins.
func (h *host) neverPublished(ctx context.Context) error {
	remembered, err := publish.Remembered(h.stateDir())
	if err != nil {
		return err
	}
	if remembered != "" {
		return unlogged("there is none here, and %q tells of earlier syncs", remembered)
	}
	targets, err := h.targets(ctx, "")
	if err != nil {
		return err
	}
	var silent []error
	for _, t := range targets {
		cp, err := targetCheckpoint(ctx, t.Store)
		if err != nil { // its own sync will say so, too
			h.logger.Warn("beginning a publication log without having asked a target", zap.String("target", t.Name),
				zap.Error(err))
			silent = append(silent, fmt.Errorf("target %q: %w", t.Name, err))
			continue
		}
		if cp != nil && cp.Origin == h.conf.Master.Origin && cp.Size > 0 {
			return unlogged("there is none here, and target %q was published to before: its checkpoint has %d entries",
				t.Name, cp.Size)
		}
	}
	if len(silent) == len(targets) {
		return fmt.Errorf("beginning the publication log: no target can be asked whether it was published to before, "+
			"and had another log: %w; "+
			"mend that and run this again", errors.Join(silent...))
	}
	return nil
}

// targetCheckpoint reads the checkpoint of a target, nil when it has none.
func targetCheckpoint(ctx context.Context, store publish.Store) (*ledger.Checkpoint, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := store.Get(ctx, publish.CheckpointName)
	// Without s3:ListBucket, S3 answers 403 for a missing object.
	if errors.Is(err, publish.ErrNotFound) || errors.Is(err, publish.ErrDenied) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	raw, err := io.ReadAll(io.LimitReader(r, 1<<20))
	if err != nil {
		return nil, err
	}
	cp, err := ledger.ParseCheckpoint(raw)
	return &cp, err
}

// unlogged refuses to go on with a publication log that is not what it was.
func unlogged(format string, args ...any) error {
	return &cliexit.Error{Code: cliexit.Record,
		Err: fmt.Errorf("opening the publication log: "+format+"; restore what is missing from the "+
			"backup, or begin another log, on record, with publisher sync --new-log --reason TEXT", args...)}
}

// publicationHead is the last checkpoint that is remembered outside of the log.
func (h *host) publicationHead() (*ledger.Checkpoint, error) {
	head := string(h.conf.Publication.Head)
	raw, err := regular.ReadFile(head)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var info os.FileInfo
	if err == nil {
		info, err = os.Stat(head)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the head of the publication log: %w", err)
	}
	if mode := info.Mode().Perm(); os.PathSeparator == '/' && mode&0o022 != 0 {
		return nil,
			fmt.Errorf("reading the head of the publication log: others may write to %q: it has mode %04o; make it "+
				"0644 (chmod go-w)", head, mode)
	}
	cp, err := ledger.ParseCheckpoint(raw)
	if err != nil {
		return nil, unlogged("%q is no checkpoint: %w", h.conf.Publication.Head, err)
	}
	cp.Note = raw
	return &cp, nil
}

func (h *host) publicationWriter() (ledger.WriterConfig, error) {
	p := h.conf.Publication
	signer, err := readNoteKey(string(p.Key), p.Origin)
	remember := func(checkpoint []byte) error {
		return errors.Join(durable.WriteFile(string(p.Head), checkpoint, 0o644), h.recorded())
	}
	return ledger.WriterConfig{Origin: p.Origin, Signers: []note.Signer{signer}, Folders: true, Now: h.now,
		Logger: h.logger, Committed: remember}, err
}

// beginPublication makes the log, its key and its head. What it begins with, if
// anything, is its first entry.
func (h *host) beginPublication(ctx context.Context, with *ledger.Entry) (*ledger.Writer, error) {
	h.logger.Info("beginning a new publication log")
	p := h.conf.Publication
	if err := newNoteKey(string(p.Key), string(p.VKey), p.Origin); err != nil {
		return nil, err
	}
	conf, err := h.publicationWriter()
	if err != nil {
		return nil, err
	}
	log, err := ledger.Create(ctx, string(p.Directory), conf)
	if err != nil {
		return nil, err
	}
	if with != nil {
		if err = log.Append(ctx, with); err == nil {
			_, err = log.Commit(ctx)
		}
	} else {
		err = conf.Committed(log.Log().Checkpoint())
	}
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return log, nil
}

// publicationVerifier believes the pinned key of the publication log.
func (h *host) publicationVerifier() (*ledger.Verifier, error) {
	p := h.conf.Publication
	raw, err := regular.ReadFile(string(p.VKey))
	if errors.Is(err, os.ErrNotExist) {
		return nil,
			fmt.Errorf("reading the publication log's key: %q is missing; `publisher sync` begins the log and "+
				"writes it", p.VKey)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the publication log's key: %w", err)
	}
	return ledger.NewVerifier(p.Origin, strings.TrimSpace(string(raw)))
}

// exists reports whether a file is there; one that this user may not look at is.
func exists(file string) bool {
	_, err := os.Stat(file)
	return !errors.Is(err, os.ErrNotExist)
}
