//go:build integration

package cmd_test

import (
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// updateRecording writes the recording of this version anew. A recording of a version that was released is never
// written again.
var updateRecording = flag.Bool("update-recording", false,
	"record the repository of this version anew in testdata/recorded")

// largestRecording keeps the tree small: there will be one for each version that changes a format.
const largestRecording = 60 << 10

// recordedAddress is where the responder of a recording answered and answers again: loopback, and no other test's.
const recordedAddress = "127.86.13.7:18086"

// TestRecordedRepositories goes on with the repositories that earlier versions left, and this one: they are read,
// verified and continued without any conversion that somebody has to think of, and no statement of theirs gets another
// meaning.
func TestRecordedRepositories(t *testing.T) {
	if *updateRecording {
		record(t)
	}
	for _, file := range recordings(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".tar.zst"), func(t *testing.T) { continueRecording(t, file) })
	}
}

func recordings(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/recorded/*.tar.zst")
	must(t, err)
	if len(files) == 0 {
		t.Fatal("testdata/recorded has no recording")
	}
	return files
}

// record makes the repository with the binaries as they are shipped, and packs it.
func record(t *testing.T) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "recorded")
	news, err := os.ReadFile("../NEWS.md")
	must(t, err)
	version := regexp.MustCompile(`(?m)^## (v[0-9.]+)`).FindSubmatch(news)[1]
	run(t, "bash", "testdata/record.sh", dir, recordedAddress, string(version))
	out, err := os.Create(filepath.Join("testdata/recorded", string(version)+".tar.zst"))
	must(t, err)
	defer out.Close()
	// A window over the whole archive: what is public is in it a second time.
	z, err := zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithWindowSize(8<<20))
	must(t, err)
	tar := exec.CommandContext(t.Context(), "tar", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "-C",
		dir, "-c", ".")
	tar.Stdout, tar.Stderr = z, os.Stderr
	must(t, tar.Run())
	must(t, z.Close())
	must(t, out.Close())
}

// unpack puts a recording into a folder, and turns the clock to when it was recorded. Two files name the folder that it
// was in.
func (c *clocked) unpack(file, folder string) {
	c.Helper()
	in, err := os.Open(file)
	must(c, err)
	defer in.Close()
	if info, err := in.Stat(); err != nil || info.Size() > largestRecording {
		c.Errorf("%s has %d bytes, more than %d: %v", file, info.Size(), largestRecording, err)
	}
	z, err := zstd.NewReader(in)
	must(c, err)
	defer z.Close()
	dir := filepath.Join(c.dir, folder)
	must(c, os.MkdirAll(dir, 0o755))
	tar := exec.CommandContext(c.Context(), "tar", "-C", dir, "-xp")
	tar.Stdin, tar.Stderr = z, os.Stderr
	must(c, tar.Run())
	_, err = io.Copy(io.Discard, z) // what fills the archive's last block
	must(c, err)
	conf := c.read(folder + "/secrets/softhsm2.conf")
	old := strings.TrimSuffix(regexp.MustCompile(`/.*/secrets`).FindString(conf), "/secrets")
	c.edit(folder+"/secrets/softhsm2.conf", old, dir)
	c.edit(folder+"/auditor.yaml", old, dir)
	at, err := time.Parse(time.RFC3339, strings.TrimSpace(c.read(folder+"/recorded.time")))
	must(c, err)
	c.set(at)
}

func (c *clocked) read(file string) string {
	c.Helper()
	raw, err := os.ReadFile(filepath.Join(c.dir, file))
	must(c, err)
	return string(raw)
}

func continueRecording(t *testing.T, file string) {
	c := newClocked(t)
	c.unpack(file, "repo")
	version := strings.TrimSpace(c.read("repo/recorded.version"))
	if want := version + ".tar.zst"; filepath.Base(file) != want {
		t.Errorf("%s is a recording of %s", file, version)
	}
	recorded := c.time
	// As it was left: the auditor finds what the auditor of that day found, by the pins and the checkpoint of that day.
	c.set(recorded.Add(time.Hour))
	stop := c.serve("repo", recordedAddress)
	report := c.clean("repo", "--pins", "auditor.yaml", "--checkpoint", "auditor.checkpoint", "--remember", "--samples",
		"osaka.samples")
	if signed := report.Record.Signed; len(signed) != 1 || signed[0].Vantage != "Osaka" {
		t.Errorf("the samples of the outside vantage: %+v", signed)
	}
	c.run("repo", "publisher", "ledger", "check")
	c.run("repo", "publisher", "ledger", "check", "--log", "publication", "--checkpoint",
		"auditor.checkpoint.publication")
	c.says(0, []string{"OK - "}, "repo", "publisher", "status")
	c.says(0, []string{"OK - shelf life"}, "repo", "signer", "status")
	books := c.run("repo", "signer", "inventory", "--issuer", "sub", "--subjects")
	month := c.run("repo", "publisher", "report", "--month", recorded.Format("2006-01"))
	for _, want := range []string{"1 were taken", "100.0000%"} {
		if !strings.Contains(month, want) {
			t.Errorf("the record of operation misses %q:\n%s", want, month)
		}
	}
	// Its export is let in by a host that has nothing.
	c.run("", "mkdir", "host")
	c.run("repo", "cp", "-a", "repository.yaml", "keys", "ca", "../host")
	c.run("host", "publisher", "import", "--file", "../repo/whole.export")
	// It goes on: a day later lists and responses are due, somebody revokes, and another document is published.
	c.set(recorded.Add(25 * time.Hour))
	c.says(0, []string{"signed  crl/sub.crl", "signed  ocsp/sub.generation"}, "repo", "signer", "run")
	c.run("repo", "signer", "revoke", "--yes", "--issuer", "sub", "--certificate", "ca/good.pem", "--reason",
		"superseded")
	c.run("repo", "signer", "document", "--name", "cps", "--version", "1.1", "--file", demoPDF)
	c.run("repo", "signer", "run")
	c.run("repo", "publisher", "sync")
	stop()
	c.serve("repo", recordedAddress) // it need not wait until it looks for a new generation by itself
	c.clean("repo", "--pins", "auditor.yaml", "--checkpoint", "auditor.checkpoint", "--remember")
	// The master alone still makes the same inventory.
	after := c.run("repo", "signer", "inventory", "--issuer", "sub", "--subjects")
	if books == after {
		t.Error("the revocation changed nothing in the inventory")
	}
	c.run("repo", "sh", "-c", "rm inventory.db*")
	c.run("repo", "signer", "inventory", "rebuild")
	if rebuilt := c.run("repo", "signer", "inventory", "--issuer", "sub", "--subjects"); rebuilt != after {
		t.Errorf("the rebuilt inventory is\n%s\nit was\n%s", rebuilt, after)
	}
	// What came over the air gap then goes on with what comes now.
	c.run("repo", "signer", "export", "--out", "new.export")
	c.run("host", "publisher", "import", "--file", "../repo/new.export")
	c.run("host", "publisher", "sync")
	c.run("host", "publisher", "verify", "--offline")
}
