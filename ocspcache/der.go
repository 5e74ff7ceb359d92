package ocspcache

// DER tags that OCSP messages use (X.690 section 8.1.2).
const (
	tagBoolean         = 0x01
	tagInteger         = 0x02
	tagBitString       = 0x03
	tagOctetString     = 0x04
	tagNull            = 0x05
	tagOID             = 0x06
	tagEnumerated      = 0x0a
	tagGeneralizedTime = 0x18
	tagSequence        = 0x30
	tagContext0        = 0xa0
	tagContext1        = 0xa1
	tagContext2        = 0xa2
)

// cutTLV splits the first element off b. Lengths are definite and minimal (DER),
// tag numbers below 31.
func cutTLV(b []byte) (tag byte, value, rest []byte, ok bool) {
	if len(b) < 2 || b[0]&0x1f == 0x1f {
		return 0, nil, nil, false
	}
	n, head := int(b[1]), 2
	if n >= 0x80 {
		size := n & 0x7f
		if size == 0 || size > 3 || len(b) < 2+size || b[2] == 0 {
			return 0, nil, nil, false
		}
		n = 0
		for _, c := range b[2 : 2+size] {
			n = n<<8 | int(c)
		}
		if n < 0x80 {
			return 0, nil, nil, false
		}
		head += size
	}
	if n > len(b)-head {
		return 0, nil, nil, false
	}
	return b[0], b[head : head+n], b[head+n:], true
}

// cut splits an element with the given tag off b.
func cut(b []byte, tag byte) (value, rest []byte, ok bool) {
	t, value, rest, ok := cutTLV(b)
	return value, rest, ok && t == tag
}

// only returns the content of b when b is exactly one element with that tag.
func only(b []byte, tag byte) ([]byte, bool) {
	value, rest, ok := cut(b, tag)
	return value, ok && len(rest) == 0
}

// skip drops an optional element with that tag from the start of b. It fails
// only when the element is there and broken.
func skip(b []byte, tag byte) (rest []byte, ok bool) {
	if len(b) == 0 || b[0] != tag {
		return b, true
	}
	_, rest, ok = cut(b, tag)
	return rest, ok
}

// cutCertID reads a CertID (RFC 6960 section 4.1.1) off b. The parameters of the
// algorithm are absent or NULL: both are in use. An algorithm that no stored
// response can have gives a key with Hash 0.
func cutCertID(b []byte) (k Key, rest []byte, ok bool) {
	id, rest, ok := cut(b, tagSequence)
	if !ok {
		return k, nil, false
	}
	alg, id, ok := cut(id, tagSequence)
	if !ok {
		return k, nil, false
	}
	oid, params, ok := cut(alg, tagOID)
	if !ok || len(params) != 0 && (len(params) != 2 || params[0] != tagNull || params[1] != 0) {
		return k, nil, false
	}
	if k.IssuerNameHash, id, ok = cut(id, tagOctetString); !ok {
		return k, nil, false
	}
	if k.IssuerKeyHash, id, ok = cut(id, tagOctetString); !ok {
		return k, nil, false
	}
	serial, ok := only(id, tagInteger)
	if !ok || len(serial) == 0 {
		return k, nil, false
	}
	k.Serial = minimalInteger(serial)
	switch hash := hashOfOID(oid); {
	case !hash.valid():
	case len(k.IssuerNameHash) != hashes[hash].size || len(k.IssuerKeyHash) != hashes[hash].size:
		return k, nil, false
	default:
		k.Hash = hashes[hash].hash
	}
	return k, rest, true
}

// hashOfOID returns the CertID algorithm with that object identifier: id-sha1
// (1.3.14.3.2.26) or id-sha256, id-sha384, id-sha512 (2.16.840.1.101.3.4.2.1-3).
func hashOfOID(oid []byte) hashID {
	switch string(oid) {
	case "\x2b\x0e\x03\x02\x1a":
		return hashSHA1
	case "\x60\x86\x48\x01\x65\x03\x04\x02\x01":
		return hashSHA256
	case "\x60\x86\x48\x01\x65\x03\x04\x02\x02":
		return hashSHA384
	case "\x60\x86\x48\x01\x65\x03\x04\x02\x03":
		return hashSHA512
	}
	return 0
}

// cutExtension reads one Extension (RFC 5280 section 4.1) off b.
func cutExtension(b []byte) (oid []byte, critical bool, rest []byte, ok bool) {
	ext, rest, ok := cut(b, tagSequence)
	if !ok {
		return nil, false, nil, false
	}
	if oid, ext, ok = cut(ext, tagOID); !ok {
		return nil, false, nil, false
	}
	if len(ext) > 0 && ext[0] == tagBoolean {
		var flag []byte
		if flag, ext, ok = cut(ext, tagBoolean); !ok || len(flag) != 1 {
			return nil, false, nil, false
		}
		critical = flag[0] != 0
	}
	_, ok = only(ext, tagOctetString)
	return oid, critical, rest, ok
}

// Object identifiers below id-pkix-ocsp (1.3.6.1.5.5.7.48.1) that a request may
// mark critical without harm: nonce, response types, service locator, preferred
// signature algorithms. A pre-signed response cannot follow them, and RFC 6960
// section 4.4 obliges nobody to.
const (
	oidOCSPArc = "\x2b\x06\x01\x05\x05\x07\x30\x01"
	oidNonce   = oidOCSPArc + "\x02"
)

func knownRequestExtension(oid []byte) bool {
	if len(oid) != len(oidOCSPArc)+1 || string(oid[:len(oidOCSPArc)]) != oidOCSPArc {
		return false
	}
	switch oid[len(oidOCSPArc)] {
	case 2, 4, 7, 8:
		return true
	}
	return false
}
