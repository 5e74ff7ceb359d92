package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"
)

// Key rotation. A key-rotation entry is always the last of its commit. The
// checkpoint of that commit is signed by the old keys, all later ones by the
// new; the size after the entry is therefore the border between two eras, and
// archived checkpoints stand on both sides of it.

// An era is a range of tree sizes whose checkpoints one set of keys signs.
type era struct {
	upTo int64 // last size of the era; of the newest era: no limit
	keys *Verifier
}

// RotationText is what the new keys of a log sign to accept their appointment.
func RotationText(origin string, old, new []string) string {
	s := "seihon/key-rotation/v1\n" + origin + "\n"
	for _, k := range old {
		s += "old " + k + "\n"
	}
	for _, k := range new {
		s += "new " + k + "\n"
	}
	return s
}

// check verifies that a rotation replaces the keys of old and gives the new ones.
func (k *KeyRotation) check(old *Verifier) (*Verifier, error) {
	if !slices.Equal(k.Old, old.Keys()) {
		return nil, errors.New("checking a key rotation: it replaces other keys than those in force")
	}
	return k.successor(old.origin)
}

// successor is the new key set, if all its keys have accepted.
func (k *KeyRotation) successor(origin string) (*Verifier, error) {
	next, err := NewVerifier(origin, k.New...)
	if err != nil {
		return nil, fmt.Errorf("checking a key rotation: %w", err)
	}
	if !slices.Equal(k.New, next.Keys()) || !slices.IsSorted(k.New) {
		return nil, errors.New("checking a key rotation: its keys are not sorted")
	}
	list := make([]note.Verifier, len(next.keys))
	for i, v := range next.keys {
		list[i] = v
	}
	n, err := note.Open([]byte(k.Acceptance), note.VerifierList(list...))
	if err != nil || len(n.Sigs) != len(next.keys) || n.Text != RotationText(origin, k.Old, k.New) {
		return nil, errors.New("checking a key rotation: not every new key has signed the acceptance")
	}
	return next, nil
}

// openCheckpoint verifies a signed checkpoint of the log in dir with the
// pinned keys or, when they were rotated away, by following the rotations from
// the newest archived checkpoint that the keys at hand have signed.
func openCheckpoint(ctx context.Context, dir string, pinned *Verifier, signed []byte) (Checkpoint, *Verifier, error) {
	cp, err := pinned.Open(signed)
	if err == nil {
		return cp, pinned, nil
	}
	first := err
	if !errors.Is(err, ErrKey) {
		return Checkpoint{}, nil, err
	}
	claimed, err := ParseCheckpoint(signed)
	if err != nil {
		return Checkpoint{}, nil, err
	}
	sizes, err := archived(dir)
	if err != nil {
		return Checkpoint{}, nil, err
	}
	if old, ok := handedOver(ctx, dir, pinned, claimed); ok {
		if cp, err := old.Open(signed); err == nil {
			return cp, old, nil
		}
	}
	keys := pinned
	for range len(sizes) { // every round leaves an era
		next, border, ok := nextEra(ctx, dir, keys, sizes, claimed.Size)
		if !ok {
			return Checkpoint{}, nil, first
		}
		keys = next
		if cp, err := keys.Open(signed); err == nil {
			// The border's tree must be a prefix of the one that is opened.
			l, err := openTree(ctx, dir, pinned, keys, cp)
			if err != nil {
				return Checkpoint{}, nil, err
			}
			if err := l.consistentTree(border.Size, border.Root, "the checkpoint before the key rotation"); err != nil {
				return Checkpoint{}, nil, err
			}
			return cp, keys, nil
		}
	}
	return Checkpoint{}, nil, first
}

// handedOver looks at a tree whose last entry appoints the pinned keys, which
// have signed nothing in it yet but the acceptance. That names the old keys,
// and is signed by the new ones, so who trusts these can trust those for it.
func handedOver(ctx context.Context, dir string, pinned *Verifier, claimed Checkpoint) (*Verifier, bool) {
	l, err := openTree(ctx, dir, pinned, pinned, claimed)
	if err != nil || l.last == nil || l.last.KeyRotation == nil {
		return nil, false
	}
	next, err := l.last.KeyRotation.successor(pinned.origin)
	if err != nil || !slices.Equal(next.Keys(), pinned.Keys()) {
		return nil, false
	}
	old, err := NewVerifier(pinned.origin, l.last.KeyRotation.Old...)
	return old, err == nil
}

// nextEra finds the newest archived checkpoint below size that keys have
// signed and, if the tree ends with a rotation of them, their successors.
func nextEra(ctx context.Context, dir string, keys *Verifier, sizes []int64,
	below int64) (*Verifier, Checkpoint, bool) {
	for i := len(sizes) - 1; i >= 0; i-- {
		if sizes[i] >= below {
			continue
		}
		b, err := readArchived(dir, sizes[i])
		if err != nil {
			continue
		}
		cp, err := keys.Open(b)
		if err != nil {
			continue
		}
		l, err := openTree(ctx, dir, keys, keys, cp)
		if err != nil || l.last == nil || l.last.KeyRotation == nil {
			return nil, cp, false
		}
		next, err := l.last.KeyRotation.check(keys)
		return next, cp, err == nil
	}
	return nil, Checkpoint{}, false
}

// history finds the eras of the log from the rotation entries in it. Only the
// ends of commits can hold one, so the archive says where to look; a log
// without an archive is read whole.
func (l *Log) history(ctx context.Context) ([]era, error) {
	l.mu.Lock()
	eras := l.eras
	l.mu.Unlock()
	if eras != nil {
		return eras, nil
	}
	sizes, err := archived(l.dir)
	if err != nil {
		return nil, err
	}
	for _, size := range sizes {
		if size == 0 || size > l.cp.Size {
			continue
		}
		e, err := l.Entry(ctx, size-1)
		if err != nil {
			return nil, err
		}
		k := e.KeyRotation
		if k == nil || size == l.cp.Size {
			continue
		}
		old, err := NewVerifier(l.cp.Origin, k.Old...)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", size-1, err)
		}
		if _, err := k.successor(l.cp.Origin); err != nil {
			return nil, fmt.Errorf("entry %d: %w", size-1, err)
		}
		eras = append(eras, era{upTo: size, keys: old})
	}
	eras = append(eras, era{upTo: maxInt, keys: l.keys})
	l.mu.Lock()
	l.eras = eras
	l.mu.Unlock()
	return eras, nil
}

// verify verifies a checkpoint of any era of this log.
func (l *Log) verify(ctx context.Context, signed []byte) (Checkpoint, error) {
	c, _, err := l.opened(ctx, signed)
	return c, err
}

// opened is verify, and tells which keys signed.
func (l *Log) opened(ctx context.Context, signed []byte) (Checkpoint, *Verifier, error) {
	c, err := l.keys.Open(signed)
	if err == nil || !errors.Is(err, ErrKey) {
		return c, l.keys, err
	}
	eras, err2 := l.history(ctx)
	if err2 != nil {
		return Checkpoint{}, nil, err2
	}
	p, _ := ParseCheckpoint(signed)
	for _, e := range eras {
		if p.Size <= e.upTo {
			if c, err2 := e.keys.Open(signed); err2 == nil {
				return c, e.keys, nil
			}
			break
		}
	}
	return Checkpoint{}, nil, err
}
