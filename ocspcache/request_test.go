package ocspcache

import (
	"bytes"
	"crypto"
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ocsp"
)

// explicit adds an element with a context-specific tag.
func explicit(b *cryptobyte.Builder, tag uint8, f func(*cryptobyte.Builder)) {
	b.AddASN1(cbasn1.Tag(tag).ContextSpecific().Constructed(), f)
}

// extensions adds [2] EXPLICIT Extensions with the given ones.
func extensions(list ...[]byte) func(*cryptobyte.Builder) {
	return func(b *cryptobyte.Builder) {
		explicit(b, 2, func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				for _, e := range list {
					b.AddBytes(e)
				}
			})
		})
	}
}

func extension(oid string, critical bool) []byte {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes([]byte(oid)) })
		if critical {
			b.AddASN1Boolean(true)
		}
		b.AddASN1OctetString([]byte{4, 1, 7})
	})
	return b.BytesOrPanic()
}

func TestParseRequest(t *testing.T) {
	t.Parallel()
	k1, k2 := testKey(crypto.SHA1, "sub", 1), testKey(crypto.SHA256, "sub", 1)
	plain := makeRequest([]Key{k1}, nil)
	md5 := Key{crypto.MD5, make([]byte, 16), make([]byte, 16), []byte{5}}
	wrap := func(tbs func(*cryptobyte.Builder), after ...byte) []byte {
		var b cryptobyte.Builder
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, tbs)
			b.AddBytes(after)
		})
		return b.BytesOrPanic()
	}
	list := func(k Key, null bool, exts ...byte) func(*cryptobyte.Builder) {
		return func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					addCertID(b, k, null)
					b.AddBytes(exts)
				})
			})
		}
	}
	version := func(v int64) func(*cryptobyte.Builder) {
		return func(b *cryptobyte.Builder) {
			explicit(b, 0, func(b *cryptobyte.Builder) { b.AddASN1Int64(v) })
			list(k1, true)(b)
		}
	}
	padded := k1
	padded.Serial = append([]byte{0, 0}, k1.Serial...)
	signed := wrap(list(k1, true), 0xa0, 0x02, 0x30, 0x00)
	for _, test := range []struct {
		name string
		der  []byte
		want Request
		bad  string
	}{
		{"sha1", plain, Request{Key: k1}, ""},
		{"sha256", makeRequest([]Key{k2}, nil), Request{Key: k2}, ""},
		{"nonce", makeRequest([]Key{k1}, extensions(extension(oidNonce, false))), Request{Key: k1, Nonce: true}, ""},
		{"critical nonce", makeRequest([]Key{k1}, extensions(extension(oidNonce, true))), Request{Key: k1, Nonce: true},
			""},
		{"acceptable responses", makeRequest([]Key{k1}, extensions(extension(oidOCSPArc+"\x04", true))),
			Request{Key: k1}, ""},
		{"empty extensions", makeRequest([]Key{k1}, extensions()), Request{Key: k1}, ""},
		{"unknown extension", makeRequest([]Key{k1}, extensions(extension("\x2a\x03", false))), Request{Key: k1}, ""},
		{"unknown critical extension", makeRequest([]Key{k1}, extensions(extension("\x2a\x03", true))), Request{},
			"critical"},
		{"single extension", wrap(list(k1, true, append([]byte{0xa0, byte(2 + len(extension("\x2a\x03", false))), 0x30,
			byte(len(extension("\x2a\x03", false)))}, extension("\x2a\x03", false)...)...)), Request{Key: k1}, ""},
		{"garbage after CertID", wrap(list(k1, true, 5, 0)), Request{}, "only extensions"},
		{"no NULL", wrap(list(k1, false)), Request{Key: k1}, ""},
		{"explicit version", wrap(version(0)), Request{Key: k1}, ""},
		{"version 2", wrap(version(1)), Request{}, "version"},
		{"requestor name", wrap(func(b *cryptobyte.Builder) {
			explicit(b, 1, func(b *cryptobyte.Builder) { explicit(b, 4, func(b *cryptobyte.Builder) {}) })
			list(k1, true)(b)
		}), Request{Key: k1}, ""},
		{"signature", signed, Request{Key: k1}, ""},
		{"serial with needless zeros", makeRequest([]Key{padded}, nil), Request{Key: k1}, ""},
		{"unknown hash", makeRequest([]Key{md5}, nil),
			Request{Key: Key{0, md5.IssuerNameHash, md5.IssuerKeyHash, md5.Serial}}, ""},
		{"hash of wrong size", makeRequest([]Key{{crypto.SHA1, make([]byte, 32), make([]byte, 20), []byte{5}}}, nil),
			Request{}, "CertID"},
		{"empty serial", makeRequest([]Key{{crypto.SHA1, k1.IssuerNameHash, k1.IssuerKeyHash, nil}}, nil), Request{},
			"CertID"},
		{"same twice", makeRequest([]Key{k1, k1}, nil), Request{Key: k1}, ""},
		{"two", makeRequest([]Key{k1, k2}, nil), Request{Key: k1, Several: true}, ""},
		{"three", makeRequest([]Key{k1, k1, k2}, nil), Request{Key: k1, Several: true}, ""},
		{"none", makeRequest(nil, nil), Request{}, "requestList"},
		{"empty", nil, Request{}, "exactly one"},
		{"empty SEQUENCE", []byte{0x30, 0}, Request{}, "tbsRequest"},
		{"trailing byte", append(slices.Clone(plain), 0), Request{}, "exactly one"},
		{"cut off", plain[:len(plain)-1], Request{}, "exactly one"},
		{"indefinite length", append([]byte{0x30, 0x80}, plain[2:]...), Request{}, "exactly one"},
		{"long form of a short length", append([]byte{0x30, 0x81}, plain[1:]...), Request{}, "exactly one"},
		{"a response", testResponse(k1), Request{}, "tbsRequest"},
	} {
		got, err := ParseRequest(test.der)
		switch {
		case test.bad != "":
			if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), test.bad) {
				t.Errorf("%s: error is %v, want %q", test.name, err, test.bad)
			}
		case err != nil:
			t.Errorf("%s: %v", test.name, err)
		case !got.Key.equal(test.want.Key) || got.Nonce != test.want.Nonce || got.Several != test.want.Several:
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
}

// FuzzParseRequest compares with x/crypto/ocsp: what that takes as a request for
// one certificate, we take as a request for the same one.
func FuzzParseRequest(f *testing.F) {
	k1, k2 := testKey(crypto.SHA1, "sub", 1), testKey(crypto.SHA256, "sub", 1)
	f.Add(makeRequest([]Key{k1}, nil))
	f.Add(makeRequest([]Key{k1, k2}, nil))
	f.Add(makeRequest([]Key{k2}, extensions(extension(oidNonce, true), extension("\x2a\x03", false))))
	for _, q := range recorded(f) {
		f.Add(q.der)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		q, err := ParseRequest(der)
		if err == nil && !q.Several && q.Key.Hash != 0 {
			// What we understood can be written again, and means the same.
			again, err := ParseRequest(makeRequest([]Key{q.Key}, nil))
			if err != nil || !again.Key.equal(q.Key) {
				t.Fatalf("%x is read as %+v, that as %+v, %v", der, q, again, err)
			}
		}
		peer, peerErr := ocsp.ParseRequest(der)
		if peerErr != nil || err != nil || q.Several || q.Key.Hash != peer.HashAlgorithm {
			return
		}
		if !bytes.Equal(q.Key.IssuerKeyHash, peer.IssuerKeyHash) ||
			!bytes.Equal(q.Key.IssuerNameHash, peer.IssuerNameHash) ||
			q.Key.Serial[0] < 0x80 && !bytes.Equal(bytes.TrimLeft(q.Key.Serial, "\x00"), peer.SerialNumber.Bytes()) {
			t.Fatalf("%x is read as %+v, by x/crypto as %+v", der, q, peer)
		}
	})
}
