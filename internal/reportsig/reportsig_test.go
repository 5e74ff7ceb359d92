package reportsig_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"seihon/internal/reportsig"
)

// run runs a foreign tool, which decides whether a signature holds.
func run(t *testing.T, stdin []byte, name string, args ...string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("%s not found: run scripts/install-packages.sh test", name)
	}
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func must(t *testing.T, stdin []byte, name string, args ...string) string {
	t.Helper()
	out, err := run(t, stdin, name, args...)
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return out
}

func noPassphrase() ([]byte, error) { return nil, errors.New("nobody should have been asked") }

func sign(t *testing.T, key string, report []byte, passphrase func() ([]byte, error)) string {
	t.Helper()
	s, err := reportsig.Open(key, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := s.Sign(report)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "report.sig", sig, 0o644)
}

func write(t *testing.T, name string, content []byte, mode os.FileMode) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, content, mode); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestOpenSSHAccepts lets ssh-keygen verify, and refuse other bytes and another namespace.
func TestOpenSSHAccepts(t *testing.T) {
	t.Parallel()
	report := []byte(`{"schema":"seihon/verify-report/v1"}` + "\n")
	for _, x := range []struct{ kind, bits, word string }{{"ed25519", "", ""}, {"ecdsa", "256", ""},
		{"ecdsa", "384", ""}, {"rsa", "2048", ""}, {"ed25519", "", "correct horse"}} {
		t.Run(x.kind+x.bits+strings.ReplaceAll(x.word, " ", "-"), func(t *testing.T) {
			t.Parallel()
			key := filepath.Join(t.TempDir(), "key")
			args := []string{"-q", "-t", x.kind, "-N", x.word, "-f", key}
			if x.bits != "" {
				args = append(args, "-b", x.bits)
			}
			must(t, nil, "ssh-keygen", args...)
			ask := noPassphrase
			if x.word != "" {
				ask = func() ([]byte, error) { return []byte(x.word), nil }
				if _, err := reportsig.Open("ssh:"+key,
					func() ([]byte, error) { return []byte("wrong"), nil }); err == nil {
					t.Error("a wrong passphrase opens the key")
				}
			}
			sig := sign(t, "ssh:"+key, report, ask)
			public, err := os.ReadFile(key + ".pub")
			if err != nil {
				t.Fatal(err)
			}
			allowed := write(t, "allowed",
				fmt.Appendf(nil, "auditor@example.jp namespaces=%q %s", reportsig.Namespace, public), 0o644)
			verify := []string{"-Y", "verify", "-f", allowed, "-I", "auditor@example.jp", "-s", sig, "-n"}
			must(t, report, "ssh-keygen", append(verify, reportsig.Namespace)...)
			if out, err := run(t, append(report, ' '), "ssh-keygen",
				append(verify, reportsig.Namespace)...); err == nil {
				t.Errorf("other bytes are accepted: %s", out)
			}
			if out, err := run(t, report, "ssh-keygen", append(verify, "file")...); err == nil {
				t.Errorf("another namespace is accepted: %s", out)
			}
		})
	}
}

// TestOpenSSLAccepts lets openssl verify, and refuse other bytes.
func TestOpenSSLAccepts(t *testing.T) {
	t.Parallel()
	report := []byte("report\n")
	for name, args := range map[string][]string{
		"ed25519":     {"genpkey", "-algorithm", "ed25519"},
		"p256":        {"genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"},
		"p384, SEC 1": {"ecparam", "-name", "secp384r1", "-genkey"}, "rsa, PKCS #1": {"genrsa", "-traditional"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := filepath.Join(t.TempDir(), "key.pem")
			must(t, nil, "openssl", append(args, "-out", key)...)
			if err := os.Chmod(key, 0o600); err != nil {
				t.Fatal(err)
			}
			sig := sign(t, "pem:"+key, report, noPassphrase)
			public := write(t, "public.pem", []byte(must(t, nil, "openssl", "pkey", "-in", key, "-pubout")), 0o644)
			verify := func(content []byte) error {
				file := write(t, "report", content, 0o644)
				args := []string{"dgst", "-sha256", "-verify", public, "-signature", sig, file}
				if name == "ed25519" {
					args = []string{"pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-in", file, "-sigfile",
						sig}
				}
				_, err := run(t, nil, "openssl", args...)
				return err
			}
			if err := verify(report); err != nil {
				t.Errorf("openssl refuses the signature: %v", err)
			}
			if verify([]byte("retort\n")) == nil {
				t.Error("other bytes are accepted")
			}
		})
	}
}

// TestUnfitKeysAreRefused each with a sentence that says what to do.
func TestUnfitKeysAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good := filepath.Join(dir, "good")
	must(t, nil, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", good)
	raw, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	open := write(t, "open", raw, 0o640)
	locked := filepath.Join(dir, "locked")
	must(t, nil, "ssh-keygen", "-q", "-t", "ed25519", "-N", "word", "-f", locked)
	encrypted := filepath.Join(dir, "encrypted")
	must(t, nil, "openssl", "genpkey", "-algorithm", "ed25519", "-aes-256-cbc", "-pass", "pass:word", "-out", encrypted)
	exchange := filepath.Join(dir, "x25519")
	must(t, nil, "openssl", "genpkey", "-algorithm", "x25519", "-out", exchange)
	for _, file := range []string{encrypted, exchange} {
		if err := os.Chmod(file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := write(t, "text", []byte("hello\n"), 0o600)
	for key, want := range map[string]string{
		good: "ssh:PATH", "gpg:" + good: "ssh:PATH", "ssh:": "ssh:PATH", "ssh:" + open: "make it 0600",
		"pem:" + open: "make it 0600", "ssh:" + dir: "is not a regular file",
		"ssh:" + filepath.Join(dir, "none"): "no such file", "ssh:" + text: "no key", "pem:" + text: "no private key",
		"pem:" + good:      "no private key",
		"pem:" + encrypted: "openssl pkey", "ssh:" + locked: "nobody should have been asked",
		"pem:" + exchange: "must be an Ed25519",
	} {
		if _, err := reportsig.Open(key, noPassphrase); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", key, err, want)
		}
	}
}
