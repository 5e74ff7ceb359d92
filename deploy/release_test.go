//go:build integration

package deploy_test

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"testing"

	yaml "go.yaml.in/yaml/v3"
)

// release is what goreleaser.yaml uses of GoReleaser's format. image/goreleaser_test.go has GoReleaser's own reader
// judge it.
type release struct {
	Version     int
	ProjectName string `yaml:"project_name"`
	Dist        string
	Before      struct{ Hooks []string }
	Builds      []struct {
		ID, Main, Binary string
		Env              []string
		Flags            []string
		Tags             []string
		Ldflags          []string
		ModTimestamp     string `yaml:"mod_timestamp"`
		Targets          []string
	}
	Archives []struct {
		ID           string
		IDs          []string `yaml:"ids"`
		NameTemplate string   `yaml:"name_template"`
		BuildsInfo   fileInfo `yaml:"builds_info"`
		Files        []struct {
			Src  string
			Info fileInfo
		}
	}
	NFPMs []nfpm `yaml:"nfpms"`
	SBOMs []struct {
		ID, Artifacts, Cmd string
		Args, Documents    []string
	} `yaml:"sboms"`
	Checksum struct {
		NameTemplate string `yaml:"name_template"`
		Algorithm    string
	}
	Changelog struct{ Sort string }
}

// fileInfo is what an archive says of a file, whoever makes it and when.
type fileInfo struct {
	Owner, Group, MTime string
	Mode                uint32
}

// nfpm is one deb and rpm package.
type nfpm struct {
	ID                              string
	IDs                             []string `yaml:"ids"`
	PackageName                     string   `yaml:"package_name"`
	Formats                         []string
	Maintainer, Description, Bindir string
	MTime                           string `yaml:"mtime"`
	Conflicts                       []string
	Scripts                         struct{ PostInstall string }
	Contents                        []packed
}

// packed is a file, the files of a pattern, or an empty folder of a package.
type packed struct {
	Src, Dst, Type, Packager string
	Info                     struct{ Mode uint32 } `yaml:"file_info"`
}

// mode is that of the file in the package.
func (p packed) mode() uint32 { return cmp.Or(p.Info.Mode, 0o644) }

// names are the places that an entry fills, one for each file of its pattern.
func (p packed) names(t *testing.T) []string {
	t.Helper()
	if !strings.Contains(p.Src, "*") {
		return []string{p.Dst}
	}
	found, err := filepath.Glob(filepath.Join("..", p.Src))
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: %v", p.Src, err)
	}
	for i, f := range found {
		found[i] = p.Dst + filepath.Base(f)
	}
	return found
}

// readRelease decodes goreleaser.yaml strictly.
func readRelease(t *testing.T) release {
	t.Helper()
	raw, err := os.ReadFile("goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var r release
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	if err := dec.Decode(&r); err != nil {
		t.Fatalf("parsing goreleaser.yaml: %v", err)
	}
	return r
}

// TestRelease holds goreleaser.yaml to the checkout: every file that it packs exists, and all
// binaries are built with the flags whose builds TestBuildIsReproducible compares.
func TestRelease(t *testing.T) {
	r := readRelease(t)
	if len(r.Builds) != 3 || len(r.NFPMs) != 2 || r.Version != 2 {
		t.Fatalf("%d builds and %d packages, want 3 and 2", len(r.Builds), len(r.NFPMs))
	}
	for _, b := range r.Builds {
		if got := strings.Join(b.Flags, " "); got != "-trimpath -buildvcs=false" {
			t.Errorf("build %s has flags %q", b.ID, got)
		}
		if want := map[string]string{"publisher": "CGO_ENABLED=0", "publisher-nocloud": "CGO_ENABLED=0",
			"signer": "CGO_ENABLED=1"}[b.ID]; b.Env[0] != want {
			t.Errorf("build %s has %s, want %s", b.ID, b.Env[0], want)
		}
		exists(t, b.Main)
	}
	for _, a := range r.Archives {
		for _, f := range a.Files {
			exists(t, f.Src)
			if f.Info.Owner != "root" || f.Info.MTime != "{{.CommitDate}}" {
				t.Errorf("%s is archived with owner or time of the checkout: two releases of a commit would differ",
					f.Src)
			}
		}
	}
	inPackages := map[string]bool{}
	for _, n := range r.NFPMs {
		exists(t, n.Scripts.PostInstall)
		for _, c := range n.Contents {
			if c.Type != "dir" {
				exists(t, c.Src)
			}
			for _, name := range c.names(t) {
				inPackages[filepath.Base(name)] = true
			}
		}
	}
	units, err := filepath.Glob("systemd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range units {
		if !inPackages[filepath.Base(u)] {
			t.Errorf("no package has %s", u)
		}
	}
}

func exists(t *testing.T, pattern string) {
	t.Helper()
	if found, err := filepath.Glob(filepath.Join("..", pattern)); err != nil || len(found) == 0 {
		t.Errorf("goreleaser.yaml names %s, which does not exist", pattern)
	}
}
