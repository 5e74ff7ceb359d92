//go:build integration

package terraform_test

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// TestPublishUnderRenderedPolicies goes the way of terraform/README.md on
// versitygw: Terraform applies the bucket; the publishing host gets the policy
// that Terraform rendered, word for word, as its only right; the real publisher
// syncs and verifies over anonymous plain http. Then it shows what that identity
// cannot do.
func TestPublishUnderRenderedPolicies(t *testing.T) {
	for layout, more := range map[string][]string{"objects": nil,
		"bundle": {"-var=responder_domain=ocsp.internal.example"}} {
		t.Run(layout, func(t *testing.T) { publishes(t, layout, more) })
	}
}

func publishes(t *testing.T, layout string, more []string) {
	g := startGateway(t)
	s := example(t, g.admin.AccessKeyID, g.admin.SecretAccessKey)
	policies := documents(t, s.plan(t, more...))
	bucketPolicy := policies["module.repository.aws_s3_bucket_policy.tokyo.policy"]

	// versitygw knows no server-side encryption, access block and lifecycle, and not the
	// condition keys of conditional writes: guard enforces those.
	s.env = append(s.env, "AWS_ENDPOINT_URL_S3="+g.s3)
	out := s.must(t, slices.Concat([]string{"apply", "-auto-approve", "-no-color", "-input=false"}, more,
		target("aws_s3_bucket.tokyo", "aws_s3_bucket_versioning.tokyo", "aws_s3_bucket_object_lock_configuration.tokyo",
			"aws_s3_bucket_ownership_controls.tokyo"))...)
	t.Log(strings.TrimSpace(lineWith(out, "Apply complete!")))

	publisher := g.user(t, "publisher", map[string]string{
		"publish": policies["module.repository.aws_iam_role_policy.publisher.policy"],
		"metrics": policies["module.repository.aws_iam_role_policy.publisher_metrics.policy"],
	})
	auditor := g.user(t,
		"auditor", map[string]string{"audit": policies["module.repository.aws_iam_role_policy.auditor.policy"]})
	distribution := g.user(t, "distribution",
		map[string]string{"read": withoutPrincipal(t, bucketPolicy, "ReadByDistribution")})
	public := edge(t, g, "example-ca", distribution)
	write, refused := guard(t, g, bucketPolicy)

	repository := makeRepository(t, layout, public, write)
	env := []string{"AWS_ACCESS_KEY_ID=" + publisher.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + publisher.SecretAccessKey,
		"PATH=" + binaries(t) + ":" + os.Getenv("PATH")}
	step := func(want int, command ...string) string {
		t.Helper()
		out, code := run(t, repository, env, filepath.Join(binaries(t), command[0]), append(command[1:], "--quiet")...)
		if code != want {
			t.Fatalf("%s: exit code %d, want %d\n%s", strings.Join(command, " "), code, want, out)
		}
		return out
	}
	t.Log(strings.TrimSpace(step(0, "publisher", "sync")))
	step(0, "publisher", "verify")

	// A revocation replaces names by compare-and-swap; write-once names stay.
	step(0, "signer", "revoke", "--issuer", "sub", "--certificate", "ca/good.pem", "--reason", "superseded")
	step(0, "signer", "run")
	t.Log(strings.TrimSpace(step(0, "publisher", "sync")))
	step(0, "publisher", "verify")
	if names := refused(); len(names) > 0 {
		t.Errorf("the publisher wrote without a condition: %v", names)
	}

	shows(t, g, publisher, auditor, distribution)
	showsCRLAge(t, public.URL)
	showsBoundary(t, g, policies["module.repository.aws_iam_policy.boundary.policy"])
	showsWriteOnce(t, write, publisher)
}

// shows tries what each identity must not be able to do, and a little of what it must.
func shows(t *testing.T, g *gateway, publisher, auditor, distribution aws.Credentials) {
	t.Helper()
	for _, test := range []struct {
		who                      aws.Credentials
		name, method, path, body string
		allowed                  bool
	}{
		{publisher, "publisher reads back", "GET", "/example-ca/crl/sub.crl", "", true},
		{publisher, "publisher writes elsewhere", "PUT", "/example-ca/elsewhere/a", "", false},
		{publisher, "publisher writes a ledger master", "PUT", "/example-ca/master/log/checkpoint", "", false},
		{publisher, "publisher deletes", "DELETE", "/example-ca/crl/sub.crl", "", false},
		{publisher, "publisher lists", "GET", "/example-ca?list-type=2", "", false},
		{publisher, "publisher opens the bucket", "PUT", "/example-ca?policy", "{}", false},
		{publisher, "publisher changes the lock", "PUT", "/example-ca?object-lock",
			`<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>`, false},
		{publisher, "publisher changes versioning", "PUT", "/example-ca?versioning",
			`<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>`, false},
		{publisher, "publisher unlocks an object", "PUT", "/example-ca/crl/sub.crl?retention",
			`<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2030-01-01T00:00:00Z</RetainUntilDate></Retention>`,
			false},
		{auditor, "auditor reads", "GET", "/example-ca/crl/sub.crl", "", true},
		{auditor, "auditor lists", "GET", "/example-ca?list-type=2", "", true},
		{auditor, "auditor lists versions", "GET", "/example-ca?versions", "", true},
		{auditor, "auditor writes", "PUT", "/example-ca/crl/sub.crl", "", false},
		{auditor, "auditor deletes", "DELETE", "/example-ca/crl/sub.crl", "", false},
		{distribution, "distribution reads", "GET", "/example-ca/crl/sub.crl", "", true},
		{distribution, "distribution lists", "GET", "/example-ca?list-type=2", "", false},
		{distribution, "distribution writes", "PUT", "/example-ca/crl/sub.crl", "", false},
	} {
		status := g.do(t, test.who, test.method, test.path, test.body)
		if test.allowed && status != http.StatusOK {
			t.Errorf("%s: status %d, want 200", test.name, status)
		}
		if !test.allowed && status != http.StatusForbidden {
			t.Errorf("%s: status %d, want 403", test.name, status)
		}
	}
}

// showsCRLAge runs the script that feeds the alarm. What it hands to the AWS
// command is printed instead of sent.
func showsCRLAge(t *testing.T, base string) {
	t.Helper()
	script, err := filepath.Abs(root + "/examples/aws-complete/push-crl-age.sh")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "aws"), []byte("#!/bin/sh\necho \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	env := []string{"PATH=" + bin + ":" + os.Getenv("PATH")}
	out, code := run(t, bin, env, "bash", script, "example-ca", base, "root", "sub")
	lines := regexp.MustCompile(`(?m)^cloudwatch put-metric-data .*--namespace Seihon --metric-name CRLAgeSeconds .*Issuer=(root|sub) --value \d+$`).FindAllString(out, -1)
	if code != 0 || len(lines) != 2 {
		t.Errorf("push-crl-age.sh: exit code %d\n%s", code, out)
	}
	out, code = run(t, bin, env, "bash", script, "example-ca", base, "absent", "sub")
	if code != 1 || strings.Contains(out, "Issuer=absent") || !strings.Contains(out, "Issuer=sub") {
		t.Errorf("push-crl-age.sh with an absent CRL: exit code %d\n%s", code, out)
	}
}

// showsBoundary gives an identity everything and the rendered denials of the
// boundary: what an administrator attaches later does not get through.
func showsBoundary(t *testing.T, g *gateway, boundary string) {
	t.Helper()
	var denials []statement
	for _, s := range statements(t, boundary) {
		if s.Effect == "Deny" {
			denials = append(denials, s)
		}
	}
	ceiling, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": denials})
	if err != nil {
		t.Fatal(err)
	}
	everything := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["*"]}]}`
	who := g.user(t, "overgranted", map[string]string{"everything": everything, "ceiling": string(ceiling)})
	if status := g.do(t, who, "GET", "/example-ca?list-type=2", ""); status != http.StatusOK {
		t.Errorf("the overgranted identity cannot even list (status %d): its denials prove nothing", status)
	}
	if status := g.do(t, who, "DELETE", "/example-ca/crl/sub.crl", ""); status != http.StatusForbidden {
		t.Errorf("deleting under the boundary: status %d, want 403", status)
	}
}

// showsWriteOnce writes as somebody would who holds the publisher's credentials
// and does not use the publisher.
func showsWriteOnce(t *testing.T, endpoint string, publisher aws.Credentials) {
	t.Helper()
	blind := &gateway{s3: endpoint}
	for _, path := range []string{"/example-ca/docs/cps-1.0.pdf", "/example-ca/crl/sub.crl"} {
		if status := blind.do(t, publisher, "PUT", path, "other"); status != http.StatusForbidden {
			t.Errorf("writing %s without a condition: status %d, want 403", path, status)
		}
	}
}

// binaries is the folder with the real publisher and signer: bin/ of the
// checkout when it is there, else they are built.
func binaries(t testing.TB) string {
	t.Helper()
	bin, err := filepath.Abs(root + "/../bin")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"publisher", "signer"} {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			t.Fatalf("bin/%s not found: run make build", name)
		}
	}
	return bin
}

// makeRepository makes the signing room's repository and points its only target
// at the bucket.
func makeRepository(t testing.TB, layout string, public *httptest.Server, write string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "repository")
	scripts, err := filepath.Abs(root + "/../cmd")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(public.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"PATH=" + binaries(t) + ":" + os.Getenv("PATH")}
	if out, code := run(t, scripts, env, "bash", "testdata/golden.sh", dir, "127.0.0.1:"+port); code != 0 {
		t.Fatalf("making a repository: exit code %d\n%s", code, out)
	}
	file := filepath.Join(dir, "repository.yaml")
	config, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, made, found := strings.Cut(string(config), "\ntargets:\n")
	if !found {
		t.Fatalf("%s has no targets", file)
	}
	// The target of terraform/README.md, with the test's endpoints.
	target := strings.NewReplacer(
		"layout: objects", "layout: "+layout,
		"http://d111111abcdef8.cloudfront.net", public.URL,
		`profile: seihon, owner: "111122223333"`, `endpoint: "`+write+`", path_style: true`,
	).Replace(readmeBlock(t, "yaml", "targets:"))
	// The folder to which the repository was published first stays a target: verify names one that is dropped.
	lines := strings.Split(made, "\n")
	end := slices.IndexFunc(lines, func(l string) bool { return !strings.HasPrefix(l, " ") })
	config = []byte(before + "\n" + strings.TrimRight(target, "\n") + "\n" + strings.Join(lines[:max(end, 0)], "\n") +
		"\n")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}
