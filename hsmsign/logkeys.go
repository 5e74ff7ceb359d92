package hsmsign

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"

	"seihon/approval"
	"seihon/artifact"
	"seihon/hsmsign/token"
	"seihon/ledger"
)

// RotateLogKeys hands the master log over to new keys in the HSM, one label per
// algorithm (ECDSA P-256, and Ed25519 where the HSM has it), made when they are missing. The old keys sign the
// checkpoint that records the handover, the new ones accept it, and auditors who
// pinned the old ones follow. The new keys are in the token of that name; empty: in that of the
// old ones. It returns the files with the new verifier keys, which the configuration must name from now on.
func (r *Room) RotateLogKeys(ctx context.Context, labels []string, reason, tokenName string) ([]string, error) {
	if len(labels) > len(logAlgorithms) {
		return nil, fmt.Errorf("rotating the log's keys: %d labels; a log has one key (ECDSA) or two (ECDSA, Ed25519)", len(labels))
	}
	if reason == "" {
		return nil, errors.New("rotating the log's keys: the reason is empty; auditors will ask for it")
	}
	if tokenName == "" {
		tokenName = r.conf.Signer.LogToken
	}
	t, err := r.token(tokenName)
	if err != nil {
		return nil, fmt.Errorf("rotating the log's keys: %w", err)
	}
	if err := r.approveRotation(ctx, t, labels, reason); err != nil {
		return nil, err
	}
	var signers []note.Signer
	var files []string
	for i, label := range labels {
		key, err := r.find(ctx, tokenName, token.KeySpec{Label: label})
		if errors.Is(err, token.ErrKeyNotFound) {
			if _, err = t.GenerateKey(ctx, label, logAlgorithms[i]); err == nil {
				key, err = r.find(ctx, tokenName, token.KeySpec{Label: label})
			}
		}
		if err != nil {
			return nil, fmt.Errorf("rotating the log's keys: %w", err)
		}
		signer, err := ledger.NewNoteSigner(r.conf.Master.Origin, key)
		if err != nil {
			return nil, fmt.Errorf("preparing the log's key %q: %w", label, err)
		}
		file := filepath.Join(filepath.Dir(string(r.conf.Master.Keys[0])), label+".vkey")
		if err := r.keepVKey(file, key.Public()); err != nil {
			return nil, err
		}
		signers, files = append(signers, signer), append(files, file)
	}
	if _, err := r.log.RotateKeys(ctx, signers, reason); err != nil {
		return nil, err
	}
	return files, r.proveAnew(ctx)
}

// proveAnew numbers the current generations once more, so that their public copies get
// proofs that end at a checkpoint of the new keys: responders that pin those need them.
func (r *Room) proveAnew(ctx context.Context) error {
	for i := range r.conf.Issuers {
		a := r.authorities[r.conf.Issuers[i].Name]
		if a.cert == nil || a.OCSP == nil {
			continue
		}
		if last, err := latest(ctx, r.inv, a.Name, artifact.OCSPGeneration, "generation"); err != nil {
			return err
		} else if last == nil {
			continue
		}
		if err := r.signGeneration(ctx, a, r.now()); err != nil {
			return err
		}
	}
	_, err := r.Commit(ctx, "new log keys")
	return err
}

func (r *Room) keepVKey(file string, pub crypto.PublicKey) error {
	return r.writeVKey(file, pub, &InitResult{})
}

// FreezeLog ends the master log: nothing is appended any more. A successor, if any, is named by its origin.
func (r *Room) FreezeLog(ctx context.Context, reason, successor string) error {
	if reason == "" {
		return errors.New("freezing the log: the reason is empty; auditors will ask for it")
	}
	if err := r.approve(ctx, act(approval.LogRotate, "act", "freeze", "reason", reason, "successor", successor)); err != nil {
		return err
	}
	_, err := r.log.Freeze(ctx, ledger.Freeze{Reason: reason, Successor: successor})
	return err
}

// approveRotation asks for new keys of the log. A key that is there already is named by its public key.
func (r *Room) approveRotation(ctx context.Context, t *roomToken, labels []string, reason string) error {
	var pairs []string
	for i, label := range labels {
		text := label + " " + logAlgorithms[i] + t.where() + ", to be made"
		switch key, err := t.Signer(ctx, token.KeySpec{Label: label}); {
		case errors.Is(err, token.ErrKeyNotFound):
		case err != nil:
			return err
		default:
			pin := key.Pin()
			text = fmt.Sprintf("%s %s%s, there already, SHA-256 %x", label, logAlgorithms[i], t.where(), pin[:])
		}
		pairs = append(pairs, "key", text)
	}
	return r.approveNow(ctx, act(approval.LogRotate, append(pairs, "act", "rotate", "reason", reason)...))
}
