//go:build integration

package terraform_test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"seihon/terraform/test/internal/reference"
)

func TestTerraformFormat(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), terraform(t), "fmt", "-check", "-recursive", "-diff", root).Output()
	if err != nil || len(out) > 0 {
		t.Errorf("terraform fmt -recursive terraform would change (%v):\n%s", err, out)
	}
}

func TestTFLint(t *testing.T) {
	config, err := filepath.Abs(root + "/.tflint.hcl")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range reference.Modules {
		out, err := exec.CommandContext(t.Context(), tool(t, "tflint"), "--config="+config,
			"--chdir="+filepath.Join(root, folder), "--format=compact").CombinedOutput()
		if err != nil {
			t.Errorf("tflint %s: %v\n%s", folder, err, out)
		}
	}
}

// The mocked tests live beside the module: terraform test runs them.
func TestMockedAWS(t *testing.T) {
	s := prepareAWS(t, "modules/aws-repository", nil)
	out := s.must(t, "test", "-no-color")
	t.Logf("%s", lastLines(out, 1))
	if !regexp.MustCompile(`Success! \d+ passed, 0 failed\.`).Match(out) {
		t.Errorf("terraform test:\n%s", out)
	}
}

func TestMockedGoogle(t *testing.T) {
	s := prepareGoogle(t, "modules/gcp-repository", nil)
	s.must(t, "validate", "-no-color")
	out := s.must(t, "test", "-no-color")
	if !regexp.MustCompile(`Success! \d+ passed, 0 failed\.`).Match(out) {
		t.Errorf("terraform test:\n%s", out)
	}
}

// The example plans cleanly in each shape, and the policy that reads the plan
// sees every policy and has nothing against it.
func TestExampleAWS(t *testing.T) {
	s := example(t, "fake", "fake")
	s.must(t, "validate", "-no-color")
	p := load(t)
	for name, more := range map[string][]string{
		"objects":   nil,
		"responder": {"-var=responder_domain=ocsp.internal.example"},
		"host name": {"-var=host_name=repository.example.jp",
			"-var=acm_certificate_arn=arn:aws:acm:us-east-1:111122223333:certificate/0"},
	} {
		t.Run(name, func(t *testing.T) {
			shown := s.plan(t, more...)
			for _, f := range check(t, p, string(shown)) {
				t.Errorf("refused: %s", f.Message)
			}
			if n := len(documents(t, shown)); n != 11 {
				t.Errorf("the plan shows %d policy documents, want 11: the guardrail does not see all of them", n)
			}
		})
	}
}

func TestExampleGoogle(t *testing.T) {
	s := prepareGoogle(t, "examples/gcp-complete", map[string]string{"machines.pem": machineCA(t)})
	s.must(t, "validate", "-no-color")
	s.env = append(s.env, "GOOGLE_OAUTH_ACCESS_TOKEN=fake")
	p := load(t)
	for name, more := range map[string][]string{
		"http":      nil,
		"responder": {"-var=responder_domain=ocsp.internal.example", "-var=host_name=repository.example.jp"},
	} {
		t.Run(name, func(t *testing.T) {
			vars := []string{"-var=name=example-ca", "-var=project_id=example", "-var=project_number=123456789012",
				"-var=workload_ca_file=machines.pem"}
			for _, f := range check(t, p, string(s.plan(t, append(vars, more...)...))) {
				t.Errorf("refused: %s", f.Message)
			}
		})
	}
}

// Every planted violation is refused by its name, and nothing else is.
func TestPlantedViolations(t *testing.T) {
	key, err := exec.CommandContext(t.Context(), tool(t, "openssl"), "genpkey", "-algorithm", "ed25519").Output()
	if err != nil {
		t.Fatal(err)
	}
	s := prepareAWS(t, "test/testdata/planted", nil)
	s.env = append(s.env, "TF_VAR_issuer="+string(key))
	var got []string
	for _, f := range check(t, load(t), string(s.plan(t))) {
		got = append(got, f.Rule+" "+f.Address)
	}
	got = slices.Compact(got)
	slices.Sort(got)
	want := planted(t)
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("planted, but not refused: %s", line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("refused, but not planted: %s", line)
		}
	}
	t.Logf("%d planted violations, each refused by name", len(want))
}

// documents returns the policy documents of a plan, by the address and attribute that hold them.
func documents(t testing.TB, shown []byte) map[string]string {
	t.Helper()
	var plan struct {
		ResourceChanges []struct {
			Address string
			Change  struct{ After map[string]any }
		} `json:"resource_changes"`
	}
	if err := json.Unmarshal(shown, &plan); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, r := range plan.ResourceChanges {
		for attribute, value := range r.Change.After {
			if text, ok := value.(string); ok && strings.Contains(text, `"Statement"`) {
				found[r.Address+"."+attribute] = text
			}
		}
	}
	return found
}
