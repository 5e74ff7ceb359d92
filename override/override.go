// Package override is a signed permission to let one refused change of a
// certificate's status pass, and what such a change is.
//
// An override is a small text that somebody signs who does not run the signing
// room (docs/inventory.md has the commands). It is for one digest: of an import,
// or of one revocation ([Change.Digest]). It is used three times by three
// readers that trust only their own pinned keys: the inventory lets the change
// in, the publisher lets the changed list out, the verifier accepts that the
// list says something else than its predecessor. What they hold it against, a
// change of one certificate from one status to another, has one spelling:
// [Status.String], as the master log records it.
package override

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"seihon/artifact"
)

// What an Override may allow.
const (
	Vanished = "vanished" // a serial is missing that has not expired
	Changed  = "changed"  // a revocation has another date or reason, or is gone
	Older    = "older"    // the input is older than the last one
	Shrink   = "shrink"   // the input is much smaller than the last one
	// Implausible: a revocation is dated before its certificate was issued.
	Implausible = "implausible"
)

var allowed = []string{Changed, Implausible, Older, Shrink, Vanished}

// Magic is the first line of an override file.
const Magic = "seihon/override/v1\n"

// An Override is a signed permission. As a file:
//
//	seihon/override/v1
//	digest 9f86d0…          of the import, or Change.Digest of a revocation
//	allow changed vanished
//	reason the CA's database was repaired, ticket 4711
//	expires 20261201T000000Z
//	signature <Ed25519 over all lines above, in base64>
type Override struct {
	Digest    artifact.Digest
	Allow     []string
	Reason    string // one line, kept with what it let pass
	Expires   time.Time
	signature []byte
}

func (o *Override) statement() *statement {
	return &statement{Magic, "digest", o.Digest, o.Allow, o.Reason, o.Expires, o.signature}
}

// Text is the file of a signed override.
func (o *Override) Text() []byte { return o.statement().text() }

// Sign signs o and returns the file.
func (o *Override) Sign(key ed25519.PrivateKey) ([]byte, error) {
	if err := errors.Join(o.statement().check(), o.check()); err != nil {
		return nil, fmt.Errorf("signing override: %w", err)
	}
	o.signature = ed25519.Sign(key, o.statement().body())
	return o.Text(), nil
}

func (o *Override) check() error {
	for _, a := range o.Allow {
		if !slices.Contains(allowed, a) {
			return fmt.Errorf("it allows %q, which is none of %s", a, strings.Join(allowed, ", "))
		}
	}
	return nil
}

// Parse reads an override file. It does not verify the signature: see [Override.Permits].
func Parse(file []byte) (*Override, error) {
	s, err := parseStatement(file, Magic, "digest")
	o := &Override{Digest: s.digest, Allow: s.allow, Reason: s.reason, Expires: s.expires, signature: s.signature}
	if err == nil {
		err = o.check()
	}
	if err != nil {
		return nil, fmt.Errorf("parsing override: %w", err)
	}
	return o, nil
}

// SignedBy reports whether one of the keys signed the override.
func (o *Override) SignedBy(keys []ed25519.PublicKey) bool { return o.statement().signedBy(keys) }

// Permits reports as an error why an override, at a time, does not permit what on digest.
func (o *Override) Permits(keys []ed25519.PublicKey, digest artifact.Digest, what string, now time.Time) error {
	switch {
	case !o.SignedBy(keys):
		return errors.New("using override: it is not signed by a key of the configuration")
	case o.Digest != digest:
		return fmt.Errorf("using override: it is for %s, this is %s", o.Digest, digest)
	case !now.Before(o.Expires):
		return fmt.Errorf("using override: it expired at %s", o.Expires.Format(time.RFC3339))
	case !slices.Contains(o.Allow, what):
		return fmt.Errorf("using override: it allows %s, not %q", strings.Join(o.Allow, " "), what)
	}
	return nil
}
