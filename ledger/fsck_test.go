//go:build integration

package ledger

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fsck runs the checker of transparency-dev/tessera, v1.0.4, on a log and reports whether it said so when it found
// nothing wrong. Its exit code says nothing, and with its default of one worker it hangs on a damaged bundle. What is
// sound it gets a minute for, on a busy machine.
func fsck(t *testing.T, dir string, v *NoteVerifier) (ok bool, output string) {
	t.Helper()
	return fsckWithin(t, time.Minute, dir, v)
}

func fsckWithin(t *testing.T, patience time.Duration, dir string, v *NoteVerifier) (ok bool, output string) {
	t.Helper()
	tool, err := exec.LookPath("fsck")
	if err != nil || !strings.Contains(tool, ".tools") {
		// There is another fsck on every Linux machine.
		t.Fatalf("tessera's fsck not found in .tools/bin (found %q): run make tools", tool)
	}
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(v.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, tool, "-N", "4", "-ui=false", "-public_key", key, "-storage_url",
		"file://"+filepath.Join(dir, logDir)+"/")
	out, _ := cmd.CombinedOutput()
	return bytes.Contains(out, []byte("Successfully fsck'd log")), string(out)
}

func TestFsckAcceptsOurLog(t *testing.T) {
	f := newFixture(t)
	for _, v := range f.v.keys {
		if ok, out := fsck(t, f.dir, v); !ok {
			t.Errorf("key %s:\n%s", v, out)
		}
	}
}

func TestFsckRejectsTamperedCopies(t *testing.T) {
	for _, c := range tamperings {
		kind, _, _ := strings.Cut(c.name, ":")
		switch {
		case kind != "checkpoint" && kind != "tile" && kind != "bundle",
			c.want == CodeExtraFile,                // files that the newest tree does not have
			c.want == CodeRollback,                 // good, but old: only the archive tells
			c.want == CodeBehind,                   //
			strings.Contains(c.name, "its second"): // the tool takes one key
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			c.do(t, f)
			for _, v := range f.v.keys {
				if ok, out := fsckWithin(t, 5*time.Second, f.dir, v); ok && !strings.Contains(c.name, "signature") {
					t.Errorf("tessera's fsck accepts it with the key %s:\n%s", v, out)
				} else if !ok {
					return // a log is good only with all its keys
				}
			}
			t.Error("tessera's fsck accepts it with each key")
		})
	}
}
