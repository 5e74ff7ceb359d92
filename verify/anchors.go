package verify

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"seihon/artifact"
	"seihon/internal/regular"
	"seihon/ledger"
	"seihon/ledger/timestamp"
	"seihon/ledger/witness"
	"seihon/verify/report"
)

// clockSkew is how far two clocks may be apart.
const clockSkew = 5 * time.Minute

// checkAnchors looks at what others say about the log: time-stamps beside its checkpoints, cosignatures of witnesses on
// them, and what else stands on a checkpoint.
func (c *checker) checkAnchors(ctx context.Context) error {
	if err := c.checkTimestamps(ctx); err != nil {
		return err
	}
	c.checkWitnesses()
	return c.reportTolerated(ctx)
}

// checkTimestamps verifies every RFC 3161 token of the master: that one of the pinned authorities made it, over this
// checkpoint, at a time that can be. Where no authority is pinned, nobody can tell; then it says how many there are,
// and which are junk.
func (c *checker) checkTimestamps(ctx context.Context) error {
	dir := filepath.Join(c.log.Dir(), "log", "checkpoints")
	names, err := fs.Glob(os.DirFS(dir), "*.tsr") // the folder's own name is no pattern
	if err != nil {
		return fmt.Errorf("listing time-stamps: %w", err)
	}
	kept := map[artifact.Digest]bool{}
	unchecked, junk := 0, 0
	for _, name := range names {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		path := filepath.Join(dir, name)
		token, err := regular.ReadFile(path)
		kept[artifact.Sum(token)] = err == nil
		switch {
		case err != nil:
			c.badToken(path, err.Error())
		case len(c.Timestamps) > 0:
			c.checkToken(ctx, dir, path, token)
		case looksLikeToken(token):
			unchecked++
		default:
			junk++
		}
	}
	if junk > 0 {
		c.Found(report.Finding{Code: report.LogPrefix + ledger.CodeToken, Severity: report.Note,
			Source: report.SourceLog, Name: "log/checkpoints",
			Detail: fmt.Sprintf("%d of %d files are no time-stamps at all; no authority is pinned", junk, len(names))})
	}
	if unchecked > 0 {
		c.Found(report.Finding{Code: "timestamp-unchecked", Source: report.SourceLog, Name: "log/checkpoints",
			Detail: fmt.Sprintf("%d time-stamps", unchecked)})
	}
	if len(c.Timestamps) > 0 && c.stamped == 0 {
		c.Found(report.Finding{Code: "timestamp-missing", Source: report.SourceLog, Name: "log/checkpoints",
			Detail: "an authority is pinned, and no checkpoint has a good time-stamp of it"})
	}
	return c.checkRecordedTokens(ctx, kept)
}

func (c *checker) badToken(path, detail string) {
	name := filepath.ToSlash(filepath.Join("log", "checkpoints", filepath.Base(path)))
	c.Found(report.Finding{Code: report.LogPrefix + ledger.CodeToken, Source: report.SourceLog, Name: name,
		Detail: detail})
}

func (c *checker) checkToken(ctx context.Context, dir, path string, token []byte) {
	number, _, _ := strings.Cut(filepath.Base(path), ".")
	checkpoint, err := regular.ReadFile(filepath.Join(dir, number))
	if err != nil {
		c.badToken(path, "there is no checkpoint of the size "+number)
		return
	}
	s, err := timestamp.Verify(token, checkpoint, c.Timestamps)
	if err != nil {
		c.badToken(path, err.Error())
		return
	}
	newest := time.Time{}
	if size, err := strconv.ParseInt(number, 10, 64); err == nil && size > 0 && size <= c.log.Size() {
		if e, err := c.log.Entry(ctx, size-1); err == nil {
			newest = e.Time
		}
	}
	switch {
	case s.Time.Before(newest.Add(-clockSkew)):
		c.badToken(path,
			fmt.Sprintf("it says %s, but the checkpoint has an entry of %s", report.Stamp(s.Time),
				report.Stamp(newest)))
	case s.Time.After(c.now.Add(clockSkew)):
		c.badToken(path, "it is of the future, "+report.Stamp(s.Time))
	default:
		c.stamped++
	}
}

// looksLikeToken reports whether a file is DER that speaks of a TSTInfo (RFC 3161 section 2.4.2).
func looksLikeToken(b []byte) bool {
	in := cryptobyte.String(b)
	var body cryptobyte.String
	const idTSTInfo = "\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x04"
	return in.ReadASN1(&body, cbasn1.SEQUENCE) && in.Empty() && bytes.Contains(body, []byte(idTSTInfo))
}

// checkRecordedTokens wants every token whose digest the log records.
func (c *checker) checkRecordedTokens(ctx context.Context, kept map[artifact.Digest]bool) error {
	index := int64(-1)
	for e, err := range c.log.Entries(ctx, 0, c.log.Size()) {
		if err != nil {
			return ctx.Err() // the log's own findings say why
		}
		index++
		if e.Anchor != nil && e.Anchor.Kind == "rfc3161" && !kept[e.Anchor.Digest] {
			c.Found(report.Finding{Code: "timestamp-missing", Source: report.SourceLog,
				Name: fmt.Sprintf("log entry %d", index), Want: e.Anchor.Digest.String(),
				Detail: fmt.Sprintf("the log records a time-stamp of %s on the checkpoint of size %d, which is "+
					"not there", e.Anchor.Where, e.Anchor.Size)})
		}
	}
	return nil
}

// checkWitnesses wants a quorum of the pinned witnesses on the newest checkpoint.
func (c *checker) checkWitnesses() {
	if len(c.Witnesses) == 0 {
		return
	}
	quorum := c.Quorum
	if quorum <= 0 {
		quorum = len(c.Witnesses)
	}
	good, err := witness.Verify(c.log.Checkpoint(), c.Witnesses, quorum)
	for _, g := range good {
		if g.Time.After(c.now.Add(clockSkew)) {
			c.Found(report.Finding{Code: "witness-quorum", Source: report.SourceLog, Name: "log/checkpoint",
				Detail: fmt.Sprintf("the cosignature of %s is of the future, %s", g.Witness, report.Stamp(g.Time))})
			continue
		}
		c.witnessed++
	}
	if err != nil {
		c.Found(report.Finding{Code: "witness-quorum", Source: report.SourceLog, Name: "log/checkpoint",
			Detail: err.Error()})
	}
}
