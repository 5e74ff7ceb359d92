//go:build integration

package cmd_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"seihon/publish/storetest/servers"
)

// TestSyncToTheCloud publishes to a real S3 server, to a GCS server and to a folder at
// once, and lets the auditor look at the bucket as anybody can.
func TestSyncToTheCloud(t *testing.T) {
	dir := copyGolden(t)
	s3 := servers.StartS3(t, false)
	servers.MakeS3Bucket(t, s3, "repository")
	servers.AllowPublicRead(t, s3, "repository")
	servers.Credentials(t, servers.AccessKey, servers.SecretKey)
	gcs := servers.StartGCS(t)
	servers.MakeGCSBucket(t, gcs, "repository")
	publicURL := s3.Endpoint + "/repository"

	conf := filepath.Join(dir, "repository.yaml")
	raw, err := os.ReadFile(conf)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw) + fmt.Sprintf(`  - name: s3
    s3: {bucket: repository, region: %s, endpoint: "%s", path_style: true}
    url: %s
  - name: gcs
    gcs: {bucket: repository}
  - name: static
    layout: objects
    directory: static
`, servers.Region, s3.Endpoint, publicURL)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	publisher := func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "publisher",
			append(args, "--quiet", "--config", conf)...).CombinedOutput()
		if err != nil {
			t.Fatalf("publisher %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	for _, target := range []string{"s3", "gcs", "static"} {
		if out := publisher("plan", "--target", target); !strings.Contains(out, "size 0 → ") {
			t.Errorf("plan of %s:\n%s", target, out)
		}
	}
	out := publisher("sync")
	for _, target := range []string{"s3", "gcs", "static"} {
		if !strings.Contains(out, target+": sent ") {
			t.Errorf("sync does not say that it sent to %s:\n%s", target, out)
		}
	}
	again := publisher("sync")
	if n := strings.Count(again, "nothing to send"); n != 4 {
		t.Errorf("the second sync found %d of 4 targets unchanged:\n%s", n, again)
	}
	publisher("verify", "--source", publicURL, "--list")
	publisher("verify", "--source", filepath.Join(dir, "static"))
	publisher("verify", "--source", publicURL, "--source", filepath.Join(dir, "public"))
	publisher("probe")

	head, err := exec.CommandContext(t.Context(), "curl", "-sSfI", publicURL+"/crl/sub.crl").CombinedOutput()
	if err != nil || !strings.Contains(string(head), "application/pkix-crl") ||
		!strings.Contains(strings.ToLower(string(head)),
			"cache-control: public, no-transform, must-revalidate, max-age=") {
		t.Errorf("headers of a CRL in S3: %v\n%s", err, head)
	}

	// A key in the bucket that nobody promised is found through the listing.
	key, err := os.ReadFile(filepath.Join(dir, "ca/good.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(s3.Data, "repository/img"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s3.Data, "repository/img/logo.png"), key, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "publisher", "verify", "--quiet", "--config", conf, "--source", publicURL,
		"--list")
	found, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 3 || !strings.Contains(string(found), "critical private-key") ||
		!strings.Contains(string(found), "img/logo.png") {
		t.Errorf("verify with a key in the bucket: %v\n%s", err, found)
	}
	resumeByTags(t, conf, publicURL)
	servers.MakeS3Bucket(t, s3, "private")
	refused(t, conf, s3.Endpoint+"/private")
}
