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

// ExceptionMagic is the first line of an exception file.
const ExceptionMagic = "seihon/exception/v1\n"

// An Exception is a signed statement that a CA, known by its key, deviates from
// an RFC in known ways, and that what it signs with them is published all the
// same until a date. As a file:
//
//	seihon/exception/v1
//	key 9f86d0…          SHA-256 of the CA's SubjectPublicKeyInfo
//	allow aia-critical early-long-time
//	reason the CA's product writes so until its release 4.3, ticket 4711
//	expires 20270301T000000Z
//	signature <Ed25519 over all lines above, in base64>
//
// What it may allow is a matter of section A (docs/accept.md).
type Exception struct {
	Key       artifact.Digest
	Allow     []string
	Reason    string
	Expires   time.Time // what the CA dates after that is not covered
	signature []byte
}

func (e *Exception) body() []byte {
	return fmt.Appendf(nil, "%skey %s\nallow %s\nreason %s\nexpires %s\n",
		ExceptionMagic, e.Key, strings.Join(e.Allow, " "), e.Reason, stamp(e.Expires))
}

// Text is the file of a signed exception.
func (e *Exception) Text() []byte {
	return fmt.Appendf(e.body(), "signature %s\n", base64.StdEncoding.EncodeToString(e.signature))
}

// Sign signs e and returns the file.
func (e *Exception) Sign(key ed25519.PrivateKey) ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, fmt.Errorf("signing exception: %w", err)
	}
	e.signature = ed25519.Sign(key, e.body())
	return e.Text(), nil
}

func (e *Exception) check() error {
	switch {
	case e.Key.IsZero():
		return errors.New("the digest of the CA's key is missing")
	case strings.TrimSpace(e.Reason) == "" || strings.ContainsAny(e.Reason, "\r\n"):
		return errors.New("it needs a reason, in one line")
	case e.Expires.IsZero():
		return errors.New("it needs an expiry")
	case len(e.Allow) == 0 || slices.Contains(e.Allow, "") || !slices.IsSorted(e.Allow) ||
		len(slices.Compact(slices.Clone(e.Allow))) != len(e.Allow):
		return errors.New("it must allow at least one kind of deviation, each once, sorted")
	}
	return nil
}

// ParseException reads an exception file. It does not verify the signature: see [Exception.SignedBy].
func ParseException(file []byte) (*Exception, error) {
	e, err := parseException(file)
	if err != nil {
		return nil, fmt.Errorf("parsing exception: %w", err)
	}
	return e, nil
}

func parseException(file []byte) (*Exception, error) {
	lines := strings.Split(string(file), "\n")
	if !bytes.HasPrefix(file, []byte(ExceptionMagic)) || len(lines) != 7 || lines[6] != "" {
		return nil, fmt.Errorf("want the six lines of a %s file", strings.TrimSpace(ExceptionMagic))
	}
	values := make([]string, 6)
	for n, field := range []string{1: "key ", "allow ", "reason ", "expires ", "signature "} {
		v, ok := strings.CutPrefix(lines[n], field)
		if !ok {
			return nil, fmt.Errorf("line %d: want %q", n+1, field)
		}
		values[n] = v
	}
	e := &Exception{Allow: strings.Split(values[2], " "), Reason: values[3]}
	var err error
	if e.Key, err = artifact.ParseDigest(values[1]); err != nil {
		return nil, err
	}
	if e.Expires, err = time.Parse(stampForm, values[4]); err != nil {
		return nil, fmt.Errorf("expiry %q: want the form 20270301T000000Z", values[4])
	}
	if e.signature, err = base64.StdEncoding.Strict().DecodeString(values[5]); err != nil {
		return nil, errors.New("signature is not base64")
	}
	if err := e.check(); err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(file, e.body()) {
		return nil, errors.New("it is not written in its canonical form")
	}
	return e, nil
}

// SignedBy reports whether one of the keys signed the exception.
func (e *Exception) SignedBy(keys []ed25519.PublicKey) bool {
	return slices.ContainsFunc(keys, func(key ed25519.PublicKey) bool {
		return len(key) == ed25519.PublicKeySize && ed25519.Verify(key, e.body(), e.signature)
	})
}

// Covers reports whether the exception allows a kind of deviation in what the CA with that key dated so.
func (e *Exception) Covers(key artifact.Digest, kind string, dated time.Time) bool {
	return e.Key == key && dated.Before(e.Expires) && slices.Contains(e.Allow, kind)
}
