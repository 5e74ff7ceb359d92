package override

import (
	"crypto/ed25519"
	"fmt"
	"slices"
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

func (e *Exception) statement() *statement {
	return &statement{ExceptionMagic, "key", e.Key, e.Allow, e.Reason, e.Expires, e.signature}
}

// Text is the file of a signed exception.
func (e *Exception) Text() []byte { return e.statement().text() }

// Sign signs e and returns the file.
func (e *Exception) Sign(key ed25519.PrivateKey) ([]byte, error) {
	if err := e.statement().check(); err != nil {
		return nil, fmt.Errorf("signing exception: %w", err)
	}
	e.signature = ed25519.Sign(key, e.statement().body())
	return e.Text(), nil
}

// ParseException reads an exception file. It does not verify the signature: see [Exception.SignedBy].
func ParseException(file []byte) (*Exception, error) {
	s, err := parseStatement(file, ExceptionMagic, "key")
	if err != nil {
		return nil, fmt.Errorf("parsing exception: %w", err)
	}
	return &Exception{Key: s.digest, Allow: s.allow, Reason: s.reason, Expires: s.expires, signature: s.signature}, nil
}

// SignedBy reports whether one of the keys signed the exception.
func (e *Exception) SignedBy(keys []ed25519.PublicKey) bool { return e.statement().signedBy(keys) }

// Covers reports whether the exception allows a kind of deviation in what the CA with that key dated so.
func (e *Exception) Covers(key artifact.Digest, kind string, dated time.Time) bool {
	return e.Key == key && dated.Before(e.Expires) && slices.Contains(e.Allow, kind)
}
