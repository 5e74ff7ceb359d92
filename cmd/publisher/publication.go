package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/mod/sumdb/note"

	"seihon/artifact"
	"seihon/internal/cliexit"
	"seihon/internal/config"
	"seihon/internal/durable"
	"seihon/internal/regular"
	"seihon/internal/secret"
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
	if now := log.Log().Checkpoint(); err == nil && (head == nil || !bytes.Equal(head.Note, now)) { // a run was killed before it remembered
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
		return unlogged("it has %d entries, and %q, which knows its last checkpoint, is missing", log.Size(), h.conf.Publication.Head)
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
			h.logger.Warn("beginning a publication log without having asked a target", zap.String("target", t.Name), zap.Error(err))
			silent = append(silent, fmt.Errorf("target %q: %w", t.Name, err))
			continue
		}
		if cp != nil && cp.Origin == h.conf.Master.Origin && cp.Size > 0 {
			return unlogged("there is none here, and target %q was published to before: its checkpoint has %d entries", t.Name, cp.Size)
		}
	}
	if len(silent) == len(targets) {
		return fmt.Errorf("beginning the publication log: no target can be asked whether it was published to before, and had another log: %w; "+
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
	return &cliexit.Error{Code: cliexit.Record, Err: fmt.Errorf("opening the publication log: "+format+"; restore what is missing from the "+
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
		return nil, fmt.Errorf("reading the head of the publication log: others may write to %q: it has mode %04o; make it 0644 (chmod go-w)", head, mode)
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
	return ledger.WriterConfig{Origin: p.Origin, Signers: []note.Signer{signer}, Folders: true, Now: h.now, Logger: h.logger, Committed: remember}, err
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
		return errors.Join(cliexit.UsageError("--new-log: the publication log is whole, with %d entries; leave the flag out", log.Log().Size()), log.Close())
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

// outrun reports whether a target is further than the publication log can account for: then it is an older one that was put back.
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

// publicationVerifier believes the pinned key of the publication log.
func (h *host) publicationVerifier() (*ledger.Verifier, error) {
	p := h.conf.Publication
	raw, err := regular.ReadFile(string(p.VKey))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("reading the publication log's key: %q is missing; `publisher sync` begins the log and writes it", p.VKey)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the publication log's key: %w", err)
	}
	return ledger.NewVerifier(p.Origin, strings.TrimSpace(string(raw)))
}

// newNoteKey makes the host's own Ed25519 key. It signs only the publication
// log: neither certificates nor CRLs nor OCSP responses.
func newNoteKey(keyFile, vkeyFile, origin string) error {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("making the publication log's key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encoding the publication log's key: %w", err)
	}
	vkey, err := ledger.VKey(origin, pub)
	if err != nil {
		return err
	}
	for _, dir := range []struct {
		name string
		perm os.FileMode
	}{{filepath.Dir(keyFile), 0o700}, {filepath.Dir(vkeyFile), 0o755}} {
		if err := os.MkdirAll(dir.name, dir.perm); err != nil {
			return fmt.Errorf("making the folder of the publication log's key: %w", err)
		}
	}
	if err := durable.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		return err
	}
	return durable.WriteFile(vkeyFile, []byte(vkey+"\n"), 0o644)
}

func readNoteKey(file, origin string) (note.Signer, error) {
	raw, err := secret.File(file, 64<<10)
	if err != nil {
		return nil, fmt.Errorf("reading a note key: %w", err)
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, fmt.Errorf("reading a note key %q: it is not PEM", file)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parsing a note key %q: %w", file, err)
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("parsing a note key %q: it is %T, must be an Ed25519 key", file, parsed)
	}
	return ledger.NewNoteSigner(origin, key)
}

// exists reports whether a file is there; one that this user may not look at is.
func exists(file string) bool {
	_, err := os.Stat(file)
	return !errors.Is(err, os.ErrNotExist)
}
