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
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
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

// header is the first line of an override file.
const header = "seihon/override/v1"

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

// body is what is signed.
func (o *Override) body() []byte {
	return fmt.Appendf(nil, "%s\ndigest %s\nallow %s\nreason %s\nexpires %s\n",
		header, o.Digest, strings.Join(o.Allow, " "), o.Reason, stamp(o.Expires))
}

// Text is the file of a signed override.
func (o *Override) Text() []byte {
	return fmt.Appendf(o.body(), "signature %s\n", base64.StdEncoding.EncodeToString(o.signature))
}

// Sign signs o and returns the file.
func (o *Override) Sign(key ed25519.PrivateKey) ([]byte, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("signing override: %w", err)
	}
	o.signature = ed25519.Sign(key, o.body())
	return o.Text(), nil
}

func (o *Override) check() error {
	switch {
	case o.Digest.IsZero():
		return errors.New("its digest is missing")
	case strings.TrimSpace(o.Reason) == "" || strings.ContainsAny(o.Reason, "\r\n"):
		return errors.New("it needs a reason, in one line")
	case o.Expires.IsZero():
		return errors.New("it needs an expiry")
	case len(o.Allow) == 0 || !slices.IsSorted(o.Allow) ||
		len(slices.Compact(slices.Clone(o.Allow))) != len(o.Allow):
		return fmt.Errorf("it must allow something of %s, sorted", strings.Join(allowed, ", "))
	}
	for _, a := range o.Allow {
		if !slices.Contains(allowed, a) {
			return fmt.Errorf("it allows %q, which is none of %s", a, strings.Join(allowed, ", "))
		}
	}
	return nil
}

// Parse reads an override file. It does not verify the signature: see [Override.Permits].
func Parse(file []byte) (*Override, error) {
	o, err := parse(file)
	if err != nil {
		return nil, fmt.Errorf("parsing override: %w", err)
	}
	return o, nil
}

func parse(file []byte) (*Override, error) {
	lines := strings.Split(string(file), "\n")
	if len(lines) != 7 || lines[0] != header || lines[6] != "" {
		return nil, fmt.Errorf("want the six lines of a %s file", header)
	}
	values := make([]string, 6)
	for n, field := range []string{1: "digest ", "allow ", "reason ", "expires ", "signature "} {
		v, ok := strings.CutPrefix(lines[n], field)
		if !ok {
			return nil, fmt.Errorf("line %d: want %q", n+1, field)
		}
		values[n] = v
	}
	o := &Override{Allow: strings.Split(values[2], " "), Reason: values[3]}
	var err error
	if o.Digest, err = artifact.ParseDigest(values[1]); err != nil {
		return nil, err
	}
	if o.Expires, err = time.Parse(stampForm, values[4]); err != nil {
		return nil, fmt.Errorf("expiry %q: want the form 20261201T000000Z", values[4])
	}
	o.signature, err = base64.StdEncoding.Strict().DecodeString(values[5])
	if err != nil || base64.StdEncoding.EncodeToString(o.signature) != values[5] { // the decoder passes over a CR
		return nil, errors.New("signature is not base64")
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(file, o.body()) {
		return nil, errors.New("it is not written in its canonical form")
	}
	return o, nil
}

// SignedBy reports whether one of the keys signed the override.
func (o *Override) SignedBy(keys []ed25519.PublicKey) bool {
	return slices.ContainsFunc(keys, func(key ed25519.PublicKey) bool {
		return len(key) == ed25519.PublicKeySize && ed25519.Verify(key, o.body(), o.signature)
	})
}

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
