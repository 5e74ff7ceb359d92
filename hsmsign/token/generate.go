package token

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/miekg/pkcs11"
	"go.uber.org/zap"
)

// ceremonyTimeout is for what happens once in a key's life: an HSM may search for the primes of an RSA key for minutes.
const ceremonyTimeout = 5 * time.Minute

// algorithm says how a kind of key is made.
type algorithm struct {
	mechanism uint
	kind      uint
	bits      int    // RSA
	params    []byte // elliptic curves
	set       uint   // ML-DSA: the parameter set
}

var algorithms = map[string]algorithm{
	"rsa2048":   {mechanism: pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN, kind: pkcs11.CKK_RSA, bits: 2048},
	"rsa3072":   {mechanism: pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN, kind: pkcs11.CKK_RSA, bits: 3072},
	"rsa4096":   {mechanism: pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN, kind: pkcs11.CKK_RSA, bits: 4096},
	"p256":      {mechanism: pkcs11.CKM_EC_KEY_PAIR_GEN, kind: pkcs11.CKK_EC, params: paramsP256},
	"p384":      {mechanism: pkcs11.CKM_EC_KEY_PAIR_GEN, kind: pkcs11.CKK_EC, params: paramsP384},
	"p521":      {mechanism: pkcs11.CKM_EC_KEY_PAIR_GEN, kind: pkcs11.CKK_EC, params: paramsP521},
	"ed25519":   {mechanism: ckmECEdwardsKeyPair, kind: ckkECEdwards, params: paramsEd25519},
	"ml-dsa-44": {mechanism: ckmMLDSAKeyPair, kind: ckkMLDSA, set: 1},
	"ml-dsa-65": {mechanism: ckmMLDSAKeyPair, kind: ckkMLDSA, set: 2},
	"ml-dsa-87": {mechanism: ckmMLDSAKeyPair, kind: ckkMLDSA, set: 3},
}

// GenerateKey makes a key pair in the token, never to leave it; alg is a key of algorithms. A
// label that is taken is refused, since a key must be found by it without doubt.
func (t *Token) GenerateKey(ctx context.Context, label, alg string) (*Key, error) {
	a, ok := algorithms[alg]
	if !ok {
		return nil, fmt.Errorf("generating key %q: algorithm %q is not supported; use one of %s", label, alg,
			strings.Join(slices.Sorted(maps.Keys(algorithms)), ", "))
	}
	if label == "" || len(label) > 200 || !utf8.ValidString(label) {
		return nil, fmt.Errorf("generating key: label %q must be 1 to 200 bytes of UTF-8", label)
	}
	id := make([]byte, 20)
	rand.Read(id)
	err := t.lookUp(ctx, func(c *pkcs11.Ctx, line *connection) error { return labelFree(c, line.keeper, label) })
	if err != nil {
		return nil, err
	}
	// Not through lookUp: a key pair that may or may not exist after an error must not be made twice.
	line := t.line.Load()
	err = t.keepFor(ctx, max(t.cfg.Timeout, ceremonyTimeout), line, func(c *pkcs11.Ctx, line *connection) error {
		s, err := c.OpenSession(line.slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
		if err != nil {
			return fmt.Errorf("opening a session: %w", err)
		}
		public, private := a.templates(label, id)
		_, _, err = c.GenerateKeyPair(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(a.mechanism, nil)}, public, private)
		return also(err, c.CloseSession(s))
	})
	switch {
	case isRV(err, pkcs11.CKR_MECHANISM_INVALID):
		return nil, fmt.Errorf("generating key %q: token %s cannot make %s keys: %w", label, t.want, alg, err)
	case isRV(err, pkcs11.CKR_USER_NOT_LOGGED_IN):
		return nil, fmt.Errorf("generating key %q: the token asks for a login; configure a PIN source: %w", label, err)
	case err != nil:
		return nil, fmt.Errorf("generating key %q: %w", label, err)
	}
	t.log.Info("key generated", zap.String("label", label), zap.String("algorithm", alg))
	return t.Signer(ctx, KeySpec{Label: label, ID: id})
}

func labelFree(c *pkcs11.Ctx, s pkcs11.SessionHandle, label string) error {
	for _, class := range []uint{pkcs11.CKO_PRIVATE_KEY, pkcs11.CKO_PUBLIC_KEY} {
		taken, err := findObjects(c, s, class, label, nil)
		if err != nil {
			return fmt.Errorf("looking for keys with label %q: %w", label, err)
		}
		if len(taken) > 0 {
			return fmt.Errorf("generating key %q: %w: the token holds %s; choose another label", label, ErrKeyExists,
				describe(c, s, taken))
		}
	}
	return nil
}

// templates are those of a key that signs and does nothing else.
func (a algorithm) templates(label string, id []byte) (public, private []*pkcs11.Attribute) {
	public = []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, a.kind),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, false),
		pkcs11.NewAttribute(pkcs11.CKA_VERIFY, true),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, label),
		pkcs11.NewAttribute(pkcs11.CKA_ID, id),
	}
	switch {
	case a.bits > 0:
		public = append(public,
			pkcs11.NewAttribute(pkcs11.CKA_MODULUS_BITS, a.bits),
			pkcs11.NewAttribute(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}))
	case a.set > 0:
		public = append(public, pkcs11.NewAttribute(ckaParameterSet, a.set))
	default:
		public = append(public, pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, a.params))
	}
	private = []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, a.kind),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
		pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
		pkcs11.NewAttribute(pkcs11.CKA_SIGN, true),
		pkcs11.NewAttribute(pkcs11.CKA_DECRYPT, false),
		pkcs11.NewAttribute(pkcs11.CKA_UNWRAP, false),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, label),
		pkcs11.NewAttribute(pkcs11.CKA_ID, id),
	}
	return public, private
}

// InitToken makes a token in a slot that has none yet and sets its PINs. It is for SoftHSM and for demonstrations:
// a real HSM is initialised by its own tools, in a ceremony. A token that exists is never initialised again.
func InitToken(ctx context.Context, cfg Config, soPIN, userPIN []byte) error {
	cfg, want, err := cfg.withDefaults()
	if err != nil {
		return err
	}
	if want.Token == "" || len(want.Token) > 32 {
		return fmt.Errorf("initialising token: label %q must be 1 to 32 bytes", want.Token)
	}
	for _, pin := range [][]byte{soPIN, userPIN} {
		_, err := checkPIN(pin, "PIN for the new token")
		if err != nil {
			return err
		}
	}
	if bytes.Equal(soPIN, userPIN) {
		return errors.New("initialising token: the user PIN must differ from the security officer's")
	}
	m, err := load(ctx, cfg.Module, cfg.ModuleConfig, cfg.Timeout)
	if err != nil {
		return err
	}
	err = m.call(ctx, 0, max(cfg.Timeout, ceremonyTimeout), func(c *pkcs11.Ctx) error {
		slot, err := freeSlot(c, want)
		if err != nil {
			return err
		}
		err = c.InitToken(slot, string(soPIN), want.Token)
		if err != nil {
			return fmt.Errorf("initialising token %q in slot %d: %w", want.Token, slot, err)
		}
		// SoftHSM keeps the slot's number until it is initialised again, so the slot is still the same.
		return setUserPIN(c, slot, soPIN, userPIN)
	}, nil)
	return also(err, m.release(cfg.Timeout))
}

// freeSlot finds a slot with an uninitialised token, and refuses when the label is taken.
func freeSlot(c *pkcs11.Ctx, want URI) (uint, error) {
	slots, err := c.GetSlotList(true)
	if err != nil {
		return 0, fmt.Errorf("listing slots: %w", err)
	}
	free, found := uint(0), false
	for _, s := range slots {
		info, err := c.GetTokenInfo(s)
		if err != nil {
			return 0, fmt.Errorf("asking slot %d about its token: %w", s, err)
		}
		if info.Flags&pkcs11.CKF_TOKEN_INITIALIZED != 0 {
			if clean(info.Label) == want.Token {
				return 0, fmt.Errorf("initialising token %q: %w: slot %d has it, and it is left alone", want.Token,
					ErrTokenExists, s)
			}
			continue
		}
		if !found && (want.SlotID == nil || *want.SlotID == s) {
			free, found = s, true
		}
	}
	if !found {
		return 0, fmt.Errorf("initialising token %q: %w: no slot has an uninitialised token", want.Token,
			ErrTokenAbsent)
	}
	return free, nil
}

func setUserPIN(c *pkcs11.Ctx, slot uint, soPIN, userPIN []byte) error {
	s, err := c.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		return fmt.Errorf("setting the user PIN: opening a session: %w", err)
	}
	err = c.Login(s, pkcs11.CKU_SO, string(soPIN))
	if err == nil {
		err = errors.Join(c.InitPIN(s, string(userPIN)), c.Logout(s))
	}
	err = also(err, c.CloseSession(s))
	if err != nil {
		return fmt.Errorf("setting the user PIN: %w", err)
	}
	return nil
}
