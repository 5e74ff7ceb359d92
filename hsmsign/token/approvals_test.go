package token_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"seihon/hsmsign/token"
)

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestApprovalsSignature reads a list that OpenSSH and OpenSSL have signed (testdata/make.sh).
func TestApprovalsSignature(t *testing.T) {
	list := testdata(t, "approvals.yaml")
	changed := bytes.Replace(list, []byte("on-premises"), []byte("cloud"), 1)
	for _, test := range []struct {
		name, key, signature string
		list                 []byte
		says                 string
	}{
		{"ssh", "operator-ssh.pub", "approvals.yaml.sshsig", list, ""},
		{"ecdsa", "operator-ecdsa.pem", "approvals.yaml.ecdsa", list, ""},
		{"ed25519", "operator-ed25519.pem", "approvals.yaml.ed25519", list, ""},
		{"ssh, changed", "operator-ssh.pub", "approvals.yaml.sshsig", changed, "not a signature of this list"},
		{"ecdsa, changed", "operator-ecdsa.pem", "approvals.yaml.ecdsa", changed, "not a signature of this list"},
		{"ed25519, changed", "operator-ed25519.pem", "approvals.yaml.ed25519", changed, "not a signature of this list"},
		{"ssh for something else", "operator-ssh.pub", "approvals.yaml.other-namespace", list, `for "file"`},
		{"signature of the other kind", "operator-ssh.pub", "approvals.yaml.ecdsa", list, "not an SSH signature"},
		{"another key", "operator-ed25519.pem", "approvals.yaml.ecdsa", list, "not a signature of this list"},
		{"no key", "approvals.yaml", "approvals.yaml.ecdsa", list, "neither one PEM block nor"},
	} {
		a, err := token.ParseApprovals(test.list, testdata(t, test.signature), testdata(t, test.key))
		switch {
		case test.says == "" && (err != nil || len(a.HSMs) != 1):
			t.Errorf("%s: %v", test.name, err)
		case test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)):
			t.Errorf("%s: %v, want an error with %q", test.name, err, test.says)
		}
	}
}

// TestApprovalsOfAnotherSSHKey: whose signature it is, is said before whether it verifies.
func TestApprovalsOfAnotherSSHKey(t *testing.T) {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	_, err = token.ParseApprovals(testdata(t, "approvals.yaml"), testdata(t, "approvals.yaml.sshsig"),
		ssh.MarshalAuthorizedKey(stranger))
	if err == nil || !strings.Contains(err.Error(), "another key than the pinned one") {
		t.Errorf("%v", err)
	}
}

// TestApprovalsStrict breaks the list in every way that it must not be read in.
func TestApprovalsStrict(t *testing.T) {
	good := string(testdata(t, "approvals.yaml"))
	for _, test := range []struct{ old, new, says string }{
		{"level: 3", "level: 3\n    levell: 4", "levell"},
		{"approvals/v1", "approvals/v2", "schema is"},
		{"2026-10-01", "1st of October", "is not a date"},
		{"review: 2027-10-01", "review: 2025-10-01", "review must be"},
		{"on-premises", "somewhere", `location "somewhere"`},
		{"serials: [\"1001\", \"1002\"]", "serials: []", "serials"},
		{"fips-140-2", "common-criteria", "standard"},
		{"level: 3", "level: 5", "level (1 to 4)"},
		{"manufacturer: Example Maker", "manufacturer: ''", "manufacturer and model"},
		{"level: 3", "level: 3\n    roles: [everything]", `role "everything"`},
		{"hsms:", "---\nhsms:", "second document"},
	} {
		list := strings.Replace(good, test.old, test.new, 1)
		if list == good {
			t.Fatalf("%q is not in the list", test.old)
		}
		_, err := token.ReadApprovals([]byte(list))
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want an error with %q", test.new, err, test.says)
		}
	}
}

// good is evidence that nothing is wrong with.
func good() *token.Evidence {
	return &token.Evidence{
		Schema: token.EvidenceSchema, Use: token.UseSigning,
		Token: token.Info{Manufacturer: "Example Maker", Model: "Model 7", Serial: "1002", FirmwareVersion: "7.4",
			ModuleSHA256: strings.Repeat("ab", 32)},
		Keys: []token.KeyEvidence{{Label: "ca", Attributes: map[string]string{
			"TOKEN": "true", "PRIVATE": "true", "SENSITIVE": "true", "EXTRACTABLE": "false", "ALWAYS_SENSITIVE": "true",
			"NEVER_EXTRACTABLE": "true",
			"LOCAL":             "true", "SIGN": "true", "DECRYPT": "false", "UNWRAP": "false", "DERIVE": "false"}}},
	}
}

// TestJudge changes one thing at a time and names the findings that it makes.
func TestJudge(t *testing.T) {
	day := func(s string) time.Time {
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, test := range []struct {
		name   string
		now    string
		change func(a *token.Approvals, e *token.Evidence)
		want   string // severity and code, sorted
	}{
		{"FIPS 140-2 after its end", "2026-11-24", nil, "note hsm-network, warning fips-140-2-historical"},
		{"certificate on its last day", "2026-10-02", func(a *token.Approvals, e *token.Evidence) {
			a.HSMs[0].ValidUntil.Time, a.HSMs[0].Network = day("2026-10-02"), false
		}, "warning fips-140-2-historical"},
		{"before the end of FIPS 140-2", "2026-09-21", func(a *token.Approvals, e *token.Evidence) {
			a.Issued.Time, a.HSMs[0].Network = day("2026-01-01"), false
		}, "note fips-140-2"},
		{"on the day", "2026-09-22", func(a *token.Approvals, e *token.Evidence) { a.Issued.Time = day("2026-01-01") },
			"note hsm-network, warning fips-140-2-historical"},
		{"after 2028", "2029-01-01", func(a *token.Approvals, e *token.Evidence) {
			a.Review.Time, a.HSMs[0].Network = day("2030-01-01"), false
		}, "warning fips-140-3-due"},
		{"after the day of the list", "2028-06-01", func(a *token.Approvals, e *token.Evidence) {
			a.Review.Time, a.HSMs[0].Network, a.Only1403.Time = day("2030-01-01"), false, day("2028-06-01")
		}, "error fips-140-3-due"},
		{"before the day of the list", "2028-05-31", func(a *token.Approvals, e *token.Evidence) {
			a.Review.Time, a.HSMs[0].Network, a.Only1403.Time = day("2030-01-01"), false, day("2028-06-01")
		}, "warning fips-140-2-historical"},
		{"FIPS 140-2, ended before all did", "2026-11-24", func(a *token.Approvals, e *token.Evidence) {
			a.HSMs[0].Network, a.HSMs[0].ValidUntil.Time = false, day("2026-09-20")
		}, "error fips-expired, warning fips-140-2-historical"},
		{"FIPS 140-3", "2026-11-24", fips1403, ""},
		{"FIPS 140-3, on its last day", "2026-11-24", func(a *token.Approvals, e *token.Evidence) {
			fips1403(a, e)
			a.HSMs[0].ValidUntil.Time = day("2026-11-24")
		}, ""},
		{"FIPS 140-3, ended", "2026-11-25", func(a *token.Approvals, e *token.Evidence) {
			fips1403(a, e)
			a.HSMs[0].ValidUntil.Time = day("2026-11-24")
		}, "error fips-expired"},
		{"level 2", "2026-11-24", func(a *token.Approvals, e *token.Evidence) { fips1403(a, e); a.HSMs[0].Level = 2 },
			"error fips-level"},
		{"no certificate", "2026-11-24",
			func(a *token.Approvals, e *token.Evidence) { fips1403(a, e); a.HSMs[0].Standard = "" }, "error fips-none"},
		{"other firmware", "2026-11-24",
			func(a *token.Approvals, e *token.Evidence) { fips1403(a, e); e.Token.FirmwareVersion = "8.0" },
			"warning fips-firmware"},
		{"other library", "2026-11-24", func(a *token.Approvals, e *token.Evidence) {
			fips1403(a, e)
			a.HSMs[0].Libraries = []string{strings.Repeat("cd", 32)}
		}, "error hsm-library"},
		{"cloud", "2026-11-24", func(a *token.Approvals, e *token.Evidence) {
			fips1403(a,
				e)
			a.HSMs[0].Location = token.Cloud
		}, "error hsm-cloud"},
		{"shared", "2026-11-24", func(a *token.Approvals, e *token.Evidence) {
			fips1403(a,
				e)
			a.HSMs[0].Location = token.Shared
		}, "error hsm-shared"},
		{"serial not listed", "2026-11-24", func(a *token.Approvals, e *token.Evidence) { e.Token.Serial = "1003" },
			"error hsm-not-listed"},
		{"stale list", "2027-10-01", fips1403, "warning hsm-list-stale"},
		{"list of the future", "2026-09-30", fips1403, "error hsm-list-future"},
		{"extractable key", "2026-11-24", func(a *token.Approvals, e *token.Evidence) {
			fips1403(a, e)
			e.Keys[0].Attributes["EXTRACTABLE"] = "true"
			e.Keys[0].Attributes["NEVER_EXTRACTABLE"] = "false"
		}, "error key-extractable, warning key-never-extractable"},
		{"key that can be read", "2026-11-24", func(a *token.Approvals, e *token.Evidence) {
			fips1403(a, e)
			e.Keys[0].Attributes["SENSITIVE"] = "false"
		}, "error key-sensitive"},
		{"silent token", "2026-11-24", func(a *token.Approvals, e *token.Evidence) {
			fips1403(a, e)
			e.Keys[0].Attributes["LOCAL"] = "unknown"
			e.Keys[0].Attributes["DERIVE"] = "unknown"
		}, "warning key-local"},
		{"key that decrypts", "2026-11-24", func(a *token.Approvals, e *token.Evidence) {
			fips1403(a, e)
			e.Keys[0].Attributes["DECRYPT"] = "true"
		}, "warning key-decrypt"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, err := token.ReadApprovals(testdata(t, "approvals.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			e := good()
			if test.change != nil {
				test.change(a, e)
			}
			got := codes(judged(a, e, day(test.now)))
			if got != test.want {
				t.Errorf("findings %q, want %q", got, test.want)
			}
		})
	}
	var none *token.Approvals
	if got := codes(judged(none, good(), day("2026-11-24"))); got != "error hsm-list-missing" {
		t.Errorf("without a list: %q", got)
	}
}

// judged are the findings about a token whose keys issue.
func judged(a *token.Approvals, e *token.Evidence, now time.Time) []token.Finding {
	roles := map[string]token.Role{}
	for _, k := range e.Keys {
		roles[k.Label] = token.RoleIssuing
	}
	return a.Decide(token.Accredited, a.IdentifyList(nil), e, roles, now).All()
}

func fips1403(a *token.Approvals, _ *token.Evidence) {
	h := &a.HSMs[0]
	h.Standard, h.ValidUntil, h.Network = "fips-140-3", token.Date{}, false
}

func codes(findings []token.Finding) string {
	set := make(map[string]bool)
	for _, f := range findings {
		if f.Quote == "" || f.Gloss == "" || f.Hint == "" || f.Want == "" || f.Got == "" || f.Rule == "" ||
			f.Subject == "" {
			set["incomplete "+f.Code] = true
		}
		set[string(f.Severity)+" "+f.Code] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(set)), ", ")
}

func FuzzApprovals(f *testing.F) {
	f.Add(testdata(f, "approvals.yaml"), testdata(f, "approvals.yaml.sshsig"))
	f.Add([]byte("schema: 1"), testdata(f, "approvals.yaml.other-namespace"))
	key := testdata(f, "operator-ssh.pub")
	original := testdata(f, "approvals.yaml")
	f.Fuzz(func(t *testing.T, list, signature []byte) {
		_, err := token.ParseApprovals(list, signature, key)
		if err == nil && !bytes.Equal(list, original) {
			t.Errorf("a list passes that was not signed: %q", list)
		}
		a, err := token.ReadApprovals(list)
		if err == nil {
			judged(a, good(), time.Unix(0, 0))
		}
	})
}
