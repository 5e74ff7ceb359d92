package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"seihon/artifact/sshsig"
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

func verifySSH(message, armored, publicKey []byte) error {
	pinned, err := sshsig.ParseKey(publicKey)
	if err != nil {
		return fmt.Errorf("parsing the operator's public key: %w", err)
	}
	s, err := sshsig.Parse(armored)
	if err != nil {
		return err
	}
	if err := s.Verify(message, ApprovalsNamespace, pinned); err != nil {
		return fmt.Errorf("it is not a signature of this list by the operator's key: %w", err)
	}
	return nil
}
