//go:build integration

package cmd_test

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"seihon/artifact"
	"seihon/hsmsign/room"
	"seihon/hsmsign/token"
	"seihon/internal/config"
	"seihon/ledger"
)

// TestSlip is run by the script command slip in a process of its own, since SoftHSM
// reads its configuration once.
func TestSlip(t *testing.T) {
	file := os.Getenv("SLIP_CONFIG")
	if file == "" {
		return // nothing to do: only the command slip asks for it
	}
	conf, err := config.Load(file)
	must(t, err)
	must(t, room.UseSoftHSMConfig(conf.Signer))
	tok, err := token.Open(t.Context(), room.TokenConfig(conf.Signer, conf.Signer.AllTokens()[0], nil, nil))
	must(t, err)
	defer tok.Close()
	var signers []note.Signer
	for _, label := range conf.Signer.LogKeys {
		key, err := tok.Signer(t.Context(), token.KeySpec{Label: label})
		must(t, err)
		s, err := ledger.NewNoteSigner(conf.Master.Origin, key)
		must(t, err)
		signers = append(signers, s)
	}
	w, err := ledger.OpenWriter(t.Context(), string(conf.Master.Directory),
		ledger.WriterConfig{Origin: conf.Master.Origin, Signers: signers})
	must(t, err)
	defer w.Close()
	content := os.Getenv("SLIP_CONTENT")
	digest, size, err := w.PutBlob(t.Context(), artifact.Document, strings.NewReader(content))
	must(t, err)
	_, err = w.AppendBatch(t.Context(),
		[]ledger.Line{{Name: os.Getenv("SLIP_NAME"), Kind: artifact.Document, Digest: digest, Size: size}},
		"slipped in")
	must(t, err)
	_, err = w.Commit(t.Context())
	must(t, err)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
