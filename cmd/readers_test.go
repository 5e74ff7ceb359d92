//go:build integration

package cmd_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"seihon/publish/storetest/servers"
)

// A kindOfCopy is what a stranger's tool must see of one kind of artifact.
type kindOfCopy struct {
	layout  string // the layout that has it
	pattern string // of a name; the first that matches is read
	content string // Content-Type
	cache   string // Cache-Control up to the seconds
	most    int    // of those seconds; 0: cache is all of it
	dated   bool   // Expires is the nextUpdate of a response; of a list, what max-age says
}

const (
	dated     = "public, no-transform, must-revalidate, max-age="
	immutable = "public, max-age=31536000, immutable"
)

// copies is the header table from the outside: docs/formats-ocsp.md and the comments in artifact/header.go say why.
var copies = []kindOfCopy{
	{"bundle", "crl/sub.crl", "application/pkix-crl", dated, 3600, true},
	{"bundle", "crl/root-arl.crl", "application/pkix-crl", dated, 3600, true},
	{"bundle", "cert/sub.cer", "application/pkix-cert", "public, max-age=", 86400, false},
	{"bundle", "docs/*.pdf", "application/pdf", "public, max-age=", 604800, false},
	{"bundle", "docs/*.p7s", "application/pkcs7-signature", "public, max-age=", 604800, false},
	{"bundle", "index.html", "text/html; charset=utf-8", "public, must-revalidate, max-age=", 3600, false},
	{"bundle", "log/checkpoint", "text/plain; charset=utf-8", dated, 60, false},
	{"bundle", "log/manifests/*", "text/plain; charset=utf-8", immutable, 0, false},
	{"bundle", "log/tile/0/000.p/*", "application/octet-stream", immutable, 0, false},
	{"bundle", "ocsp/bundles/*", "application/octet-stream", immutable, 0, false},
	{"bundle", "ocsp/sub.generation", "text/plain; charset=utf-8", dated, 60, false},
	{"objects", "ocsp/s1/*/*", "application/ocsp-response", dated, 43200, true},
	{"objects", "ocsp/s2/*/*", "application/ocsp-response", dated, 43200, true},
}

// check compares what a reader saw with the table and with the copy in the folder.
func (k kindOfCopy) check(t *testing.T, reader, name string, want []byte, content, cache, expires string) {
	t.Helper()
	if content != k.content {
		t.Errorf("%s, %s: Content-Type %q, want %q", reader, name, content, k.content)
	}
	seconds, ok := strings.CutPrefix(cache, k.cache)
	age, err := strconv.Atoi(seconds)
	if !ok || k.most == 0 && seconds != "" || k.most > 0 && (err != nil || age <= 0 || age > k.most) {
		t.Errorf("%s, %s: Cache-Control %q, want %q and at most %d", reader, name, cache, k.cache, k.most)
	}
	if !k.dated {
		if expires != "" {
			t.Errorf("%s, %s: Expires %q, want none", reader, name, expires)
		}
		return
	}
	next := nextUpdate(t, want)
	got, err := http.ParseTime(expires)
	if err != nil { // the AWS CLI shows it in its own way
		got, err = time.Parse(time.RFC3339, expires)
	}
	fresh := time.Now().Add(time.Duration(age) * time.Second)
	if err != nil || !fresh.Before(next) {
		t.Errorf("%s, %s: Expires %q and %d seconds, nextUpdate is %v: %v", reader, name, expires, age, next, err)
	}
	if list := k.content == "application/pkix-crl"; !list && !got.Equal(next) ||
		list && (got.After(fresh) || got.Before(time.Now())) {
		t.Errorf("%s, %s: Expires %q, want nextUpdate %v of a response, at most %d seconds for a list", reader, name,
			expires, next, age)
	}
}

func nextUpdate(t *testing.T, der []byte) time.Time {
	t.Helper()
	if crl, err := x509.ParseRevocationList(der); err == nil {
		return crl.NextUpdate
	}
	r, err := ocsp.ParseResponse(der, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r.NextUpdate
}

// A publishedTo is what one sync left: two buckets, and a folder with the same bytes for each.
type publishedTo struct {
	s3, gcs string
	folder  map[string]string // of a layout
}

// publishForReaders syncs both layouts to S3 and to folders, and bundles to Cloud Storage. The buckets are private.
func publishForReaders(t *testing.T) publishedTo {
	t.Helper()
	dir := copyGolden(t)
	s3 := servers.StartS3(t, false)
	servers.MakeS3Bucket(t, s3, "bundle")
	servers.MakeS3Bucket(t, s3, "objects")
	servers.Credentials(t, servers.AccessKey, servers.SecretKey)
	gcs := servers.StartGCS(t)
	servers.MakeGCSBucket(t, gcs, "bundle")
	place := fmt.Sprintf("region: %s, endpoint: %q, path_style: true", servers.Region, s3.Endpoint)
	conf := filepath.Join(dir, "repository.yaml")
	appendTo(t, conf, fmt.Sprintf(`  - {name: s3-bundle, s3: {bucket: bundle, %[1]s}}
  - {name: s3-objects, layout: objects, s3: {bucket: objects, %[1]s}}
  - {name: gcs, gcs: {bucket: bundle}}
  - {name: static, layout: objects, directory: static}
`, place))
	run(t, "publisher", "sync", "--quiet", "--config", conf)
	return publishedTo{s3.Endpoint, "http://" + gcs,
		map[string]string{"bundle": filepath.Join(dir, "public"), "objects": filepath.Join(dir, "static")}}
}

// find returns the first name of a pattern, and its bytes in the folder.
func (p publishedTo) find(t *testing.T, k kindOfCopy) (name string, want []byte) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(p.folder[k.layout], k.pattern))
	found = slices.DeleteFunc(found, func(f string) bool { info, err := os.Stat(f); return err != nil || info.IsDir() })
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: nothing was published: %v", k.pattern, err)
	}
	if name, err = filepath.Rel(p.folder[k.layout], found[0]); err != nil {
		t.Fatal(err)
	}
	want, err = os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	return filepath.ToSlash(name), want
}

// TestReaders lets tools that know nothing of us read each kind of artifact: the AWS CLI, curl with its own signature,
// and rclone; from Cloud Storage, curl and rclone.
func TestReaders(t *testing.T) {
	for _, tool := range []string{"aws", "curl", "rclone"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s not found: run make test, which installs it", tool)
		}
	}
	p := publishForReaders(t)
	for _, k := range copies {
		name, want := p.find(t, k)
		p.byAWS(t, k, name, want)
		p.byCurl(t, k, name, want)
		if k.layout == "bundle" {
			p.byCurlFromGCS(t, k, name, want)
		}
	}
	p.byRclone(t, "bundle")
	p.byRclone(t, "objects")
	p.byRcloneFromGCS(t)
}

// byAWS asks for the head of an object with its checksum and, of dated kinds, for the object as well.
func (p publishedTo) byAWS(t *testing.T, k kindOfCopy, name string, want []byte) {
	t.Helper()
	var seen struct {
		ContentType, CacheControl, Expires, ExpiresString, ChecksumSHA256 string
		ContentLength                                                     int
	}
	args := []string{"--endpoint-url", p.s3, "s3api", "head-object", "--bucket", k.layout, "--key", name, "--output",
		"json", "--checksum-mode", "ENABLED"}
	if err := json.Unmarshal(output(t, "aws", args...), &seen); err != nil {
		t.Fatal(err)
	}
	expires := seen.ExpiresString
	if expires == "" {
		expires = seen.Expires
	}
	k.check(t, "aws", name, want, seen.ContentType, seen.CacheControl, expires)
	sum := sha256.Sum256(want)
	if seen.ChecksumSHA256 != base64.StdEncoding.EncodeToString(sum[:]) || seen.ContentLength != len(want) {
		t.Errorf("aws, %s: checksum %q of %d bytes, want that of %d bytes", name, seen.ChecksumSHA256,
			seen.ContentLength, len(want))
	}
	if !k.dated {
		return
	}
	file := filepath.Join(t.TempDir(), "object")
	output(t, "aws", "--endpoint-url", p.s3, "s3api", "get-object", "--bucket", k.layout, "--key", name,
		"--checksum-mode", "ENABLED", file)
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
		t.Errorf("aws, %s: other bytes: %v", name, err)
	}
}

// byCurl signs its request itself; without a signature the bucket says nothing.
func (p publishedTo) byCurl(t *testing.T, k kindOfCopy, name string, want []byte) {
	t.Helper()
	address := p.s3 + "/" + k.layout + "/" + name
	got, header := curl(t, address, "--aws-sigv4", "aws:amz:"+servers.Region+":s3", "--user",
		servers.AccessKey+":"+servers.SecretKey,
		"--header", fmt.Sprintf("x-amz-content-sha256: %x", sha256.Sum256(nil)))
	k.check(t, "curl", name, want, header.Get("Content-Type"), header.Get("Cache-Control"), header.Get("Expires"))
	if !bytes.Equal(got, want) {
		t.Errorf("curl, %s: other bytes", name)
	}
	if out, err := exec.CommandContext(t.Context(), "curl", "-sSf", address).CombinedOutput(); err == nil ||
		!strings.Contains(string(out), "403") {
		t.Errorf("curl without a signature, %s: %v\n%s", name, err, out)
	}
}

// byCurlFromGCS reads the object and what the JSON API says of it. Cloud Storage knows no Expires.
func (p publishedTo) byCurlFromGCS(t *testing.T, k kindOfCopy, name string, want []byte) {
	t.Helper()
	address := p.gcs + "/storage/v1/b/bundle/o/" + url.PathEscape(name)
	got, _ := curl(t, address+"?alt=media")
	if !bytes.Equal(got, want) {
		t.Errorf("curl from GCS, %s: other bytes", name)
	}
	about, _ := curl(t, address)
	var seen struct{ ContentType, CacheControl, MD5Hash string }
	if err := json.Unmarshal(about, &seen); err != nil {
		t.Fatal(err)
	}
	k.dated = false
	k.check(t, "curl from GCS", name, want, seen.ContentType, seen.CacheControl, "")
	if sum := md5.Sum(want); seen.MD5Hash != base64.StdEncoding.EncodeToString(sum[:]) {
		t.Errorf("curl from GCS, %s: MD5 %q", name, seen.MD5Hash)
	}
}

// byRclone lists a bucket with its metadata and copies all of it: nothing more and nothing less than in the folder.
func (p publishedTo) byRclone(t *testing.T, layout string) {
	t.Helper()
	for key, value := range map[string]string{
		"AWS_CA_BUNDLE": "", // old rclones stumble over it, and there is no TLS here
		"RCLONE_CONFIG": os.DevNull, "RCLONE_CONFIG_S3_TYPE": "s3", "RCLONE_CONFIG_S3_PROVIDER": "Other",
		"RCLONE_CONFIG_S3_ENV_AUTH": "true",
		"RCLONE_CONFIG_S3_ENDPOINT": p.s3, "RCLONE_CONFIG_S3_REGION": servers.Region,
		"RCLONE_CONFIG_S3_FORCE_PATH_STYLE": "true",
	} {
		t.Setenv(key, value)
	}
	var listed []struct {
		Path, MimeType string
		Metadata       map[string]string
	}
	if err := json.Unmarshal(output(t, "rclone", "lsjson", "--recursive", "--files-only", "--metadata", "s3:"+layout),
		&listed); err != nil {
		t.Fatal(err)
	}
	for _, k := range copies {
		if k.layout != layout {
			continue
		}
		name, want := p.find(t, k)
		k.dated = false // rclone does not show Expires
		for _, l := range listed {
			if l.Path == name {
				k.check(t, "rclone", name, want, l.MimeType, l.Metadata["cache-control"], "")
				name = ""
			}
		}
		if name != "" {
			t.Errorf("rclone does not list %s", name)
		}
	}
	into := filepath.Join(t.TempDir(), "copy")
	output(t, "rclone", "copy", "s3:"+layout, into)
	run(t, "diff", "-r", "--exclude=.tmp", p.folder[layout], into)
}

func (p publishedTo) byRcloneFromGCS(t *testing.T) {
	t.Helper()
	for key, value := range map[string]string{
		"RCLONE_CONFIG": os.DevNull, "RCLONE_CONFIG_GS_TYPE": "google cloud storage",
		"RCLONE_CONFIG_GS_ANONYMOUS": "true",
		"RCLONE_CONFIG_GS_ENDPOINT":  p.gcs + "/storage/v1/",
	} {
		t.Setenv(key, value)
	}
	into := filepath.Join(t.TempDir(), "copy")
	output(t, "rclone", "copy", "gs:bundle", into)
	run(t, "diff", "-r", "--exclude=.tmp", p.folder["bundle"], into)
}

// output runs a command and returns its standard output.
func output(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, &stderr)
	}
	return out
}

// curl gets an address and returns the body and the headers.
func curl(t *testing.T, address string, args ...string) ([]byte, http.Header) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "headers")
	body := output(t, "curl", append(args, "-sSf", "-D", file, address)...)
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{}
	for _, line := range strings.Split(string(raw), "\r\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			header.Add(name, value)
		}
	}
	return body, header
}
