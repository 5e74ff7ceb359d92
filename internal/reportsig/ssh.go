package reportsig

import (
	"crypto/rand"
	"crypto/sha512"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"

	"golang.org/x/crypto/ssh"
)

// Namespace keeps a signature of a report from being taken for one of anything else (ssh-keygen -Y, option -n).
const Namespace = "seihon-report"

// An sshSigner makes SSHSIG signatures (OpenSSH, PROTOCOL.sshsig).
type sshSigner struct{ key ssh.Signer }

func openSSH(raw []byte, passphrase func() ([]byte, error)) (Signer, error) {
	key, err := ssh.ParsePrivateKey(raw)
	if missing := (*ssh.PassphraseMissingError)(nil); errors.As(err, &missing) {
		word, err := passphrase()
		if err != nil {
			return nil, fmt.Errorf("asking for the passphrase: %w", err)
		}
		if key, err = ssh.ParsePrivateKeyWithPassphrase(raw, word); err != nil {
			return nil, fmt.Errorf("opening it with the passphrase: %w", err)
		}
		return sshSigner{key}, nil
	}
	if err != nil {
		return nil, err
	}
	return sshSigner{key}, nil
}

// The blob of SSHSIG is "SSHSIG", version 1 and the public key, then what is signed as well: namespace, a reserved
// string, the name of the hash; last the signature.
func (s sshSigner) Sign(report []byte) ([]byte, error) {
	const magic = "SSHSIG"
	sum := sha512.Sum512(report)
	about := appendStrings(nil, []byte(Namespace), nil, []byte("sha512"))
	message := appendStrings(append([]byte(magic), about...), sum[:])
	sig, err := s.sign(message)
	if err != nil {
		return nil, fmt.Errorf("signing the report: %w", err)
	}
	blob := appendStrings(binary.BigEndian.AppendUint32([]byte(magic), 1), s.key.PublicKey().Marshal())
	blob = appendStrings(append(blob, about...), ssh.Marshal(sig))
	return pem.EncodeToMemory(&pem.Block{Type: "SSH SIGNATURE", Bytes: blob}), nil
}

// sign avoids the SHA-1 that an RSA key would use by default.
func (s sshSigner) sign(message []byte) (*ssh.Signature, error) {
	if s.key.PublicKey().Type() != ssh.KeyAlgoRSA {
		return s.key.Sign(rand.Reader, message)
	}
	key, ok := s.key.(ssh.AlgorithmSigner)
	if !ok {
		return nil, errors.New("the RSA key cannot sign with SHA-512")
	}
	return key.SignWithAlgorithm(rand.Reader, message, ssh.KeyAlgoRSASHA512)
}

// appendStrings appends strings of RFC 4251 section 5.
func appendStrings(b []byte, all ...[]byte) []byte {
	for _, s := range all {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
	}
	return b
}
