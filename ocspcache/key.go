package ocspcache

import (
	"crypto"
	"crypto/sha256"
	"fmt"

	"seihon/public"
)

// Key names one certificate in the way an OCSP request does (CertID, RFC 6960
// section 4.1.1).
//
// Serial is the content octets of the DER INTEGER, so a serial whose first bit
// is set begins with a zero octet. IssuerNameHash may be empty: the key then
// speaks for every issuer name that has this key.
type Key struct {
	Hash           crypto.Hash
	IssuerNameHash []byte
	IssuerKeyHash  []byte
	Serial         []byte
}

// hashID is the number that a bundle stores for a CertID hash algorithm.
type hashID uint16

const (
	hashSHA1   hashID = 1
	hashSHA256 hashID = 2
	hashSHA384 hashID = 3
	hashSHA512 hashID = 4
)

// hashes lists the CertID algorithms, indexed by hashID.
var hashes = [...]struct {
	hash crypto.Hash
	size int
}{
	hashSHA1:   {crypto.SHA1, 20},
	hashSHA256: {crypto.SHA256, 32},
	hashSHA384: {crypto.SHA384, 48},
	hashSHA512: {crypto.SHA512, 64},
}

// idOf returns the number of h, or 0 when no CertID uses it.
func idOf(h crypto.Hash) hashID {
	for id := hashSHA1; int(id) < len(hashes); id++ {
		if hashes[id].hash == h {
			return id
		}
	}
	return 0
}

// valid reports whether id is a known algorithm.
func (id hashID) valid() bool { return id >= hashSHA1 && int(id) < len(hashes) }

// maxSerial is the longest serial number that is kept: 20 octets (RFC 5280
// section 4.1.2.2) and room for CAs that counted them without the sign octet.
const maxSerial = 24

// check reports why the key cannot name an answer.
func (k Key) check() error {
	id := idOf(k.Hash)
	switch {
	case id == 0:
		return fmt.Errorf("hash algorithm %v is none of SHA-1, SHA-256, SHA-384 and SHA-512", k.Hash)
	case len(k.IssuerKeyHash) != hashes[id].size:
		return fmt.Errorf("issuer key hash has %d octets, %v has %d", len(k.IssuerKeyHash), k.Hash, hashes[id].size)
	case len(k.IssuerNameHash) != 0 && len(k.IssuerNameHash) != hashes[id].size:
		return fmt.Errorf("issuer name hash has %d octets, %v has %d", len(k.IssuerNameHash), k.Hash, hashes[id].size)
	case len(k.Serial) == 0 || len(k.Serial) > maxSerial:
		return fmt.Errorf("serial number has %d octets, 1 to %d are possible", len(k.Serial), maxSerial)
	case len(minimalInteger(k.Serial)) != len(k.Serial):
		return fmt.Errorf("serial number %x is not the shortest DER form", k.Serial)
	}
	return nil
}

// minimalInteger drops the octets that DER forbids at the start of an INTEGER.
func minimalInteger(b []byte) []byte {
	for len(b) > 1 && (b[0] == 0 && b[1] < 0x80 || b[0] == 0xff && b[1] >= 0x80) {
		b = b[1:]
	}
	return b
}

// ObjectName is the public name of the response for k in the object layout:
// ocsp/<s1|s2>/<issuer key hash, hex>/<serial content octets, hex>.
func ObjectName(k Key) string {
	return public.Response(k.Hash, k.IssuerKeyHash, k.Serial)
}

// ShardOf returns the shard, 0 to shards-1, that holds the responses for serial:
// the first two octets of its SHA-256, modulo the number of shards. Serial
// numbers may be sequential, their hashes are not.
func ShardOf(serial []byte, shards int) int {
	if shards <= 1 {
		return 0
	}
	sum := sha256.Sum256(serial)
	return (int(sum[0])<<8 | int(sum[1])) % shards
}
