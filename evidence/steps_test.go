//go:build integration

package evidence

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"seihon/artifact"
)

// steps runs the printed steps with the real tools in a folder of their own.
func (w *world) steps(t *testing.T, file []byte) string {
	t.Helper()
	dir := t.TempDir()
	key := ""
	for _, k := range w.keys.Keys() {
		if strings.Contains(k, "+Aj") { // type 0x02
			key = k + "\n"
		}
	}
	toPEM := func(der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	for name, text := range map[string]string{"evidence.txt": string(file), "root.pem": toPEM(w.root.Raw),
		"tsa.pem": toPEM(w.tsaRoot.Raw), "log.vkey": key} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-u", "-c", steps)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "EVIDENCE=evidence.txt", "ROOT=root.pem", "KEY=log.vkey", "TSA=tsa.pem", "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// TestSteps follows the steps that are in every file, with sh, openssl and
// coreutils alone, on good files and on files that were changed.
func TestSteps(t *testing.T) {
	w := newWorld(t)
	log := w.run(1100, 1030)
	revoked, steady := w.subjects["revoked"].cert, w.subjects["steady"].cert
	make := func(q Question) []byte {
		e, err := Make(t.Context(), log, q, w.config())
		if err != nil {
			t.Fatal(err)
		}
		return e.Bytes()
	}
	good := make(Question{Time: on(1001, 12), Certificate: revoked})
	for name, test := range map[string]struct {
		file []byte
		want []string
		not  []string
	}{
		"revoked": {good, []string{
			"issuer.pem: OK", "certificate.pem: OK", "verify OK", "Response verify OK", "Reason: keyCompromise",
			"Key Compromise", "Invalidity Date",
			"parts/then-1.proof: in the log: crl/sub.crl crl ", "parts/then-1.stamped.proof: in the log", "Verified OK",
			"Verification: OK", "Time stamp: Jan",
			fmt.Sprintf("asked about serial %X at 2028-12-27T12:00:00Z", revoked.SerialNumber),
		}, []string{"NOT IN THE LOG", "Verification failure", "verify failure", "Verify error", "FAILED"}},
		"good": {make(Question{Time: on(500, 12), Issuer: "sub", Serial: artifact.SerialBytes(steady)}),
			[]string{"does not name " + fmt.Sprintf("%X", steady.SerialNumber), "\ngood\n", "Response verify OK",
				"Verified OK"}, []string{"NOT IN THE LOG", "certificate.pem"}},
		"list changed":  {w.changed(t, good, "then-1.crl", 100), []string{"verify failure"}, nil},
		"proof changed": {w.changed(t, good, "then-1.proof", 900), []string{"then-1.proof: NOT IN THE LOG"}, nil},
		"token changed": {w.changed(t, good, "checkpoint-1021.tsr", 100), []string{"Verification: FAILED"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			out := w.steps(t, test.file)
			for _, want := range test.want {
				if !strings.Contains(out, want) {
					t.Errorf("the steps do not print %q", want)
				}
			}
			for _, not := range test.not {
				if strings.Contains(out, not) {
					t.Errorf("the steps print %q", not)
				}
			}
			if t.Failed() {
				t.Logf("%s", out)
			}
		})
	}
}

// changed is a file with one octet of a part changed.
func (w *world) changed(t *testing.T, file []byte, name string, at int) []byte {
	t.Helper()
	e, err := Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	b := bytes.Clone(e.ending(name))
	if len(b) <= at {
		t.Fatalf("there is no octet %d in %s", at, name)
	}
	b[at] ^= 1
	e.replace(name, b)
	return e.Bytes()
}
