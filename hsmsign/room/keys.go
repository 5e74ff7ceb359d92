package room

import (
	"seihon/hsmsign/token"
	"seihon/internal/config"
)

// The algorithms of the master log's keys, in the order of signer.log_keys: ECDSA
// P-256 because every HSM has it, Ed25519 because stock log tools know nothing else.
var LogAlgorithms = []string{"p256", "ed25519"}

// configuredKeys yields every key that certificates are made for, issuers first.
func configuredKeys(c *config.Config) func(func(string, config.Key) bool) {
	return func(yield func(string, config.Key) bool) {
		for _, i := range c.Issuers {
			if !i.External() && !yield(i.Name, i.Key) {
				return
			}
			if i.OCSP != nil && i.OCSP.Responder != nil && !yield(i.OCSP.Responder.Name, i.OCSP.Responder.Key) {
				return
			}
		}
		if d := c.DocumentSigner; d != nil {
			yield(d.Name, d.Key)
		}
	}
}

// roleOf says what the configured key with that name is for.
func roleOf(c *config.Config, name string) token.Role {
	for i := range c.Issuers {
		if c.Issuers[i].Name == name {
			return token.RoleIssuing
		}
	}
	if d := c.DocumentSigner; d != nil && d.Name == name {
		return token.RoleDocument
	}
	return token.RoleOCSP
}
