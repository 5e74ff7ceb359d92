package ocspcache

import (
	"bytes"
	"crypto"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"seihon/artifact"
	"seihon/public"
)

// testNow is the time of all tests.
var testNow = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

func clock() time.Time { return testNow }

var (
	oidsByHash = map[crypto.Hash]asn1.ObjectIdentifier{
		crypto.SHA1:   {1, 3, 14, 3, 2, 26},
		crypto.SHA256: {2, 16, 840, 1, 101, 3, 4, 2, 1},
		crypto.SHA384: {2, 16, 840, 1, 101, 3, 4, 2, 2},
		crypto.SHA512: {2, 16, 840, 1, 101, 3, 4, 2, 3},
		crypto.MD5:    {1, 2, 840, 113549, 2, 5},
	}
	asn1OCSPBasic = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}
	asn1OCSPNonce = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}
	asn1SHA256RSA = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}
)

// addCertID adds the CertID of k.
func addCertID(b *cryptobyte.Builder, k Key, null bool) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oidsByHash[k.Hash])
			if null {
				b.AddASN1NULL()
			}
		})
		b.AddASN1OctetString(k.IssuerNameHash)
		b.AddASN1OctetString(k.IssuerKeyHash)
		b.AddASN1(cbasn1.INTEGER, func(b *cryptobyte.Builder) { b.AddBytes(k.Serial) })
	})
}

// responseSpec describes a response that makeResponse builds. Nobody looks at its
// signature here: the responder has no use for it.
type responseSpec struct {
	keys       []Key
	this, next time.Time
	nonce      []byte
	noNext     bool
	size       int // of the filling in place of a signature
}

func makeResponse(s responseSpec) []byte {
	var data cryptobyte.Builder
	data.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.Tag(2).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
			b.AddASN1OctetString(make([]byte, 20))
		})
		b.AddASN1GeneralizedTime(s.this)
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, k := range s.keys {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					addCertID(b, k, true)
					b.AddASN1(cbasn1.Tag(0).ContextSpecific(), func(b *cryptobyte.Builder) {})
					b.AddASN1GeneralizedTime(s.this)
					if !s.noNext {
						b.AddASN1(cbasn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
							b.AddASN1GeneralizedTime(s.next)
						})
					}
				})
			}
		})
		if s.nonce != nil {
			b.AddASN1(cbasn1.Tag(1).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1ObjectIdentifier(asn1OCSPNonce)
						b.AddASN1OctetString(s.nonce)
					})
				})
			})
		}
	})
	tbs := data.BytesOrPanic()
	var out cryptobyte.Builder
	out.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Enum(0)
		b.AddASN1(cbasn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(asn1OCSPBasic)
				b.AddASN1(cbasn1.OCTET_STRING, func(b *cryptobyte.Builder) {
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddBytes(tbs)
						b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
							b.AddASN1ObjectIdentifier(asn1SHA256RSA)
							b.AddASN1NULL()
						})
						b.AddASN1BitString(make([]byte, s.size))
					})
				})
			})
		})
	})
	return out.BytesOrPanic()
}

// testKey makes the key of serial number n under a made-up issuer.
func testKey(h crypto.Hash, issuer string, n uint64) Key {
	name, key := sha256.Sum256([]byte(issuer+" name")), sha256.Sum256([]byte(issuer+" key"))
	serial := binary.BigEndian.AppendUint64([]byte{0x3f}, n*0x9e3779b97f4a7c15)
	if h == crypto.SHA1 {
		name1, key1 := sha1.Sum(name[:]), sha1.Sum(key[:])
		return Key{h, name1[:], key1[:], serial}
	}
	return Key{h, name[:], key[:], serial}
}

// testResponse is a response for k that is fresh at testNow.
func testResponse(k Key) []byte {
	return makeResponse(responseSpec{keys: []Key{k}, this: testNow.Add(-time.Hour), next: testNow.Add(71 * time.Hour),
		size: 256})
}

// makeBundle writes a bundle with the given responses.
func makeBundle(tb testing.TB, issuer string, shard uint16, responses map[*Key][]byte) ([]byte, BundleSummary) {
	tb.Helper()
	var buf bytes.Buffer
	w := NewBundleWriter(&buf, issuer, shard)
	for k, der := range responses { // in random order
		if err := w.Add(*k, der); err != nil {
			tb.Fatal(err)
		}
	}
	summary, err := w.Close()
	if err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes(), summary
}

// testBundle makes a bundle of n certificates, each with a SHA-1 and a SHA-256
// response, and returns the keys.
func testBundle(tb testing.TB, n int) ([]byte, []Key) {
	tb.Helper()
	var keys []Key
	responses := make(map[*Key][]byte)
	for i := range n {
		for _, h := range []crypto.Hash{crypto.SHA1, crypto.SHA256} {
			k := testKey(h, "sub", uint64(i))
			keys = append(keys, k)
			responses[&k] = testResponse(k)
		}
	}
	b, _ := makeBundle(tb, "sub", 0, responses)
	return b, keys
}

// A repository is a public directory under construction.
type repository struct {
	tb     testing.TB
	root   string
	number uint64
}

func newRepository(tb testing.TB) *repository {
	return &repository{tb: tb, root: tb.TempDir()}
}

// write puts a file under a public name, in the way of a sync: whole or not at all.
func (r *repository) write(name string, content []byte) {
	r.tb.Helper()
	path := filepath.Join(r.root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.tb.Fatal(err)
	}
	if err := os.WriteFile(path+".tmp", content, 0o644); err != nil {
		r.tb.Fatal(err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		r.tb.Fatal(err)
	}
}

// publish writes the bundles of a new generation and then the generation.
func (r *repository) publish(issuer string, shards int, responses map[*Key][]byte) *Generation {
	r.tb.Helper()
	r.number++
	g := r.generation(issuer, r.number, shards, responses)
	r.write(public.Generation(issuer), g.Public([]byte("proof\n")))
	return g
}

func (r *repository) generation(issuer string, number uint64, shards int, responses map[*Key][]byte) *Generation {
	r.tb.Helper()
	parts := make([]map[*Key][]byte, shards)
	for i := range parts {
		parts[i] = make(map[*Key][]byte)
	}
	for k, der := range responses {
		parts[ShardOf(k.Serial, shards)][k] = der
	}
	g := &Generation{Issuer: issuer, Number: number, ThisUpdate: testNow.Add(-time.Hour)}
	for i, part := range parts {
		content, s := makeBundle(r.tb, issuer, uint16(i), part)
		r.write(public.Bundle(s.Digest), content)
		g.Bundles = append(g.Bundles, GenerationBundle{uint16(i), s.Digest, s.Size, s.Count, s.MinNextUpdate})
		if s.Count > 0 && (g.NextUpdate.IsZero() || s.MinNextUpdate.Before(g.NextUpdate)) {
			g.NextUpdate = s.MinNextUpdate
		}
	}
	return g
}

// open opens the repository as a source that looks for changes only when told.
func (r *repository) open() *Directory {
	r.tb.Helper()
	d, err := OpenDirectory(r.tb.Context(), DirectoryConfig{Root: r.root, Poll: time.Hour, Now: clock})
	if err != nil {
		r.tb.Fatal(err)
	}
	r.tb.Cleanup(func() {
		if err := d.Close(); err != nil {
			r.tb.Error(err)
		}
	})
	return d
}

func mustHandler(tb testing.TB, cfg HandlerConfig) *Handler {
	tb.Helper()
	if cfg.Now == nil {
		cfg.Now = clock
	}
	h, err := NewHandler(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

// makeRequest builds an OCSPRequest from its parts.
func makeRequest(keys []Key, change func(tbs *cryptobyte.Builder)) []byte {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				for _, k := range keys {
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { addCertID(b, k, true) })
				}
			})
			if change != nil {
				change(b)
			}
		})
	})
	return b.BytesOrPanic()
}

func digestOf(b []byte) string { return fmt.Sprint(artifact.Sum(b)) }

// testPrivateKey is an Ed25519 key that nobody uses (RFC 8410 section 10.3).
const testPrivateKey = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
`
