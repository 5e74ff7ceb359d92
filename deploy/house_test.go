//go:build integration

package deploy_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"seihon/internal/config"
)

// TestHouse boots a system in a container of systemd's own, over a copy-on-write view of this machine's files and
// without a network, and takes both packages into use in it as docs/installation.md says: the room from the deb, the
// publishing host and the edge from the rpm. It needs root. The kernel, the HSM (SoftHSM) and the machine's file system
// are what such a container does not have of its own.
func TestHouse(t *testing.T) {
	root := overlay(t)
	for _, n := range readRelease(t).NFPMs {
		pack(t, n, filepath.Join(root, "packages"))
	}
	for from, to := range map[string]string{"testdata/house.sh": "packages/house.sh",
		"../scripts/demo-cps.pdf": "packages/cps.pdf"} {
		copyTree(t, from, filepath.Join(root, to))
	}
	// The system starts what we ask for and ends with its exit code.
	unit := `[Unit]
Description=House
After=basic.target systemd-sysusers.service
Requires=basic.target
DefaultDependencies=no

[Service]
Type=oneshot
StandardOutput=file:/packages/log
StandardError=append:/packages/log
ExecStart=/bin/bash /packages/house.sh
ExecStopPost=/bin/sh -c 'systemctl exit "$(case $SERVICE_RESULT in success) echo 0 ;; *) echo 1 ;; esac)"'
`
	must(t, os.WriteFile(filepath.Join(root, "etc/systemd/system/house.service"), []byte(unit), 0o644))
	cmd := exec.CommandContext(t.Context(), need(t, "systemd-nspawn"), "--quiet", "--directory="+root, "--boot",
		"--register=no", "--keep-unit",
		"--private-network", "--link-journal=no", fmt.Sprintf("--machine=house-%d", os.Getpid()),
		"systemd.unit=house.service", "systemd.show_status=no")
	var console bytes.Buffer
	cmd.Stdout, cmd.Stderr = &console, &console
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Run()
	log, readErr := os.ReadFile(filepath.Join(root, "packages/log"))
	if err != nil || readErr != nil {
		t.Fatalf("%v, %v\n%s\n%s", err, readErr, tail(log, 60), tail(console.Bytes(), 40))
	}
	if !bytes.Contains(log, []byte("\nthe house stands\n")) {
		t.Errorf("the script did not come to its end:\n%s", tail(log, 60))
	}
}

// overlay mounts a view of this machine's root that keeps what is written in memory.
func overlay(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	mounted := func(at string, args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), "mount", append(args, at)...).CombinedOutput(); err != nil {
			t.Fatalf("mount (needs root): %v: %s", err, out)
		}
		t.Cleanup(func() {
			if out, err := exec.Command("umount", "--recursive", at).CombinedOutput(); err != nil {
				t.Errorf("umount: %v: %s", err, out)
			}
		})
	}
	mounted(dir, "-t", "tmpfs", "tmpfs")
	for _, name := range []string{"upper", "work", "root"} {
		must(t, os.Mkdir(filepath.Join(dir, name), 0o755))
	}
	root := filepath.Join(dir, "root")
	mounted(root, "-t", "overlay", "overlay", "-o", "lowerdir=/,upperdir="+dir+"/upper,workdir="+dir+"/work")
	must(t, os.Mkdir(filepath.Join(root, "packages"), 0o755))
	must(t, os.RemoveAll(filepath.Join(root, "etc/machine-id")))
	must(t, os.WriteFile(filepath.Join(root, "etc/machine-id"), nil, 0o644))
	return root
}

// tail is the end of a log.
func tail(log []byte, lines int) string {
	all := strings.Split(strings.TrimSpace(string(log)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestHouseAgrees compares what the commands for administrators know of a job with the job's unit, and the folder of
// both with the example configuration and with the page.
func TestHouseAgrees(t *testing.T) {
	page, err := os.ReadFile("../docs/installation.md")
	must(t, err)
	conf, err := config.Load("house/repository.yaml")
	must(t, err)
	for _, name := range []string{"signer", "publisher"} {
		raw, err := os.ReadFile("systemd/seihon-" + name + ".service")
		must(t, err)
		unit := string(raw)
		raw, err = os.ReadFile("house/seihon-" + name)
		must(t, err)
		command := strings.NewReplacer("'", "", `"$@"`, "keygen").Replace(string(raw))
		value := func(key string) string {
			m := regexp.MustCompile(`(?m)^` + key + `=(\S+)`).FindStringSubmatch(unit)
			if m == nil {
				t.Fatalf("the unit of %s has no %s", name, key)
			}
			return m[1]
		}
		wants := []string{"--uid=" + value("User"), "--gid=" + value("Group"),
			"--working-directory=/var/lib/" + value("StateDirectory") + " ", "/usr/bin/" + name + " "}
		keys := []string{"StateDirectory", "StateDirectoryMode", "UMask", "LoadCredential", "ProtectSystem",
			"ProtectHome", "PrivateTmp", "NoNewPrivileges", "LimitCORE"}
		if name == "signer" {
			keys = append(keys, "PrivateNetwork")
		} else {
			keys = append(keys, "SetCredential", "Environment")
		}
		for _, key := range keys {
			wants = append(wants, "--property="+key+"="+value(key)+" ")
		}
		for _, want := range wants {
			if !strings.Contains(command, want) {
				t.Errorf("house/seihon-%s has no %q, which the unit has", name, want)
			}
		}
		if string(conf.Home) != "/var/lib/"+value("StateDirectory") {
			t.Errorf("home is %q, the unit of %s has the folder %q", conf.Home, name, value("StateDirectory"))
		}
		if name == "signer" &&
			!strings.Contains(string(page), command[strings.Index(command, "  --working-directory"):]) {
			t.Error("docs/installation.md shows another systemd-run than house/seihon-signer does")
		}
		if id := conf.Signer.PIN.Credential; name == "signer" &&
			!strings.HasPrefix(value("LoadCredential"), id+":/etc/seihon/credentials/") {
			t.Errorf("the configuration wants the credential %q, the unit has %s", id, value("LoadCredential"))
		}
	}
	responder, err := os.ReadFile("systemd/seihon-responder.service")
	must(t, err)
	if want := "\nCacheDirectory=" + filepath.Base(string(conf.Serve.Cache)) +
		"\n"; filepath.Dir(string(conf.Serve.Cache)) != "/var/cache" || !strings.Contains(string(responder), want) {
		t.Errorf("serve.cache is %q, the responder's unit does not have it", conf.Serve.Cache)
	}
}
