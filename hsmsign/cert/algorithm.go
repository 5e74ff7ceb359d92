package cert

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/mldsa"
	"crypto/rsa"
	"fmt"

	"seihon/hsmsign/internal/algid"
)

// signatureAlgorithms maps the names of profiles to what a key is asked for.
var signatureAlgorithms = map[string]struct {
	key  string
	opts crypto.SignerOpts
}{
	"rsa-sha256":     {"rsa", crypto.SHA256},
	"rsa-sha384":     {"rsa", crypto.SHA384},
	"rsa-sha512":     {"rsa", crypto.SHA512},
	"rsa-pss-sha256": {"rsa", &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}},
	"rsa-pss-sha384": {"rsa", &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA384}},
	"rsa-pss-sha512": {"rsa", &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA512}},
	"ecdsa-sha256":   {"ecdsa", crypto.SHA256},
	"ecdsa-sha384":   {"ecdsa", crypto.SHA384},
	"ecdsa-sha512":   {"ecdsa", crypto.SHA512},
	"ed25519":        {"ed25519", nil},
	"ml-dsa":         {"ml-dsa", nil},
}

// algorithm returns what the key signs with under that name; "" leaves it to the key.
func algorithm(pub crypto.PublicKey, name string) (*algid.Algorithm, error) {
	if name == "" {
		return algid.For(pub, nil)
	}
	a, ok := signatureAlgorithms[name]
	if !ok || a.key != keyKind(pub) {
		return nil, fmt.Errorf("choosing signature algorithm: %s does not fit a key of type %T", name, pub)
	}
	return algid.For(pub, a.opts)
}

func keyKind(pub crypto.PublicKey) string {
	switch pub.(type) {
	case *rsa.PublicKey:
		return "rsa"
	case *ecdsa.PublicKey:
		return "ecdsa"
	case ed25519.PublicKey:
		return "ed25519"
	case *mldsa.PublicKey:
		return "ml-dsa"
	}
	return ""
}

// sign has the key sign the message, hashed where the algorithm hashes.
func sign(a *algid.Algorithm, key crypto.Signer, message []byte) ([]byte, error) {
	if a.Hash != 0 {
		h := a.Hash.New()
		h.Write(message)
		message = h.Sum(nil)
	}
	return a.Sign(key, message)
}
