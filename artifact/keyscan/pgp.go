package keyscan

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// pgpFirst holds the first octets of secret-key (5) and secret-subkey (7) packets in the old and the new format, RFC
// 9580 section 4.2.
var pgpFirst = [256]bool{0x94: true, 0x95: true, 0x96: true, 0x9c: true, 0x9d: true, 0x9e: true, 0xc5: true, 0xc7: true}

// findPGP looks for binary OpenPGP secret keys at any offset.
func findPGP(b []byte) *Finding {
	const high = 0x80_80_80_80_80_80_80_80 // every first octet is above 0x7f, of which text and dates have none
	for i := 0; i < len(b); i++ {
		for len(b)-i >= 8 && binary.LittleEndian.Uint64(b[i:])&high == 0 {
			i += 8
		}
		for end := min(i+8, len(b)); i < end; i++ {
			if pgpFirst[b[i]] && isSecretPacket(b[i:]) {
				return &Finding{What: "OpenPGP private key", Offset: i}
			}
		}
		i--
	}
	return nil
}

// isSecretPacket checks the packet from its header to the octet that says how the secret part is protected.
func isSecretPacket(b []byte) bool {
	body, size, ok := pgpBody(b)
	if !ok || len(body) < 8 || size < 16 {
		return false
	}
	version, rest := body[0], body[1:]
	if created := binary.BigEndian.Uint32(rest); created < 631152000 { // 1990, before OpenPGP
		return false
	}
	rest = rest[4:]
	if version == 3 {
		rest = rest[2:] // days of validity
	} else if version < 3 || version > 6 {
		return false
	}
	if len(rest) < 5 {
		return false
	}
	algorithm := rest[0]
	rest = rest[1:]
	if version >= 5 {
		rest = rest[4:] // length of the public part
	}
	rest, ok = skipPublic(algorithm, rest)
	if !ok || len(rest) < 2 {
		return false
	}
	length := 0
	switch algorithm {
	case 25, 27:
		length = 32
	case 26:
		length = 56
	case 28:
		length = 57
	}
	return protects(version, rest, len(body) == size, length)
}

// pgpBody returns the body of the packet as far as it is there, and how long it should be.
func pgpBody(b []byte) (body []byte, size int, ok bool) {
	if len(b) < 8 {
		return nil, 0, false
	}
	head := 0
	switch c := b[0]; {
	case c&0x40 != 0 && b[1] < 192:
		head, size = 2, int(b[1])
	case c&0x40 != 0 && b[1] < 224:
		head, size = 3, (int(b[1])-192)<<8+int(b[2])+192
	case c&0x40 != 0 && b[1] == 255:
		head, size = 6, int(binary.BigEndian.Uint32(b[2:]))
	case c&0x40 != 0: // partial lengths are not for keys
		return nil, 0, false
	case c&3 == 0:
		head, size = 2, int(b[1])
	case c&3 == 1:
		head, size = 3, int(binary.BigEndian.Uint16(b[1:]))
	default:
		head, size = 5, int(binary.BigEndian.Uint32(b[1:]))
	}
	if size > 1<<16 {
		return nil, 0, false
	}
	return b[head:min(head+size, len(b))], size, true
}

// A number is the range of bits that a public number of an algorithm has, and whether it is odd.
type number struct {
	min, max int
	odd      bool
}

// The numbers of an algorithm; public exponents are short, moduli are not, and both are odd.
var (
	rsaNumbers     = []number{{512, 16384, true}, {2, 64, true}}
	dsaNumbers     = []number{{512, 8192, true}, {160, 512, true}, {2, 8192, false}, {2, 8192, false}}
	elgamalNumbers = []number{{512, 16384, true}, {2, 16384, false}, {256, 16384, false}}
	pointNumbers   = []number{{200, 1100, false}}
)

// skipPublic skips the public numbers of an algorithm, RFC 9580 section 5.5.5.
func skipPublic(algorithm byte, b []byte) ([]byte, bool) {
	switch algorithm {
	case 1, 2, 3:
		return skipNumbers(rsaNumbers, b)
	case 17:
		return skipNumbers(dsaNumbers, b)
	case 16, 20:
		return skipNumbers(elgamalNumbers, b)
	case 18, 19, 22: // ECDH, ECDSA, EdDSA of RFC 4880
		return skipPoint(algorithm, b)
	case 25, 27: // X25519, Ed25519
		return skipRaw(32, b)
	case 26: // X448
		return skipRaw(56, b)
	case 28: // Ed448
		return skipRaw(57, b)
	}
	return nil, false
}

func skipRaw(n int, b []byte) ([]byte, bool) {
	if len(b) < n {
		return nil, false
	}
	return b[n:], true
}

// skipPoint skips the name of a curve, a point, and for ECDH how the key is derived.
func skipPoint(algorithm byte, b []byte) ([]byte, bool) {
	if len(b) < 1 || len(b) < 1+int(b[0]) || !knownCurve(b[1:1+int(b[0])]) {
		return nil, false
	}
	rest, ok := skipNumbers(pointNumbers, b[1+int(b[0]):])
	if !ok || algorithm != 18 {
		return rest, ok
	}
	if len(rest) < 4 || rest[0] != 3 || rest[1] != 1 {
		return nil, false
	}
	return rest[4:], true
}

func skipNumbers(numbers []number, b []byte) ([]byte, bool) {
	for _, want := range numbers {
		if len(b) < 3 {
			return nil, false
		}
		n := int(binary.BigEndian.Uint16(b))
		end := 2 + (n+7)/8
		if n < want.min || n > want.max || bits.Len8(b[2]) != (n-1)%8+1 || len(b) < end || want.odd && b[end-1]&1 == 0 {
			return nil, false
		}
		b = b[end:]
	}
	return b, true
}

// knownCurve reports whether oid is one of the curves of RFC 9580 section 9.2, whose first arcs are few.
func knownCurve(oid []byte) bool {
	for _, arc := range []string{"\x2a\x86\x48\xce\x3d\x03\x01\x07", "\x2b\x81\x04\x00",
		"\x2b\x24\x03\x03\x02\x08\x01\x01",
		"\x2b\x06\x01\x04\x01\xda\x47\x0f\x01", "\x2b\x06\x01\x04\x01\x97\x55\x01\x05\x01", "\x2b\x65"} {
		if bytes.HasPrefix(oid, []byte(arc)) && len(oid) <= len(arc)+1 {
			return true
		}
	}
	return false
}

// protects judges the secret part: how it is protected, or, when it is not, its checksum. length is that of the private
// number of an algorithm without structure, or zero.
func protects(version byte, b []byte, whole bool, length int) bool {
	switch usage := b[0]; {
	case usage >= 253:
		return isPassphrase(version, usage, b[1:])
	case usage >= 1 && usage <= 10: // the cipher alone, with MD5, as PGP 2 did
		return version <= 4 && length == 0
	case usage != 0 || len(b) < 12 || !whole:
		return false
	case version >= 5: // no checksum, but a length in version 5
		return length == 0 || len(b) == 1+length
	}
	sum := uint16(0)
	for _, c := range b[1 : len(b)-2] {
		sum += uint16(c)
	}
	return sum == binary.BigEndian.Uint16(b[len(b)-2:])
}

// isPassphrase reads a cipher and how its key is made from a passphrase, RFC 9580 section 3.7.1.
func isPassphrase(version, usage byte, b []byte) bool {
	if version >= 5 {
		b = b[min(1, len(b)):] // length of what follows
	}
	if len(b) < 5 || b[0] < 1 || b[0] > 13 {
		return false
	}
	b = b[1:]
	if usage == 253 { // an AEAD mode
		if b[0] < 1 || b[0] > 3 {
			return false
		}
		b = b[1:]
	}
	if version == 6 {
		b = b[1:] // length of the specifier
	}
	if len(b) < 2 {
		return false
	}
	kind, hash := b[0], b[1]
	switch kind {
	case 0, 1, 3:
		return hash >= 1 && hash <= 14
	case 4: // Argon2, which names no hash
		return true
	case 101: // GnuPG's own
		return bytes.HasPrefix(b[2:], []byte("GNU"))
	}
	return false
}
