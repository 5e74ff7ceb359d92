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

// A statement is what an override and an exception have in common: five lines about
// something with a digest, and a sixth that signs them.
type statement struct {
	magic     string // the first line
	about     string // how the line of the digest begins
	digest    artifact.Digest
	allow     []string
	reason    string
	expires   time.Time
	signature []byte
}

// body is what is signed.
func (s *statement) body() []byte {
	return fmt.Appendf(nil, "%s%s %s\nallow %s\nreason %s\nexpires %s\n",
		s.magic, s.about, s.digest, strings.Join(s.allow, " "), s.reason, stamp(s.expires))
}

func (s *statement) text() []byte {
	return fmt.Appendf(s.body(), "signature %s\n", base64.StdEncoding.EncodeToString(s.signature))
}

// check wants every line to be there. What may be allowed is the caller's to say.
func (s *statement) check() error {
	switch {
	case s.digest.IsZero():
		return errors.New("its digest is missing")
	case strings.TrimSpace(s.reason) == "" || strings.ContainsAny(s.reason, "\r\n"):
		return errors.New("it needs a reason, in one line")
	case s.expires.IsZero():
		return errors.New("it needs an expiry")
	case len(s.allow) == 0 || slices.Contains(s.allow, "") || !slices.IsSorted(s.allow) ||
		len(slices.Compact(slices.Clone(s.allow))) != len(s.allow):
		return errors.New("it must allow something, each once, sorted")
	}
	return nil
}

// parseStatement takes a file apart. It does not verify the signature.
func parseStatement(file []byte, magic, about string) (statement, error) {
	s := statement{magic: magic, about: about}
	lines := strings.Split(string(file), "\n")
	if !bytes.HasPrefix(file, []byte(magic)) || len(lines) != 7 || lines[6] != "" {
		return s, fmt.Errorf("want the six lines of a %s file", strings.TrimSpace(magic))
	}
	values := make([]string, 6)
	for n, field := range []string{1: about + " ", "allow ", "reason ", "expires ", "signature "} {
		v, ok := strings.CutPrefix(lines[n], field)
		if !ok {
			return s, fmt.Errorf("line %d: want %q", n+1, field)
		}
		values[n] = v
	}
	s.allow, s.reason = strings.Split(values[2], " "), values[3]
	var err error
	if s.digest, err = artifact.ParseDigest(values[1]); err != nil {
		return s, err
	}
	if s.expires, err = time.Parse(stampForm, values[4]); err != nil {
		return s, fmt.Errorf("expiry %q: want the form 20261201T000000Z", values[4])
	}
	s.signature, err = base64.StdEncoding.Strict().DecodeString(values[5])
	if err != nil || base64.StdEncoding.EncodeToString(s.signature) != values[5] { // the decoder passes over a CR
		return s, errors.New("signature is not base64")
	}
	if err := s.check(); err != nil {
		return s, err
	}
	if !bytes.HasPrefix(file, s.body()) {
		return s, errors.New("it is not written in its canonical form")
	}
	return s, nil
}

// signedBy reports whether one of the keys signed the statement.
func (s *statement) signedBy(keys []ed25519.PublicKey) bool {
	return slices.ContainsFunc(keys, func(key ed25519.PublicKey) bool {
		return len(key) == ed25519.PublicKeySize && ed25519.Verify(key, s.body(), s.signature)
	})
}
