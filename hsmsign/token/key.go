package token

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/mldsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/miekg/pkcs11"

	"seihon/artifact/signature"
)

// KeySpec selects exactly one private key: all that is not empty must match.
type KeySpec struct {
	URI   string // RFC 7512, with object= and/or id=
	Label string // CKA_LABEL
	ID    []byte // CKA_ID
	SPKI  []byte // pin: SHA-256 of the DER SubjectPublicKeyInfo (32 bytes), or all of it; nil: not pinned
}

// Key is a private key in the token. It implements crypto.Signer and is safe for concurrent use.
type Key struct {
	token  *Token
	label  string
	id     []byte
	public crypto.PublicKey
	spki   []byte
	check  *signature.Key // the public key, prepared for the self-check
	cached atomic.Pointer[keyHandle]
}

type keyHandle struct {
	line   *connection
	handle pkcs11.ObjectHandle
}

// Public returns the public key that every signature is checked with.
func (k *Key) Public() crypto.PublicKey { return k.public }

// Label is the key's CKA_LABEL.
func (k *Key) Label() string { return k.label }

// ID is the key's CKA_ID.
func (k *Key) ID() []byte { return bytes.Clone(k.id) }

// SPKI is the DER SubjectPublicKeyInfo.
func (k *Key) SPKI() []byte { return bytes.Clone(k.spki) }

// Pin is the SHA-256 of the SubjectPublicKeyInfo, for KeySpec.SPKI.
func (k *Key) Pin() [32]byte { return sha256.Sum256(k.spki) }

// URI names the key in RFC 7512 form.
func (k *Key) URI() string {
	u := k.token.want
	u.Object, u.ID, u.Type = k.label, k.id, "private"
	return u.String()
}

// Signer finds the one private key that spec selects and its public key, and checks the pin.
func (t *Token) Signer(ctx context.Context, spec KeySpec) (*Key, error) {
	u, err := spec.selector(t.want)
	if err != nil {
		return nil, err
	}
	var k *Key
	err = t.lookUp(ctx, func(c *pkcs11.Ctx, line *connection) error {
		handle, err := findKey(c, line.keeper, u, t.cfg.PIN == nil)
		if err != nil {
			return err
		}
		found := &Key{token: t, label: u.Object, id: u.ID}
		if found.label == "" {
			found.label = string(attribute(c, line.keeper, handle, pkcs11.CKA_LABEL))
		}
		if len(found.id) == 0 {
			found.id = attribute(c, line.keeper, handle, pkcs11.CKA_ID)
		}
		if b := attribute(c, line.keeper, handle, pkcs11.CKA_ALWAYS_AUTHENTICATE); len(b) == 1 && b[0] != 0 {
			return fmt.Errorf("using key %s: it asks for the PIN at every signature (CKA_ALWAYS_AUTHENTICATE), which "+
				"a batch cannot do; make it without", u)
		}
		found.public, err = findPublic(c, line.keeper, handle, found, spec.SPKI)
		if err != nil {
			return fmt.Errorf("using key %s: %w", u, err)
		}
		found.cached.Store(&keyHandle{line, handle})
		k = found
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = checkStrength(k.public)
	if err != nil {
		return nil, fmt.Errorf("using key %s: %w", u, err)
	}
	k.check = signature.NewKey(k.public)
	k.spki, err = x509.MarshalPKIXPublicKey(k.public)
	if err != nil {
		return nil, fmt.Errorf("encoding the public key of %s: %w", u, err)
	}
	if !pinned(spec.SPKI, k.spki) {
		return nil,
			fmt.Errorf("using key %s: %w: its public key has SHA-256 %x, the pin is %x; this is another key with the "+
				"same name, or the pin is out of date", u, ErrWrongKey, k.Pin(), pinDigest(spec.SPKI))
	}
	return k, nil
}

// selector merges the fields of s and the token's own URI.
func (s KeySpec) selector(token URI) (URI, error) {
	var u URI
	if s.URI != "" {
		var err error
		u, err = ParseURI(s.URI)
		if err != nil {
			return u, err
		}
		if u.Type != "" && u.Type != "private" {
			return u, fmt.Errorf("selecting key %s: type is %q, not private", u, u.Type)
		}
		for _, f := range []struct{ name, here, there string }{{"token", u.Token, token.Token},
			{"serial", u.Serial, token.Serial}} {
			if f.here != "" && f.there != "" && f.here != f.there {
				return u, fmt.Errorf("selecting key %s: it is on %s %q, and the open token is %q", u, f.name, f.here,
					f.there)
			}
		}
	}
	if s.Label != "" {
		if u.Object != "" && u.Object != s.Label {
			return u, fmt.Errorf("selecting key %s: the label is given twice, and %q differs", u, s.Label)
		}
		u.Object = s.Label
	}
	if len(s.ID) > 0 {
		if len(u.ID) > 0 && !bytes.Equal(u.ID, s.ID) {
			return u, fmt.Errorf("selecting key %s: the id is given twice, and %x differs", u, s.ID)
		}
		u.ID = s.ID
	}
	if u.Object == "" && len(u.ID) == 0 {
		return u, errors.New("selecting key: neither label nor id is given")
	}
	if n := len(s.SPKI); n > 0 && n < sha256.Size {
		return u,
			fmt.Errorf("selecting key %s: the SPKI pin has %d bytes; it is a SHA-256 or a whole SubjectPublicKeyInfo",
				u, n)
	}
	return u, nil
}

func pinDigest(pin []byte) []byte {
	if len(pin) == sha256.Size {
		return pin
	}
	digest := sha256.Sum256(pin)
	return digest[:]
}

// pinned reports whether spki satisfies pin.
func pinned(pin, spki []byte) bool {
	digest := sha256.Sum256(spki)
	return len(pin) == 0 || bytes.Equal(pinDigest(pin), digest[:])
}

// checkStrength refuses keys that no certificate policy of an accredited CA allows.
func checkStrength(public crypto.PublicKey) error {
	switch p := public.(type) {
	case *rsa.PublicKey:
		if p.N.BitLen() < 2048 || p.N.BitLen() > 8192 {
			return fmt.Errorf("an RSA key of %d bits is not supported (2048 to 8192)", p.N.BitLen())
		}
	case *ecdsa.PublicKey, ed25519.PublicKey, *mldsa.PublicKey:
	default:
		return fmt.Errorf("a key of type %T is not supported", public)
	}
	return nil
}

// handle returns the key's handle on line, looking it up when the connection is a new one.
func (k *Key) handle(ctx context.Context, line *connection) (pkcs11.ObjectHandle, error) {
	if cached := k.cached.Load(); cached != nil && cached.line == line {
		return cached.handle, nil
	}
	var handle pkcs11.ObjectHandle
	err := k.token.keep(ctx, line, func(c *pkcs11.Ctx, line *connection) error {
		var err error
		handle, err = findKey(c, line.keeper, URI{Object: k.label, ID: k.id}, false)
		return err
	})
	if err != nil {
		return 0, err
	}
	k.cached.Store(&keyHandle{line, handle})
	return handle, nil
}

// forget drops the cached handle.
func (k *Key) forget() { k.cached.Store(nil) }

// findKey finds exactly one private key.
func findKey(c *pkcs11.Ctx, s pkcs11.SessionHandle, u URI, loggedOut bool) (pkcs11.ObjectHandle, error) {
	handles, err := findObjects(c, s, pkcs11.CKO_PRIVATE_KEY, u.Object, u.ID)
	if err != nil {
		return 0, fmt.Errorf("finding key %s: %w", u, err)
	}
	if len(handles) == 1 {
		return handles[0], nil
	}
	if len(handles) > 1 {
		return 0, fmt.Errorf("finding key %s: %w: %d private keys match: %s; select by label and id", u,
			ErrKeyAmbiguous, len(handles), describe(c, s, handles))
	}
	all, err := findObjects(c, s, pkcs11.CKO_PRIVATE_KEY, "", nil)
	switch {
	case err != nil:
		return 0, fmt.Errorf("listing keys: %w", err)
	case len(all) == 0 && loggedOut:
		return 0,
			fmt.Errorf("finding key %s: %w: the token shows no private key without a login; configure a PIN source", u,
				ErrKeyNotFound)
	case len(all) == 0:
		return 0, fmt.Errorf("finding key %s: %w: the token holds no private key; generate one first", u,
			ErrKeyNotFound)
	}
	return 0, fmt.Errorf("finding key %s: %w: the token holds %s; correct label or id", u, ErrKeyNotFound,
		describe(c, s, all))
}

// maxListed bounds how many keys an error message names.
const maxListed = 10

func describe(c *pkcs11.Ctx, s pkcs11.SessionHandle, handles []pkcs11.ObjectHandle) string {
	var names []string
	for i, h := range handles {
		if i == maxListed {
			names = append(names, fmt.Sprintf("and %d more", len(handles)-maxListed))
			break
		}
		names = append(names,
			fmt.Sprintf("%q id %x", attribute(c, s, h, pkcs11.CKA_LABEL), attribute(c, s, h, pkcs11.CKA_ID)))
	}
	return strings.Join(names, ", ")
}

// findObjects lists objects of a class, by label and id where given.
func findObjects(c *pkcs11.Ctx, s pkcs11.SessionHandle, class uint, label string,
	id []byte) ([]pkcs11.ObjectHandle, error) {
	template := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, class)}
	if label != "" {
		template = append(template, pkcs11.NewAttribute(pkcs11.CKA_LABEL, label))
	}
	if len(id) > 0 {
		template = append(template, pkcs11.NewAttribute(pkcs11.CKA_ID, id))
	}
	err := c.FindObjectsInit(s, template)
	if err != nil {
		return nil, err
	}
	var found []pkcs11.ObjectHandle
	for {
		some, _, err := c.FindObjects(s, 64)
		if err != nil {
			return nil, errors.Join(err, c.FindObjectsFinal(s))
		}
		if len(some) == 0 {
			return found, c.FindObjectsFinal(s)
		}
		found = append(found, some...)
	}
}

// attribute reads one attribute; nil when the token does not have it. One at a time, since NSS answers a list with
// one attribute that it does not know with nothing but CKR_ATTRIBUTE_TYPE_INVALID.
func attribute(c *pkcs11.Ctx, s pkcs11.SessionHandle, o pkcs11.ObjectHandle, typ uint) []byte {
	values, err := c.GetAttributeValue(s, o, []*pkcs11.Attribute{pkcs11.NewAttribute(typ, nil)})
	if err != nil || len(values) != 1 {
		return nil
	}
	return values[0].Value
}
