// Package reportsig signs a report with the auditor's own key, so that whoever receives the report can tell who vouches
// for it, with OpenSSH or OpenSSL and without our software.
//
// It is the one place of the keyless binary besides its publication log where a private key is used. The key is the
// auditor's, on the auditor's machine, and what is signed is a file that says what was found: never a certificate, a
// revocation list, a response or anything else that is published. Only `publisher verify --sign-with` gets here;
// layers_test.go holds the house to it.
//
// A key is a file that nobody else may read. Its passphrase is asked for on the terminal, never taken from the command
// line.
package reportsig

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"seihon/internal/secret"
)

// A Signer makes the detached signature of a report.
type Signer interface {
	Sign(report []byte) ([]byte, error)
}

// Open reads the key that "ssh:PATH" or "pem:PATH" names. Passphrase is asked only when the key has one.
func Open(key string, passphrase func() ([]byte, error)) (Signer, error) {
	kind, path, _ := strings.Cut(key, ":")
	if path == "" || kind != "ssh" && kind != "pem" {
		return nil, fmt.Errorf("%q names no key: must be ssh:PATH or pem:PATH", key)
	}
	raw, err := secret.File(path, maxKey)
	if err != nil {
		return nil, fmt.Errorf("reading the auditor's key: %w", err)
	}
	var s Signer
	if kind == "ssh" {
		s, err = openSSH(raw, passphrase)
	} else {
		s, err = openPEM(raw)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the auditor's key %q: %w", path, err)
	}
	return s, nil
}

// maxKey bounds a key file.
const maxKey = 64 << 10

// A pemSigner signs so that `openssl dgst -sha256 -verify` or, with Ed25519, `openssl pkeyutl -verify -rawin` accepts
// it.
type pemSigner struct{ key crypto.Signer }

func openPEM(raw []byte) (Signer, error) {
	for {
		var block *pem.Block
		if block, raw = pem.Decode(raw); block == nil {
			return nil, errors.New("it has no private key in PEM")
		}
		var key any
		var err error
		switch {
		case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
			return nil,
				errors.New("it is encrypted, which only keys of OpenSSH may be here; decrypt it with `openssl pkey` " +
					"into a file of mode 0600, or use ssh:PATH")
		case block.Type == "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case block.Type == "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		case block.Type == "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		default:
			continue
		}
		if err != nil {
			return nil, err
		}
		switch key := key.(type) {
		case ed25519.PrivateKey:
			return pemSigner{key}, nil
		case *ecdsa.PrivateKey:
			return pemSigner{key}, nil
		case *rsa.PrivateKey:
			return pemSigner{key}, nil
		}
		return nil, fmt.Errorf("it is %T, must be an Ed25519, ECDSA or RSA key", key)
	}
}

func (s pemSigner) Sign(report []byte) ([]byte, error) {
	message, hash := report, crypto.Hash(0)
	if _, ok := s.key.(ed25519.PrivateKey); !ok {
		sum := sha256.Sum256(report)
		message, hash = sum[:], crypto.SHA256
	}
	sig, err := s.key.Sign(rand.Reader, message, hash)
	if err != nil {
		return nil, fmt.Errorf("signing the report: %w", err)
	}
	return sig, nil
}
