package ledger

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// A proof is a c2sp.org/tlog-proof@v1 of the batch entry. Its extra data, which
// that format leaves to us, leads from the entry on to one line:
//
//	seihon/line-proof/v1
//	<the entry's canonical JSON>
//	<the line>
//	<index of the line> <number of lines>
//	<base64 hash>…
//
// Stock tools verify the outer proof for the entry's bytes; what they lack is
// that the line is under the Merkle root in the entry.

const (
	proofHeader     = "c2sp.org/tlog-proof@v1\n"
	lineProofHeader = "seihon/line-proof/v1\n"
	maxProof        = 1 << 20
	maxPath         = 63 // hashes of an inclusion proof
)

// Prove makes the .tlog-proof of the current line of a name.
func (l *Log) Prove(ctx context.Context, name string) ([]byte, error) {
	line, i, err := l.Lookup(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("proving: %w", err)
	}
	return l.ProveLine(ctx, i, line)
}

// ProveLine makes the .tlog-proof that entry i is a batch with the line.
func (l *Log) ProveLine(ctx context.Context, i int64, line Line) ([]byte, error) {
	raw, err := l.Raw(ctx, i)
	if err != nil {
		return nil, fmt.Errorf("proving %s: %w", line.Name, err)
	}
	e, err := ParseEntry(raw)
	if err == nil && e.Batch == nil {
		err = fmt.Errorf("entry %d is not a batch", i)
	}
	if err != nil {
		return nil, fmt.Errorf("proving %s: %w", line.Name, err)
	}
	extra, err := l.proveInManifest(ctx, e.Batch, raw, line)
	if err != nil {
		return nil, fmt.Errorf("proving %s: %w", line.Name, err)
	}
	p, err := tlog.ProveRecord(l.cp.Size, i, l.tiles)
	if err != nil {
		return nil, fmt.Errorf("proving %s: %w", line.Name, err)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "%sextra %s\nindex %d\n", proofHeader, base64.StdEncoding.EncodeToString(extra), i)
	for _, h := range p {
		fmt.Fprintf(&out, "%s\n", h)
	}
	fmt.Fprintf(&out, "\n%s", l.cp.Note)
	return out.Bytes(), nil
}

func (l *Log) proveInManifest(ctx context.Context, b *Batch, entry []byte, line Line) ([]byte, error) {
	text, err := l.Manifest(ctx, b)
	if err != nil {
		return nil, err
	}
	want := line.text(manifestFields(text))
	at := int64(-1)
	leaves := make([]tlog.Hash, 0, min(b.Count, 1<<20))
	for raw, err := range manifestLines(text) {
		if err != nil {
			return nil, err
		}
		if raw == want {
			at = int64(len(leaves))
		}
		leaves = append(leaves, leafHash([]byte(raw)))
	}
	if at < 0 {
		return nil, fmt.Errorf("manifest %s does not have the line", b.Manifest)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s%s\n%s\n%d %d\n", lineProofHeader, entry, want, at, len(leaves))
	for _, h := range inclusion(leaves, at) {
		fmt.Fprintf(&out, "%s\n", h)
	}
	return out.Bytes(), nil
}

// VerifyProof checks a proof made by Prove, offline, with nothing but the
// pinned keys. It says that the line was in the log at the checkpoint's size;
// not that no newer line of the name exists.
func VerifyProof(proof []byte, v *Verifier) (*Line, Checkpoint, error) {
	p, err := OpenProof(proof, v)
	if err != nil {
		return nil, Checkpoint{}, err
	}
	return p.Line, p.Checkpoint, nil
}

// A Proof is what a verified proof says.
type Proof struct {
	Line       *Line
	Index      int64  // of the entry
	Entry      *Entry // the batch that has the line
	Checkpoint Checkpoint
}

// OpenProof is VerifyProof for a caller who needs the entry as well.
func OpenProof(proof []byte, v *Verifier) (*Proof, error) {
	p, err := openProof(proof, v)
	if err != nil {
		return nil, fmt.Errorf("verifying proof: %w", err)
	}
	return p, nil
}

func openProof(proof []byte, v *Verifier) (*Proof, error) {
	if len(proof) > maxProof {
		return nil, errors.New("it is too long")
	}
	r := &proofReader{rest: string(proof)}
	r.expect(proofHeader)
	extra64, found := strings.CutPrefix(r.line(), "extra ")
	extra, err := base64Strict.DecodeString(extra64)
	if r.err == nil && (!found || err != nil || base64.StdEncoding.EncodeToString(extra) != extra64) {
		return nil, errors.New("it has no extra data that leads to a line")
	}
	index, found := strings.CutPrefix(r.line(), "index ")
	i := r.int(index)
	if !found {
		r.fail("want an index")
	}
	path := r.hashes(true)
	if r.err != nil {
		return nil, r.err
	}
	cp, err := v.Open([]byte(r.rest))
	if err != nil {
		return nil, err
	}
	line, raw, entry, err := verifyLine(extra)
	if err != nil {
		return nil, err
	}
	if i >= cp.Size {
		return nil, fmt.Errorf("entry %d is not in a log of %d entries", i, cp.Size)
	}
	if err := tlog.CheckRecord(path, cp.Size, cp.Root, i, tlog.RecordHash(raw)); err != nil {
		return nil, fmt.Errorf("the entry is not under the checkpoint's root: %w", err)
	}
	return &Proof{Line: line, Index: i, Entry: entry, Checkpoint: cp}, nil
}

// verifyLine checks that the line in the extra data is under the root of the
// entry in it, and returns both.
func verifyLine(extra []byte) (*Line, []byte, *Entry, error) {
	r := &proofReader{rest: string(extra)}
	r.expect(lineProofHeader)
	entry, raw := r.line(), r.line()
	at, count, found := strings.Cut(r.line(), " ")
	i, n := r.int(at), r.int(count)
	if !found {
		r.fail("want the line's index and the number of lines")
	}
	path := r.hashes(false)
	if r.err != nil {
		return nil, nil, nil, r.err
	}
	e, err := ParseEntry([]byte(entry))
	if err != nil {
		return nil, nil, nil, err
	}
	line, err := ParseLine(raw)
	if err != nil {
		return nil, nil, nil, err
	}
	if e.Batch == nil || e.Batch.Count != n || i >= n {
		return nil, nil, nil, errors.New("its entry is not a batch with so many lines")
	}
	if err := tlog.CheckRecord(path, n, e.Batch.Root, i, tlog.RecordHash([]byte(raw))); err != nil {
		return nil, nil, nil, fmt.Errorf("the line is not under the manifest's root: %w", err)
	}
	return &line, []byte(entry), e, nil
}

// A proofReader reads a text line by line and keeps the first error.
type proofReader struct {
	rest string
	err  error
}

func (r *proofReader) fail(why string) {
	if r.err == nil {
		r.err = errors.New(why)
	}
}

func (r *proofReader) expect(header string) {
	var ok bool
	if r.rest, ok = strings.CutPrefix(r.rest, header); !ok {
		r.fail(fmt.Sprintf("the first line is not %q", strings.TrimSpace(header)))
	}
}

func (r *proofReader) line() string {
	line, rest, ok := strings.Cut(r.rest, "\n")
	if !ok {
		r.fail("it ends too early")
		return ""
	}
	r.rest = rest
	return line
}

func (r *proofReader) int(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != s {
		r.fail(fmt.Sprintf("%.20q is not a number", s))
		return 0
	}
	return n
}

// hashes reads hashes up to an empty line, or up to the end.
func (r *proofReader) hashes(empty bool) tlog.RecordProof {
	var path tlog.RecordProof
	for r.err == nil && (empty || r.rest != "") {
		s := r.line()
		if s == "" && empty {
			break
		}
		h, ok := parseHash([]byte(s))
		if !ok || len(path) == maxPath {
			r.fail("want a hash")
			break
		}
		path = append(path, h)
	}
	return path
}
