//go:build integration

package cmd_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A twoTokens is a room with an old token, in SoftHSM, and a new one that another PKCS #11 library reaches over a
// socket. Both count the signatures and logins that they are asked for.
type twoTokens struct {
	*gated
	socket string
	server *exec.Cmd
}

func newTwoTokens(t *testing.T) *twoTokens {
	t.Helper()
	r := &twoTokens{gated: &gated{t: t, dir: copyGolden(t)}}
	client, err := filepath.Glob("/usr/lib/*/pkcs11/p11-kit-client.so")
	if err != nil || len(client) == 0 {
		t.Fatalf("p11-kit-client.so not found: run make tools (%v)", err)
	}
	softHSM := softHSMModule(t)
	r.counter("old", softHSM)
	r.counter("new", client[0])

	if err := os.Mkdir(r.path("secrets/new"), 0o700); err != nil {
		t.Fatal(err)
	}
	r.write("secrets/new.conf", "directories.tokendir = "+r.path("secrets/new")+"\nobjectstore.backend = file\n")
	initToken := exec.CommandContext(t.Context(), "softhsm2-util", "--init-token", "--free", "--label", "ca-2", "--pin",
		"1234-user", "--so-pin", "5678-officer")
	initToken.Env = append(os.Environ(), "SOFTHSM2_CONF="+r.path("secrets/new.conf"))
	if out, err := initToken.CombinedOutput(); err != nil {
		t.Fatalf("making the new token: %v\n%s", err, out)
	}
	r.socket = filepath.Join(t.TempDir(), "p11")
	t.Setenv("P11_KIT_SERVER_ADDRESS", "unix:path="+r.socket)
	r.start(softHSM)
	t.Cleanup(r.kill)

	text := r.read("repository.yaml")
	before, rest, _ := strings.Cut(text, "  module: ")
	_, rest, _ = strings.Cut(rest, "  policy: trial\n")
	rest = strings.Replace(rest, "  pin: {file: secrets/pin}\n", "", 1)
	tokens := "  tokens:\n" +
		"    - {name: old, module: old.so, softhsm_config: secrets/softhsm2.conf, token: repository, pin: {file: " +
		"secrets/pin}}\n" +
		"    - {name: new, module: new.so, token: ca-2, sessions: 1, timeout: 5s, pin: {file: secrets/new-pin}}\n  " +
		"policy: trial\n"
	rest = strings.Replace(rest, "\ndocument_signer:", `
  - name: next
    subject: {country: JP, organization: Example, common_name: Next Root CA}
    key: {algorithm: p256, token: new}
    validity: 20y
    crl: {validity: 180d, refresh: 90d}
    arl: {validity: 180d, refresh: 90d}
  - name: next-sub
    parent: next
    subject: {country: JP, organization: Example, common_name: Next CA}
    key: {algorithm: p384, token: new}
    validity: 10y
    crl: {validity: 3d, refresh: 1d}
    ocsp: {validity: 3d, refresh: 1d, responder: {validity: 90d, key: {algorithm: p256, token: new}}}
    subscribers: {validity: 2y, policy_oid: 1.2.392.200000.1.1}

document_signer:`, 1)
	r.write("repository.yaml", strings.Replace(before, "[ca/root.pem]", "[ca/root.pem, ca/next.pem]", 1)+tokens+rest)
	r.pin("1234-user")
	return r
}

func softHSMModule(t *testing.T) string {
	t.Helper()
	for _, pattern := range []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/*/softhsm/libsofthsm2.so"} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return found[0]
		}
	}
	t.Fatal("libsofthsm2.so not found: run make tools")
	return ""
}

// pin writes the PIN of the new token.
func (r *twoTokens) pin(pin string) {
	if err := os.WriteFile(r.path("secrets/new-pin"), []byte(pin), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// start puts a server in front of the new token.
func (r *twoTokens) start(softHSM string) {
	r.t.Helper()
	_ = os.Remove(r.socket) // of the one that was killed
	r.server = exec.Command("p11-kit", "server", "-f", "-n", r.socket, "--provider", softHSM, "pkcs11:")
	r.server.Env = append(os.Environ(), "SOFTHSM2_CONF="+r.path("secrets/new.conf"))
	r.server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // one process per client stands behind the server
	if err := r.server.Start(); err != nil {
		r.t.Fatal(err)
	}
	for range 200 {
		if _, err := os.Stat(r.socket); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.t.Fatal("p11-kit server: no socket")
}

func (r *twoTokens) kill() {
	if err := syscall.Kill(-r.server.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		r.t.Error(err)
	}
	_ = r.server.Wait() // it was killed
}

// asked is how often a token was asked for a signature or a login since the last question.
func (r *twoTokens) asked(token, what string) int {
	n := len(r.read("count-" + token + what))
	r.write("count-"+token+what, "")
	return n
}

// must runs a command that has to end with a code and to say all of these.
func (r *twoTokens) must(code int, args string, says ...string) string {
	r.t.Helper()
	stdout, stderr, got := r.signer(strings.Fields(args)...)
	if got != code {
		r.t.Errorf("signer %s: exit code %d, want %d\n%s%s", args, got, code, stdout, stderr)
	}
	for _, s := range says {
		if !strings.Contains(stdout+stderr, s) {
			r.t.Errorf("signer %s does not say %q:\n%s%s", args, s, stdout, stderr)
		}
	}
	return stdout
}

// published sends what was signed and has it checked by everybody's means.
func (r *twoTokens) published() {
	r.t.Helper()
	run(r.t, "publisher", "sync", "--quiet", "--config", r.path("repository.yaml"))
	run(r.t, "publisher", "verify", "--quiet", "--config", r.path("repository.yaml"))
}

// TestTwoTokens signs with two tokens in one run; the loss of one – its server killed, its library gone, its PIN wrong,
// not on the operator's list, retired – stops what its keys sign, says so, and stops nothing else.
func TestTwoTokens(t *testing.T) {
	r := newTwoTokens(t)
	softHSM := softHSMModule(t)
	r.must(0, "keygen", "made     key next", "made     key next-sub")
	for _, name := range []string{"next", "next-sub", "next-sub-ocsp"} {
		r.must(0, "issue --name "+name+" --out ca/"+name+".pem")
	}
	r.asked("old", "")
	r.asked("new", "")
	r.must(0, "run", "signed  crl/next-sub.crl", "signed  crl/next.crl")
	r.must(0, "crl", "signed  crl/sub.crl", "signed  crl/next.crl", "signed  crl/next-sub.crl")
	if o, n := r.asked("old", ""), r.asked("new", ""); o == 0 || n < 6 {
		t.Errorf("in one run the old token signed %d times, the new one %d times", o, n)
	}
	r.published()
	var check struct {
		Evidence struct{ Keys []struct{ Label string } }
		Others   []struct{ Keys []struct{ Label string } }
	}
	out := r.must(3, "token --check --record --json")
	if err := json.Unmarshal([]byte(out), &check); err != nil || len(check.Evidence.Keys) != 6 ||
		len(check.Others) != 1 || len(check.Others[0].Keys) != 3 {
		t.Errorf("the evidence of both tokens (%v): %s", err, out)
	}
	r.must(0, "token", "token    repository, serial", "token    ca-2, serial")

	const waits = `token "ca-2" (new) cannot be used: `
	r.kill()
	r.asked("new", "")
	r.must(1, "crl", "signed  crl/sub.crl", "signed  crl/root.crl", waits,
		"not signed: crl/next.crl, crl/next-arl.crl, crl/next-sub.crl")
	r.must(1, "run", waits, "nothing that its keys sign was due")
	r.must(1, "run --dry-run", waits, "nothing that its keys sign was due")
	r.must(1, "crl --dry-run", waits)
	r.must(0, "crl --issuer sub", "signed  crl/sub.crl")
	r.must(1, "crl --issuer next", waits, "not signed: crl/next.crl")
	r.must(1, "keygen --name next", waits)
	r.must(0, "keygen --name sub", "present  key sub")
	r.must(1, "issue --name next-sub-ocsp", waits)
	r.must(1, "token", "token    repository, serial", waits)
	r.must(1, "token --check", waits)
	if o, n := r.asked("old", ""), r.asked("new", ""); o == 0 || n != 0 {
		t.Errorf("with a dead token the old one signed %d times, the new one %d times", o, n)
	}
	r.published()
	tail := string(output(t, "publisher", "ledger", "tail", "--quiet", "--config", r.path("repository.yaml"), "--n",
		"50"))
	for _, want := range []string{`"name":"trial","note":"keys: 9 trial"`, `"name":"trial","note":"keys: 6 trial"`} {
		if !strings.Contains(tail, want) {
			t.Errorf("the log does not say %s:\n%s", want, tail)
		}
	}

	r.start(softHSM)
	r.must(0, "crl", "signed  crl/sub.crl", "signed  crl/next.crl", "signed  crl/next-sub.crl")
	if n := r.asked("new", ""); n != 2*3 { // C_Sign is called for the length, and then for the signature
		t.Errorf("with its token back the new one was asked %d times for three signatures", n)
	}
	r.published()

	// A PIN that was refused is not tried again, by no command.
	r.asked("new", "-logins")
	r.pin("1234-usre")
	r.must(1, "crl", "signed  crl/sub.crl", waits, "PIN refused", "not signed: crl/next.crl")
	r.must(1, "crl", "signed  crl/sub.crl", waits, "it is not tried again")
	r.must(1, "run", waits, "it is not tried again")
	if n := r.asked("new", "-logins"); n != 1 {
		t.Errorf("a wrong PIN was tried %d times", n)
	}
	r.pin("1234-user")
	r.must(0, "crl", "signed  crl/next.crl")

	// The library is gone.
	rename(t, r.path("new.so"), r.path("gone.so"))
	r.must(1, "crl", "signed  crl/sub.crl", waits, "there is no such file", "not signed: crl/next.crl")
	rename(t, r.path("gone.so"), r.path("new.so"))
	// The log's own token is the one that everything needs.
	rename(t, r.path("old.so"), r.path("gone.so"))
	checkpoint := r.read("master/log/checkpoint")
	r.asked("new", "")
	r.must(1, "crl", "old.so", "there is no such file")
	if n := r.asked("new", ""); n != 0 || r.read("master/log/checkpoint") != checkpoint {
		t.Errorf("without the log's token %d signatures were made", n)
	}
	rename(t, r.path("gone.so"), r.path("old.so"))

	r.refused()
	trial := r.read("repository.yaml")
	r.write("repository.yaml", strings.Replace(trial, "name: new,", "name: new, retired: true,", 1))
	r.asked("new", "")
	r.must(0, "run")
	r.must(1, "crl --issuer next", waits+"it is retired", "not signed: crl/next.crl")
	if n := r.asked("new", ""); n != 0 {
		t.Errorf("a retired token signed %d times", n)
	}
	r.published()
}

// refused holds both tokens against a list that has only the old one on it, and then both.
func (r *twoTokens) refused() {
	t := r.t
	t.Helper()
	trial := r.read("repository.yaml")
	run(t, "openssl", "genpkey", "-algorithm", "ed25519", "-out", r.path("operator.key"))
	run(t, "openssl", "pkey", "-in", r.path("operator.key"), "-pubout", "-out", r.path("operator.pub"))
	var info struct {
		Manufacturer, Model, Serial string
		Others                      []struct{ Serial string }
	}
	if err := json.Unmarshal([]byte(r.must(0, "token --json")), &info); err != nil || len(info.Others) != 1 {
		t.Fatalf("the tokens: %v", err)
	}
	list := func(serials ...string) {
		r.approve("{name: rack, manufacturer: \"" + info.Manufacturer + "\", model: \"" + info.Model +
			"\", serials: [\"" + strings.Join(serials, `", "`) +
			"\"], location: on-premises, cmvp_certificate: 4711, standard: fips-140-3, level: 3}")
	}
	r.write("repository.yaml", strings.Replace(trial, "policy: trial",
		"modules: {list: approved.yaml, signature: approved.yaml.sig, key: operator.pub}", 1))
	list(info.Serial)
	r.asked("new", "")
	r.must(4, "crl", "signed  crl/sub.crl", "hsm-not-listed (report 3-3)", "not signed: crl/next.crl")
	if n := r.asked("new", ""); n != 0 {
		t.Errorf("a token that is not on the list signed %d times", n)
	}
	r.published()
	list(info.Serial, info.Others[0].Serial)
	r.must(0, "crl", "signed  crl/sub.crl", "signed  crl/next.crl")
	r.published()
	tail := strings.Split(string(output(t, "publisher", "ledger", "tail", "--quiet", "--config",
		r.path("repository.yaml"), "--n", "50")), "\n")
	for _, want := range []string{`"name":"accredited","note":"keys: 6 accepted;`,
		`"name":"accredited","note":"keys: 9 accepted;`} {
		if !slices.ContainsFunc(tail, func(l string) bool { return strings.Contains(l, want) }) {
			t.Errorf("the log does not say %s:\n%s", want, strings.Join(tail, "\n"))
		}
	}
	r.write("repository.yaml", trial)
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}
