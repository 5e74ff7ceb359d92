package room

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"

	"seihon/hsmsign/token"
	"seihon/internal/durable"
	"seihon/internal/regular"
	"seihon/ledger"
)

// InitResult says what Init made and what was there already.
type InitResult struct {
	Made    []string `json:"made"`
	Present []string `json:"present"`
}

// Init makes the room's log keys, their verifier key files, the master log and
// the inventory. What exists is left alone, so Init can be run again after a
// crash; a master log that exists is opened and checked, never started over.
func Init(ctx context.Context, o Options) (*InitResult, error) {
	r, err := openRoom(ctx, o)
	if err != nil {
		return nil, err
	}
	res := &InitResult{Made: []string{}, Present: []string{}}
	err = r.init(ctx, res)
	return res, errors.Join(err, r.Close())
}

func (r *Room) init(ctx context.Context, res *InitResult) error {
	if err := r.judgeTokens(ctx); err != nil {
		return err
	}
	signers, err := r.ensureLogKeys(ctx, res)
	if err != nil {
		return err
	}
	dir := string(r.Config.Master.Directory)
	switch _, err := os.Stat(filepath.Join(dir, "log", "checkpoint")); {
	case err == nil:
		res.Present = append(res.Present, "master log "+dir)
		if err := r.openWriter(ctx, signers); err != nil {
			return err
		}
	case errors.Is(err, os.ErrNotExist):
		if err := neverBegun(ctx, r.Config); err != nil {
			return err
		}
		conf, err := r.headedConfig(signers)
		if err != nil {
			return err
		}
		if r.Log, err = ledger.Create(ctx, dir, conf); err != nil {
			return err
		}
		res.Made = append(res.Made, "master log "+dir)
	default:
		return fmt.Errorf("looking for the master log: %w", err)
	}
	if err := r.checkRule(ctx); err != nil {
		return err
	}
	// An inventory is begun with its log, never beside one that has entries already.
	r.creating = r.Log.Log().Size() == 0
	if err := r.openBooks(ctx); err != nil {
		return err
	}
	if err := r.Inventory.SetPosition(ctx, r.Log.Log().Origin(), r.position()); err != nil {
		return err
	}
	if err := r.recordVerdict(ctx); err != nil {
		return err
	}
	return r.Inventory.SetPosition(ctx, r.Log.Log().Origin(), r.position())
}

// ensureLogKeys makes missing log keys and writes missing verifier key files.
func (r *Room) ensureLogKeys(ctx context.Context, res *InitResult) ([]note.Signer, error) {
	t, err := r.Token(r.Config.Signer.LogToken)
	if err != nil {
		return nil, err
	}
	for i, label := range r.Config.Signer.LogKeys {
		if i >= len(r.Config.Master.Keys) {
			return nil,
				fmt.Errorf("making the master log's keys: master.keys names %d files for %d keys of signer.log_keys",
					len(r.Config.Master.Keys), len(r.Config.Signer.LogKeys))
		}
		key, err := t.Signer(ctx, token.KeySpec{Label: label})
		switch {
		case err == nil:
			res.Present = append(res.Present, "key "+label)
		case errors.Is(err, token.ErrKeyNotFound):
			if key, err = t.GenerateKey(ctx, label, LogAlgorithms[i]); err != nil {
				return nil, fmt.Errorf("making the master log's key %q: %w", label, err)
			}
			res.Made = append(res.Made, "key "+label)
		default:
			return nil, err
		}
		if err := r.WriteVKey(string(r.Config.Master.Keys[i]), key.Public(), res); err != nil {
			return nil, err
		}
	}
	return r.logSigners(ctx)
}

// WriteVKey writes the verifier key of a log key, or leaves the same one there.
func (r *Room) WriteVKey(file string, pub crypto.PublicKey, res *InitResult) error {
	vkey, err := ledger.VKey(r.Config.Master.Origin, pub)
	if err != nil {
		return fmt.Errorf("encoding the master log's key: %w", err)
	}
	return writeOnce(file, []byte(vkey+"\n"), res)
}

// writeOnce writes a public file; the same content already there is fine, other content is refused.
func writeOnce(file string, content []byte, res *InitResult) error {
	have, err := regular.ReadFile(file)
	if err == nil && bytes.Equal(have, content) {
		res.Present = append(res.Present, file)
		return nil
	}
	if err == nil {
		return fmt.Errorf("writing %q: it exists with other content; move it away if the HSM's key is right", file)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("making the folder of %q: %w", file, err)
	}
	if err := durable.WriteFile(file, content, 0o644); err != nil {
		return err
	}
	res.Made = append(res.Made, file)
	return nil
}
