//go:build integration

package cmd_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seihon/ledger/timestamp/timestamptest"
)

// TestWitnessAndTimestamp has the room's checkpoint cosigned by a witness and stamped by
// an OpenSSL time-stamping authority; the log stays sound and the second run asks nobody.
func TestWitnessAndTimestamp(t *testing.T) {
	dir := copyGolden(t)
	tsa := timestamptest.New(t)
	witnessURL, witnessKey := startWitness(t)
	conf := filepath.Join(dir, "repository.yaml")
	raw, err := os.ReadFile(conf)
	if err != nil {
		t.Fatal(err)
	}
	section := fmt.Sprintf("signer:\n  timestamps: [{name: test, url: \"%s\", roots: \"%s\"}]\n  witnesses: [{url: "+
		"\"%s\", key: \"%s\"}]\n",
		tsa.URL, tsa.CA, witnessURL, witnessKey)
	if err := os.WriteFile(conf, []byte(strings.Replace(string(raw), "signer:\n", section, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	room := func(want string, args ...string) {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), args[0],
			append(args[1:], "--quiet", "--config", conf)...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Fatalf("%s: %v, want %q\n%s", strings.Join(args, " "), err, want, out)
		}
	}
	room("witness.example/one cosigned", "signer", "witness")
	checkpoint, err := os.ReadFile(filepath.Join(dir, "master/log/checkpoint"))
	if err != nil || !strings.Contains(string(checkpoint), "witness.example/one") {
		t.Errorf("the checkpoint has no cosignature: %v\n%s", err, checkpoint)
	}
	room("stamped the checkpoint", "signer", "timestamp")
	room("recorded docs/cps-1.1.pdf", "signer", "document", "--name", "cps", "--version", "1.1", "--file", demoPDF)
	room("all entries are in the signed tree", "publisher", "ledger", "check")
	room("witness.example/one cosigned", "signer", "witness") // the newest checkpoint, which the quorum is asked of
	room("sent", "publisher", "sync")
	room("OK - 0 critical", "publisher", "verify")
	out, err := exec.CommandContext(t.Context(), "openssl", "asn1parse", "-inform", "DER", "-in",
		filepath.Join(dir, "public/docs/cps-1.1.pdf.p7s")).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "id-smime-aa-timeStampToken") {
		t.Errorf("the document's signature carries no time stamp: %v", err)
	}
}

// startWitness runs a witness that believes everything: what it signs, and how the room
// takes it, is what counts here (C2SP tlog-cosignature, type 0x04).
func startWitness(t *testing.T) (url, vkey string) {
	t.Helper()
	const name = "witness.example/one"
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	typed := append([]byte{0x04}, pub...)
	sum := sha256.Sum256(append([]byte(name+"\n"), typed...))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		_, checkpoint, ok := strings.Cut(string(body), "\n\n")
		text, _, signed := strings.Cut(checkpoint, "\n\n")
		if err != nil || !ok || !signed || r.URL.Path != "/add-checkpoint" {
			http.Error(w, "no checkpoint", http.StatusBadRequest)
			return
		}
		now := uint64(time.Now().Unix())
		sig := ed25519.Sign(key, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s\n", now, text))
		line := append(binary.BigEndian.AppendUint64(append([]byte{}, sum[:4]...), now), sig...)
		fmt.Fprintf(w, "— %s %s\n", name, base64.StdEncoding.EncodeToString(line))
	}))
	t.Cleanup(srv.Close)
	return srv.URL, fmt.Sprintf("%s+%08x+%s", name, binary.BigEndian.Uint32(sum[:4]),
		base64.StdEncoding.EncodeToString(typed))
}
