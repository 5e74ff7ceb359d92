package room

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"seihon/hsmsign/token"
	"seihon/internal/config"
	"seihon/internal/regular"
)

// GenerateKeys makes the keys of the configured issuers and responders that the
// token does not have, records in the master log what the token says of them, and
// pins their public keys, in this order: no key is used before it is on record. A
// key that exists already, such as one that was brought along, is recorded when it is
// pinned. only limits it to one name.
func GenerateKeys(ctx context.Context, o Options, only string) (*KeyResult, error) {
	r, err := openRoom(ctx, o)
	if err != nil {
		return nil, err
	}
	res := &KeyResult{InitResult: InitResult{Made: []string{}, Present: []string{}}}
	err = r.openLog(ctx)
	if err == nil {
		err = r.sameHistory(ctx)
	}
	if err == nil {
		err = r.recordVerdict(ctx)
	}
	if err == nil {
		err = r.approveKeys(ctx, only)
	}
	if err == nil {
		err = r.generateKeys(ctx, only, res)
	}
	return res, errors.Join(err, r.Close())
}

// KeyResult says what GenerateKeys made and what was there already.
type KeyResult struct {
	InitResult
	Recorded int64 `json:"recorded"` // size of the log that holds the evidence; 0: there was nothing new
}

func (r *Room) generateKeys(ctx context.Context, only string, res *KeyResult) error {
	var made, found []unpinned
	var err error
	known := false
	for name, k := range configuredKeys(r.Config) {
		if only != "" && name != only {
			continue
		}
		known = true
		var u *unpinned
		isNew := false
		if u, isNew, err = r.ensureKey(ctx, k, &res.InitResult); err != nil {
			break // what was made until now is put on record all the same
		}
		switch {
		case u == nil:
		case isNew:
			made = append(made, *u)
		default:
			found = append(found, *u)
		}
	}
	if !known && only != "" { // without a name there may be nothing to make: other software has all keys
		return fmt.Errorf("making key %q: no issuer or responder of the configuration has that name", only)
	}
	return errors.Join(err, r.pin(ctx, token.UseKeyChange, made, res), r.pin(ctx, token.UseSigning, found, res))
}

// unpinned is a key whose public key file is still to be written.
type unpinned struct {
	token   *RoomToken
	key     *token.Key
	file    string
	content []byte
}

// pin puts keys on record and then writes their public key files.
func (r *Room) pin(ctx context.Context, use token.Use, all []unpinned, res *KeyResult) error {
	if len(all) == 0 {
		return nil
	}
	for t := range r.open {
		var keys []*token.Key
		for _, u := range all {
			if u.token == t {
				keys = append(keys, u.key)
			}
		}
		if len(keys) == 0 {
			continue
		}
		e, err := t.Evidence(ctx, use, keys...)
		if err != nil {
			return err
		}
		if res.Recorded, err = r.recordEvidence(ctx, t, e); err != nil {
			return err
		}
	}
	for i := range all {
		if err := writeOnce(all[i].file, all[i].content, &res.InitResult); err != nil {
			return err
		}
	}
	return nil
}

// ensureKey finds or makes a key. It returns nil when the key is pinned already.
func (r *Room) ensureKey(ctx context.Context, k config.Key, res *InitResult) (u *unpinned, made bool, err error) {
	t, err := r.Token(k.Token)
	if err != nil {
		return nil, false, fmt.Errorf("making key %q: %w", k.Label, err)
	}
	key, err := t.Signer(ctx, token.KeySpec{Label: k.Label})
	switch {
	case err == nil:
		res.Present = append(res.Present, "key "+k.Label)
	case errors.Is(err, token.ErrKeyNotFound):
		if key, err = t.GenerateKey(ctx, k.Label, k.Algorithm); err != nil {
			return nil, false, fmt.Errorf("making key %q: %w", k.Label, err)
		}
		made = true
		res.Made = append(res.Made, "key "+k.Label)
	default:
		return nil, false, err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, made, fmt.Errorf("encoding the public key %q: %w", k.Label, err)
	}
	u = &unpinned{token: t, key: key, file: string(k.PublicKey),
		content: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})}
	if have, err := regular.ReadFile(u.file); err != nil || !bytes.Equal(have, u.content) {
		return u, made, nil
	}
	res.Present = append(res.Present, u.file)
	return nil, made, nil
}

// PlanKeys says which keys are in the token, and which [GenerateKeys] would make; with labels, these and no others,
// in the token of that name.
func PlanKeys(ctx context.Context, o Options, only, tokenName string, labels ...string) (*InitResult, error) {
	o.DryRun = true
	r, err := openRoom(ctx, o)
	if err != nil {
		return nil, err
	}
	res, err := r.planKeys(ctx, only, tokenName, labels)
	return res, errors.Join(err, r.Close())
}

func (r *Room) planKeys(ctx context.Context, only, tokenName string, labels []string) (*InitResult, error) {
	var keys []config.Key
	for _, label := range labels {
		keys = append(keys, config.Key{Label: label, Token: tokenName})
	}
	if len(labels) == 0 {
		for name, k := range configuredKeys(r.Config) {
			if only == "" || name == only {
				keys = append(keys, k)
			}
		}
	}
	if len(keys) == 0 && only != "" {
		return nil, fmt.Errorf("making key %q: no issuer or responder of the configuration has that name", only)
	}
	res := &InitResult{Made: []string{}, Present: []string{}}
	for _, k := range keys {
		t, err := r.Token(k.Token)
		if err == nil {
			_, err = t.Signer(ctx, token.KeySpec{Label: k.Label})
		}
		switch {
		case errors.Is(err, token.ErrKeyNotFound):
			res.Made = append(res.Made, "key "+k.Label)
		case err != nil:
			return nil, err
		default:
			res.Present = append(res.Present, "key "+k.Label)
		}
	}
	return res, nil
}
