package room_test

import (
	"testing"

	"seihon/hsmsign/token"
	"seihon/internal/config"
	"seihon/ledger"
)

// TestWordsOfPolicy: the configuration, the verdict and the log call a policy the same; the keyless side knows the
// log's word.
func TestWordsOfPolicy(t *testing.T) {
	t.Parallel()
	for _, word := range []string{string(token.Trial), ledger.PolicyTrial} {
		if word != config.PolicyTrial {
			t.Errorf("the configuration says %q, another %q", config.PolicyTrial, word)
		}
	}
	if word := string(token.Accredited); word != config.PolicyAccredited {
		t.Errorf("the configuration says %q, the verdict %q", config.PolicyAccredited, word)
	}
}
