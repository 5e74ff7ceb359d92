package verify_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/verify"
	"seihon/verify/report"
)

// publicLogTampers are cases of an auditor without a master, who has the pinned keys and an address.
func publicLogTampers() []tamper {
	log := func(name string, want []string, do func(r *repo, c *verify.Config)) tamper {
		return tamper{name: "public log: " + name, want: want, only: true, passes: len(want) == 0,
			do: func(_ *testing.T, r *repo, c *verify.Config) {
				c.Master, c.Tier = "", report.TierLog
				do(r, c)
			}}
	}
	file := func(name, want, file string, do func(path string)) tamper {
		return log(name, []string{want}, func(r *repo, _ *verify.Config) {
			do(matches(r.public(), "log/"+file)[0])
		})
	}
	remove := func(path string) { check(os.Remove(path)) }
	change := func(path string) { flip(filepath.Dir(path), filepath.Base(path)) }
	second := func(name string, want []string, do func(r *repo, dir string)) tamper {
		return log(name, want, func(r *repo, c *verify.Config) {
			dir := filepath.Join(r.dir, "other")
			copyTree(r.public(), dir)
			do(r, dir)
			c.Copies = append(c.Copies, verify.Copy{Source: must(verify.Dir(dir))})
		})
	}
	return []tamper{
		log("clean", nil, func(*repo, *verify.Config) {}),
		log("grown since the last checkpoint", nil, func(r *repo, c *verify.Config) {
			c.Known = [][]byte{must(r.writer.Log().ArchivedCheckpoint(context.Background(), 1))}
		}),
		log("keys rotated, the new ones pinned", nil, func(r *repo, c *verify.Config) { c.Verifier = rotate(r, c) }),
		log("keys rotated, the old ones pinned: the endorsement is in the master alone", []string{"log-checkpoint-key"},
			func(r *repo, c *verify.Config) { _ = rotate(r, c) }),
		log("keys rotated, and another past than the last checkpoint's", []string{"log-fork"},
			func(r *repo, c *verify.Config) {
				c.Verifier = rotate(r, c)
				c.Known = [][]byte{fork(&repo{dir: r.dir, now: r.now, ecdsa: r.ecdsa, ed25519: r.ed25519}, 1)}
			}),
		log("rolled back behind the last checkpoint", []string{"log-rollback"}, func(r *repo, c *verify.Config) {
			c.Known = [][]byte{r.writer.Log().Checkpoint()}
			rollback(r, r.public())
		}),
		log("forked from the last checkpoint", []string{"log-fork"},
			func(r *repo, c *verify.Config) { c.Known = [][]byte{fork(r, 1)} }),
		file("no checkpoint", "checkpoint-missing", "checkpoint", remove),
		file("garbage in place of the checkpoint", "checkpoint-invalid", "checkpoint",
			func(path string) { check(os.WriteFile(path, []byte("hello\n"), 0o644)) }),
		file("checkpoint with a damaged signature", "log-checkpoint-key", "checkpoint", func(path string) {
			b := must(os.ReadFile(path))
			b[len(b)-8] ^= 1
			check(os.WriteFile(path, b, 0o644))
		}),
		file("checkpoint of an endless log", "checkpoint-invalid#so long", "checkpoint", func(path string) {
			lines := bytes.SplitN(must(os.ReadFile(path)), []byte("\n"), 3)
			check(os.WriteFile(path,
				bytes.Join([][]byte{lines[0], fmt.Append(nil, int64(1)<<50), lines[2]}, []byte("\n")), 0o644))
		}),
		file("a tile is missing", "copy-missing@log/tile/0/000.p/2", "tile/0/000.p/2", remove),
		file("a tile is changed", "log-tree-damaged@log/tile", "tile/0/000.p/2", change),
		file("entries are missing", "copy-missing@log/tile/entries", "tile/entries/000.p/2", remove),
		file("entries are changed", "log-tree-damaged@log/tile", "tile/entries/000.p/2", change),
		file("a manifest is missing", "copy-missing@log/manifests/", "manifests/*", remove),
		file("a manifest is changed", "copy-different@log/manifests/", "manifests/*", change),
		file("a manifest is longer", "copy-unreadable@log/manifests/", "manifests/*", func(path string) {
			check(os.WriteFile(path, append(must(os.ReadFile(path)), '\n'), 0o644))
		}),
		second("two places agree", nil, func(*repo, string) {}),
		second("one of two places is behind", []string{"checkpoint-behind"}, rollback),
		second("two places contradict each other", []string{"checkpoint-fork"},
			func(r *repo, dir string) { write(dir, "log/checkpoint", fork(r, 2)) }),
		{name: "public log: every request forbidden", want: []string{"copy-forbidden"}, only: true,
			do: func(t *testing.T, r *repo, c *verify.Config) {
				c.Master, c.Tier = "", report.TierLog
				c.Copies = []verify.Copy{{Source: serve(t, r, func(w http.ResponseWriter, _ *http.Request) bool {
					http.Error(w, "AccessDenied", http.StatusForbidden)
					return true
				})}}
			}},
	}
}

// rotate gives the log new keys, which it returns, and publishes it.
func rotate(r *repo, c *verify.Config) *ledger.Verifier {
	ctx := context.Background()
	c.Known = [][]byte{r.writer.Log().Checkpoint()}
	_ = must(r.writer.RotateKeys(ctx,
		[]note.Signer{must(ledger.NewNoteSigner(origin, newKey())), must(ledger.NewNoteSigner(origin, newKey()))},
		"planned"))
	check(r.writer.Append(ctx,
		&ledger.Entry{Evidence: &ledger.Evidence{Kind: "ceremony", Name: "record", Digest: artifact.Sum(nil)}}))
	_ = must(r.writer.Commit(ctx))
	r.publish(r.public())
	return must(ledger.NewVerifier(origin, r.writer.Log().Keys()...))
}

// TestPublicLogOverHTTP compares what a place tells about the log with the master, and that nothing is left in the
// temporary directory.
func TestPublicLogOverHTTP(t *testing.T) {
	r := newRepo(t)
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	whole := r.check(t)
	var asked []string
	checked := r.check(t, func(c *verify.Config) {
		c.Master, c.Tier, c.Workers = "", report.TierLog, 1
		c.Copies = []verify.Copy{{Source: serve(t, r,
			func(_ http.ResponseWriter, req *http.Request) bool { asked = append(asked, req.URL.Path); return false })}}
	})
	if !checked.OK || len(checked.Findings) > 0 {
		t.Fatalf("findings %v", codesOf(checked))
	}
	whole.Log.Known = checked.Log.Known
	if checked.Log.Checkpoint != whole.Log.Checkpoint || checked.Log.Size != whole.Log.Size ||
		len(checked.ShelfLife) == 0 || checked.Counts.Current != whole.Counts.Current {
		t.Errorf("log %+v, %d lives, %d names; the master has %+v", checked.Log, len(checked.ShelfLife),
			checked.Counts.Current, whole.Log)
	}
	if i := slices.IndexFunc(asked, func(p string) bool { return !strings.HasPrefix(p, "/log/") }); i >= 0 {
		t.Errorf("asked for %s", asked[i])
	}
	for _, e := range must(os.ReadDir(tmp)) {
		if strings.HasPrefix(e.Name(), "seihon-log-") {
			t.Errorf("%s is left over", e.Name())
		}
	}
	conforms(t, checked)
}

// TestPublicLogNeedsTierLog since everything else is a comparison with the master.
func TestPublicLogNeedsTierLog(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	for _, change := range []func(*verify.Config){
		func(c *verify.Config) { c.Tier = report.TierFull },
		func(c *verify.Config) { c.Tier, c.Copies = report.TierLog, nil },
		func(c *verify.Config) { c.Tier, c.Publication = report.TierLog, r.dir },
	} {
		c := r.config()
		c.Master = ""
		if change(&c); c.Master != "" {
			t.Fatal("there is a master")
		}
		if _, err := verify.Check(t.Context(), c); err == nil {
			t.Errorf("accepted: %+v", c)
		}
	}
}

// TestPublicLogOfManyEntries reads full tiles of two levels.
func TestPublicLogOfManyEntries(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	for range 600 {
		// of which the public copy has nothing
		check(r.writer.Append(t.Context(),
			&ledger.Entry{Evidence: &ledger.Evidence{Kind: "risk-review", Name: "review", Digest: artifact.Sum(nil),
				Size: 5}}))
	}
	_ = must(r.writer.Commit(t.Context()))
	r.publish(r.public())
	log := func(c *verify.Config) { c.Master, c.Tier = "", report.TierLog }
	checked := r.check(t, log)
	if len(checked.Findings) > 0 || checked.Log.Size != 602 || checked.Copies[0].Objects != 1+3+1+3+2 {
		t.Errorf("findings %v; %+v", codesOf(checked), checked.Copies)
	}
	flip(r.public(), "log/tile/entries/001")
	if checked := r.check(t, log); checked.OK || checked.Findings[0].Code != "log-tree-damaged" ||
		strings.Contains(checked.Findings[0].Name, "seihon-log-") {
		t.Errorf("findings %+v", checked.Findings)
	}
}
