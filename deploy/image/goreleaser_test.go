package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/goreleaser/goreleaser/v2/pkg/config"
)

// TestReleaseConfiguration has GoReleaser's own strict reader judge goreleaser.yaml.
func TestReleaseConfiguration(t *testing.T) {
	raw, err := os.ReadFile("../goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := config.LoadReader(bytes.NewReader(raw)); err != nil {
		t.Errorf("goreleaser.yaml: %v", err)
	}
	if _, err := config.LoadReader(bytes.NewReader(bytes.Replace(raw, []byte("ldflags:"), []byte("ldflag:"),
		1))); err == nil {
		t.Error("GoReleaser reads a misspelt key without a word: the test proves nothing")
	}
}
