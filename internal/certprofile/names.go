package certprofile

import (
	"fmt"
	"strconv"
	"strings"
)

// SignatureAlgorithms are the values of Profile.SignatureAlgorithm.
var SignatureAlgorithms = []string{
	"rsa-sha256", "rsa-sha384", "rsa-sha512",
	"rsa-pss-sha256", "rsa-pss-sha384", "rsa-pss-sha512",
	"ecdsa-sha256", "ecdsa-sha384", "ecdsa-sha512", "ed25519", "ml-dsa",
}

// KeyAlgorithms are the values of Profile.Keys.
var KeyAlgorithms = []string{"rsa2048", "rsa3072", "rsa4096", "p256", "p384", "p521", "ed25519", "ml-dsa-44",
	"ml-dsa-65", "ml-dsa-87"}

// KeyUsages are the values of Profile.KeyUsage, in the order of their bits (RFC 5280 section 4.2.1.3).
var KeyUsages = []string{
	"digitalSignature", "contentCommitment", "keyEncipherment", "dataEncipherment", "keyAgreement",
	"keyCertSign", "cRLSign", "encipherOnly", "decipherOnly",
}

// ExtendedKeyUsages are the names that Profile.ExtendedKeyUsage may use instead of an OID.
var ExtendedKeyUsages = map[string]string{
	"anyExtendedKeyUsage": "2.5.29.37.0",
	"serverAuth":          "1.3.6.1.5.5.7.3.1",
	"clientAuth":          "1.3.6.1.5.5.7.3.2",
	"codeSigning":         "1.3.6.1.5.5.7.3.3",
	"emailProtection":     "1.3.6.1.5.5.7.3.4",
	"timeStamping":        "1.3.6.1.5.5.7.3.8",
	"OCSPSigning":         "1.3.6.1.5.5.7.3.9",
	"documentSigning":     "1.3.6.1.5.5.7.3.36", // RFC 9336
}

// ParseOID reads a dotted object identifier. Arcs above 2^31 do not occur in certificates and are refused.
func ParseOID(s string) ([]int, error) {
	fields := strings.Split(s, ".")
	oid := make([]int, 0, len(fields))
	for _, f := range fields {
		n, err := strconv.ParseInt(f, 10, 32)
		if err != nil || n < 0 || strconv.FormatInt(n, 10) != f {
			return nil, fmt.Errorf("parsing object identifier %q: arc %q is not a number", s, f)
		}
		oid = append(oid, int(n))
	}
	if len(oid) < 2 || oid[0] > 2 || (oid[0] < 2 && oid[1] > 39) {
		return nil, fmt.Errorf("parsing object identifier %q: it is not one of ITU-T X.660", s)
	}
	return oid, nil
}

// ParseExtendedKeyUsage resolves a name or a dotted object identifier.
func ParseExtendedKeyUsage(s string) ([]int, error) {
	if oid, ok := ExtendedKeyUsages[s]; ok {
		s = oid
	}
	oid, err := ParseOID(s)
	if err != nil {
		return nil, fmt.Errorf("parsing extended key usage %q: neither a known name nor an object identifier", s)
	}
	return oid, nil
}
