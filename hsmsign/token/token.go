// Package token signs with keys that live in a PKCS#11 token.
package token

import (
	"context"
	"crypto"
	"errors"
	"io"
	"time"

	"go.uber.org/zap"
)

// PINSource yields the user PIN; it is called once for a Token.
type PINSource func(ctx context.Context) ([]byte, error)

// Config says which token to open and how to behave towards it.
type Config struct {
	Module       string // path of the PKCS#11 module, such as /usr/lib/softhsm/libsofthsm2.so
	ModuleConfig string // string passed to C_Initialize (NSS: "configdir='sql:/dir' …"); empty for most modules
	TokenLabel   string
	TokenSerial  string
	URI          string // RFC 7512 URI of the token, instead of or in addition to label and serial
	PIN          PINSource
	StateDir     string        // where "this PIN was refused" is remembered; empty: only for the life of the process
	Sessions     int           // 0 means 8; at most 64
	Timeout      time.Duration // for one call into the module; 0 means 30 s
	Outage       time.Duration // how long to wait for a lost token to come back; 0 means 2 minutes
	Now          func() time.Time
	Logger       *zap.Logger
}

// KeySpec selects exactly one private key.
type KeySpec struct {
	URI   string // RFC 7512 URI with object= and/or id=
	Label string
	ID    []byte
	SPKI  []byte // pin: SHA-256 of the SubjectPublicKeyInfo (32 bytes) or the whole DER; nil: not pinned
}

// Token is an open token with its pool of sessions. It is safe for concurrent use.
type Token struct{}

// Key is a private key in the token; it implements crypto.Signer and is safe for concurrent use.
type Key struct{}

// Info is what module and token say about themselves.
type Info struct {
	Module, Library, LibraryVersion               string
	Label, Serial, Manufacturer, Model            string
	HardwareVersion, FirmwareVersion, CryptokiVer string
	Slot                                          uint
	Flags                                         []string
}

// Open opens the token that cfg names and logs in.
func Open(ctx context.Context, cfg Config) (*Token, error) { return nil, errors.ErrUnsupported }

// Signer finds the one private key that spec selects.
func (t *Token) Signer(ctx context.Context, spec KeySpec) (*Key, error) {
	return nil, errors.ErrUnsupported
}

// GenerateKey makes a key pair in the token: alg is rsa2048, rsa3072, rsa4096, p256, p384 or ed25519.
func (t *Token) GenerateKey(ctx context.Context, label, alg string) (*Key, error) {
	return nil, errors.ErrUnsupported
}

// Info returns what module and token say about themselves.
func (t *Token) Info(ctx context.Context) (Info, error) { return Info{}, errors.ErrUnsupported }

// Close logs out and releases the module.
func (t *Token) Close() error { return nil }

// InitToken initialises a free slot of the module as a token with this label and these PINs.
func InitToken(ctx context.Context, cfg Config, soPIN, userPIN []byte) error {
	return errors.ErrUnsupported
}

// Public implements crypto.Signer.
func (k *Key) Public() crypto.PublicKey { return nil }

// Sign implements crypto.Signer.
func (k *Key) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return nil, errors.ErrUnsupported
}

// SignContext is Sign under a context.
func (k *Key) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return nil, errors.ErrUnsupported
}

// Label and ID name the key in the token.
func (k *Key) Label() string { return "" }

// ID is the key's CKA_ID.
func (k *Key) ID() []byte { return nil }
