// Package sshsig verifies the signatures that `ssh-keygen -Y sign` makes (PROTOCOL.sshsig of the OpenSSH sources), and
// signs nothing. The public key is always pinned by the caller: the key inside a signature says only which of the
// pinned keys it claims to be of. A signature of a FIDO key counts only when somebody touched the device.
package sshsig

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

const (
	magic = "SSHSIG"
	begin = "-----BEGIN SSH SIGNATURE-----\n"
	end   = "-----END SSH SIGNATURE-----\n"
)

// Armored reports whether a text begins like a signature.
func Armored(text []byte) bool { return bytes.HasPrefix(text, []byte(begin)) }

// Split takes signatures apart that stand one behind the other; what is behind the last one is the last part.
func Split(text []byte) (all [][]byte) {
	for len(text) > 0 {
		i := bytes.Index(text, []byte(end))
		if i < 0 {
			return append(all, text)
		}
		all, text = append(all, text[:i+len(end)]), text[i+len(end):]
	}
	return all
}

// A Signature is one that was read; nothing of it is verified yet.
type Signature struct {
	PublicKey []byte // the key that it claims to be of, in the wire encoding
	Namespace string
	hash      string
	reserved  string
	inner     ssh.Signature
}

// blob is what the armour holds after the magic.
type blob struct {
	Version   uint32
	PublicKey []byte
	Namespace string
	Reserved  string
	Hash      string
	Signature []byte
}

// Parse reads one armoured signature. Anything before or behind it is refused.
func Parse(armored []byte) (*Signature, error) {
	text := bytes.ReplaceAll(armored, []byte("\r\n"), []byte("\n"))
	block, rest := pem.Decode(text)
	if !Armored(text) || block == nil || block.Type != "SSH SIGNATURE" || len(block.Headers) > 0 ||
		!bytes.HasPrefix(block.Bytes, []byte(magic)) {
		return nil, errors.New("it is not an SSH signature as ssh-keygen -Y sign makes them")
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("there is something behind the SSH signature")
	}
	var b blob
	if err := ssh.Unmarshal(block.Bytes[len(magic):], &b); err != nil {
		return nil, fmt.Errorf("parsing the SSH signature: %w", err)
	}
	if b.Version != 1 {
		return nil, fmt.Errorf("SSH signature of version %d is not supported", b.Version)
	}
	s := &Signature{PublicKey: b.PublicKey, Namespace: b.Namespace, hash: b.Hash, reserved: b.Reserved}
	if err := ssh.Unmarshal(b.Signature, &s.inner); err != nil {
		return nil, fmt.Errorf("parsing the SSH signature: %w", err)
	}
	if len(s.inner.Rest) > 0 && !isFIDO(s.inner.Format) {
		return nil, errors.New("parsing the SSH signature: there is something behind the signature value")
	}
	return s, nil
}

// Verify holds the signature of a message, made for a namespace, against a pinned key.
func (s *Signature) Verify(message []byte, namespace string, pinned ssh.PublicKey) error {
	switch {
	case s.Namespace != namespace:
		return fmt.Errorf("the SSH signature is for %q, not for %q", s.Namespace, namespace)
	case !bytes.Equal(s.PublicKey, pinned.Marshal()):
		return errors.New("it is made with another key than the pinned one")
	case s.inner.Format == ssh.KeyAlgoRSA: // RSA with SHA-1
		return fmt.Errorf("signature algorithm %q is too weak", s.inner.Format)
	}
	var digest []byte
	switch s.hash {
	case "sha256":
		sum := sha256.Sum256(message)
		digest = sum[:]
	case "sha512":
		sum := sha512.Sum512(message)
		digest = sum[:]
	default:
		return fmt.Errorf("hash %q in the SSH signature is not supported", s.hash)
	}
	if isFIDO(s.inner.Format) && (len(s.inner.Rest) == 0 || s.inner.Rest[0]&userPresent == 0) {
		return errors.New("nobody touched the FIDO key when it signed (no user presence); sign again without -O " +
			"no-touch-required")
	}
	signed := ssh.Marshal(struct {
		Namespace, Reserved, Hash string
		Digest                    []byte
	}{s.Namespace, s.reserved, s.hash, digest})
	if err := pinned.Verify(append([]byte(magic), signed...), &s.inner); err != nil {
		return fmt.Errorf("it does not verify: %w", err)
	}
	return nil
}

// userPresent is the flag of PROTOCOL.u2f that says that the device was touched.
const userPresent = 1

func isFIDO(format string) bool {
	return format == ssh.KeyAlgoSKED25519 || format == ssh.KeyAlgoSKECDSA256
}

// usable are the types of keys that may be pinned: no DSA, and no certificates, whose meaning is another one.
var usable = []string{
	ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384,
	ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSA,
}

// minRSA is the shortest RSA modulus in bits.
const minRSA = 2048

// ParseKey reads a file with one public key: a line as ssh-keygen writes it, or PEM as openssl does.
func ParseKey(file []byte) (ssh.PublicKey, error) {
	key, err := readKey(file)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(usable, key.Type()) {
		return nil, fmt.Errorf("a public key of type %q is not supported; use one of %s", key.Type(),
			strings.Join(usable, ", "))
	}
	if c, ok := key.(ssh.CryptoPublicKey); ok {
		if r, ok := c.CryptoPublicKey().(*rsa.PublicKey); ok && r.N.BitLen() < minRSA {
			return nil, fmt.Errorf("an RSA key of %d bits is too short; %d are needed", r.N.BitLen(), minRSA)
		}
	}
	return key, nil
}

func readKey(file []byte) (ssh.PublicKey, error) {
	block, rest := pem.Decode(file)
	if block == nil {
		key, _, _, rest, err := ssh.ParseAuthorizedKey(file)
		if err != nil || len(bytes.TrimSpace(rest)) != 0 {
			return nil, fmt.Errorf("it is neither one PEM block nor one OpenSSH public key (%v)", err)
		}
		return key, nil
	}
	if block.Type != "PUBLIC KEY" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("it is not one PEM block PUBLIC KEY")
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	switch public.(type) {
	case *ecdsa.PublicKey, ed25519.PublicKey, *rsa.PublicKey:
		return ssh.NewPublicKey(public)
	}
	return nil, fmt.Errorf("a public key of type %T is not supported", public)
}
