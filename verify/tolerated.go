package verify

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"seihon/internal/regular"
	"seihon/ledger"
	"seihon/public"
	"seihon/verify/report"
)

// Some formats let a writer add what no reader checks: a signed note takes any number of signature lines, a CMS
// structure takes unsigned attributes, a PEM file takes text around its blocks. Such an addition proves nothing, and
// nobody may take it for something that was checked, so it is counted and shown as a note. docs/formats.md lists format
// by format what is refused and what is tolerated.

// A checkpointAt is a signed note with the name it has in findings.
type checkpointAt struct {
	name string
	note []byte
}

// A placeNote is the checkpoint of a place that was read before the keys of the log were known.
type placeNote struct {
	source string
	note   []byte
}

// A Tolerated is something in a file that was given to a check and that nothing interprets.
type Tolerated struct {
	Name   string // of the file
	Detail string
}

// TextAroundPEM says how much there is around the blocks of a PEM file.
const TextAroundPEM = "%d bytes of text around the certificates, which were not read"

// reportTolerated looks at every checkpoint of the master log, and at those that the auditor brought.
func (c *checker) reportTolerated(ctx context.Context) error {
	if err := c.tolerateLog(ctx, report.SourceLog, c.log, c.keys); err != nil {
		return err
	}
	for i, known := range c.Known {
		c.tolerate(report.SourceLog, []checkpointAt{{fmt.Sprintf("known checkpoint %d", i+1), known}}, c.keys)
	}
	if c.Publication != "" && c.PublicationVerifier != nil {
		keys := []*ledger.Verifier{c.PublicationVerifier}
		// else its own findings say why
		if log, err := ledger.Open(ctx, c.Publication, c.PublicationVerifier); err == nil {
			if err := c.tolerateLog(ctx, report.SourcePublication, log, keys); err != nil {
				return err
			}
		}
		for i, known := range c.PublicationKnown {
			c.tolerate(report.SourcePublication, []checkpointAt{{fmt.Sprintf("known checkpoint %d", i+1), known}}, keys)
		}
	}
	for _, t := range c.Tolerated {
		c.Found(report.Finding{Code: "tolerated", Source: report.SourcePins, Name: t.Name, Detail: t.Detail})
	}
	for _, n := range c.notes {
		if !bytes.Equal(n.note, c.log.Checkpoint()) {
			c.tolerate(n.source, []checkpointAt{{public.Checkpoint, n.note}}, c.keys)
		}
	}
	return nil
}

// tolerateLog looks at the newest and at the archived checkpoints of a log.
func (c *checker) tolerateLog(ctx context.Context, source string, log *ledger.Log, keys []*ledger.Verifier) error {
	newest := log.Checkpoint()
	c.tolerate(source, []checkpointAt{{public.Checkpoint, newest}}, keys)
	sizes, err := log.Archived()
	if err != nil {
		return ctx.Err() // the log's own findings say why
	}
	var archived []checkpointAt
	for _, size := range sizes {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		name := fmt.Sprintf("log/checkpoints/%d", size)
		note, err := readNote(filepath.Join(log.Dir(), filepath.FromSlash(name)))
		if err == nil && !bytes.Equal(note, newest) {
			archived = append(archived, checkpointAt{name, note})
		}
	}
	c.tolerate(source, archived, keys)
	return nil
}

// readNote reads a file that may be a checkpoint. Whether it is a good one is what package ledger checks.
func readNote(path string) ([]byte, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxNote))
}

// maxNote is as long as a checkpoint can be.
const maxNote = 64 << 10

// tolerateProof looks at the checkpoint that a proof ends with.
func (k *copyCheck) tolerateProof(name string, proof []byte) {
	if _, note, ok := bytes.Cut(proof, []byte("\n\n")); ok {
		k.tolerate(k.src.Name(), []checkpointAt{{name, note}}, k.keys)
	}
}

// tolerate reports what checkpoints have beside the text and the signatures that were verified. Several of them make
// one finding of each kind, under the name of the first that has it.
func (c *checker) tolerate(source string, all []checkpointAt, keys []*ledger.Verifier) {
	var strangers, more, text tolerated
	known := c.knownKeys(keys)
	for _, cp := range all {
		body, signatures, _ := bytes.Cut(cp.note, []byte("\n\n"))
		text.enter(cp.name, max(0, bytes.Count(body, []byte("\n"))-2), "")
		seen := map[string]bool{}
		for _, line := range strings.Split(strings.TrimSpace(string(signatures)), "\n") {
			id, ok := signatureID(line)
			switch {
			case !ok: // the note could not be opened with such a line
			case !slices.Contains(known, id):
				strangers.enter(cp.name, 1, id)
			case seen[id]:
				more.enter(cp.name, 1, id)
			}
			seen[id] = true
		}
	}
	strangers.report(c, "checkpoint-strangers", source, "%d signatures", "%d signatures on %d checkpoints")
	more.report(c,
		"tolerated", source, "%d further signatures of a key that has signed already; only its first was verified",
		"%d further signatures of a key that has signed already, on %d checkpoints; only its first was verified")
	text.report(c,
		"tolerated", source, "%d lines of text after the root hash, which the log's keys signed and nothing interprets",
		"%d lines of text after the root hash, on %d checkpoints, which the log's keys signed and nothing interprets")
}

// A tolerated counts one kind of addition.
type tolerated struct {
	first, last   string   // names that have it
	places, count int      // how many names have it, and how often
	ids           []string // of keys, each once
}

func (t *tolerated) enter(name string, n int, id string) {
	if n == 0 {
		return
	}
	if t.count == 0 {
		t.first = name
	}
	if t.last != name {
		t.last = name
		t.places++
	}
	t.count += n
	if id != "" && len(t.ids) < 10 && !slices.Contains(t.ids, id) {
		t.ids = append(t.ids, id)
	}
}

// report makes one finding of it, in the words for one place or for several.
func (t *tolerated) report(c *checker, code, source, one, several string) {
	if t.count == 0 {
		return
	}
	f := report.Finding{Code: code, Source: source, Name: t.first, Got: strings.Join(t.ids, " "),
		Detail: fmt.Sprintf(one, t.count)}
	if t.places > 1 {
		f.Detail = fmt.Sprintf(several, t.count, t.places)
	}
	c.Found(f)
}

// knownKeys are the IDs of the keys whose signatures mean something: those of the log and of the pinned witnesses.
func (c *checker) knownKeys(keys []*ledger.Verifier) (known []string) {
	for _, k := range keys {
		for _, vkey := range k.Keys() {
			name, rest, _ := strings.Cut(vkey, "+")
			hash, _, _ := strings.Cut(rest, "+")
			known = append(known, name+"+"+hash)
		}
	}
	for _, w := range c.Witnesses {
		known = append(known, fmt.Sprintf("%s+%08x", w.Name(), w.KeyHash()))
	}
	return known
}

// signatureID names the key of a signature line.
func signatureID(line string) (id string, ok bool) {
	who, encoded, ok := strings.Cut(strings.TrimPrefix(line, "— "), " ")
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(raw) < 4 {
		return "", false
	}
	return fmt.Sprintf("%s+%08x", who, binary.BigEndian.Uint32(raw)), true
}
