package config

import (
	"encoding/hex"
	"slices"
)

// IsMisissued reports whether the serial, as content octets of the DER INTEGER, is one of trust.misissued.
func (t *Trust) IsMisissued(serial []byte) bool {
	return len(t.Misissued) > 0 && slices.Contains(t.Misissued, hex.EncodeToString(serial))
}
