package memory

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Signed is a text of six lines that a person signed and the log has: an override or an exception.
type Signed struct {
	About   string // the digest of what it is about, in hexadecimal
	Allow   []string
	Reason  string
	Expires time.Time
	Problem string // why it counts for nothing; empty: it counts
}

// ReadSigned reads such a text, whose first line is magic and whose second begins with about,
// and verifies its signature with the pinned keys. It was entered at a time.
func ReadSigned(text, magic, about string, entered time.Time, keys []ed25519.PublicKey) Signed {
	s, body, signature, err := takeApart(text, magic, about)
	switch {
	case err != nil:
		s.Problem = err.Error()
	case len(keys) == 0:
		s.Problem = "no key for overrides is pinned"
	case !slices.ContainsFunc(keys, func(k ed25519.PublicKey) bool {
		return len(k) == ed25519.PublicKeySize && ed25519.Verify(k, []byte(body), signature)
	}):
		s.Problem = "none of the pinned keys has signed it"
	case !entered.Before(s.Expires):
		s.Problem = fmt.Sprintf("it expired at %s, before it was entered", s.Expires.Format(time.RFC3339))
	}
	return s
}

func takeApart(text, magic, about string) (s Signed, body string, signature []byte, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 7 || lines[0] != magic || lines[6] != "" {
		return s, "", nil, fmt.Errorf("it does not have the six lines of %q", magic)
	}
	var values [6]string
	for i, label := range []string{"", about + " ", "allow ", "reason ", "expires ", "signature "} {
		var ok bool
		if values[i], ok = strings.CutPrefix(lines[i], label); !ok {
			return s, "", nil, fmt.Errorf("its line %d does not begin with %q", i+1, label)
		}
	}
	s.About, s.Allow, s.Reason = values[1], strings.Split(values[2], " "), values[3]
	if s.Expires, err = time.Parse(timeForm, values[4]); err != nil {
		return s, "", nil, fmt.Errorf("its expiry %q is no time", values[4])
	}
	signature, err = base64.StdEncoding.Strict().DecodeString(values[5])
	if err != nil || base64.StdEncoding.EncodeToString(signature) != values[5] { // the decoder passes over a CR
		return s, "", nil, errors.New("its signature is not base64")
	}
	return s, strings.Join(lines[:5], "\n") + "\n", signature, nil
}
