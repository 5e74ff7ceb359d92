//go:build integration

package cmd_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A gated is a room whose token is a SoftHSM that counts the signatures it is asked for, and whose list of approved
// HSMs an operator signs.
type gated struct {
	t        *testing.T
	dir      string
	approval string // the list's entry of this token, with nothing against it
}

func newGated(t *testing.T) *gated {
	t.Helper()
	g := &gated{t: t, dir: copyGolden(t)}
	run(t, "openssl", "genpkey", "-algorithm", "ed25519", "-out", g.path("operator.key"))
	run(t, "openssl", "pkey", "-in", g.path("operator.key"), "-pubout", "-out", g.path("operator.pub"))

	var info struct{ Manufacturer, Model, Serial string }
	out, _, code := g.signer("token", "--json")
	if err := json.Unmarshal([]byte(out), &info); err != nil || code != 0 {
		t.Fatalf("the token: %v, exit code %d\n%s", err, code, out)
	}
	g.approval = fmt.Sprintf("{name: rack 2, manufacturer: %q, model: %q, serials: [%q], location: on-premises, "+
		"cmvp_certificate: 4711, standard: fips-140-3, level: 3}", info.Manufacturer, info.Model, info.Serial)
	module := g.read("repository.yaml")
	at := strings.Index(module, "module: ") + len("module: ")
	module, rest := module[at:at+strings.IndexByte(module[at:], '\n')], module
	rest = strings.Replace(rest, module, g.counter("softhsm", module), 1)
	g.write("repository.yaml", strings.Replace(rest, "policy: trial",
		"modules: {list: approved.yaml, signature: approved.yaml.sig, key: operator.pub}", 1))
	return g
}

// counter makes NAME.so, which passes everything on to a module and counts the signatures and logins in count-NAME.
func (g *gated) counter(name, module string) (file string) {
	g.t.Helper()
	headers := string(output(g.t, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/miekg/pkcs11"))
	file = g.path(name + ".so")
	run(g.t, "gcc", "-shared", "-fPIC", "-I", strings.TrimSpace(headers), fmt.Sprintf("-DMODULE=%q", module),
		fmt.Sprintf("-DCOUNT=%q", g.path("count-"+name)),
		"-o", file, "testdata/counter.c", "-ldl")
	return file
}

func (g *gated) path(name string) string { return filepath.Join(g.dir, name) }

func (g *gated) read(name string) string {
	raw, err := os.ReadFile(g.path(name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		g.t.Fatal(err)
	}
	return string(raw)
}

func (g *gated) write(name, text string) {
	if err := os.WriteFile(g.path(name), []byte(text), 0o644); err != nil {
		g.t.Fatal(err)
	}
}

// approve signs a list with one HSM on it.
func (g *gated) approve(hsm string) {
	g.t.Helper()
	g.write("approved.yaml",
		"schema: seihon/hsm-approvals/v1\nissued: 2026-01-01\nreview: 2099-01-01\nhsms:\n  - "+hsm+"\n")
	run(g.t, "openssl", "pkeyutl", "-sign", "-rawin", "-inkey", g.path("operator.key"), "-in", g.path("approved.yaml"),
		"-out", g.path("approved.yaml.sig"))
}

func (g *gated) signer(args ...string) (stdout, stderr string, code int) {
	g.t.Helper()
	command := exec.CommandContext(g.t.Context(), "signer",
		append(args, "--quiet", "--config", g.path("repository.yaml"))...)
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr, command.Dir = &out, &errs, g.dir
	if err := command.Run(); err != nil && command.ProcessState == nil {
		g.t.Fatal(err)
	}
	return out.String(), errs.String(), command.ProcessState.ExitCode()
}

// TestNoSignatureWithoutApproval: a list that does not approve the token lets no command ask it for a signature.
func TestNoSignatureWithoutApproval(t *testing.T) {
	g := newGated(t)
	commands := [][]string{
		{"init"}, {"keygen"}, {"issue", "--name", "sub-ocsp"},
		{"issue", "--issuer", "sub", "--csr", "ca/good.csr", "--reissue"},
		{"revoke", "--dry-run", "--issuer", "sub", "--certificate", "ca/good.pem", "--reason", "superseded"},
		{"crl"}, {"ocsp"}, {"run"}, {"run", "--dry-run"},
		{"document", "--name", "cps", "--version", "9", "--file", demoPDF},
		{"request", "--name", "sub-ocsp", "--out", "sub-ocsp.csr"},
		{"evidence", "--kind", "risk-review", "--file", "repository.yaml"},
		{"counter", "--key", "sub", "--count", "9", "--evidence", "repository.yaml"},
		{"withdraw", "--yes", "--name", "docs/cps-1.0.pdf", "--reason", "mistake"}, {"token", "--check", "--record"},
		{"log", "rotate", "--yes", "--label", "next-ecdsa", "--label", "next-ed25519", "--reason", "yearly"},
		{"log", "freeze", "--yes", "--reason", "end"},
	}
	approval := func(old, new string) string {
		changed := strings.Replace(g.approval, old, new, 1)
		if changed == g.approval {
			t.Fatalf("%q does not stand in %s", old, g.approval)
		}
		return changed
	}
	checkpoint := g.read("master/log/checkpoint")
	for _, list := range []struct{ name, hsm, code, quote string }{
		{"cloud", approval("on-premises", "cloud"), "hsm-cloud (report 3-3): rack 2: want on-premises, got cloud",
			"クラウド HSM の利活用拡大"},
		{"shared", approval("on-premises", "shared"), "hsm-shared (report 3-3): rack 2: want on-premises, got shared",
			"①と同様に当面は現行の基準とし"},
		{"level 2", approval("level: 3", "level: 2"),
			"fips-level (report 3-2): rack 2: want level 3 or better, got CMVP certificate 4711, fips-140-3 level 2",
			"FIPS140-2 のレベル3と同等以上"},
		{"expired", approval("level: 3", "level: 3, valid_until: 2026-02-01"),
			"fips-expired (report 3-2): rack 2: want valid today", "FIPS140-2 のレベル3と同等以上"},
		{"unknown", approval("serials: [", "serials: [another, x"), "hsm-not-listed (report 3-3)", "オンプレミス環境の利用を前提"},
	} {
		t.Run(list.name, func(t *testing.T) {
			g.t = t
			g.approve(list.hsm)
			for _, command := range commands {
				_, stderr, code := g.signer(command...)
				want := 4
				if command[0] == "revoke" {
					want = 0 // it only writes into the inventory
				}
				if code != want ||
					want != 0 && (!strings.Contains(stderr, list.code) || !strings.Contains(stderr, list.quote)) {
					t.Errorf("%s: exit code %d, want %d with %q\n%s", strings.Join(command, " "), code, want, list.code,
						stderr)
				}
			}
			if n := len(g.read("count-softhsm")); n != 0 {
				t.Errorf("the token was asked for %d signatures", n)
			}
			if g.read("master/log/checkpoint") != checkpoint {
				t.Error("the log has grown")
			}
		})
	}
	g.t = t
	g.approve(g.approval)
	if _, stderr, code := g.signer("crl"); code != 0 || len(g.read("count-softhsm")) == 0 {
		t.Fatalf("an approved token: exit code %d, %d signatures\n%s", code, len(g.read("count-softhsm")), stderr)
	}
	tail := string(output(t, "publisher", "ledger", "tail", "--quiet", "--config", g.path("repository.yaml"), "--n",
		"50"))
	lines := strings.Split(strings.TrimSpace(tail), "\n")
	i := slices.IndexFunc(lines, func(l string) bool {
		return strings.Contains(l,
			`"kind":"hsm-verdict","name":"accredited","note":"keys: 6 accepted; next review 2099-01-01"`)
	})
	if i < 0 || i == len(lines)-1 {
		t.Errorf("the verdict is not on record before what was signed under it:\n%s", tail)
	}
	if strings.Count(tail, `"name":"accredited"`) != 1 {
		t.Errorf("the verdict is not on record once:\n%s", tail)
	}
}
