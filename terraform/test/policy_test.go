package terraform_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"seihon/terraform/test/internal/policy"
)

func load(t testing.TB) *policy.Policy {
	t.Helper()
	p, err := policy.Load(t.Context(), root+"/policy")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func check(t testing.TB, p *policy.Policy, shown string) []policy.Finding {
	t.Helper()
	findings, err := p.Check(t.Context(), []byte(shown))
	if err != nil {
		t.Fatal(err)
	}
	return findings
}

// state returns the JSON of a state with these resources, as `terraform show -json` prints it.
func state(resources ...string) string {
	return `{"format_version":"1.0","values":{"root_module":{"child_modules":[{"resources":[` +
		strings.Join(resources, ",") + `]}]}}}`
}

func resource(kind, name, values string) string {
	return fmt.Sprintf(`{"address":"module.m.%s.%s","mode":"managed","type":%q,"name":%q,"values":%s}`, kind, name,
		kind, name, values)
}

// TestPolicyOnGoogle judges resources of the google provider, which cannot be
// planned where the provider is out of reach. Shapes are those of its documentation.
func TestPolicyOnGoogle(t *testing.T) {
	p := load(t)
	good := resource("google_storage_bucket", "good",
		`{"name":"b","versioning":[{"enabled":true}],"force_destroy":false}`)
	overwrite := resource("google_project_iam_custom_role", "overwrite",
		`{"role_id":"ca_overwrite","name":null,"permissions":["storage.objects.create","storage.objects.delete"]}`)
	grant := func(condition string) string {
		return resource("google_storage_bucket_iam_member", "overwrite",
			`{"role":"projects/p/roles/ca_overwrite","member":"principal://x","condition":`+condition+`}`)
	}
	tests := []struct {
		name, rule string
		resources  []string
	}{
		{"accepted", "", []string{good, overwrite,
			grant(`[{"expression":"resource.name.startsWith(\"projects/_/buckets/b/objects/crl/\")"}]`)}},
		{"public objects", "", []string{resource("google_storage_bucket_iam_member", "all",
			`{"role":"roles/storage.legacyObjectReader","member":"allUsers"}`)}},
		{"signing role", "signing-permission",
			[]string{resource("google_project_iam_member", "s",
				`{"role":"roles/cloudkms.signerVerifier","member":"x"}`)}},
		{"owner",
			"signing-permission",
			[]string{resource("google_project_iam_member", "s", `{"role":"roles/owner","member":"x"}`)}},
		{"signing permission", "signing-permission",
			[]string{resource("google_project_iam_custom_role", "s",
				`{"role_id":"r","permissions":["cloudkms.cryptoKeyVersions.useToSign"]}`)}},
		{"signing key", "signing-permission",
			[]string{resource("google_kms_crypto_key", "k", `{"purpose":"ASYMMETRIC_SIGN"}`)}},
		{"private CA", "signing-permission", []string{resource("google_privateca_ca_pool", "p", `{"name":"p"}`)}},
		{"account key",
			"private-key", []string{resource("google_service_account_key", "k", `{"service_account_id":"x"}`)}},
		{"redirect",
			"https-only",
			[]string{resource("google_compute_url_map", "m", `{"default_url_redirect":[{"https_redirect":true}]}`)}},
		{"HSTS", "https-only", []string{resource("google_compute_backend_bucket", "b",
			`{"custom_response_headers":["Strict-Transport-Security: max-age=1"]}`)}},
		{"listing", "public-listing", []string{resource("google_storage_bucket_iam_member", "all",
			`{"role":"roles/storage.objectViewer","member":"allUsers"}`)}},
		{"listing by binding", "public-listing",
			[]string{resource("google_storage_bucket_iam_binding", "all",
				`{"role":"roles/storage.objectViewer","members":["user:a@example.jp","allAuthenticatedUsers"]}`)}},
		{"delete role", "delete-permission",
			[]string{resource("google_storage_bucket_iam_member", "d",
				`{"role":"roles/storage.objectAdmin","member":"x"}`)}},
		{"delete everywhere", "delete-permission", []string{overwrite, grant(`[]`)}},
		{"nothing kept", "no-object-lock",
			[]string{resource("google_storage_bucket", "b",
				`{"name":"b","versioning":[],"soft_delete_policy":[{"retention_duration_seconds":0}]}`)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			findings := check(t, p, state(test.resources...))
			if test.rule == "" && len(findings) > 0 {
				t.Errorf("refused: %v", findings)
			}
			if test.rule != "" && (len(findings) != 1 || findings[0].Rule != test.rule) {
				t.Errorf("got %v, want one finding of %s", findings, test.rule)
			}
		})
	}
}

// A guardrail that sees nothing must not say yes.
func TestPolicyDeniesWhatItCannotRead(t *testing.T) {
	p := load(t)
	for _, shown := range []string{`{}`, `{"format_version":"1.2"}`, `{"planned_values":{"root_module":{}}}`, `[]`} {
		if findings := check(t, p, shown); len(findings) != 1 || findings[0].Rule != "unreadable" {
			t.Errorf("%s: %v, want a refusal", shown, findings)
		}
	}
	if _, err := p.Check(t.Context(), []byte("Plan: 1 to add")); err == nil {
		t.Error("text that is no JSON was accepted")
	}
}

func TestPolicyDeniesUnknownGrants(t *testing.T) {
	plan := `{"planned_values":{"root_module":{"resources":[` +
		resource("google_storage_bucket_iam_member", "m", `{"member":"principal://x"}`) + `]}},
		"resource_changes":[{"address":"google_storage_bucket_iam_member.m","type":"google_storage_bucket_iam_member","change":{"actions":["create"],
		"after_unknown":{"role":true,"member":true,"condition":[{"expression":true}]}}}]}`
	findings := check(t, load(t), plan)
	if len(findings) != 2 || findings[0].Rule != "unknown-policy" || findings[1].Rule != "unknown-policy" {
		t.Errorf("a grant of an unknown role under an unknown condition: %v", findings)
	}
}

func TestPolicyKeepsBuckets(t *testing.T) {
	plan := `{"planned_values":{"root_module":{"resources":[` + resource("aws_sns_topic", "t", `{"name":"t"}`) + `]}},
		"resource_changes":[{"address":"aws_s3_bucket.tokyo","type":"aws_s3_bucket","change":{"actions":["delete","create"],"after_unknown":{}}}]}`
	findings := check(t, load(t), plan)
	if len(findings) != 1 || findings[0].Rule != "delete-permission" || findings[0].Address != "aws_s3_bucket.tokyo" {
		t.Errorf("replacing a bucket: %v", findings)
	}
}

// Every rule has a planted violation, in a plan or in the table above.
func TestEveryRuleIsPlanted(t *testing.T) {
	text, err := os.ReadFile(root + "/policy/section_a.rego")
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for _, part := range strings.Split(string(text), `finding("`)[1:] {
		rule, _, _ := strings.Cut(part, `"`)
		rules = append(rules, rule)
	}
	slices.Sort(rules)
	planted := plantedRules(t)
	for _, rule := range slices.Compact(rules) {
		if rule != "unreadable" && !slices.Contains(planted, rule) {
			t.Errorf("no violation of %s is planted in testdata/planted", rule)
		}
	}
}
