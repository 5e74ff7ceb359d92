//go:build integration

package cmd_test

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// issueKillRounds is how often bulk issuing is killed, issueKillSize how many requests it has each time.
const (
	issueKillRounds = 36
	issueKillSize   = 12
)

// TestKilledIssuing kills `signer issue` for many requests with SIGKILL at random moments, between its first and its
// last step. The next command in the room finishes what the log commits to: every commitment is then opened by exactly
// one certificate and no certificate lacks one. The same command again issues the rest: each request has exactly one
// certificate, and no file that was handed out has changed.
func TestKilledIssuing(t *testing.T) {
	k := &issueKiller{t: t, dir: copyGolden(t)}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := mathrand.New(mathrand.NewPCG(seed, 0))
	token := softToken(t, k.dir)
	begin := time.Now()
	k.requests(0)
	k.must("signer", k.issue(0)...)
	whole := time.Since(begin)
	killed, partly, finished := 0, 0, 0
	for round := 1; round <= issueKillRounds; round++ {
		k.requests(round)
		victim := k.command("signer", k.issue(round)...)
		if err := victim.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.Int64N(int64(whole))))
		_ = victim.Process.Kill()
		if victim.Wait() != nil {
			killed++
		} else { // the machine is quicker than it was when the first one was timed
			whole = whole * 4 / 5
		}
		token()
		before := k.handedOut(round)
		if n := k.verify(round); n < issueKillSize {
			partly += min(n, 1)
			finished += n - min(n, len(before))
		}
		k.must("signer", k.issue(round)...)
		after := k.handedOut(round)
		for file, content := range before {
			if !bytes.Equal(after[file], content) {
				t.Errorf("round %d: %s was handed out and has changed", round, file)
			}
		}
		if len(after) != issueKillSize {
			t.Errorf("round %d: %d files, want %d", round, len(after), issueKillSize)
		}
		if n := k.verify(round); n != issueKillSize {
			t.Errorf("round %d: %d certificates for %d requests", round, n, issueKillSize)
		}
	}
	t.Logf("%d of %d killed at work, %d of them with a part issued; %d certificates were finished by the next command",
		killed, issueKillRounds, partly, finished)
	if killed < issueKillRounds/2 {
		t.Errorf("only %d of %d processes were killed at work; the delays are too long", killed, issueKillRounds)
	}
	k.must("publisher", "ledger", "check")
}

type issueKiller struct {
	t   *testing.T
	dir string
}

func (k *issueKiller) command(name string, args ...string) *exec.Cmd {
	return exec.CommandContext(k.t.Context(), name,
		append(args, "--quiet", "--config", filepath.Join(k.dir, "repository.yaml"))...)
}

func (k *issueKiller) must(name string, args ...string) []byte {
	k.t.Helper()
	out, err := k.command(name, args...).CombinedOutput()
	if err != nil {
		k.t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return out
}

// name is the subject of a request, and what its files are called.
func (k *issueKiller) name(round, n int) string { return fmt.Sprintf("r%d-%d", round, n) }

func (k *issueKiller) folder(what string, round int) string {
	return filepath.Join(k.dir, fmt.Sprintf("%s-%d", what, round))
}

// requests writes the requests of a round.
func (k *issueKiller) requests(round int) {
	if err := os.Mkdir(k.folder("requests", round), 0o755); err != nil {
		k.t.Fatal(err)
	}
	for n := range issueKillSize {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			k.t.Fatal(err)
		}
		subject := pkix.Name{Country: []string{"JP"}, Organization: []string{"Example"}, CommonName: k.name(round, n)}
		csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: subject}, key)
		if err == nil {
			err = os.WriteFile(filepath.Join(k.folder("requests", round), k.name(round, n)+".csr"), csr, 0o644)
		}
		if err != nil {
			k.t.Fatal(err)
		}
	}
}

// issue is the command that issues them, five to an entry of the log.
func (k *issueKiller) issue(round int) []string {
	return []string{"issue", "--issuer", "sub", "--batch", "5", "--by", "Sato", "--csr-dir",
		k.folder("requests", round), "--out-dir", k.folder("issued", round)}
}

// handedOut reads the certificates of a round that are in their files; each must be whole.
func (k *issueKiller) handedOut(round int) map[string][]byte {
	out := map[string][]byte{}
	for n := range issueKillSize {
		file := filepath.Join(k.folder("issued", round), k.name(round, n)+".pem")
		raw, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			k.t.Fatal(err)
		}
		block, _ := pem.Decode(raw)
		if block == nil {
			k.t.Fatalf("%s is half a certificate", file)
		}
		if c, err := x509.ParseCertificate(block.Bytes); err != nil || c.Subject.CommonName != k.name(round, n) {
			k.t.Fatalf("%s is not the certificate of its request: %v", file, err)
		}
		out[file] = raw
	}
	return out
}

// verify has the room sign what is due and the auditor open every commitment with the export of the inventory, and
// counts the certificates of a round: at most one for a request.
func (k *issueKiller) verify(round int) int {
	k.t.Helper()
	file := filepath.Join(k.dir, "inventory.jsonl")
	_ = os.Remove(file)
	k.must("signer", "run")
	k.must("signer", "inventory", "--out", file)
	k.must("publisher", "sync")
	out := k.must("publisher", "verify", "--json", "--inventory", file)
	var report struct {
		Counts struct {
			Inventory, Commitments int
		}
	}
	if err := json.Unmarshal(out, &report); err != nil {
		k.t.Fatalf("reading the report: %v\n%s", err, out)
	}
	f, err := os.Open(file)
	if err != nil {
		k.t.Fatal(err)
	}
	defer f.Close()
	of, signed := map[string]int{}, 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var line struct {
			Salt, Certificate []byte
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			k.t.Fatal(err)
		}
		if line.Certificate == nil {
			continue
		}
		signed++
		c, err := x509.ParseCertificate(line.Certificate)
		if err != nil || line.Salt == nil {
			k.t.Fatalf("a certificate without a commitment: %s, %v", lines.Bytes(), err)
		}
		of[c.Subject.CommonName]++
	}
	if report.Counts.Commitments != signed || signed == 0 {
		k.t.Errorf("round %d: the auditor opened %d commitments for %d certificates", round, report.Counts.Commitments,
			signed)
	}
	n := 0
	for i := range issueKillSize {
		of := of[k.name(round, i)]
		if n += of; of > 1 {
			k.t.Errorf("round %d: request %d has %d certificates", round, i, of)
		}
	}
	return n
}
