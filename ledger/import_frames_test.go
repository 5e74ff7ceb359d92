package ledger

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A part is a frame of an export, as it stands in the file.
type part struct{ what, name, body string }

// parts takes an export apart, without the frame at its end.
func parts(t *testing.T, export []byte) (all []part) {
	t.Helper()
	rest, ok := strings.CutPrefix(string(export), exportHeader)
	for ok && rest != "" {
		var head string
		head, rest, _ = strings.Cut(rest, "\n")
		words := strings.SplitN(head, " ", 3)
		n, err := strconv.Atoi(words[1])
		if err != nil || n >= len(rest) {
			t.Fatalf("a frame begins with %q", head)
		}
		p := part{what: words[0], body: rest[:n]}
		if len(words) == 3 {
			p.name = words[2]
		}
		if rest = rest[n+1:]; p.what != frameEnd {
			all = append(all, p)
		}
	}
	if len(all) == 0 {
		t.Fatal("that is no export")
	}
	return all
}

// whole makes an export of its parts.
func whole(all []part) []byte {
	var b bytes.Buffer
	b.WriteString(exportHeader)
	for _, p := range append(all, part{what: frameEnd, body: fmt.Sprint(len(all))}) {
		if p.name != "" {
			p.name = " " + p.name
		}
		fmt.Fprintf(&b, "%s %d%s\n%s\n", p.what, len(p.body), p.name, p.body)
	}
	return b.Bytes()
}

// TestImportRefusesParts changes an export as somebody does who knows the format: the frames are right, and what they
// say together is not.
func TestImportRefusesParts(t *testing.T) {
	f := newFixture(t)
	good := parts(t, f.export(t, 0))
	of := func(what string) (at []int) {
		for i, p := range good {
			if p.what == what {
				at = append(at, i)
			}
		}
		if len(at) < 2 {
			t.Fatalf("the export has %d frames %q", len(at), what)
		}
		return at
	}
	blobs, entries, checkpoints := of(frameBlob), of(frameEntry), of(frameCheckpoint)
	first, again := blobs[len(blobs)-1], checkpoints[0]
	for name, test := range map[string]struct {
		into bool // a copy that has all of it
		make func(all []part) []part
		want string
	}{
		"as it is": {false, func(all []part) []part { return all }, ""},
		"without an artifact": {false, func(all []part) []part { return append(all[:first], all[first+1:]...) },
			"1 artifacts are missing"},
		"another past": {true, func(all []part) []part {
			p := &all[entries[0]]
			changed := strings.Replace(p.body, `"time":"2026-`, `"time":"2025-`, 1)
			if changed == p.body {
				t.Fatalf("no time in %s", p.body)
			}
			p.body = changed
			return all
		}, "entry 0 is not the one the copy has"},
		"a checkpoint twice": {false, func(all []part) []part {
			return append(all[:again+1], append([]part{all[again]}, all[again+1:]...)...)
		}, "is out of place"},
		"a checkpoint of a larger tree": {false, func(all []part) []part {
			more := part{frameCheckpoint, "9999", all[again].body}
			return append(all[:again+1], append([]part{more}, all[again+1:]...)...)
		}, "size 9999 is out of place"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "copy")
			if test.into {
				if _, err := Import(t.Context(), bytes.NewReader(whole(good)), dir,
					ImportConfig{Verifier: f.v}); err != nil {
					t.Fatal(err)
				}
			}
			_, err := Import(t.Context(), bytes.NewReader(whole(test.make(append([]part(nil), good...)))), dir,
				ImportConfig{Verifier: f.v})
			if test.want == "" && err != nil ||
				test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}
