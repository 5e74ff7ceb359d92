package main

import (
	"fmt"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/ocspcache"
)

// verifyGeneration lets the responder believe a generation only when the pinned
// log keys vouch for it: its proof must end at a signed checkpoint and its line
// must name exactly this body. So the bucket in between need not be trusted.
func verifyGeneration(v *ledger.Verifier) func(body, proof []byte) error {
	return func(body, proof []byte) error {
		line, _, err := ledger.VerifyProof(proof, v)
		if err != nil {
			return fmt.Errorf("verifying the generation's proof: %w", err)
		}
		g, _, err := ocspcache.ParseGeneration(body)
		if err != nil {
			return err
		}
		if line.Kind != artifact.OCSPGeneration || line.Issuer != g.Issuer {
			return fmt.Errorf("verifying the generation's proof: it is of %s %q, not of the generation of %s",
				line.Kind, line.Name, g.Issuer)
		}
		if line.Digest != artifact.Sum(body) {
			return fmt.Errorf("verifying the generation's proof: the ledger has %s, this body is %s", line.Digest,
				artifact.Sum(body))
		}
		return nil
	}
}
