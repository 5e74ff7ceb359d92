package exchange

import (
	"bytes"

	"seihon/artifact"
)

// Errors that an OCSP responder answers instead of a response (RFC 6960 section 4.2.1).
const (
	InternalError = "internalError"
	TryLater      = "tryLater"
	Unauthorized  = "unauthorized" // it has no answer (RFC 5019 section 2.2.3)
)

var errorNames = map[byte]string{1: "malformedRequest", 2: InternalError, 3: TryLater, 5: "sigRequired",
	6: Unauthorized}

// ErrorOf names the error that an answer is; ok is false when it has another form, and the name is
// empty for one that the standard does not know.
func ErrorOf(body []byte) (name string, ok bool) {
	if len(body) != 5 || !bytes.HasPrefix(body, []byte{0x30, 3, 0x0a, 1}) {
		return "", false
	}
	return errorNames[body[4]], true
}

// StatusName is a certificate's status as a word.
func StatusName(status int) string {
	switch status {
	case artifact.StatusGood:
		return "good"
	case artifact.StatusRevoked:
		return "revoked"
	}
	return "unknown"
}
