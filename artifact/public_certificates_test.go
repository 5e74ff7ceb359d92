//go:build integration

package artifact

import (
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPublicCertificates reads the certificates of NIST's PKITS, which Go brings, and of zlint's tests: about each that
// is none in the strict form the problem says what is wrong with it.
func TestPublicCertificates(t *testing.T) {
	where := func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "go", args...).Output()
		if err != nil {
			t.Fatalf("go %v: %v", args, err)
		}
		return strings.TrimSpace(string(out))
	}
	var files []string
	for _, pattern := range []string{
		filepath.Join(where("env", "GOROOT"), "src/crypto/x509/testdata/nist-pkits/certs/*.crt"),
		filepath.Join(where("list", "-m", "-f", "{{.Dir}}", "github.com/zmap/zlint/v3"), "testdata/*.pem"),
	} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) < 400 {
			t.Fatalf("%s: %d files, %v", pattern, len(found), err)
		}
		files = append(files, found...)
	}
	good, problems := 0, map[string]int{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if block, _ := pem.Decode(raw); block != nil {
			if block.Type != "CERTIFICATE" {
				continue
			}
			raw = block.Bytes
		}
		a := Parse(raw)
		what, named := strings.CutPrefix(a.Problem, "it has the form of a certificate, but not the strict one: ")
		switch {
		case a.Kind.IsCertificate() && a.Problem == "":
			good++
		case !named || len(what) < len("invalid version"):
			t.Errorf("%s: %s, %q", filepath.Base(file), a.Kind, a.Problem)
		default:
			problems[what]++
		}
	}
	t.Logf("%d certificates; the others: %v", good, problems)
	if good < 1400 || len(problems) < 15 || problems["authority info access incorrectly marked critical"] == 0 {
		t.Errorf("%d certificates; the others: %v", good, problems)
	}
}
