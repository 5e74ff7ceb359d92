package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// contents is what goes into the image.
type contents struct {
	binary, roots, sbom []byte
	version, arch       string
}

// user is the one user of the image; it owns nothing in it.
const user = "65532:65532"

// A file of the image; a nil body is a folder.
type file struct {
	name string
	mode int64
	body []byte
}

func (c contents) files() []file {
	return []file{
		{"etc/", 0o755, nil},
		{"etc/group", 0o644, []byte("nonroot:x:65532:\n")},
		{"etc/passwd", 0o644, []byte("nonroot:x:65532:65532:nonroot:/:/sbin/nologin\n")},
		{"etc/seihon/", 0o755, nil},
		{"etc/ssl/", 0o755, nil},
		{"etc/ssl/certs/", 0o755, nil},
		{"etc/ssl/certs/ca-certificates.crt", 0o644, c.roots},
		{"sbom.cdx.json", 0o644, c.sbom},
		{"tmp/", 0o1777, nil},
		{"usr/", 0o755, nil},
		{"usr/bin/", 0o755, nil},
		{"usr/bin/publisher", 0o755, c.binary},
		{"var/", 0o755, nil},
		{"var/cache/", 0o755, nil},
		{"var/cache/seihon/", 0o755, nil}, // a volume, for bundles; nothing else is ever written
	}
}

// layer is the files as one tar: root owns all, no times, order as above.
func (c contents) layer() ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range c.files() {
		h := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.body)), Typeflag: tar.TypeReg,
			ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
		if f.body == nil {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("packing %s: %w", f.name, err)
		}
		if _, err := w.Write(f.body); err != nil {
			return nil, fmt.Errorf("packing %s: %w", f.name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("packing the image: %w", err)
	}
	return b.Bytes(), nil
}

func (c contents) image() (v1.Image, error) {
	raw, err := c.layer()
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(raw)),
			nil
	},
		tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, fmt.Errorf("packing the image: %w", err)
	}
	img, err := mutate.AppendLayers(mutate.MediaType(empty.Image, types.OCIManifestSchema1), layer)
	if err != nil {
		return nil, fmt.Errorf("packing the image: %w", err)
	}
	img, err = mutate.ConfigFile(img, c.config(img))
	if err != nil {
		return nil, fmt.Errorf("writing the image's configuration: %w", err)
	}
	return img, nil
}

func (c contents) config(img v1.Image) *v1.ConfigFile {
	conf := &v1.ConfigFile{OS: "linux", Architecture: c.arch, Created: v1.Time{Time: time.Unix(0, 0).UTC()}}
	if had, err := img.ConfigFile(); err == nil {
		conf.RootFS = had.RootFS
	}
	conf.Config = v1.Config{
		User: user, Entrypoint: []string{"/usr/bin/publisher"},
		Cmd:          []string{"serve", "--config", "/etc/seihon/repository.yaml", "--log-format", "json"},
		ExposedPorts: map[string]struct{}{"8080/tcp": {}, "9090/tcp": {}},
		Volumes:      map[string]struct{}{"/var/cache/seihon": {}},
		StopSignal:   "SIGTERM",
		Labels: map[string]string{
			"org.opencontainers.image.title": "seihon-publisher",
			"org.opencontainers.image.description": "Keyless responder and publisher of a certificate authority's " +
				"repository; holds no key and no signing code",
			"org.opencontainers.image.version": c.version,
			"org.cyclonedx.sbom":               "/sbom.cdx.json",
		},
	}
	return conf
}

// writeImage writes the tar that docker, podman and skopeo read, and returns the digest of the image.
func writeImage(out string, c contents) (string, error) {
	img, err := c.image()
	if err != nil {
		return "", err
	}
	tag, err := name.NewTag("seihon-publisher:" + c.version)
	if err != nil {
		return "", fmt.Errorf("naming the image: %w", err)
	}
	if err := tarball.WriteToFile(out, tag, img); err != nil {
		return "", fmt.Errorf("writing %s: %w", out, err)
	}
	digest, err := img.Digest()
	if err != nil {
		return "", fmt.Errorf("computing the image's digest: %w", err)
	}
	return digest.String(), nil
}
