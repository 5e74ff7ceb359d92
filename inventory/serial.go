package inventory

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"strings"
)

// maxSerial is the length limit of RFC 5280 4.1.2.2, in content octets.
const maxSerial = 20

// maxShards is how many shards two octets of a hash can tell apart.
const maxShards = 1 << 16

// NewSerial draws a positive serial of 16 octets, 126 bits of it random. The
// first octet is 0x40 to 0x7f, so that no serial needs a leading zero in DER
// and all have the same length, which keeps the sizes of CRLs predictable.
func NewSerial(rand io.Reader) ([]byte, error) {
	serial := make([]byte, 16)
	if _, err := io.ReadFull(rand, serial); err != nil {
		return nil, fmt.Errorf("drawing a serial: %w", err)
	}
	serial[0] = serial[0]&0x7f | 0x40
	return serial, nil
}

// CheckSerial reports why serial is not the content of the DER INTEGER of a
// positive number of at most 20 octets.
func CheckSerial(serial []byte) error {
	switch {
	case len(serial) == 0:
		return fmt.Errorf("serial is empty")
	case len(serial) > maxSerial:
		return fmt.Errorf("serial %x has %d octets: RFC 5280 4.1.2.2 allows 20", serial, len(serial))
	case serial[0]&0x80 != 0:
		return fmt.Errorf("serial %x is negative: RFC 5280 4.1.2.2 wants a positive number", serial)
	case len(serial) == 1 && serial[0] == 0:
		return fmt.Errorf("serial is zero: RFC 5280 4.1.2.2 wants a positive number")
	case len(serial) > 1 && serial[0] == 0 && serial[1]&0x80 == 0:
		return fmt.Errorf("serial %x has a needless leading zero", serial)
	}
	return nil
}

// SerialOf returns the content octets of the DER INTEGER n.
func SerialOf(n *big.Int) ([]byte, error) {
	if n == nil || n.Sign() <= 0 {
		return nil, fmt.Errorf("serial %v is not positive: RFC 5280 4.1.2.2", n)
	}
	return contentOctets(n.Bytes())
}

// ParseSerial reads a serial written as hexadecimal digits, as OpenSSL and
// this project print them; 0x in front, and colons or spaces between the octets, are
// fine, as other software and certificate viewers write them.
func ParseSerial(s string) ([]byte, error) {
	digits := strings.NewReplacer(":", "", " ", "").Replace(strings.TrimSpace(s))
	if rest, ok := strings.CutPrefix(strings.ToLower(digits), "0x"); ok {
		digits = rest
	}
	if strings.HasPrefix(digits, "-") {
		return nil, fmt.Errorf("serial %s is negative: RFC 5280 4.1.2.2 wants a positive number", s)
	}
	if len(digits)%2 == 1 {
		digits = "0" + digits
	}
	raw, err := hex.DecodeString(digits)
	if err != nil {
		return nil, fmt.Errorf("parsing serial %q: want hexadecimal digits, such as 0a1b, 0A:1B or 0x0a1b", s)
	}
	return contentOctets(raw)
}

// contentOctets turns an unsigned number into the content of a DER INTEGER.
func contentOctets(raw []byte) ([]byte, error) {
	for len(raw) > 1 && raw[0] == 0 {
		raw = raw[1:]
	}
	if len(raw) > 0 && raw[0]&0x80 != 0 {
		raw = append([]byte{0}, raw...)
	}
	if err := CheckSerial(raw); err != nil {
		return nil, err
	}
	return raw, nil
}

// ShardOf returns the shard of a serial: the first two octets of its SHA-256,
// big endian, modulo the number of shards. It must agree with the shards that
// the OCSP bundles are cut by.
func ShardOf(serial []byte, shards int) int {
	if shards <= 1 {
		return 0
	}
	return bucketOf(serial) % shards
}

// bucketOf is what a row stores so that its shard can be recomputed in SQL
// when the number of shards changes.
func bucketOf(serial []byte) int {
	sum := sha256.Sum256(serial)
	return int(binary.BigEndian.Uint16(sum[:2]))
}
