package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A Finding is something wrong with a log. Codes are stable.
type Finding struct {
	Code     string `json:"code"`
	Severity string `json:"severity"` // SeverityError, SeverityWarning, SeverityNote
	Where    string `json:"where"`    // file or entry
	Detail   string `json:"detail"`
	Hint     string `json:"hint"`
}

func (f Finding) String() string {
	return fmt.Sprintf("%s %s: %s: %s", f.Severity, f.Code, f.Where, f.Detail)
}

// Severities of a finding. An error means that the log is not what was signed
// or breaks its own rules; a warning is to be looked at by a person; a note
// explains itself.
const (
	SeverityError   = "error"
	SeverityWarning = "warning"
	SeverityNote    = "note"
)

// Codes of findings.
const (
	CodeNoLog          = "no-log"
	CodeCheckpoint     = "checkpoint-malformed"
	CodeOrigin         = "checkpoint-origin"
	CodeKey            = "checkpoint-key"
	CodeRetiredKey     = "checkpoint-retired-key"
	CodeBehind         = "checkpoint-behind"
	CodeRollback       = "rollback"
	CodeFork           = "fork"
	CodeTree           = "tree-damaged"
	CodeExtraFile      = "extra-file"
	CodeEntry          = "entry-malformed"
	CodeFuture         = "entry-in-the-future"
	CodeBackwards      = "time-goes-backwards"
	CodeAfterFreeze    = "entry-after-freeze"
	CodeRotation       = "key-rotation-invalid"
	CodeArchive        = "archive-damaged"
	CodeArchiveKey     = "archive-key"
	CodeArchiveFork    = "archive-fork"
	CodeManifest       = "manifest-damaged"
	CodeManifestAbsent = "manifest-missing"
	CodePrivateAbsent  = "private-absent"
	CodePrivateLost    = "private-lost"
	CodeBlob           = "artifact-damaged"
	CodeBlobAbsent     = "artifact-missing"
	CodeUnreferenced   = "unreferenced-file"
	CodeIndexAhead     = "index-ahead"
	CodeIndexDiffers   = "index-differs"
	CodeToken          = "timestamp-invalid"
	CodeUnreadable     = "unreadable"
)

// CheckConfig says how deep a check goes. The zero value checks everything
// that needs nothing but the directory.
type CheckConfig struct {
	Known         [][]byte         // older signed checkpoints, such as the auditor's last one
	SkipManifests bool             // and with them the artifacts
	SkipArtifacts bool             // do not read the blobs and bundles that lines lead to
	Private       bool             // the private part must be here, as in the signing room
	Now           func() time.Time // nil = time.Now
	// VerifyToken checks an RFC 3161 token over an archived checkpoint; nil
	// leaves the tokens alone.
	VerifyToken func(ctx context.Context, checkpoint, token []byte) error
}

// maxSkew is how far an entry may be ahead of the checker's clock.
const maxSkew = 5 * time.Minute

// Check checks the whole log in dir, and the bag when it is in one, and reports
// all that is wrong with it. The error is only for a check that could not be made.
func Check(ctx context.Context, dir string, v *Verifier, c CheckConfig) ([]Finding, error) {
	k := &checker{c: c}
	if k.c.Now == nil {
		k.c.Now = time.Now
	}
	if dataDir(dir) != dir {
		bag, err := CheckBag(ctx, dir)
		if err != nil {
			return nil, fmt.Errorf("checking the bag %s: %w", dir, err)
		}
		k.findings = bag
	}
	l, err := Open(ctx, dir, v)
	if err != nil {
		k.cannotOpen(dir, err)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return k.findings, nil
	}
	k.l = l
	for _, step := range []func(context.Context) error{k.tree, k.extra, k.stray, k.archive, k.known, k.history,
		k.batches, k.index} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("checking the log in %s: %w", dir, err)
		}
	}
	slices.SortStableFunc(k.findings, func(a, b Finding) int { return strings.Compare(a.Severity, b.Severity) })
	return k.findings, nil
}

// A checker collects findings.
type checker struct {
	c        CheckConfig
	l        *Log
	findings []Finding

	entries []numbered // those that other files or entries are checked against; few in a log of many
	damaged bool       // the tree could not be read whole
}

type numbered struct {
	i int64
	*Entry
}

func (k *checker) add(code, where, hint, format string, args ...any) {
	k.findings = append(k.findings,
		Finding{Code: code, Severity: SeverityError, Where: where, Detail: fmt.Sprintf(format, args...), Hint: hint})
}

func (k *checker) warn(code, where, hint, format string, args ...any) {
	k.add(code, where, hint, format, args...)
	k.findings[len(k.findings)-1].Severity = SeverityWarning
}

func (k *checker) note(code, where, hint, format string, args ...any) {
	k.add(code, where, hint, format, args...)
	k.findings[len(k.findings)-1].Severity = SeverityNote
}

const (
	hintRestore  = "restore the file from a copy of the master; the log says exactly which bytes it must have"
	hintEvidence = "keep both versions as evidence; nothing but a thief of the key or the operator can have signed them"
	hintRollback = "find the newer copy and who put back the old one; do not let anybody sign from here on"
)

// cannotOpen turns the reason why a log could not be opened into a finding.
func (k *checker) cannotOpen(dir string, err error) {
	where := filepath.Join(dir, logDir, "checkpoint")
	var ce *CorruptError
	switch {
	case errors.As(err, &ce):
		code := CodeTree
		if strings.HasSuffix(filepath.ToSlash(ce.Path), "log/checkpoint") {
			code = CodeCheckpoint
		} else if strings.Contains(filepath.ToSlash(ce.Path), checkpointDir) {
			code = CodeArchive
		}
		k.add(code, ce.Path, hintRestore, "%v", ce.Err)
	case errors.Is(err, ErrNotExist):
		k.add(CodeNoLog, dir, "check the path", "%v", err)
	case errors.Is(err, ErrOrigin):
		k.add(CodeOrigin, where, "check that the directory and the pinned key belong together", "%v", err)
	case errors.Is(err, ErrKey):
		k.add(CodeKey, where, hintEvidence, "%v", err)
	case errors.Is(err, ErrRollback):
		k.add(CodeRollback, where, hintRollback, "%v", err)
	case errors.Is(err, ErrFork):
		k.add(CodeFork, where, hintEvidence, "%v", err)
	case strings.Contains(err.Error(), "parsing checkpoint"):
		k.add(CodeCheckpoint, where, hintRestore, "%v", err)
	case strings.Contains(err.Error(), "parsing an entry"):
		k.add(CodeEntry, dir, hintEvidence, "%v", err)
	default:
		k.add(CodeUnreadable, dir, "check the file system and its permissions", "%v", err)
	}
}

// archive checks every archived checkpoint and the tokens beside them.
func (k *checker) archive(ctx context.Context) error {
	sizes, err := k.l.Archived()
	if err != nil {
		return err
	}
	if len(sizes) > 0 && !slices.Contains(sizes, k.l.cp.Size) {
		k.add(CodeArchive, archivePath(k.l.dir, k.l.cp.Size), hintRestore, "the checkpoint is not in the archive")
	}
	for _, size := range sizes {
		path := archivePath(k.l.dir, size)
		b, err := readArchived(k.l.dir, size)
		if err != nil {
			k.add(CodeArchive, path, hintRestore, "%v", err)
			continue
		}
		c, err := ParseCheckpoint(b)
		if err != nil || c.Size != size {
			k.add(CodeArchive, path, hintRestore, "not a checkpoint of size %d", size)
			continue
		}
		if size > k.l.cp.Size {
			k.warn(CodeBehind, path, "open the log for writing once: it rolls forward",
				"a commit to size %d was interrupted, or is under way; the checkpoint is of size %d", size, k.l.cp.Size)
			continue
		}
		err = k.l.Consistent(ctx, b)
		switch {
		case errors.Is(err, ErrFork):
			k.add(CodeArchiveFork, path, hintEvidence, "%v", err)
		case errors.Is(err, ErrKey), errors.Is(err, ErrOrigin):
			k.add(CodeArchiveKey, path, hintEvidence, "%v", err)
		case err != nil:
			k.add(CodeArchive, path, hintRestore, "%v", err)
		}
		if err := k.tokens(ctx, size, b); err != nil {
			return err
		}
	}
	return nil
}

// tokens checks the RFC 3161 tokens beside an archived checkpoint.
func (k *checker) tokens(ctx context.Context, size int64, checkpoint []byte) error {
	if k.c.VerifyToken == nil {
		return nil
	}
	tokens, err := k.l.Tokens(size)
	if err != nil {
		return err
	}
	for _, path := range tokens {
		b, err := readSmall(path, maxToken)
		if err == nil {
			err = k.c.VerifyToken(ctx, checkpoint, b)
		}
		if err != nil {
			k.add(CodeToken, path, "stamp the newest checkpoint again; compare the token with the authority's records",
				"%v", err)
		}
	}
	return nil
}

// known compares with checkpoints that were seen elsewhere.
func (k *checker) known(ctx context.Context) error {
	for i, b := range k.c.Known {
		where := fmt.Sprintf("known checkpoint %d", i+1)
		err := k.l.Consistent(ctx, b)
		switch {
		case err == nil:
		case errors.Is(err, ErrRollback):
			k.add(CodeRollback, where, hintRollback, "%v", err)
		case errors.Is(err, ErrFork):
			k.add(CodeFork, where, hintEvidence, "%v", err)
		case errors.Is(err, ErrOrigin):
			k.add(CodeOrigin, where, "it is of another log; give the one of this log", "%v", err)
		case errors.Is(err, ErrKey):
			k.add(CodeKey, where, "it was not signed by this log's keys; where does it come from?", "%v", err)
		default:
			k.add(CodeCheckpoint, where, "give the checkpoint as it was saved, byte for byte", "%v", err)
		}
	}
	return nil
}

// history checks the rules that hold between entries.
func (k *checker) history(context.Context) error {
	eras := []*Verifier(nil)
	for _, e := range k.entries {
		where := fmt.Sprintf("entry %d", e.i)
		if e.Freeze != nil && e.i != k.l.cp.Size-1 {
			k.add(CodeAfterFreeze, where, hintEvidence, "the log was frozen here and has %d entries", k.l.cp.Size)
		}
		if e.KeyRotation == nil {
			continue
		}
		old, err := NewVerifier(k.l.cp.Origin, e.KeyRotation.Old...)
		if err == nil && len(eras) > 0 {
			old = eras[len(eras)-1]
		}
		var next *Verifier
		if err == nil {
			next, err = e.KeyRotation.check(old)
		}
		if err != nil {
			k.add(CodeRotation, where, hintEvidence, "%v", err)
			continue
		}
		if eras = append(eras, next); e.i < k.l.cp.Size-1 && slices.Equal(k.l.keys.Keys(), old.Keys()) {
			k.add(CodeRetiredKey, where, hintEvidence,
				"the checkpoint of size %d is signed by keys that were retired here", k.l.cp.Size)
		}
	}
	return nil
}

// index compares the index with the log.
func (k *checker) index(ctx context.Context) error {
	if k.c.SkipManifests || k.damaged {
		return nil
	}
	path := filepath.Join(k.l.dir, indexFile)
	const hint = "delete the file, it will be rebuilt; then ask who changed it"
	if err := k.l.notBehindIndex(ctx); err != nil {
		k.add(CodeIndexAhead, path, hintRollback, "%v", err)
		return nil
	}
	x := k.l.openIndex(ctx)
	if x == nil {
		return nil
	}
	defer x.close()
	got, err := x.all(ctx)
	if err != nil {
		k.warn(CodeIndexDiffers, path, hint, "it cannot be read: %v", err)
		return nil
	}
	want, err := k.l.Replay(ctx, x.size)
	if err != nil {
		return ctx.Err() // the manifests have their own findings
	}
	if s := newState(got, x.size); !slices.Equal(s.lines, want.lines) {
		k.add(CodeIndexDiffers, path, hint, "it has %d names at size %d that are not those of the log, which has %d",
			len(s.lines), x.size, want.Len())
	}
	return nil
}

// sameStart reports whether b is the start of whole.
func sameStart(b, whole []byte) bool { return len(b) <= len(whole) && bytes.Equal(b, whole[:len(b)]) }
