//go:build integration

package deploy_test

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	yaml "go.yaml.in/yaml/v3"
)

// TestPackages makes the deb and rpm packages of goreleaser.yaml with nFPM, which GoReleaser uses inside, and installs
// them into a folder. `make release-check` does the same with GoReleaser itself.
func TestPackages(t *testing.T) {
	r := readRelease(t)
	for _, n := range r.NFPMs {
		var made [2]map[string][]byte
		var dir string
		for i := range made {
			dir = t.TempDir()
			made[i] = pack(t, n, dir)
		}
		for name, content := range made[0] {
			if !bytes.Equal(content, made[1][name]) {
				t.Errorf("%s: two packages of the same files differ", name)
			}
		}
		for _, format := range n.Formats {
			file, err := filepath.Glob(filepath.Join(dir, "*."+format))
			if err != nil || len(file) != 1 {
				t.Fatalf("%s: packages %v, %v", n.ID, file, err)
			}
			if format == "deb" {
				checkDeb(t, file[0], n)
			} else {
				checkRPM(t, file[0], n)
			}
		}
	}
}

// pack runs nFPM for each format of a package and returns the files that it wrote.
func pack(t *testing.T, n nfpm, dir string) map[string][]byte {
	t.Helper()
	binary := n.IDs[0]
	contents := []map[string]any{{"src": filepath.Join(binaries(t), binary), "dst": n.Bindir + "/" + binary,
		"file_info": map[string]any{"mode": 0o755}}}
	for _, c := range n.Contents {
		entry := map[string]any{"dst": c.Dst, "file_info": map[string]any{"mode": c.mode()}}
		if c.Type != "" {
			entry["type"] = c.Type
		} else {
			entry["src"] = c.Src
		}
		if c.Packager != "" {
			entry["packager"] = c.Packager
		}
		contents = append(contents, entry)
	}
	conf, err := yaml.Marshal(map[string]any{
		"name": n.PackageName, "arch": "amd64", "platform": "linux", "version": "0.0.0", "maintainer": n.Maintainer,
		"description": n.Description,
		"mtime":       "2026-01-01T00:00:00Z", "conflicts": n.Conflicts, "contents": contents,
		"scripts": map[string]any{"postinstall": n.Scripts.PostInstall},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "nfpm.yaml")
	if err := os.WriteFile(file, conf, 0o600); err != nil {
		t.Fatal(err)
	}
	made := map[string][]byte{}
	for _, format := range n.Formats {
		cmd := exec.CommandContext(t.Context(), need(t, "nfpm"), "package", "--config", file, "--packager", format,
			"--target", dir+"/")
		cmd.Dir, cmd.Env = "..", append(os.Environ(), "SOURCE_DATE_EPOCH=1767225600")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("nfpm package: %v\n%s", err, out)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if made[f.Name()], err = os.ReadFile(filepath.Join(dir, f.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return made
}

// checkDeb unpacks a package into an empty folder and uses what came out: the binary runs and names its version, the
// page renders, systemd reads the units.
func checkDeb(t *testing.T, deb string, n nfpm) {
	t.Helper()
	root, binary := t.TempDir(), n.IDs[0]
	output(t, "dpkg-deb", "-x", deb, root)
	if name := strings.TrimSpace(output(t, "dpkg-deb", "-f", deb, "Package")); name != n.PackageName {
		t.Errorf("%s: the package is called %q", deb, name)
	}
	for line := range strings.Lines(output(t, "dpkg-deb", "-c", deb)) {
		if f := strings.Fields(line); f[1] != "root/root" || f[0][5] == 'w' || f[0][8] == 'w' {
			t.Errorf("%s: somebody but root may change %s", deb, line)
		}
	}
	program := filepath.Join(root, n.Bindir, binary)
	if version := output(t, program, "--version"); !strings.HasPrefix(version, binary+" version ") ||
		strings.Contains(version, "unknown") {
		t.Errorf("%s --version says %q", program, version)
	}
	if binary == "publisher" {
		checkStatic(t, program)
	}
	page := output(t, need(t, "groff"), "-man", "-Tutf8", "-P-cbou", "-ww",
		filepath.Join(root, "usr/share/man/man1", binary+".1"))
	if !strings.Contains(page, "EXIT STATUS") {
		t.Errorf("%s: the page has no exit codes:\n%s", deb, page)
	}
	checkInstalledUnits(t, root)
	for _, file := range []string{"bash-completion/completions/" + binary, "zsh/vendor-completions/_" + binary,
		"fish/vendor_completions.d/" + binary + ".fish"} {
		if _, err := os.Stat(filepath.Join(root, "usr/share", file)); err != nil {
			t.Errorf("%s: %v", deb, err)
		}
	}
}

// checkStatic wants a program that asks for no dynamic linker: it runs on any Linux of its architecture.
func checkStatic(t *testing.T, program string) {
	t.Helper()
	f, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Errorf("%s is not static", program)
	}
}

// unitNamed finds the units of ours that a unit names.
var unitNamed = regexp.MustCompile(`seihon-\w+(@%n)?\.(service|socket|timer)`)

// pageNamed finds the pages that a unit names.
var pageNamed = regexp.MustCompile(`/usr/share/doc/seihon\S*`)

// checkInstalledUnits has systemd read the units where the package puts them, with the programs that it installs.
func checkInstalledUnits(t *testing.T, root string) {
	t.Helper()
	units, err := filepath.Glob(filepath.Join(root, "usr/lib/systemd/system/seihon-*"))
	if err != nil || len(units) == 0 {
		t.Fatalf("the package has no units: %v", err)
	}
	var copies []string
	dir := t.TempDir() // systemd looks for the other units beside the one it reads
	program := regexp.MustCompile(`/usr/bin/(publisher|signer)`)
	for _, unit := range units {
		raw, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		for _, page := range pageNamed.FindAllString(string(raw), -1) {
			if _, err := os.Stat(filepath.Join(root, page)); err != nil {
				t.Errorf("%s names %s, and the package does not have it", filepath.Base(unit), page)
			}
		}
		for _, other := range unitNamed.FindAllString(string(raw), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(unit), strings.Replace(other, "%n", "", 1))); err != nil {
				t.Errorf("%s names %s, and the package does not have it", filepath.Base(unit), other)
			}
		}
		to := filepath.Join(dir, filepath.Base(unit))
		if err := os.WriteFile(to, program.ReplaceAll(raw, []byte(root+"/usr/bin/$1")), 0o600); err != nil {
			t.Fatal(err)
		}
		copies = append(copies, to)
	}
	out, err := exec.CommandContext(t.Context(), need(t, "systemd-analyze"),
		append([]string{"verify", "--man=no"}, copies...)...).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "seihon") {
			t.Errorf("systemd-analyze verify (%v): %s", err, line)
		}
	}
}

// checkRPM has rpm read a package: its digests are right and it holds what the deb holds.
func checkRPM(t *testing.T, file string, n nfpm) {
	t.Helper()
	output(t, need(t, "rpm"), "--checksig", "--nosignature", file)
	listed := strings.Fields(output(t, need(t, "rpm"), "-qpl", "--nosignature", file))
	for _, c := range n.Contents {
		if c.Packager != "" && c.Packager != "rpm" {
			continue
		}
		for _, name := range c.names(t) {
			if !slices.Contains(listed, name) {
				t.Errorf("%s has no %s", file, name)
			}
		}
	}
	if !slices.Contains(listed, n.Bindir+"/"+n.IDs[0]) {
		t.Errorf("%s has no program:\n%v", file, listed)
	}
}

func output(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}
