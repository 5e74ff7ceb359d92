package tokentest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"seihon/hsmsign/token"
)

// MLDSAModule builds the PKCS#11 module with ML-DSA (testdata/mldsa), which no packaged module has yet. Its token is
// called "pq", its PIN is UserPIN, and its keys are in the folder that the environment variable MLDSA_TOKEN names.
func MLDSAModule(t testing.TB) (module string) {
	t.Helper()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	build := func(program string, args ...string) {
		c := exec.CommandContext(t.Context(), program, args...)
		c.Dir = filepath.Join(list(t, "-e", "{{.Dir}}", "seihon/hsmsign/token/tokentest"), "testdata", "mldsa")
		c.Env = append(os.Environ(), "CGO_ENABLED=1")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("building the module with ML-DSA: %v\n%s", err, out)
		}
	}
	build("go", "build", "-buildmode=c-archive", "-o", at("mldsa.a"), ".")
	headers := list(t, "-m", "{{.Dir}}", "github.com/miekg/pkcs11")
	module = at("mldsa.so")
	// Its Go runtime is another one than that of the program that loads it: no name of the one may stand for the
	// other's.
	build("gcc", "-shared", "-fPIC", "-Wl,-Bsymbolic", "-Wl,--exclude-libs,ALL", "-I", headers, "-I", dir, "-o", module,
		"module/module.c", at("mldsa.a"), "-lpthread")
	return module
}

func list(t testing.TB, kind, format, what string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", kind, "-f", format, what).Output()
	if err != nil {
		t.Fatalf("go list %s: %v", what, err)
	}
	return strings.TrimSpace(string(out))
}

// MLDSA returns an open token of that module, without keys.
func MLDSA(t testing.TB) *token.Token {
	t.Helper()
	t.Setenv("MLDSA_TOKEN", t.TempDir())
	return Open(t, token.Config{Module: MLDSAModule(t), TokenLabel: "pq", PIN: token.StaticPIN([]byte(UserPIN))})
}
