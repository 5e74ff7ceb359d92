package signature_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha512"
	"encoding/asn1"
	"math/big"
	"strconv"
	"testing"

	"seihon/artifact/signature"
)

var hashes = []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512}

func digestOf(hash crypto.Hash, message string) []byte {
	h := hash.New()
	h.Write([]byte(message))
	return h.Sum(nil)
}

// TestPKCS1v15 holds the check against the standard library on good and on broken
// signatures, for the length with assembly, the ones without, and an exponent that
// is left to the standard library.
func TestPKCS1v15(t *testing.T) {
	for _, bits := range []int{2048, 2056, 3072} {
		private, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		key := signature.NewKey(private.Public())
		for _, hash := range hashes {
			digest := digestOf(hash, "x")
			good, err := rsa.SignPKCS1v15(rand.Reader, private, hash, digest)
			if err != nil {
				t.Fatal(err)
			}
			pss, err := rsa.SignPSS(rand.Reader, private, hash, digest, nil)
			if err != nil {
				t.Fatal(err)
			}
			plusN := new(big.Int).Add(new(big.Int).SetBytes(good), private.N).FillBytes(make([]byte, len(good)+1))
			cases := map[string][]byte{
				"good": good, "plus N": plusN, "N": private.N.Bytes(), "short": good[1:],
				"long":  append([]byte{0}, good...),
				"empty": nil, "zero": make([]byte, len(good)), "PSS": pss,
			}
			for i := 0; i < len(good); i += 17 {
				cases["broken at "+string(rune('a'+i/17))] = flip(good, i)
			}
			for name, s := range cases {
				want := rsa.VerifyPKCS1v15(&private.PublicKey, hash, digest, s)
				got := key.PKCS1v15(hash, digest, s)
				if (got == nil) != (want == nil) || (got == nil) != (name == "good") {
					t.Errorf("%d bits, %v, %s: %v, the standard library says %v", bits, hash, name, got, want)
				}
			}
			for name, wrong := range map[string][]byte{"another digest": digestOf(hash, "y"),
				"a short digest": digest[1:], "no digest": nil} {
				if key.PKCS1v15(hash, wrong, good) == nil {
					t.Errorf("%d bits, %v: %s passed", bits, hash, name)
				}
			}
			if key.PKCS1v15(crypto.SHA1, digest[:20], good) == nil || key.ECDSA(digest, good) == nil {
				t.Errorf("%d bits, %v: passed as something else", bits, hash)
			}
		}
	}
}

// TestOneSignatureHasOneForm: a signature plus the modulus has the same power, and where it is of the
// same length, too, only the rule that it be less than the modulus refuses it (RFC 8017 section
// 5.2.2).
func TestOneSignatureHasOneForm(t *testing.T) {
	for _, bits := range []int{2048, 3072} {
		private, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		key := signature.NewKey(private.Public())
		plusN := new(big.Int)
		for i := 0; plusN.Sign() == 0; i++ { // until there is room for the sum
			digest := digestOf(crypto.SHA256, strconv.Itoa(i))
			good, err := rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, digest)
			if err != nil {
				t.Fatal(err)
			}
			if plusN.Add(plusN.SetBytes(good), private.N); plusN.BitLen() > bits {
				plusN.SetInt64(0)
				continue
			}
			if err := key.PKCS1v15(crypto.SHA256, digest, good); err != nil {
				t.Errorf("%d bits: %v", bits, err)
			}
			if key.PKCS1v15(crypto.SHA256, digest, plusN.FillBytes(make([]byte, bits/8))) == nil {
				t.Errorf("%d bits: the signature plus the modulus passed", bits)
			}
		}
	}
}

// TestForgedPadding takes what e = 3 made famous: a block that begins right and
// has room for anything after the digest, or another filling.
func TestForgedPadding(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	key := signature.NewKey(private.Public())
	digest := digestOf(crypto.SHA256, "x")
	good, err := rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, digest)
	if err != nil {
		t.Fatal(err)
	}
	block := new(big.Int).Exp(new(big.Int).SetBytes(good), big.NewInt(65537), private.N).FillBytes(make([]byte, 256))
	sign := func(block []byte) []byte {
		return new(big.Int).Exp(new(big.Int).SetBytes(block), private.D, private.N).FillBytes(make([]byte, 256))
	}
	if key.PKCS1v15(crypto.SHA256, digest, sign(block)) != nil {
		t.Fatal("the block as it is does not verify")
	}
	shifted := append(bytes.Clone(block[:12]), block[256-52:]...) // 00 01 ff… 00 DigestInfo, then garbage
	shifted = append(shifted, make([]byte, 256-len(shifted))...)
	for name, forged := range map[string][]byte{"garbage after": shifted, "type 2": flip(block, 1),
		"first byte": flip(block, 2), "separator": flip(block, 256-52)} {
		if key.PKCS1v15(crypto.SHA256, digest, sign(forged)) == nil {
			t.Errorf("%s: passed", name)
		}
	}
}

// TestECDSA holds both ways of the check, without the table and with it, against
// the standard library: on good signatures, on ones changed in every byte, and on
// the values at the edges.
func TestECDSA(t *testing.T) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P256(), elliptic.P384()} {
		private, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		key := signature.NewKey(private.Public())
		check := func(digest, s []byte) {
			t.Helper()
			want := ecdsa.VerifyASN1(&private.PublicKey, digest, s)
			if got := key.ECDSA(digest, s) == nil; got != want {
				t.Fatalf("%s, digest %x, signature %x: %v, the standard library says %v", curve.Params().Name, digest,
					s, got, want)
			}
		}
		for i := range 100 { // the table is made on the way
			for _, hash := range hashes {
				digest := digestOf(hash, string(rune(i)))
				good, err := ecdsa.SignASN1(rand.Reader, private, digest)
				if err != nil {
					t.Fatal(err)
				}
				check(digest, good)
				check(flip(digest, i%len(digest)), good)
				check(digest, flip(good, i%len(good)))
			}
		}
		digest := digestOf(crypto.SHA256, "x")
		good, err := ecdsa.SignASN1(rand.Reader, private, digest)
		if err != nil {
			t.Fatal(err)
		}
		for i := range good {
			check(digest, flip(good, i))
		}
		check(make([]byte, 32), good)
		check(digest, append(bytes.Clone(good), 0))
		check(digest, nil)
		n := curve.Params().N
		minusOne := new(big.Int).Sub(n, big.NewInt(1))
		goodR, goodS, err := ecdsa.Sign(rand.Reader, private, digest)
		if err != nil {
			t.Fatal(err)
		}
		edges := []*big.Int{
			goodR, goodS, new(big.Int).Sub(n, goodS), new(big.Int).Add(n, goodR), curve.Params().P,
			new(big.Int).Sub(goodR, n), new(big.Int).Sub(goodS, n), // congruent, but negative
			big.NewInt(-1), new(big.Int), big.NewInt(1), minusOne, n, new(big.Int).Add(n, big.NewInt(1)),
		}
		for _, r := range edges {
			for _, s := range edges {
				der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
				if err != nil {
					t.Fatal(err)
				}
				check(digest, der)
				check(make([]byte, 32), der)
			}
		}
	}
}

// TestOtherKeys shows that what is no RSA or ECDSA key has no such signature.
func TestOtherKeys(t *testing.T) {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := signature.NewKey(public)
	if key.PKCS1v15(crypto.SHA256, make([]byte, 32), make([]byte, 256)) == nil ||
		key.ECDSA(make([]byte, 32), make([]byte, 70)) == nil {
		t.Error("an Ed25519 key checked something else")
	}
}

func flip(b []byte, i int) []byte {
	c := bytes.Clone(b)
	c[i] ^= 4
	return c
}

func BenchmarkRSA2048(b *testing.B) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	digest := digestOf(crypto.SHA256, "x")
	good, err := rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, digest)
	if err != nil {
		b.Fatal(err)
	}
	key := signature.NewKey(private.Public())
	b.Run("key", func(b *testing.B) {
		for b.Loop() {
			if err := key.PKCS1v15(crypto.SHA256, digest, good); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("library", func(b *testing.B) {
		for b.Loop() {
			if err := rsa.VerifyPKCS1v15(&private.PublicKey, crypto.SHA256, digest, good); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkP256(b *testing.B) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	digest := digestOf(crypto.SHA256, "x")
	good, err := ecdsa.SignASN1(rand.Reader, private, digest)
	if err != nil {
		b.Fatal(err)
	}
	key := signature.NewKey(private.Public())
	b.Run("key", func(b *testing.B) {
		for b.Loop() {
			if err := key.ECDSA(digest, good); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("library", func(b *testing.B) {
		for b.Loop() {
			if !ecdsa.VerifyASN1(&private.PublicKey, digest, good) {
				b.Fatal("does not verify")
			}
		}
	})
}
