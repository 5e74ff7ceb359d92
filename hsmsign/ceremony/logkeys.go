package ceremony

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"

	"seihon/approval"
	"seihon/artifact"
	"seihon/hsmsign/room"
	"seihon/hsmsign/token"
	"seihon/ledger"
)

// RotateLogKeys hands the master log over to new keys in the HSM, one label per
// algorithm (ECDSA P-256, and Ed25519 where the HSM has it), made when they are missing. The old keys sign the
// checkpoint that records the handover, the new ones accept it, and auditors who
// pinned the old ones follow. The new keys are in the token of that name; empty: in that of the
// old ones. It returns the files with the new verifier keys, which the configuration must name from now on.
func RotateLogKeys(ctx context.Context, r *room.Room, labels []string, reason, tokenName string) ([]string, error) {
	if len(labels) > len(room.LogAlgorithms) {
		return nil, fmt.Errorf("rotating the log's keys: %d labels; a log has one key (ECDSA) or two (ECDSA, Ed25519)",
			len(labels))
	}
	if reason == "" {
		return nil, errors.New("rotating the log's keys: the reason is empty; auditors will ask for it")
	}
	if tokenName == "" {
		tokenName = r.Config.Signer.LogToken
	}
	t, err := r.Token(tokenName)
	if err != nil {
		return nil, fmt.Errorf("rotating the log's keys: %w", err)
	}
	if err := approveRotation(ctx, r, t, labels, reason); err != nil {
		return nil, err
	}
	var signers []note.Signer
	var files []string
	for i, label := range labels {
		key, err := r.FindKey(ctx, tokenName, token.KeySpec{Label: label})
		if errors.Is(err, token.ErrKeyNotFound) {
			if _, err = t.GenerateKey(ctx, label, room.LogAlgorithms[i]); err == nil {
				key, err = r.FindKey(ctx, tokenName, token.KeySpec{Label: label})
			}
		}
		if err != nil {
			return nil, fmt.Errorf("rotating the log's keys: %w", err)
		}
		signer, err := ledger.NewNoteSigner(r.Config.Master.Origin, key)
		if err != nil {
			return nil, fmt.Errorf("preparing the log's key %q: %w", label, err)
		}
		file := filepath.Join(filepath.Dir(string(r.Config.Master.Keys[0])), label+".vkey")
		if err := keepVKey(r, file, key.Public()); err != nil {
			return nil, err
		}
		signers, files = append(signers, signer), append(files, file)
	}
	if _, err := r.Log.RotateKeys(ctx, signers, reason); err != nil {
		return nil, err
	}
	return files, proveAnew(ctx, r)
}

// proveAnew numbers the current generations once more, so that their public copies get
// proofs that end at a checkpoint of the new keys: responders that pin those need them.
func proveAnew(ctx context.Context, r *room.Room) error {
	for i := range r.Config.Issuers {
		a := r.Authorities[r.Config.Issuers[i].Name]
		if a.Certificate == nil || a.OCSP == nil {
			continue
		}
		if last, err := room.Latest(ctx, r.Inventory, a.Name, artifact.OCSPGeneration, "generation"); err != nil {
			return err
		} else if last == nil {
			continue
		}
		if err := r.SignGeneration(ctx, a, r.Now()); err != nil {
			return err
		}
	}
	_, err := r.Commit(ctx, "new log keys")
	return err
}

func keepVKey(r *room.Room, file string, pub crypto.PublicKey) error {
	return r.WriteVKey(file, pub, &room.InitResult{})
}

// FreezeLog ends the master log: nothing is appended any more. A successor, if any, is named by its origin.
func FreezeLog(ctx context.Context, r *room.Room, reason, successor string) error {
	if reason == "" {
		return errors.New("freezing the log: the reason is empty; auditors will ask for it")
	}
	if err := r.Approve(ctx,
		room.Act(approval.LogRotate, "act", "freeze", "reason", reason, "successor", successor)); err != nil {
		return err
	}
	_, err := r.Log.Freeze(ctx, ledger.Freeze{Reason: reason, Successor: successor})
	return err
}

// approveRotation asks for new keys of the log. A key that is there already is named by its public key.
func approveRotation(ctx context.Context, r *room.Room, t *room.RoomToken, labels []string, reason string) error {
	var pairs []string
	for i, label := range labels {
		text := label + " " + room.LogAlgorithms[i] + t.Where() + ", to be made"
		switch key, err := t.Signer(ctx, token.KeySpec{Label: label}); {
		case errors.Is(err, token.ErrKeyNotFound):
		case err != nil:
			return err
		default:
			pin := key.Pin()
			text = fmt.Sprintf("%s %s%s, there already, SHA-256 %x", label, room.LogAlgorithms[i], t.Where(), pin[:])
		}
		pairs = append(pairs, "key", text)
	}
	return r.ApproveNow(ctx, room.Act(approval.LogRotate, append(pairs, "act", "rotate", "reason", reason)...))
}
