package inventory

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Reasons of RFC 5280 5.3.1 that the inventory treats specially.
const (
	reasonHold          = 6 // certificateHold: the only revocation that may end
	reasonRemoveFromCRL = 8 // ends a hold; only a delta CRL shows it
)

// reasonNames are the names of RFC 5280 5.3.1 by code; 7 is not used.
var reasonNames = [...]string{
	"unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded",
	"cessationOfOperation", "certificateHold", "", "removeFromCRL", "privilegeWithdrawn", "aACompromise",
}

// ReasonName returns the name that RFC 5280 5.3.1 gives to a reason code, and
// "" for NoReason.
func ReasonName(reason int) string {
	if reason == NoReason {
		return ""
	}
	if reason < 0 || reason >= len(reasonNames) || reasonNames[reason] == "" {
		return strconv.Itoa(reason)
	}
	return reasonNames[reason]
}

// ReasonNames returns the names of all reasons.
func ReasonNames() []string {
	return slices.DeleteFunc(slices.Clone(reasonNames[:]), func(s string) bool { return s == "" })
}

// ParseReason reads a reason as its name in RFC 5280 (any case, as OpenSSL
// writes CACompromise) or as its number. The empty string is NoReason.
func ParseReason(s string) (int, error) {
	if s == "" {
		return NoReason, nil
	}
	if n, err := strconv.Atoi(s); err == nil {
		if n == NoReason { // what EJBCA writes beside a certificate that is not revoked
			return 0, fmt.Errorf("revocation reason %d says that there is none: leave it empty", n)
		}
		return n, checkReason(n)
	}
	for code, name := range reasonNames {
		if name != "" && strings.EqualFold(s, name) {
			return code, nil
		}
	}
	return 0, fmt.Errorf("revocation reason %q is not one of RFC 5280 5.3.1", s)
}

// checkReason refuses codes that RFC 5280 5.3.1 does not define.
func checkReason(reason int) error {
	if reason == NoReason {
		return nil
	}
	if reason < 0 || reason >= len(reasonNames) || reasonNames[reason] == "" {
		return fmt.Errorf("revocation reason %d is not one of RFC 5280 5.3.1: use 0 to 6 or 8 to 10", reason)
	}
	return nil
}
