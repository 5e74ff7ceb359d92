//go:build integration

package deploy_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	yaml "go.yaml.in/yaml/v3"

	"seihon/internal/config"
)

// TestConfigurationFragments decodes every yaml block of the documents strictly: an example must not name a key that
// does not exist. A block that begins with another schema is not of repository.yaml.
func TestConfigurationFragments(t *testing.T) {
	seen := 0
	for _, page := range pages(t) {
		raw, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range blocks(string(raw), "yaml") {
			if strings.Contains(b.text, "\nschema: ") || strings.HasPrefix(b.text, "schema: ") {
				continue
			}
			seen++
			dec := yaml.NewDecoder(strings.NewReader(b.text))
			dec.KnownFields(true)
			if err := dec.Decode(&config.Config{}); err != nil && err != io.EOF {
				t.Errorf("%s, line %d: %v", filepath.Base(page), b.line, err)
			}
		}
	}
	if seen < 2 {
		t.Errorf("only %d fragments found", seen)
	}
}
