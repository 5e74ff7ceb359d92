// Package servers starts real object stores for tests: versitygw for S3,
// fake-gcs-server for Cloud Storage and Azurite for Azure, on loopback, each on
// its own port and with its own empty directory. `make tools` installs them.
package servers

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Credentials of the administrator of a versitygw.
const (
	AccessKey = "admin"
	SecretKey = "adminadmin"
	Region    = "us-east-1"
)

// An S3 is a running versitygw.
type S3 struct {
	Endpoint string
	Data     string // its directory: a bucket is a subdirectory, an object a file
	IAM      string
}

// StartS3 starts a versitygw that lives as long as the test. With versioning,
// buckets can keep versions.
func StartS3(t testing.TB, versioning bool) *S3 {
	t.Helper()
	dir := t.TempDir()
	s := &S3{Data: filepath.Join(dir, "data"), IAM: filepath.Join(dir, "iam")}
	versions := filepath.Join(dir, "versions")
	for _, d := range []string{s.Data, s.IAM, versions} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	addr := freePort(t)
	args := []string{"--quiet", "--access", AccessKey, "--secret", SecretKey, "--port", addr, "--iam-dir", s.IAM,
		"posix"}
	if versioning {
		args = append(args, "--versioning-dir", versions)
	}
	start(t, addr, "versitygw", append(args, s.Data)...)
	s.Endpoint = "http://" + addr
	return s
}

// MakeS3Bucket makes an empty bucket: with the posix backend, a directory.
func MakeS3Bucket(t testing.TB, s *S3, bucket string) {
	t.Helper()
	if err := os.Mkdir(filepath.Join(s.Data, bucket), 0o755); err != nil {
		t.Fatal(err)
	}
}

// Empty removes everything in a bucket.
func Empty(t testing.TB, s *S3, bucket string) {
	t.Helper()
	dir := filepath.Join(s.Data, bucket)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
}

// AddUser makes an identity that may do only what bucket policies allow it.
func (s *S3) AddUser(t testing.TB, access, secret string) {
	t.Helper()
	out, err := exec.Command(tool(t, "versitygw"), "admin", "--allow-insecure", "-a", AccessKey, "-s", SecretKey, "-er",
		s.Endpoint,
		"create-user", "-a", access, "-s", secret, "-r", "user").CombinedOutput()
	if err != nil {
		t.Fatalf("making user %q: %v: %s", access, err, out)
	}
}

// Credentials puts an identity into the environment, where the SDK's standard
// chain finds it.
func Credentials(t testing.TB, access, secret string) {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", access)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	t.Setenv("AWS_REGION", Region)
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

// StartGCS starts a fake-gcs-server that lives as long as the test and points
// STORAGE_EMULATOR_HOST at it. It returns the address.
func StartGCS(t testing.TB) string {
	t.Helper()
	addr := freePort(t)
	host, port, _ := net.SplitHostPort(addr)
	start(t, addr, "fake-gcs-server", "-scheme", "http", "-host", host, "-port", port, "-public-host", addr, "-backend",
		"memory", "-log-level", "error")
	t.Setenv("STORAGE_EMULATOR_HOST", addr)
	return addr
}

// MakeGCSBucket makes a bucket.
func MakeGCSBucket(t testing.TB, addr, bucket string) {
	t.Helper()
	body := bytes.NewBufferString(fmt.Sprintf(`{"name":%q}`, bucket))
	resp, err := http.Post("http://"+addr+"/storage/v1/b?project=test", "application/json", body)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("making bucket %q: %s", bucket, resp.Status)
	}
}

func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s not found: run make tools", name)
	}
	return path
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start runs a server until the test ends and waits until it takes connections.
func start(t testing.TB, addr, name string, args ...string) {
	t.Helper()
	var output bytes.Buffer
	cmd := exec.Command(tool(t, name), args...)
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-exited
	})
	deadline := time.Now().Add(20 * time.Second)
	for {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			conn.Close()
			return
		}
		select {
		case err := <-exited:
			exited <- err
			t.Fatalf("%s ended at once: %v: %s", name, err, output.String())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not listen on %s: %s", name, addr, output.String())
		}
	}
}

// AllowPublicRead lets anybody read the objects of a bucket. The request is
// signed by curl, so that this package needs no SDK.
func AllowPublicRead(t testing.TB, s *S3, bucket string) {
	t.Helper()
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":["s3:GetObject"],"Resource":"arn:aws:s3:::%s/*"}]}`, bucket)
	out, err := exec.Command(tool(t, "curl"), "--silent", "--show-error", "--fail-with-body", "--aws-sigv4",
		"aws:amz:"+Region+":s3",
		"--header", fmt.Sprintf("x-amz-content-sha256: %x", sha256.Sum256([]byte(policy))),
		"--user", AccessKey+":"+SecretKey, "--request", "PUT", "--data", policy,
		s.Endpoint+"/"+bucket+"?policy=").CombinedOutput()
	if err != nil {
		t.Fatalf("setting the policy of bucket %q: %v: %s", bucket, err, out)
	}
}
