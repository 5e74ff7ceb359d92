//go:build integration

package deploy_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestImageModule runs the tests of the nested module, which the tests of the main module do not see:
// image and SBOM are functions of their input, the Kubernetes manifests are what the API's types take.
func TestImageModule(t *testing.T) {
	for _, args := range [][]string{{"vet", "./..."}, {"test", "./..."}} {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = "image"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// TestImage builds the image twice, unpacks it, and runs it as it runs in a cluster: as user 65532, the root
// file system read-only, its cache a tmpfs, its configuration the one in kubernetes/ and its bucket a web server.
func TestImage(t *testing.T) {
	dir := t.TempDir()
	image := filepath.Join(dir, "image.tar")
	first := makeImage(t, image)
	if second := makeImage(t, image); !bytes.Equal(first, second) {
		t.Error("two images of one binary differ")
	}
	root := filepath.Join(dir, "root")
	unpack(t, first, root)

	demo, address := newDemo(t)
	metrics := freeAddress(t)
	bucket := httptest.NewServer(http.FileServer(http.Dir(filepath.Join(demo, ".demo/public"))))
	t.Cleanup(bucket.Close)
	configure(t, demo, filepath.Join(root, "etc/seihon"), bucket.URL, address, metrics)
	pid := runImage(t, root)

	waitFor(t, "http://"+metrics+"/readyz")
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil || !bytes.Contains(status, []byte("Uid:\t65532\t65532\t65532\t65532")) ||
		!bytes.Contains(status, []byte("CapEff:\t0000000000000000")) {
		t.Errorf("the responder does not run as user 65532 without capabilities: %v\n%s", err, status)
	}
	for name, want := range map[string]string{"good": "good.pem: good", "revoked": "revoked.pem: revoked"} {
		out, err := exec.CommandContext(t.Context(), need(t, "openssl"), "ocsp", "-issuer", demo+"/.demo/ca/sub.pem",
			"-cert", demo+"/.demo/ca/"+name+".pem",
			"-CAfile", demo+"/.demo/ca/root.pem", "-verify_other", demo+"/.demo/ca/sub.pem", "-url",
			"http://"+address+"/ocsp", "-no_nonce").CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte(want)) || !bytes.Contains(out, []byte("Response verify OK")) {
			t.Errorf("openssl about %s: %v\n%s", name, err, out)
		}
	}
}

// TestTheSignerIsNoImage shows that what could sign cannot be packed for the cloud by mistake.
func TestTheSignerIsNoImage(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "run", ".", "tar", "--binary", filepath.Join(binaries(t), "signer"),
		"--out", filepath.Join(t.TempDir(), "image.tar"))
	cmd.Dir = "image"
	if out, err := cmd.CombinedOutput(); err == nil || !bytes.Contains(out, []byte("PKCS #11")) {
		t.Errorf("packing the signer: %v\n%s", err, out)
	}
}

func makeImage(t *testing.T, file string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "run", ".", "tar", "--binary",
		filepath.Join(binaries(t), "publisher-nocloud"), "--version", "test", "--out", file)
	cmd.Dir = "image"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("making the image: %v\n%s", err, out)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// unpack extracts the layers that the image's manifest names.
func unpack(t *testing.T, image []byte, root string) {
	t.Helper()
	files := map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(image)); ; {
		h, err := r.Next()
		if err != nil {
			break
		}
		var b bytes.Buffer
		if _, err := b.ReadFrom(r); err != nil {
			t.Fatal(err)
		}
		files[h.Name] = b.Bytes()
	}
	var manifest []struct {
		Layers []string
	}
	if err := json.Unmarshal(files["manifest.json"], &manifest); err != nil || len(manifest) != 1 {
		t.Fatalf("the image has no manifest: %v", err)
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, layer := range manifest[0].Layers {
		cmd := exec.CommandContext(t.Context(), "tar", "--extract", "--gzip", "--directory", root)
		cmd.Stdin = bytes.NewReader(files[layer])
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("unpacking %s: %v\n%s", layer, err, out)
		}
	}
}

// configure puts there what a ConfigMap would: the committed configuration, with this test's addresses, and the keys.
func configure(t *testing.T, demo, etc, bucket, address, metrics string) {
	t.Helper()
	for from, name := range map[string]string{
		"kubernetes/repository.yaml":                 "repository.yaml",
		demo + "/.demo/keys/master-log.ecdsa.vkey":   "master-log.ecdsa.vkey",
		demo + "/.demo/keys/master-log.ed25519.vkey": "master-log.ed25519.vkey",
		demo + "/.demo/ca/root.pem":                  "root.pem",
	} {
		copyTree(t, from, filepath.Join(etc, name))
	}
	conf := filepath.Join(etc, "repository.yaml")
	replaceIn(t, conf, "https://storage.googleapis.com/repository-example", bucket)
	replaceIn(t, conf, "name: repository.example", "name: demo.example")
	replaceIn(t, conf, "listen: :8080", "listen: "+address)
	replaceIn(t, conf, "metrics: :9090", "metrics: "+metrics)
}

// runImage starts the image's entry point in a mount namespace of its own; it needs root for that.
func runImage(t *testing.T, root string) int {
	t.Helper()
	const script = `set -eu
mount --bind "$1" "$1"
mount -t tmpfs -o mode=0700,uid=65532,gid=65532 tmpfs "$1/var/cache/seihon"
mount -o remount,bind,ro "$1"
if touch "$1/etc/written" 2>/dev/null; then echo "the root file system can be written"; exit 1; fi
exec setpriv --no-new-privs chroot --userspec=65532:65532 --groups= "$1" /usr/bin/publisher serve --config /etc/seihon/repository.yaml --log-format json`
	cmd := exec.CommandContext(t.Context(), need(t, "unshare"), "--mount", "bash", "-c", script, "image", root)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Wait(); t.Failed() {
			t.Logf("the image's log (%v):\n%s", err, &out)
		}
	})
	return cmd.Process.Pid
}

func waitFor(t *testing.T, url string) {
	t.Helper()
	for range 150 {
		if resp, err := http.Get(url); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("%s does not answer", url)
}
