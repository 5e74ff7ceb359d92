package cert_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"strings"
	"testing"
	"time"

	"seihon/hsmsign/cert"
	"seihon/hsmsign/internal/testca"
	"seihon/internal/certprofile"
)

// rawCSR makes a request with a subject that no decent encoder would write.
func rawCSR(t testing.TB, k crypto.Signer, tag int, value string) []byte {
	t.Helper()
	type pair struct {
		OID   asn1.ObjectIdentifier
		Value asn1.RawValue
	}
	raw, err := asn1.Marshal([]asn1.RawValue{{Class: 0, Tag: asn1.TagSet, IsCompound: true, Bytes: func() []byte {
		b, err := asn1.Marshal(pair{asn1.ObjectIdentifier{2, 5, 4, 3}, asn1.RawValue{Tag: tag, Bytes: []byte(value)}})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}()}})
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{RawSubject: raw}, k)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// small is an RSA key with the exponent 3, or of 1024 bits.
func small(t testing.TB, bits, e int) crypto.Signer {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0")
	one := big.NewInt(1)
	for {
		p, err := rand.Prime(rand.Reader, bits/2)
		if err != nil {
			t.Fatal(err)
		}
		q, err := rand.Prime(rand.Reader, bits/2)
		if err != nil {
			t.Fatal(err)
		}
		phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		d := new(big.Int).ModInverse(big.NewInt(int64(e)), phi)
		n := new(big.Int).Mul(p, q)
		if d == nil || n.BitLen() != bits {
			continue
		}
		k := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n, E: e}, D: d, Primes: []*big.Int{p, q}}
		k.Precompute()
		return k
	}
}

func TestIssueRefuses(t *testing.T) {
	p := newPKI(t, "p256")
	leaf := key(t, "p256", "leaf")
	good := csr(t, leaf, "C=JP, CN=Taro")
	forged := append([]byte{}, good...)
	forged[len(forged)-1] ^= 1
	subscriber := func(r *cert.Request) {
		r.Profile, r.Issuer, r.CSR = profile(t, "subscriber"), p.sub, good
	}
	with := func(c []byte) func(*cert.Request) { return func(r *cert.Request) { subscriber(r); r.CSR = c } }
	named := func(s string) func(*cert.Request) {
		return func(r *cert.Request) {
			subscriber(r)
			r.Subject = cert.Name{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: s}}
		}
	}
	ofKey := func(k crypto.PublicKey) func(*cert.Request) {
		return func(r *cert.Request) { subscriber(r); r.CSR, r.PublicKey, r.Subject = nil, k, name(t, "CN=a") }
	}
	change := func(f func(*cert.Request)) func(*cert.Request) { return func(r *cert.Request) { subscriber(r); f(r) } }

	for _, c := range []struct {
		name string
		set  func(*cert.Request)
		want string
	}{
		{"CSR with a bad signature", with(forged), "proves possession"},
		{"CSR with trailing bytes", with(append(append([]byte{}, good...), 0)), "parsing CSR"},
		{"CSR that is a certificate", with(p.root.Raw), "parsing CSR"},
		{"PEM of another type", with(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: good})),
			"want CERTIFICATE REQUEST"},
		{"two PEM requests", with(append(pemCSR(good), pemCSR(good)...)), "give one per file"},
		{"truncated PEM", with(pemCSR(good)[:60]), "its PEM is damaged"},
		{"RSA 1024", with(csr(t, small(t, 1024, 65537), "CN=a")), "1024 bits is too weak"},
		{"RSA exponent 3", with(csr(t, small(t, 2048, 3), "CN=a")), "exponent 3"},
		{"RSA 2040", ofKey(&rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 2039, 1), E: 65537}), "too weak"},
		{"RSA 2056", ofKey(&rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 2055, 1), E: 65537}), "not accepted"},
		{"RSA even modulus", ofKey(&rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(0), 2047, 1), E: 65537}), "odd"},
		{"P-224", with(csr(t, key(t, "p224", "leaf"), "CN=a")), "curve P-224"},
		{"key the profile does not take", change(func(r *cert.Request) { r.Profile.Keys = []string{"rsa3072"} }),
			"only rsa3072"},
		{"no key at all", change(func(r *cert.Request) { r.CSR = nil }), "exactly one"},
		{"two keys", change(func(r *cert.Request) { r.PublicKey = leaf.Public() }), "exactly one"},
		{"an ML-DSA key that enciphers", change(func(r *cert.Request) {
			r.CSR, r.PublicKey, r.Subject = nil, testca.Key("ml-dsa-65", "leaf").Public(), name(t, "CN=a")
			r.Profile.KeyUsage = []string{"digitalSignature", "keyEncipherment"}
		}), "RFC 9881 section 5"},
		{"the issuer's key", ofKey(p.subKey.Public()), "issuer's own key"},

		{"control character", named("Ta\x00ro"), "control"},
		{"escape sequence", named("\x1b[31mTaro"), "control"},
		{"bidirectional override", named("Ta\u202ero"), "control"},
		{"invalid UTF-8", named("Ta\xffro"), "not valid UTF-8"},
		{"replacement character", named("Ta\ufffdro"), "damaged"},
		{"trailing space", named("Taro "), "space"},
		{"empty value", named(""), "empty"},
		{"too long", named(strings.Repeat("長", 65)), "at most 64"},
		{"CSR with a control character", with(rawCSR(t, leaf, asn1.TagUTF8String, "a\nb")), "control"},
		{"CSR with invalid UTF-8", with(rawCSR(t, leaf, asn1.TagUTF8String, "a\xffb")), "UTF"},
		{"CSR with TeletexString", with(rawCSR(t, leaf, asn1.TagT61String, "abc")), "0x14"},
		{"CSR with two attributes in an RDN", with(csr(t, leaf, "CN=x", func(r *x509.CertificateRequest) {
			r.RawSubject = nil
			r.Subject = pkix.Name{Organization: []string{"a", "b"}}
		})), "one attribute per RDN"},
		{"CSR without a name",
			with(csr(t, leaf, "CN=x", func(r *x509.CertificateRequest) { r.RawSubject = []byte{0x30, 0} })),
			"name is empty"},
		{"CSR with subjectAltName",
			with(csr(t, leaf, "CN=x", func(r *x509.CertificateRequest) { r.DNSNames = []string{"a.example"} })),
			"does not allow"},

		{"serial 0", change(func(r *cert.Request) { r.Serial = big.NewInt(0) }), "not positive"},
		{"serial negative", change(func(r *cert.Request) { r.Serial = big.NewInt(-5) }), "not positive"},
		{"serial of 21 octets", change(func(r *cert.Request) { r.Serial = new(big.Int).Lsh(big.NewInt(1), 160) }),
			"21 octets"},
		{"serial of 20 octets with the top bit set",
			change(func(r *cert.Request) { r.Serial = new(big.Int).Lsh(big.NewInt(1), 159) }), "21 octets"},
		{"no serial", change(func(r *cert.Request) { r.Serial = nil }), "no serial"},

		{"foreign issuer", change(func(r *cert.Request) { r.Issuer = p.root }), "foreign issuer"},
		{"no issuer", change(func(r *cert.Request) { r.Issuer = nil }), "needs an issuer"},
		{"issuer without cA", change(func(r *cert.Request) {
			c := *p.sub
			c.IsCA = false
			r.Issuer = &c
		}), "not a CA"},
		{"issuer without keyCertSign", change(func(r *cert.Request) {
			c := *p.sub
			c.KeyUsage = x509.KeyUsageCRLSign
			r.Issuer = &c
		}), "not a CA"},
		{"expired issuer", change(func(r *cert.Request) { r.Now = func() time.Time { return noon.AddDate(11, 0, 0) } }),
			"expired"},
		{"issuer not yet valid",
			change(func(r *cert.Request) { r.Now = func() time.Time { return noon.AddDate(-1, 0, 0) } }),
			"not valid before"},
		{"notAfter beyond the issuer", change(func(r *cert.Request) { r.NotAfter = noon.AddDate(30, 0, 0) }),
			"is after that of"},
		{"notBefore before the issuer", change(func(r *cert.Request) { r.NotBefore = noon.AddDate(0, 0, -1) }),
			"before the issuer's"},
		{"notAfter before notBefore", change(func(r *cert.Request) {
			r.NotBefore, r.NotAfter = noon.AddDate(1, 0, 0), noon.AddDate(0, 1, 0)
		}), "not after notBefore"},
		{"no end", change(func(r *cert.Request) { r.Profile.Validity = certprofile.Validity{} }), "sets an end"},
		{"subordinate under path length 0", change(func(r *cert.Request) {
			r.Profile, r.Subject = profile(t, "subordinate"), name(t, "CN=deeper")
		}), "path length 0"},
		{"subordinate with the issuer's name", func(r *cert.Request) {
			r.Profile, r.Issuer, r.Signer = profile(t, "subordinate"), p.root, &counter{Signer: p.rootKey}
			r.PublicKey, r.Subject = leaf.Public(), name(t, "C=JP, O=Example Corp, CN=Root CA")
		}, "link profile"},

		{"https OCSP", change(func(r *cert.Request) { r.URLs.OCSP = []string{"https://ocsp.example.jp"} }), "OCSP URL"},
		{"CRL file name", change(func(r *cert.Request) { r.URLs.CRL = []string{"crl/root.crl"} }), "CRL URL"},
		{"URL with a space", change(func(r *cert.Request) { r.URLs.CRL = []string{"http://a.example/a b.crl"} }),
			"CRL URL"},
		{"delta without base", change(func(r *cert.Request) { r.URLs.DeltaCRL = []string{"http://a.example/d.crl"} }),
			"delta"},
		{"alternative name with a control character",
			change(func(r *cert.Request) { r.Alternative.DNS = []string{"a\n.example"} }), "DNS name"},
		{"publication without consent", change(func(r *cert.Request) { r.Profile.Publish = true }), "consent id"},
		{"signature algorithm of another key",
			change(func(r *cert.Request) { r.Profile.SignatureAlgorithm = "rsa-sha256" }), "does not fit"},
		{"bad profile", change(func(r *cert.Request) { r.Profile.KeyUsage = []string{"keyCertSign"} }),
			"CA kinds only"},
		{"no profile", change(func(r *cert.Request) { r.Profile = nil }), "no profile"},
		{"misspelt accepted lint", change(func(r *cert.Request) { r.Profile.AcceptedLints = []string{"e_nothing"} }),
			"no lint of this version"},
		{"lint", change(func(r *cert.Request) { r.Profile.KeyUsage = []string{"keyEncipherment"} }), "linting: e_"},
	} {
		t.Run(c.name, func(t *testing.T) {
			signer := &counter{Signer: p.subKey}
			r := cert.Request{Signer: signer, Serial: big.NewInt(7), Now: now}
			c.set(&r)
			if s, ok := r.Signer.(*counter); ok {
				signer = s
			}
			der, err := cert.Issue(t.Context(), r)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one with %q", err, c.want)
			}
			if der != nil || signer.signed != 0 {
				t.Errorf("the key was used %d times", signer.signed)
			}
		})
	}
}

func pemCSR(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

// Name constraints of the issuer are enforced before signing, by the rehearsal.
func TestIssueRefusesBrokenNameConstraints(t *testing.T) {
	p := newPKI(t, "p256")
	subKey := key(t, "p256", "constrained")
	sub := issue(t, cert.Request{
		Profile: profile(t, "subordinate", func(p *cert.Profile) {
			p.NameConstraints = &certprofile.NameConstraints{Permitted: certprofile.Subtrees{DNS: []string{"example.jp"}, IP: []string{"192.0.2.0/24"}}}
		}),
		Signer: p.rootKey, Issuer: p.root, Subject: name(t, "C=JP, CN=Constrained CA"), PublicKey: subKey.Public(),
	})
	for host, ok := range map[string]bool{"www.example.jp": true, "www.example.com": false} {
		signer := &counter{Signer: subKey}
		_, err := cert.Issue(t.Context(), cert.Request{
			Profile: profile(t, "subscriber"), Signer: signer, Issuer: sub, Serial: big.NewInt(9), Now: now,
			CSR: csr(t, key(t, "p256", "leaf"), "CN=host"), Alternative: cert.AlternativeNames{DNS: []string{host}},
		})
		if ok != (err == nil) || ok != (signer.signed == 1) {
			t.Errorf("%s: signed %d times, error %v", host, signer.signed, err)
		}
	}
}

// A token that signs something else, or nothing, must not lead to a certificate.
func TestIssueRefusesABadToken(t *testing.T) {
	p := newPKI(t, "p256")
	other := key(t, "p256", "other")
	for _, c := range []struct {
		name string
		sign func([]byte) ([]byte, error)
		want string
	}{
		{"another key", func(d []byte) ([]byte, error) { return other.Sign(rand.Reader, d, crypto.SHA256) },
			"checking the signature"},
		{"garbage", func([]byte) ([]byte, error) { return []byte("garbage"), nil }, "checking the signature"},
		{"empty", func([]byte) ([]byte, error) { return nil, nil }, "checking the signature"},
		{"error", func([]byte) ([]byte, error) { return nil, errors.New("CKR_DEVICE_ERROR") }, "CKR_DEVICE_ERROR"},
	} {
		_, err := cert.Issue(t.Context(), cert.Request{
			Profile: profile(t, "subscriber"), Signer: liar{p.subKey.Public(), c.sign}, Issuer: p.sub,
			Serial: big.NewInt(9), Now: now,
			CSR: csr(t, key(t, "p256", "leaf"), "CN=a"),
		})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", c.name, err, c.want)
		}
	}
}

type liar struct {
	pub  crypto.PublicKey
	sign func([]byte) ([]byte, error)
}

func (l liar) Public() crypto.PublicKey { return l.pub }
func (l liar) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	return l.sign(digest)
}
