package ocspcache

import (
	"bytes"
	"errors"
	"fmt"
)

// A Request is what a responder of pre-signed answers needs of an OCSPRequest.
type Request struct {
	Key     Key  // of the first certificate asked for; Key.Hash is 0 for an unknown algorithm
	Nonce   bool // the client sent a nonce
	Several bool // further, different certificates were asked for
}

// ErrMalformed is the reason for an answer malformedRequest.
var ErrMalformed = errors.New("malformed OCSP request")

// ParseRequest reads a DER OCSPRequest (RFC 6960 section 4.1.1). It takes what
// real clients send: a requestorName and a signature are skipped (RFC 9919
// section 3.1.2), extensions may be absent, empty or unknown as long as they are
// not critical, and algorithm parameters may be absent or NULL. It refuses
// trailing bytes, other versions and anything that is not DER. The key points
// into der.
func ParseRequest(der []byte) (Request, error) {
	var q Request
	body, ok := only(der, tagSequence)
	if !ok {
		return q, malformed("request is not exactly one SEQUENCE")
	}
	tbs, signature, ok := cut(body, tagSequence)
	if !ok {
		return q, malformed("tbsRequest is missing")
	}
	if signature, ok = skip(signature, tagContext0); !ok || len(signature) != 0 {
		return q, malformed("bytes after tbsRequest are no signature")
	}
	if len(tbs) > 0 && tbs[0] == tagContext0 {
		var version []byte
		if version, tbs, ok = cut(tbs, tagContext0); !ok || string(version) != "\x02\x01\x00" {
			return q, malformed("version is not 1")
		}
	}
	if tbs, ok = skip(tbs, tagContext1); !ok {
		return q, malformed("requestorName is broken")
	}
	list, tbs, ok := cut(tbs, tagSequence)
	if !ok || len(list) == 0 {
		return q, malformed("requestList is missing or empty")
	}
	q, err := readList(list)
	if err != nil {
		return q, err
	}
	nonce, err := readExtensions(tbs, tagContext2)
	q.Nonce = q.Nonce || nonce
	return q, err
}

// readList reads requestList. One request is the rule (RFC 9919 section 3.1.1);
// repetitions of the same one are harmless.
func readList(list []byte) (q Request, err error) {
	for first := true; len(list) > 0; first = false {
		single, rest, ok := cut(list, tagSequence)
		if !ok {
			return q, malformed("a Request is not a SEQUENCE")
		}
		key, exts, ok := cutCertID(single)
		if !ok {
			return q, malformed("a CertID is broken")
		}
		nonce, err := readExtensions(exts, tagContext0)
		if err != nil {
			return q, err
		}
		q.Nonce = q.Nonce || nonce
		switch {
		case first:
			q.Key = key
		case !q.Key.equal(key):
			q.Several = true
		}
		list = rest
	}
	return q, nil
}

// readExtensions reads optional Extensions behind the given tag, which must fill
// b, and reports whether there is a nonce among them.
func readExtensions(b []byte, tag byte) (nonce bool, err error) {
	if len(b) == 0 {
		return false, nil
	}
	inner, ok := only(b, tag)
	if !ok {
		return false, malformed("bytes where only extensions may be")
	}
	list, ok := only(inner, tagSequence)
	if !ok {
		return false, malformed("extensions are not exactly one SEQUENCE")
	}
	for len(list) > 0 {
		oid, critical, rest, ok := cutExtension(list)
		if !ok {
			return false, malformed("an extension is broken")
		}
		if critical && !knownRequestExtension(oid) {
			return false, malformed("an extension is critical and unknown")
		}
		nonce = nonce || string(oid) == oidNonce
		list = rest
	}
	return nonce, nil
}

func (k Key) equal(o Key) bool {
	return k.Hash == o.Hash && bytes.Equal(k.Serial, o.Serial) &&
		bytes.Equal(k.IssuerKeyHash, o.IssuerKeyHash) && bytes.Equal(k.IssuerNameHash, o.IssuerNameHash)
}

func malformed(why string) error { return fmt.Errorf("%w: %s", ErrMalformed, why) }
