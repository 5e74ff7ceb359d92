package cms

import (
	"crypto"
	"crypto/x509"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
)

// TestMLDSAIdentifiers: ML-DSA without parameters and with a digest that is no weaker than the key (RFC 9882 section
// 3.3), and nothing else; HashML-DSA is not for CMS.
func TestMLDSAIdentifiers(t *testing.T) {
	t.Parallel()
	id := func(arc byte, parameters ...byte) []byte {
		return append([]byte{0x30, byte(11 + len(parameters)), 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, arc},
			parameters...)
	}
	for _, test := range []struct {
		name   string
		der    []byte
		digest crypto.Hash
		want   x509.SignatureAlgorithm
		why    string
	}{
		{"44", id(17), crypto.SHA256, x509.MLDSA44, ""},
		{"65", id(18), crypto.SHA384, x509.MLDSA65, ""},
		{"87", id(19), crypto.SHA512, x509.MLDSA87, ""},
		{"a short digest", id(18), crypto.SHA256, 0, "too short for ML-DSA-65"},
		{"a digest that is shorter than the longest", id(19), crypto.SHA384, 0, "too short for ML-DSA-87"},
		{"parameters", id(18, 5, 0), crypto.SHA512, 0, "has parameters"},
		{"HashML-DSA-65 with SHA-512", id(33), crypto.SHA512, 0, "is not accepted"},
	} {
		in := cryptobyte.String(test.der)
		got, err := readAlgorithm(&in, test.digest)
		if got != test.want || (err == nil) != (test.why == "") ||
			err != nil && !strings.Contains(err.Error(), test.why) {
			t.Errorf("%s: %v, %v", test.name, got, err)
		}
	}
}
