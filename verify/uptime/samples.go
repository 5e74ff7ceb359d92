package uptime

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"seihon/artifact"
	"seihon/internal/regular"
	"seihon/ledger"
	"seihon/verify/report"
)

// SamplesSchema is the first line of what an outside vantage signs.
const SamplesSchema = "seihon/samples/v1"

// maxSamples bounds a file of signed samples; a round has some tens of kilobytes.
const maxSamples = 4 << 20

// SignSamples writes rounds of samples as a note (c2sp.org/signed-note) under the key of a vantage
// that has no publication log of its own. The text is the schema, the name of the vantage, which is
// that of the key, and an entry of package ledger for each round.
func SignSamples(probes []*ledger.Probe, at time.Time, key note.Signer) ([]byte, error) {
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s\n%s\n", SamplesSchema, key.Name())
	for _, p := range probes {
		round := *p
		round.Vantage = key.Name()
		e := &ledger.Entry{V: ledger.EntryVersion, Type: ledger.TypeProbe, Time: at.UTC().Truncate(time.Second),
			Probe: &round}
		line, err := e.Encode()
		if err != nil {
			return nil, fmt.Errorf("signing samples: %w", err)
		}
		text.Write(append(line, '\n'))
	}
	signed, err := note.Sign(&note.Note{Text: text.String()}, key)
	if err != nil {
		return nil, fmt.Errorf("signing samples: %w", err)
	}
	return signed, nil
}

// ErrUnpinned says that none of the pinned keys has signed.
var ErrUnpinned = errors.New("no pinned key has signed it")

// openSamples verifies a file of signed samples and returns its rounds.
func openSamples(raw []byte, keys []note.Verifier) ([]*ledger.Entry, error) {
	n, err := note.Open(raw, note.VerifierList(keys...))
	var unverified *note.UnverifiedNoteError
	switch {
	case errors.As(err, &unverified):
		return nil, ErrUnpinned
	case err != nil:
		return nil, err
	}
	lines := strings.Split(strings.TrimSuffix(n.Text, "\n"), "\n")
	if len(lines) < 2 || lines[0] != SamplesSchema {
		return nil, fmt.Errorf("its first line is %.80q, must be %q", lines[0], SamplesSchema)
	}
	vantage := lines[1]
	if !slices.ContainsFunc(n.Sigs, func(s note.Signature) bool { return s.Name == vantage }) {
		return nil, fmt.Errorf("it says that it is of %.80q, whose key has not signed it", vantage)
	}
	var rounds []*ledger.Entry
	for i, line := range lines[2:] {
		e, err := ledger.ParseEntry([]byte(line))
		if err != nil {
			return nil, fmt.Errorf("round %d: %w", i+1, err)
		}
		if e.Probe == nil || e.Probe.Vantage != vantage {
			return nil, fmt.Errorf("round %d is not one of samples of %q", i+1, vantage)
		}
		rounds = append(rounds, e)
	}
	return rounds, nil
}

// Samples are what outside vantages have signed.
type Samples struct {
	Vantages []report.SignedSamples

	rounds []*ledger.Entry // in the order of time
	files  map[*ledger.Entry]string
}

// ReadSamples reads what outside vantages have signed, from files and folders of them. A file that no pinned key has
// signed, or that was altered, is given to bad and counts for nothing; the same file twice counts once.
func ReadSamples(ctx context.Context, places []string, pinned []note.Verifier,
	bad func(file string, err error)) (*Samples, error) {
	all := &Samples{files: map[*ledger.Entry]string{}}
	seen := map[artifact.Digest]bool{}
	for _, place := range places {
		err := filepath.WalkDir(place, func(path string, d fs.DirEntry, err error) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err == nil && d.IsDir() {
				return nil
			}
			var raw []byte
			if err == nil {
				raw, err = readSome(path)
			}
			if err != nil {
				bad(path, err)
				return nil
			}
			if sum := artifact.Sum(raw); seen[sum] {
				return nil
			} else {
				seen[sum] = true
			}
			some, err := openSamples(raw, pinned)
			if err != nil {
				bad(path, err)
				return nil
			}
			all.enter(filepath.ToSlash(path), some)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(all.rounds, func(a, b *ledger.Entry) int { return a.Time.Compare(b.Time) })
	slices.SortFunc(all.Vantages, func(a, b report.SignedSamples) int { return strings.Compare(a.Vantage, b.Vantage) })
	return all, nil
}

func readSome(path string) ([]byte, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxSamples+1))
	if err == nil && len(raw) > maxSamples {
		err = fmt.Errorf("the file is longer than %d bytes", maxSamples)
	}
	return raw, err
}

// Began is about when the first round was taken; zero when there is none.
func (all *Samples) Began() time.Time {
	if len(all.rounds) == 0 {
		return time.Time{}
	}
	return all.rounds[0].Time.Add(-lateAfter)
}

// enter adds the rounds of one file.
func (all *Samples) enter(file string, rounds []*ledger.Entry) {
	if len(rounds) == 0 {
		return
	}
	all.rounds = append(all.rounds, rounds...)
	name := rounds[0].Probe.Vantage
	i := slices.IndexFunc(all.Vantages, func(s report.SignedSamples) bool { return s.Vantage == name })
	if i < 0 {
		i, all.Vantages = len(all.Vantages), append(all.Vantages, report.SignedSamples{Vantage: name})
	}
	s := &all.Vantages[i]
	s.Files++
	for _, e := range rounds {
		all.files[e] = file
		s.Rounds++
		s.Samples += len(e.Probe.Samples)
		if s.First.IsZero() || e.Time.Before(s.First) {
			s.First = e.Time
		}
		if e.Time.After(s.Last) {
			s.Last = e.Time
		}
	}
}
