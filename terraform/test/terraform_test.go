//go:build integration

package terraform_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// A sandbox is a copy of the tree in which Terraform may write.
type sandbox struct {
	dir string   // the folder in it that Terraform works in
	env []string // added to the environment
}

// terraform finds Terraform. It cannot be installed as a Go tool, so its absence
// is the one reason, beside that of a provider, for which these tests skip.
func terraform(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("terraform")
	if err != nil {
		t.Skip("skipped: terraform is not installed (https://developer.hashicorp.com/terraform/install); the static " +
			"checks and the policy's own tests ran")
	}
	return path
}

// mirrors are the folders in which a provider may lie: $SEIHON_TERRAFORM_MIRROR
// and Terraform's implied local mirrors, then /opt.
func mirrors() []string {
	home, _ := os.UserHomeDir()
	found := []string{
		os.Getenv("SEIHON_TERRAFORM_MIRROR"),
		filepath.Join(home, ".terraform.d/plugins"), filepath.Join(home, ".local/share/terraform/plugins"),
		filepath.Join(home, "Library/Application Support/io.terraform/plugins"), "/usr/local/share/terraform/plugins",
		"/usr/share/terraform/plugins",
	}
	under, _ := filepath.Glob("/opt/*/registry.terraform.io")
	for _, dir := range under {
		found = append(found, filepath.Dir(dir))
	}
	return found
}

// mirror returns the first mirror with a version of the provider that the
// modules take, packed or unpacked; empty when there is none.
func mirror(provider, series string) string {
	platform := runtime.GOOS + "_" + runtime.GOARCH
	for _, dir := range mirrors() {
		if dir == "" {
			continue
		}
		base := filepath.Join(dir, "registry.terraform.io/hashicorp", provider)
		unpacked, _ := filepath.Glob(filepath.Join(base, series, platform, "terraform-provider-"+provider+"*"))
		packed, _ := filepath.Glob(filepath.Join(base, "terraform-provider-"+provider+"_"+series+"_"+platform+".zip"))
		if len(unpacked)+len(packed) > 0 {
			return dir
		}
	}
	return ""
}

// prepare copies the tree, writes the files given into the folder and runs
// terraform init, with a local mirror or else with the registry. It skips with
// the reason when neither has the provider.
func prepare(t testing.TB, folder, provider, series string, files map[string]string) *sandbox {
	t.Helper()
	terraform(t)
	tree := t.TempDir()
	for _, part := range []string{"modules", "examples", "functions", "test/testdata"} {
		if err := os.CopyFS(filepath.Join(tree, part), os.DirFS(filepath.Join(root, part))); err != nil {
			t.Fatal(err)
		}
	}
	s := &sandbox{dir: filepath.Join(tree, folder),
		env: []string{"TF_CLI_CONFIG_FILE=" + os.DevNull, "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1",
			"AWS_EC2_METADATA_DISABLED=true"}}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"init", "-no-color", "-input=false", "-backend=false"}
	dir := mirror(provider, series)
	if dir != "" {
		s.must(t, append(args, "-plugin-dir="+dir)...)
		return s
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if out, err := s.command(ctx, args...).CombinedOutput(); err != nil {
		t.Skipf("skipped: no local mirror holds hashicorp/%s %s (looked in $SEIHON_TERRAFORM_MIRROR and %s) and the "+
			"registry did not give it: %s",
			provider, series, strings.Join(mirrors()[1:], ", "), reason(out))
	}
	return s
}

// prepareGoogle takes Google's own provider, or the stand-in (package standin).
func prepareGoogle(t testing.TB, folder string, files map[string]string) *sandbox {
	t.Helper()
	terraform(t)
	if mirror("google", "[67].*") == "" {
		standIn(t)
	}
	return prepare(t, folder, "google", "[67].*", files)
}

// standIn builds the stand-in provider into a mirror of its own and points
// $SEIHON_TERRAFORM_MIRROR there for the rest of the test.
func standIn(t testing.TB) {
	t.Helper()
	t.Log("hashicorp/google is in no local mirror: a stand-in takes in what the module writes; Google's own schema " +
		"is not checked")
	module, err := filepath.Abs(root + "/modules/gcp-repository")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "registry.terraform.io/hashicorp/google/6.20.0", runtime.GOOS+"_"+runtime.GOARCH,
		"terraform-provider-google_v6.20.0")
	if out, code := run(t, ".", nil, "go", "build", "-o", program, "./cmd/google-standin"); code != 0 {
		t.Fatalf("building the stand-in: exit code %d\n%s", code, out)
	}
	t.Setenv("SEIHON_TERRAFORM_MIRROR", dir)
	t.Setenv("SEIHON_STANDIN_MODULE", module)
}

func prepareAWS(t testing.TB, folder string, files map[string]string) *sandbox {
	t.Helper()
	return prepare(t, folder, "aws", "5.*", files)
}

func (s *sandbox) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "terraform", args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), s.env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	return cmd
}

// must runs Terraform and returns its standard output.
func (s *sandbox) must(t testing.TB, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := s.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("terraform %s: %v\n%s\n%s", strings.Join(args, " "), err, lastLines(stdout.Bytes(), 60),
			stderr.Bytes())
	}
	return stdout.Bytes()
}

// plan plans and returns the plan as JSON.
func (s *sandbox) plan(t testing.TB, args ...string) []byte {
	t.Helper()
	s.must(t, append([]string{"plan", "-no-color", "-input=false", "-out=test.tfplan"}, args...)...)
	return s.must(t, "show", "-json", "-no-color", "test.tfplan")
}

// reason returns the first error that Terraform printed, on one line.
func reason(out []byte) string {
	_, text, _ := strings.Cut(string(out), "Error: ")
	text = strings.Join(strings.Fields(text), " ")
	return text[:min(len(text), 250)]
}

func lastLines(out []byte, n int) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// fakeAccount overrides the example's providers: no request leaves the machine
// but to the endpoint in AWS_ENDPOINT_URL.
func fakeAccount(access, secret string) string {
	var b strings.Builder
	for _, alias := range []string{"tokyo", "osaka", "us_east_1"} {
		b.WriteString("provider \"aws\" {\n  alias = \"" + alias + "\"\n  allowed_account_ids = []\n  access_key = \"" +
			access + "\"\n  secret_key = \"" + secret + "\"\n" +
			"  skip_credentials_validation = true\n  skip_metadata_api_check = true\n  skip_requesting_account_id = " +
			"true\n  s3_use_path_style = true\n}\n")
	}
	return b.String()
}

// machineCA makes a certificate for workload_ca_file with the commands of
// terraform/README.md, and checks that the identities' certificates chain to it.
func machineCA(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	openssl := tool(t, "openssl")
	if out, code := run(t, dir, nil, "bash", "-euc", readmeBlock(t, "", "openssl req -x509")); code != 0 {
		t.Fatalf("the commands of terraform/README.md, step 1: exit code %d\n%s", code, out)
	}
	if out, code := run(t, dir, nil, openssl, "verify", "-purpose", "sslclient", "-CAfile", "machines.pem",
		"seihon-publisher.pem", "seihon-auditor.pem"); code != 0 {
		t.Errorf("the certificates of step 1 do not verify:\n%s", out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "machines.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// readmeBlock returns the code block of terraform/README.md in that language
// that holds part.
func readmeBlock(t testing.TB, language, part string) string {
	t.Helper()
	text, err := os.ReadFile(root + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```")
	for i := 1; i < len(blocks); i += 2 {
		block, found := strings.CutPrefix(blocks[i], language+"\n")
		if found && strings.Contains(block, part) {
			return block
		}
	}
	t.Fatalf("terraform/README.md has no block %q with %q", language, part)
	return ""
}

// tool finds a program that `make tools` or the package list installs.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s not found: run make tools", name)
	}
	return path
}

// example prepares examples/aws-complete with the inputs of terraform/README.md,
// step 2, and a false account.
func example(t testing.TB, access, secret string) *sandbox {
	t.Helper()
	_, inputs, _ := strings.Cut(readmeBlock(t, "", "terraform.tfvars"), "<<'TXT'\n")
	inputs, _, found := strings.Cut(inputs, "TXT\n")
	if !found {
		t.Fatal("terraform/README.md has no terraform.tfvars")
	}
	files := map[string]string{"account_override.tf": fakeAccount(access, secret), "terraform.tfvars": inputs,
		"machines.pem": machineCA(t)}
	for _, published := range []string{"root.pem", "sub.pem"} {
		files[published] = machineCA(t) // any other CA
	}
	return prepareAWS(t, "examples/aws-complete", files)
}
