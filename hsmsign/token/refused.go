package token

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"seihon/internal/regular"

	"golang.org/x/crypto/argon2"
)

// refusals remembers which PINs a token has refused, so that a job that runs every ten minutes with a mistyped PIN
// costs the token one try and not three. It keeps a salted, slow hash: a refused PIN is often the right one but for a
// digit, so its fast hash would give the right one away.
type refusals struct {
	path string // empty: in memory only
	mu   sync.Mutex
	list []refusal
}

type refusal struct {
	Token string    `json:"token"` // label and serial
	Salt  []byte    `json:"salt"`
	Hash  []byte    `json:"argon2id"`
	Time  time.Time `json:"time"`
}

type refusalFile struct {
	Schema   string    `json:"schema"`
	Refusals []refusal `json:"refusals"`
}

const refusalSchema = "seihon/refused-pins/v1"

// processRefusals is for tokens without a state directory.
var processRefusals = &refusals{}

func newRefusals(dir string) *refusals {
	if dir == "" {
		return processRefusals
	}
	return &refusals{path: filepath.Join(dir, "refused-pins.json")}
}

// lock keeps two processes from trying the same wrong PIN at the same time. It must be held from check to add.
func (r *refusals) lock(ctx context.Context) (unlock func(), err error) {
	if r.path == "" {
		r.mu.Lock()
		return r.mu.Unlock, nil
	}
	err = os.MkdirAll(filepath.Dir(r.path), 0o700)
	if err != nil {
		return nil, fmt.Errorf("making the state directory: %w", err)
	}
	f, err := regular.OpenFile(r.path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the refused PINs: %w", err)
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = sleep(ctx, 50*time.Millisecond)
			if err == nil {
				continue
			}
		}
		if err != nil {
			return nil, fmt.Errorf("locking %s: %w", f.Name(), also(err, f.Close()))
		}
		return func() { f.Close() }, nil // closing unlocks
	}
}

// check reports when the token refused this PIN before.
func (r *refusals) check(token string, pin []byte) (at time.Time, refused bool, err error) {
	err = r.load()
	if err != nil {
		return time.Time{}, false, err
	}
	for _, old := range r.list {
		if old.Token == token && subtle.ConstantTimeCompare(old.Hash, hashPIN(pin, old.Salt)) == 1 {
			return old.Time, true, nil
		}
	}
	return time.Time{}, false, nil
}

// add records that the token refused this PIN.
func (r *refusals) add(token string, pin []byte, now time.Time) error {
	salt := make([]byte, 16)
	rand.Read(salt)
	r.list = append(r.list,
		refusal{Token: token, Salt: salt, Hash: hashPIN(pin, salt), Time: now.UTC().Truncate(time.Second)})
	return r.save()
}

// clear forgets the refusals of a token that has accepted a PIN.
func (r *refusals) clear(token string) error {
	kept := r.list[:0]
	for _, old := range r.list {
		if old.Token != token {
			kept = append(kept, old)
		}
	}
	if len(kept) == len(r.list) {
		return nil
	}
	r.list = kept
	return r.save()
}

func (r *refusals) load() error {
	if r.path == "" {
		return nil
	}
	b, err := regular.ReadFile(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		r.list = nil
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading refused PINs: %w", err)
	}
	var f refusalFile
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	err = d.Decode(&f)
	if err != nil || f.Schema != refusalSchema {
		return fmt.Errorf("reading refused PINs: %s is not a %s file (%v); look at it, and remove it once the PIN is "+
			"known to be right", r.path, refusalSchema, err)
	}
	r.list = f.Refusals
	return nil
}

// save replaces the file durably: it must survive the crash that a wrong PIN may be part of.
func (r *refusals) save() error {
	if r.path == "" {
		return nil
	}
	b, err := json.MarshalIndent(refusalFile{refusalSchema, r.list}, "", "  ")
	if err != nil {
		return fmt.Errorf("writing refused PINs: %w", err)
	}
	temporary := r.path + ".new"
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("writing refused PINs: %w", err)
	}
	_, err = f.Write(append(b, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return fmt.Errorf("writing refused PINs: %w", err)
	}
	err = os.Rename(temporary, r.path)
	if err != nil {
		return fmt.Errorf("writing refused PINs: %w", err)
	}
	return syncDir(filepath.Dir(r.path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("syncing %s: %w", dir, err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// hashPIN takes about 100 ms and 64 MiB (RFC 9106 section 4, second recommended option).
func hashPIN(pin, salt []byte) []byte { return argon2.IDKey(pin, salt, 3, 64<<10, 4, 32) }
