//go:build integration

package cmd_test

import (
	"bufio"
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A smallDisk is a real file system of a few megabytes. It is mounted in a mount namespace of its own, so that an
// ordinary user can make one and nothing of it is left behind; the processes of the test enter the namespace.
type smallDisk struct {
	t    *testing.T
	at   string   // where it is mounted, seen from inside
	root string   // what leads there from outside
	join []string // the command that enters
}

const smallDiskSize = 8 << 20

func newSmallDisk(t *testing.T) *smallDisk {
	t.Helper()
	d := &smallDisk{t: t, at: filepath.Join(t.TempDir(), "small")}
	must(t, os.Mkdir(d.at, 0o755))
	for _, tool := range []string{"unshare", "nsenter"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s not found: run make test, which installs util-linux", tool)
		}
	}
	// Root mounts as it is. Everybody else is root of a user namespace, and so is a root that may not mount.
	var failures []string
	for _, namespaces := range [][]string{{"--mount"}, {"--user", "--map-root-user", "--mount"}} {
		if os.Geteuid() != 0 && len(namespaces) == 1 {
			continue
		}
		err := d.mount(namespaces)
		if err == nil {
			return d
		}
		failures = append(failures, err.Error())
	}
	t.Fatalf("no small file system can be mounted; allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, "+
		"user.max_user_namespaces) or run as root:\n%s",
		strings.Join(failures, "\n"))
	return nil
}

// mount starts the process that holds the namespace until the test ends.
func (d *smallDisk) mount(namespaces []string) error {
	script := fmt.Sprintf(`mount -t tmpfs -o size=%d,mode=0755 tmpfs "$0" && echo ready && exec cat`, smallDiskSize)
	cmd := exec.Command("unshare", append(namespaces, "sh", "-c", script, d.at)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	must(d.t, err)
	stdout, err := cmd.StdoutPipe()
	must(d.t, err)
	must(d.t, cmd.Start())
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		return fmt.Errorf("unshare %s: %w: %s", strings.Join(namespaces, " "), errors.Join(err, cmd.Wait()), &stderr)
	}
	d.t.Cleanup(func() { stdin.Close(); _ = cmd.Wait() })
	d.root = fmt.Sprintf("/proc/%d/root%s", cmd.Process.Pid, d.at)
	// the root too, for those who live in a chroot
	d.join = []string{"nsenter", "--target", fmt.Sprint(cmd.Process.Pid), "--mount", "--root"}
	if len(namespaces) > 1 {
		d.join = append(d.join, "--user", "--preserve-credentials")
	}
	return nil
}

// run runs a command inside and returns what it wrote and its exit code.
func (d *smallDisk) run(args ...string) (string, int) {
	d.t.Helper()
	cmd := exec.CommandContext(d.t.Context(), d.join[0],
		append(append(d.join[1:len(d.join):len(d.join)], "--"), args...)...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		d.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// must runs a command that has to succeed.
func (d *smallDisk) must(args ...string) string {
	d.t.Helper()
	out, code := d.run(args...)
	if code != 0 {
		d.t.Fatalf("%s: exit code %d\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

// fill leaves so many bytes free.
func (d *smallDisk) fill(free int64) {
	d.t.Helper()
	ballast := filepath.Join(d.root, "ballast")
	must(d.t, os.RemoveAll(ballast))
	var s syscall.Statfs_t
	must(d.t, syscall.Statfs(d.root, &s))
	size := int64(s.Bavail)*s.Bsize - free
	if size < 0 {
		d.t.Fatalf("%d bytes are not even there: the file system is too small for the test", free)
	}
	must(d.t, os.WriteFile(ballast, make([]byte, size), 0o600))
}

func (d *smallDisk) empty() { must(d.t, os.RemoveAll(filepath.Join(d.root, "ballast"))) }

// step is how much more room each try gets: one page, the smallest file.
const step = 4096

// fails runs a command with no room, then with a page more, and so on until it succeeds; after each failure look is
// called. It says how often the disk was full.
func (d *smallDisk) fails(look func(), args ...string) int {
	d.t.Helper()
	for tries := range 400 {
		d.fill(int64(tries) * step)
		out, code := d.run(args...)
		if code == 0 {
			d.empty()
			return tries
		}
		if code != 1 || !strings.Contains(out, "no space left on device") && !strings.Contains(out, "disk is full") {
			d.t.Fatalf("%s with %d bytes left: exit code %d, want 1 and the reason\n%s", strings.Join(args, " "),
				tries*step, code, out)
		}
		look()
		if d.t.Failed() {
			d.t.Fatalf("after %s with %d bytes left:\n%s", strings.Join(args, " "), tries*step, out)
		}
	}
	d.t.Fatalf("%s: still no success with %d bytes left", strings.Join(args, " "), 400*step)
	return 0
}

// files reads all public files below a folder.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[name] = string(b)
		return err
	}))
	return all
}

func crlNumber(t *testing.T, der string) *big.Int {
	t.Helper()
	crl, err := x509.ParseRevocationList([]byte(der))
	must(t, err)
	return crl.Number
}

// set replaces a line of the configuration.
func set(t *testing.T, conf, old, new string) {
	t.Helper()
	raw, err := os.ReadFile(conf)
	must(t, err)
	if !bytes.Contains(raw, []byte(old)) {
		t.Fatalf("the configuration has no line %q", old)
	}
	must(t, os.WriteFile(conf, bytes.Replace(raw, []byte(old), []byte(new), 1), 0o600))
}

// revokeGood gives the room something to sign.
func revokeGood(t *testing.T, d *smallDisk, dir string) {
	t.Helper()
	d.must("signer", "revoke", "--issuer", "sub", "--certificate", filepath.Join(dir, "ca/good.pem"), "--reason",
		"superseded", "--quiet",
		"--config", filepath.Join(dir, "repository.yaml"))
}

// TestFullTarget has a directory target on a disk that is full at every page of a sync. Whoever reads it sees whole
// files, each of them what it was or what it is to be, and no list goes back.
func TestFullTarget(t *testing.T) {
	for _, layout := range []string{"bundle", "objects"} {
		t.Run(layout, func(t *testing.T) { fullTarget(t, layout) })
	}
}

func fullTarget(t *testing.T, layout string) {
	dir, d := copyGolden(t), newSmallDisk(t)
	conf := filepath.Join(dir, "repository.yaml")
	appendTo(t, conf,
		fmt.Sprintf("  - {name: small, layout: %[1]s, directory: %[2]s/public}\n  - {name: large, layout: %[1]s, "+
			"directory: large}\n", layout, d.at))
	public := filepath.Join(d.root, "public")
	sync := []string{"publisher", "sync", "--quiet", "--config", conf, "--target", "small"}
	large := []string{"publisher", "sync", "--quiet", "--config", conf, "--target", "large"}
	d.must(sync...)
	d.must(large...)
	before := files(t, public)
	revokeGood(t, d, dir)
	d.must("signer", "run", "--quiet", "--config", conf)
	d.must(large...) // which has room
	after := files(t, filepath.Join(dir, "large"))
	full := d.fails(func() {
		t.Helper()
		for name, b := range files(t, public) {
			switch {
			case strings.HasPrefix(name, "."):
				t.Errorf("%s is left", name)
			case b != before[name] && b != after[name]:
				t.Errorf("%s has %d bytes that are neither the old nor the new ones", name, len(b))
			case strings.HasSuffix(name, ".crl") && crlNumber(t, b).Cmp(crlNumber(t, before[name])) < 0:
				t.Errorf("%s went back", name)
			}
		}
		for name := range before {
			if _, err := os.Stat(filepath.Join(public, name)); err != nil {
				t.Errorf("%s is gone: %v", name, err)
			}
		}
		if _, code := d.run("publisher", "verify", "--quiet", "--config", conf, "--source",
			d.at+"/public"); code == 1 || code == 2 {
			t.Errorf("what is there cannot even be looked at: exit code %d", code)
		}
	}, sync...)
	if full < 3 {
		t.Errorf("the disk was full %d times only", full)
	}
	for name, b := range files(t, public) {
		if b != after[name] {
			t.Errorf("%s is not what a sync with room makes", name)
		}
	}
	d.must("publisher", "verify", "--quiet", "--config", conf, "--source", d.at+"/public")
	t.Logf("the disk was full %d times", full)
}

// TestFullPublicationLog has no room for the record of what was done. What was done stays done, the log stays whole,
// and the command says that the record is missing.
func TestFullPublicationLog(t *testing.T) {
	dir, d := copyGolden(t), newSmallDisk(t)
	conf := filepath.Join(dir, "repository.yaml")
	d.must("cp", "-a", filepath.Join(dir, "publication"), d.at+"/publication")
	set(t, conf, "directory: publication\n", "directory: "+d.at+"/publication\n  head: "+dir+"/publication.head\n")
	check := func() {
		t.Helper()
		// A commit that was cut off leaves files that no checkpoint leads to yet, at last the checkpoint to come in the
		// archive.
		out, code := d.run("publisher", "ledger", "check", "--log", "publication", "--config", conf)
		cut := strings.Count(out, "warning extra-file: ") + strings.Count(out, "warning checkpoint-behind: ")
		if code != 0 && (code != 3 || cut != strings.Count(out, "\n")) {
			t.Errorf("the publication log is broken: exit code %d\n%s", code, out)
		}
	}
	revokeGood(t, d, dir)
	d.must("signer", "run", "--quiet", "--config", conf)
	full := 0
	for range 3 { // what a run sent without a record, the next one records: verify finds every receipt
		full += d.fails(check, "publisher", "run", "--quiet", "--config", conf)
		d.must("publisher", "run", "--quiet", "--config", conf)
		d.must("signer", "crl", "--quiet", "--config", conf)
	}
	if full < 2 {
		t.Errorf("the disk was full %d times only", full)
	}
	d.must("publisher", "run", "--quiet", "--config", conf)
	d.must("publisher", "ledger", "check", "--log", "publication", "--config", conf)
	t.Logf("the disk was full %d times", full)
}

// TestFullMaster has no room for what the HSM signs: master, inventory and the room's marks are on the full disk. A
// number that was taken is not given again, and nothing that was recorded is lost.
func TestFullMaster(t *testing.T) {
	dir, d := copyGolden(t), newSmallDisk(t)
	conf := filepath.Join(dir, "repository.yaml")
	d.must("cp", "-a", filepath.Join(dir, "master"), filepath.Join(dir, "inventory.db"), filepath.Join(dir, "state"),
		d.at)
	set(t, conf, "directory: master\n", "directory: "+d.at+"/master\n")
	set(t, conf, "inventory: inventory.db\n", "inventory: "+d.at+"/inventory.db\n  state: "+d.at+"/state\n")
	set(t, conf, "subscribers: {", "subscribers: {keep_key_after: [superseded], ")
	before := files(t, filepath.Join(d.root, "master"))
	check := func() {
		t.Helper()
		// A commit that was cut off leaves files beyond the end of the log, which is a warning until the next one
		// sweeps them.
		if out, code := d.run("publisher", "ledger", "check", "--config", conf); code != 0 &&
			(code != 3 || strings.Contains(out, "error ")) {
			t.Errorf("the master log is broken: exit code %d\n%s", code, out)
		}
		now := files(t, filepath.Join(d.root, "master"))
		for name, b := range before {
			immutable := strings.HasPrefix(name, "blobs/") || strings.HasPrefix(name, "bundles/") ||
				strings.HasPrefix(name, "manifests/")
			if immutable && now[name] != b {
				t.Errorf("%s of the master was lost or changed", name)
			}
		}
	}
	full := 0
	for round := range 3 { // the numbers of several runs must not meet
		cert := filepath.Join(dir, fmt.Sprintf("full-%d.pem", round))
		d.must("signer", "issue", "--quiet", "--config", conf, "--issuer", "sub", "--csr",
			filepath.Join(dir, "ca/good.csr"), "--reissue", "--out", cert)
		d.must("signer", "revoke", "--quiet", "--config", conf, "--issuer", "sub", "--certificate", cert, "--reason",
			"superseded")
		full += d.fails(check, "signer", "run", "--quiet", "--config", conf)
		check()
		d.must("publisher", "ledger", "check", "--config", conf)
		checkNumbers(t, d.root)
	}
	if full < 15 {
		t.Errorf("the disk was full %d times only", full)
	}
	d.must("publisher", "sync", "--quiet", "--config", conf)
	d.must("publisher", "verify", "--quiet", "--config", conf)
	t.Logf("the disk was full %d times", full)
}
