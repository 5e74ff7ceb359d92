package keyscan

import "bytes"

// findDER looks for the ASN.1 structures of private keys at every offset, because a key may be appended to, or embedded
// in, any other object. All of them begin with a SEQUENCE whose first element is a small INTEGER, or carry an algorithm
// identifier for password-based encryption, so two searches for short byte strings find the few places worth a closer
// look.
func findDER(b []byte) *Finding {
	if f := findVersioned(b); f != nil {
		return f
	}
	return findEncrypted(b)
}

var versionTag = []byte{0x02, 0x01}

func findVersioned(b []byte) *Finding {
	for at := 0; ; {
		i := bytes.Index(b[at:], versionTag)
		if i < 0 {
			return nil
		}
		at += i
		if start, end, ok := sequenceBefore(b, at); ok && at+3 < end {
			if what := versionedKey(b[at+2], b[at+3:end]); what != "" {
				return &Finding{What: what, Offset: start}
			}
		}
		at++
	}
}

// sequenceBefore finds the SEQUENCE header that ends where content begins. end is where the sequence says it ends, at
// most len(b): the head of a key is refused even when its tail was cut off.
func sequenceBefore(b []byte, content int) (start, end int, ok bool) {
	if content >= 2 && b[content-2] == 0x30 {
		if n := int(b[content-1]); n < 0x80 {
			return content - 2, min(content+n, len(b)), true
		} else if n == 0x80 { // BER indefinite length, as NSS writes PKCS#12
			return content - 2, len(b), true
		}
	}
	for w := 1; w <= 4; w++ {
		h := content - 2 - w
		if h < 0 {
			break
		}
		if b[h] != 0x30 || b[h+1] != byte(0x80|w) {
			continue
		}
		n := 0
		for _, c := range b[h+2 : content] {
			n = n<<8 | int(c)
		}
		return h, min(content+n, len(b)), true
	}
	return 0, 0, false
}

// versionedKey names the key whose sequence holds an INTEGER of value version followed by rest, or returns "".
func versionedKey(version byte, rest []byte) string {
	tag, body, after, ok := element(rest)
	if !ok {
		return ""
	}
	switch {
	case version <= 1 && tag == 0x30 && startsOID(body) && len(after) > 2 && (after[0] == 0x04 || after[0] == 0x24):
		return "PKCS#8 private key" // PrivateKeyInfo, RFC 5958 section 2
	case version <= 1 && tag == 0x02 && len(body) >= 32:
		return "PKCS#1 or DSA private key" // RSAPrivateKey, RFC 8017 appendix A.1.2, and OpenSSL's DSAPrivateKey
	case version == 1 && tag == 0x04 && len(body) >= 14 && len(body) <= 72 &&
		(len(after) == 0 || after[0] == 0xa0 || after[0] == 0xa1):
		return "SEC1 private key" // ECPrivateKey, RFC 5915 section 3
	case version == 3 && tag == 0x30 && (bytes.HasPrefix(body, oidPKCS7Data) || bytes.HasPrefix(body, oidPKCS7Signed)):
		return "PKCS#12 key store" // PFX, RFC 7292 section 4
	}
	return ""
}

func startsOID(b []byte) bool { return len(b) > 4 && b[0] == 0x06 && b[1] >= 3 && b[1] <= 16 }

// element splits the first element off b. It is lenient about truncation, because half a key is still a key.
func element(b []byte) (tag byte, body, after []byte, ok bool) {
	if len(b) < 2 {
		return 0, nil, nil, false
	}
	tag, n, head := b[0], int(b[1]), 2
	switch {
	case n == 0x80:
		return tag, b[2:], nil, true
	case n > 0x84:
		return 0, nil, nil, false
	case n > 0x80:
		w := n & 0x7f
		if len(b) < 2+w {
			return 0, nil, nil, false
		}
		n = 0
		for _, c := range b[2 : 2+w] {
			n = n<<8 | int(c)
		}
		head += w
	}
	end := min(head+n, len(b))
	return tag, b[head:end], b[end:], true
}

var (
	oidPKCS7Data   = []byte("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01")
	oidPKCS7Signed = []byte("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02")
	oidPKCSPrefix  = []byte("\x2a\x86\x48\x86\xf7\x0d\x01") // 1.2.840.113549.1
)

// findEncrypted looks for the object identifiers of password-based encryption and of PKCS#12 key bags. No artifact that
// is published contains one.
func findEncrypted(b []byte) *Finding {
	for at := 0; ; {
		i := bytes.Index(b[at:], oidPKCSPrefix)
		if i < 0 {
			return nil
		}
		at += i
		if what := encryptionOID(b, at); what != "" {
			return &Finding{What: what, Offset: max(at-2, 0)}
		}
		at++
	}
}

func encryptionOID(b []byte, at int) string {
	if at < 2 || b[at-2] != 0x06 {
		return ""
	}
	n := int(b[at-1])
	if n > 16 || at+n > len(b) {
		return ""
	}
	arc := b[at+len(oidPKCSPrefix) : max(at+n, at+len(oidPKCSPrefix))]
	switch {
	case len(arc) == 2 && arc[0] == 5 && isPBE(arc[1]): // pkcs-5
		return "encrypted private key (PKCS#5)"
	case len(arc) == 3 && arc[0] == 12 && arc[1] == 1: // pkcs-12PbeIds
		return "encrypted private key (PKCS#12 PBE)"
	case len(arc) == 4 && arc[0] == 12 && arc[1] == 10 && arc[2] == 1 && arc[3] <= 2: // keyBag, pkcs8ShroudedKeyBag
		return "PKCS#12 key bag"
	}
	return ""
}

// isPBE reports whether pkcs-5.n is an encryption scheme, as opposed to PBKDF2 (12) and PBMAC1 (14).
func isPBE(n byte) bool {
	switch n {
	case 1, 3, 4, 6, 10, 11, 13:
		return true
	}
	return false
}
