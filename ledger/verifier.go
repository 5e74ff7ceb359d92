package ledger

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Signature types of c2sp.org/signed-note.
const (
	algEd25519 = 0x01
	algECDSA   = 0x02
)

// maxCheckpoint caps a checkpoint that is read from elsewhere.
const maxCheckpoint = 64 << 10

// A NoteVerifier verifies one key's note signatures and knows its own text form.
type NoteVerifier struct {
	name string
	hash uint32
	vkey string
	pub  crypto.PublicKey
}

// Name implements note.Verifier.
func (v *NoteVerifier) Name() string { return v.name }

// KeyHash implements note.Verifier.
func (v *NoteVerifier) KeyHash() uint32 { return v.hash }

// String is the verifier key, as ParseKey takes it.
func (v *NoteVerifier) String() string { return v.vkey }

// Verify implements note.Verifier.
func (v *NoteVerifier) Verify(msg, sig []byte) bool {
	switch pub := v.pub.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(pub, msg, sig)
	case *ecdsa.PublicKey:
		// SHA-256 whatever the curve: transparency-dev/formats knows no other.
		h := sha256.Sum256(msg)
		return ecdsa.VerifyASN1(pub, h[:], sig)
	}
	return false
}

// ParseKey parses a verifier key of c2sp.org/signed-note: Ed25519 (0x01) or
// ECDSA P-256 (0x02).
func ParseKey(vkey string) (*NoteVerifier, error) {
	vkey = strings.TrimSpace(vkey)
	name, rest, _ := strings.Cut(vkey, "+")
	hash, key64, ok := strings.Cut(rest, "+")
	key, err := base64.StdEncoding.DecodeString(key64)
	if !ok || err != nil || len(key) < 2 || len(hash) != 8 {
		return nil, fmt.Errorf("parsing verifier key %.80q: want <name>+<hash>+<base64>", vkey)
	}
	var pub crypto.PublicKey
	switch key[0] {
	case algEd25519:
		if len(key) != 1+ed25519.PublicKeySize {
			return nil, fmt.Errorf("parsing verifier key of %q: an Ed25519 key has 32 bytes, not %d", name, len(key)-1)
		}
		pub = ed25519.PublicKey(key[1:])
	case algECDSA:
		p, err := x509.ParsePKIXPublicKey(key[1:])
		if err != nil {
			return nil, fmt.Errorf("parsing verifier key of %q: %w", name, err)
		}
		pub = p
	default:
		return nil,
			fmt.Errorf("parsing verifier key of %q: unknown signature type 0x%02x; a log key is Ed25519 (0x01) or "+
				"ECDSA P-256 (0x02)", name, key[0])
	}
	v, err := newNoteVerifier(name, pub)
	if err != nil {
		return nil, fmt.Errorf("parsing verifier key: %w", err)
	}
	if want, err := strconv.ParseUint(hash, 16, 32); err != nil || uint32(want) != v.hash {
		return nil, fmt.Errorf("parsing verifier key of %q: its hash is %08x, the key says %q", name, v.hash, hash)
	}
	return v, nil
}

func newNoteVerifier(name string, pub crypto.PublicKey) (*NoteVerifier, error) {
	if name == "" ||
		strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == '+' || r == 0x7f || r == '\uFFFD' }) {
		return nil, fmt.Errorf("%q cannot be the name of a key", name)
	}
	v := &NoteVerifier{name: name, pub: pub}
	var key []byte
	switch pub := pub.(type) {
	case ed25519.PublicKey:
		key = append([]byte{algEd25519}, pub...)
		h := sha256.Sum256(append([]byte(name+"\n"), key...))
		v.hash = binary.BigEndian.Uint32(h[:])
	case *ecdsa.PublicKey:
		if pub.Curve != elliptic.P256() {
			return nil, fmt.Errorf("key of %q: a log key's curve is P-256, not %s", name, pub.Params().Name)
		}
		spki, err := x509.MarshalPKIXPublicKey(pub)
		if err != nil {
			return nil, fmt.Errorf("key of %q: %w", name, err)
		}
		key = append([]byte{algECDSA}, spki...)
		h := sha256.Sum256(spki)
		v.hash = binary.BigEndian.Uint32(h[:])
	default:
		return nil, fmt.Errorf("key of %q: a log key is Ed25519 or ECDSA P-256, not %T", name, pub)
	}
	v.vkey = fmt.Sprintf("%s+%08x+%s", name, v.hash, base64.StdEncoding.EncodeToString(key))
	return v, nil
}

// VKey encodes a public key, Ed25519 or ECDSA P-256, as a verifier key.
func VKey(origin string, pub crypto.PublicKey) (string, error) {
	v, err := newNoteVerifier(origin, pub)
	if err != nil {
		return "", fmt.Errorf("encoding verifier key: %w", err)
	}
	return v.vkey, nil
}

// A NoteSigner signs notes with any crypto.Signer, also one in a token.
type NoteSigner struct {
	NoteVerifier
	key crypto.Signer
}

// NewNoteSigner makes a note signer from any ECDSA P-256 or Ed25519 key.
func NewNoteSigner(origin string, s crypto.Signer) (*NoteSigner, error) {
	v, err := newNoteVerifier(origin, s.Public())
	if err != nil {
		return nil, fmt.Errorf("making a note signer: %w", err)
	}
	return &NoteSigner{NoteVerifier: *v, key: s}, nil
}

// Sign implements note.Signer and checks the signature before it lets it out.
func (s *NoteSigner) Sign(msg []byte) ([]byte, error) {
	var sig []byte
	var err error
	if _, ok := s.pub.(*ecdsa.PublicKey); ok {
		h := sha256.Sum256(msg)
		sig, err = s.key.Sign(rand.Reader, h[:], crypto.SHA256)
	} else {
		sig, err = s.key.Sign(rand.Reader, msg, crypto.Hash(0))
	}
	if err != nil {
		return nil, fmt.Errorf("signing with key %08x of %q: %w", s.hash, s.name, err)
	}
	if !s.Verify(msg, sig) {
		return nil, fmt.Errorf("signing with key %08x of %q: the signature it gave does not verify", s.hash, s.name)
	}
	return sig, nil
}

// A Checkpoint is the content of a verified checkpoint.
type Checkpoint struct {
	Origin string
	Size   int64
	Root   tlog.Hash
	Note   []byte // the whole signed note
}

// text is what is signed, c2sp.org/tlog-checkpoint.
func (c *Checkpoint) text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, c.Root)
}

// ParseCheckpoint reads a checkpoint without verifying any signature.
func ParseCheckpoint(signed []byte) (Checkpoint, error) {
	if len(signed) > maxCheckpoint {
		return Checkpoint{}, fmt.Errorf("parsing checkpoint: %d bytes are too many", len(signed))
	}
	body, sigs, ok := strings.Cut(string(signed), "\n\n")
	lines := strings.Split(body, "\n")
	if !ok || !strings.HasPrefix(sigs, "— ") || len(lines) < 3 || lines[0] == "" {
		return Checkpoint{}, errors.New("parsing checkpoint: not a signed note with an origin, a size and a root")
	}
	n, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != lines[1] {
		return Checkpoint{}, fmt.Errorf("parsing checkpoint: %.40q is not a tree size", lines[1])
	}
	root, ok := parseHash([]byte(lines[2]))
	if !ok {
		return Checkpoint{}, fmt.Errorf("parsing checkpoint: %.80q is not a root hash", lines[2])
	}
	return Checkpoint{Origin: lines[0], Size: n, Root: root, Note: bytes.Clone(signed)}, nil
}

// A Verifier says which checkpoints are to be believed: those of one origin
// that every one of its keys has signed. Every one, so that the theft of a
// software key beside the one in the token is not enough to forge.
type Verifier struct {
	origin string
	keys   []*NoteVerifier
}

// NewVerifier makes a Verifier from verifier keys, all of which must have signed.
func NewVerifier(origin string, vkeys ...string) (*Verifier, error) {
	v := &Verifier{origin: origin}
	if len(vkeys) == 0 {
		return nil, errors.New("making a verifier: it needs at least one key")
	}
	for _, s := range vkeys {
		k, err := ParseKey(s)
		if err != nil {
			return nil, err
		}
		if k.name != origin {
			return nil, fmt.Errorf("making a verifier: the key %08x is of %q, the log is %q", k.hash, k.name, origin)
		}
		v.keys = append(v.keys, k)
	}
	return v, nil
}

// Origin is the name of the log.
func (v *Verifier) Origin() string { return v.origin }

// Keys are the verifier keys, sorted.
func (v *Verifier) Keys() []string {
	s := make([]string, len(v.keys))
	for i, k := range v.keys {
		s[i] = k.vkey
	}
	slices.Sort(s)
	return s
}

// Open verifies a signed checkpoint.
func (v *Verifier) Open(signed []byte) (Checkpoint, error) {
	c, err := ParseCheckpoint(signed)
	if err != nil {
		return Checkpoint{}, err
	}
	if c.Origin != v.origin {
		return Checkpoint{}, &OriginError{Want: v.origin, Got: c.Origin}
	}
	list := make([]note.Verifier, len(v.keys))
	for i, k := range v.keys {
		list[i] = k
	}
	n, err := note.Open(signed, note.VerifierList(list...))
	if err != nil {
		return Checkpoint{}, &KeyError{Origin: v.origin, Size: c.Size, Err: err}
	}
	for _, s := range n.Sigs {
		// Padding bits that are not zero would let the same signature be spelt in several ways.
		if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
			return Checkpoint{}, &KeyError{Origin: v.origin, Size: c.Size,
				Err: fmt.Errorf("the signature of key %08x is not canonical base64", s.Hash)}
		}
	}
	for _, k := range v.keys {
		if !slices.ContainsFunc(n.Sigs, func(s note.Signature) bool { return s.Name == k.name && s.Hash == k.hash }) {
			return Checkpoint{}, &KeyError{Origin: v.origin, Size: c.Size,
				Err: fmt.Errorf("the pinned key %08x has not signed it", k.hash)}
		}
	}
	return c, nil
}
