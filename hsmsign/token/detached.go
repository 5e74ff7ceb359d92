package token

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"golang.org/x/crypto/ssh"
)

// ApprovalsNamespace is the namespace of an SSH signature on the list: ssh-keygen -Y sign -n seihon-hsm-approvals.
const ApprovalsNamespace = "seihon-hsm-approvals"

// verifyDetached checks a detached signature of message in one of these forms:
//
//   - publicKey an OpenSSH public key line, signature what ssh-keygen -Y sign makes, in ApprovalsNamespace;
//   - publicKey PEM of an ECDSA key, signature what openssl dgst -sha256 -sign makes (DER);
//   - publicKey PEM of an Ed25519 key, signature what openssl pkeyutl -sign -rawin makes (64 bytes).
//
// The public key is the pin: a key inside the signature is not trusted.
func verifyDetached(message, signature, publicKey []byte) error {
	block, _ := pem.Decode(publicKey)
	if block == nil {
		return verifySSH(message, signature, publicKey)
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return fmt.Errorf("parsing the operator's public key: %w", err)
	}
	ok := false
	switch p := public.(type) {
	case *ecdsa.PublicKey:
		digest := sha256.Sum256(message)
		ok = ecdsa.VerifyASN1(p, digest[:], signature)
	case ed25519.PublicKey:
		ok = ed25519.Verify(p, message, signature)
	default:
		return fmt.Errorf("the operator's public key is of type %T; use ECDSA, Ed25519 or an OpenSSH key", public)
	}
	if !ok {
		return errors.New("it is not a signature of this list by the operator's key")
	}
	return nil
}

// sshSignature is the blob of PROTOCOL.sshsig in the OpenSSH sources, after the magic.
type sshSignature struct {
	Version   uint32
	PublicKey []byte
	Namespace string
	Reserved  string
	Hash      string
	Signature []byte
}

const sshMagic = "SSHSIG"

func verifySSH(message, armored, publicKey []byte) error {
	pinned, _, _, rest, err := ssh.ParseAuthorizedKey(publicKey)
	if err != nil || len(bytes.TrimSpace(rest)) != 0 {
		return fmt.Errorf("parsing the operator's public key: it is neither one PEM block nor one OpenSSH public key (%v)", err)
	}
	block, _ := pem.Decode(armored)
	if block == nil || block.Type != "SSH SIGNATURE" || !bytes.HasPrefix(block.Bytes, []byte(sshMagic)) {
		return errors.New("it is not an SSH signature as ssh-keygen -Y sign makes them")
	}
	var s sshSignature
	err = ssh.Unmarshal(block.Bytes[len(sshMagic):], &s)
	if err != nil {
		return fmt.Errorf("parsing the SSH signature: %w", err)
	}
	switch {
	case s.Version != 1:
		return fmt.Errorf("SSH signature of version %d is not supported", s.Version)
	case s.Namespace != ApprovalsNamespace:
		return fmt.Errorf("the SSH signature is for %q, not for %q", s.Namespace, ApprovalsNamespace)
	case !bytes.Equal(s.PublicKey, pinned.Marshal()):
		return errors.New("it is made with another key than the operator's")
	}
	var digest []byte
	switch s.Hash {
	case "sha256":
		sum := sha256.Sum256(message)
		digest = sum[:]
	case "sha512":
		sum := sha512.Sum512(message)
		digest = sum[:]
	default:
		return fmt.Errorf("hash %q in the SSH signature is not supported", s.Hash)
	}
	var inner ssh.Signature
	err = ssh.Unmarshal(s.Signature, &inner)
	if err != nil {
		return fmt.Errorf("parsing the SSH signature: %w", err)
	}
	if inner.Format == ssh.KeyAlgoRSA { // RSA with SHA-1
		return fmt.Errorf("signature algorithm %q is too weak", inner.Format)
	}
	signed := ssh.Marshal(struct {
		Namespace, Reserved, Hash string
		Digest                    []byte
	}{s.Namespace, s.Reserved, s.Hash, digest})
	err = pinned.Verify(append([]byte(sshMagic), signed...), &inner)
	if err != nil {
		return fmt.Errorf("it is not a signature of this list by the operator's key: %w", err)
	}
	return nil
}
