// Package witness has a log's checkpoints cosigned by independent witnesses,
// c2sp.org/tlog-witness and c2sp.org/tlog-cosignature.
//
// A witness signs a checkpoint only if it is consistent with the last one it
// saw. A log whose checkpoints carry the cosignatures of a quorum therefore
// cannot show one history to one reader and another to the next, and cannot be
// put back, unless the witnesses collude. The client sends a consistency proof
// from the size the witness has; it learns that size from the witness's own
// answer, 409 Conflict, when it does not know it.
package witness

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"seihon/internal/redirect"
	"seihon/ledger"

	"golang.org/x/mod/sumdb/note"
)

// algCosignature is the signature type of a timestamped Ed25519 cosignature.
const algCosignature = 0x04

// A Key is the key of a witness. It implements note.Verifier.
type Key struct {
	name string
	hash uint32
	pub  ed25519.PublicKey
}

// ParseKey parses a verifier key of type 0x04.
func ParseKey(vkey string) (*Key, error) {
	name, rest, _ := strings.Cut(strings.TrimSpace(vkey), "+")
	hash, key64, ok := strings.Cut(rest, "+")
	key, err := base64.StdEncoding.DecodeString(key64)
	if !ok || err != nil || name == "" || len(hash) != 8 || len(key) != 1+ed25519.PublicKeySize {
		return nil, fmt.Errorf("parsing witness key %.80q: want <name>+<hash>+<base64 of 33 bytes>", vkey)
	}
	if key[0] != algCosignature {
		return nil, fmt.Errorf("parsing witness key of %q: its type is 0x%02x, a witness has 0x%02x", name, key[0],
			algCosignature)
	}
	sum := sha256.Sum256(append([]byte(name+"\n"), key...))
	k := &Key{name: name, hash: binary.BigEndian.Uint32(sum[:]), pub: key[1:]}
	if want, err := strconv.ParseUint(hash, 16, 32); err != nil || uint32(want) != k.hash {
		return nil, fmt.Errorf("parsing witness key of %q: its hash is %08x, the key says %q", name, k.hash, hash)
	}
	return k, nil
}

// Name implements note.Verifier.
func (k *Key) Name() string { return k.name }

// String is the verifier key, as ParseKey takes it.
func (k *Key) String() string {
	raw := append([]byte{algCosignature}, k.pub...)
	return fmt.Sprintf("%s+%08x+%s", k.name, k.hash, base64.StdEncoding.EncodeToString(raw))
}

// KeyHash implements note.Verifier.
func (k *Key) KeyHash() uint32 { return k.hash }

// Verify implements note.Verifier. A cosignature is the time, in eight bytes,
// and an Ed25519 signature over the time and the checkpoint.
func (k *Key) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	signed := fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(sig), msg)
	return ed25519.Verify(k.pub, signed, sig[8:])
}

// A Witness is one that may be asked.
type Witness struct {
	Key *Key
	URL string // of the witness; /add-checkpoint is appended
}

// A Cosignature is what one witness has signed, and when.
type Cosignature struct {
	Witness string    `json:"witness"`
	Time    time.Time `json:"time"`
}

// Verify gives the good cosignatures on a signed checkpoint and an error when
// they are of fewer than quorum witnesses. The log's own signatures are not
// looked at.
func Verify(checkpoint []byte, keys []*Key, quorum int) ([]Cosignature, error) {
	list := make([]note.Verifier, len(keys))
	for i, k := range keys {
		list[i] = k
	}
	n, err := note.Open(checkpoint, note.VerifierList(list...))
	var none *note.UnverifiedNoteError
	if err != nil && !errors.As(err, &none) {
		return nil, fmt.Errorf("verifying cosignatures: %w", err)
	}
	var good []Cosignature
	if err == nil {
		for _, s := range n.Sigs {
			// Padding bits that are not zero would let one cosignature be spelt in several ways: it does not count.
			b, err := base64.StdEncoding.Strict().DecodeString(s.Base64)
			if err != nil || len(b) < 12 {
				continue
			}
			good = append(good, Cosignature{s.Name, time.Unix(int64(binary.BigEndian.Uint64(b[4:])), 0).UTC()})
		}
	}
	if len(good) < quorum {
		return good, fmt.Errorf("verifying cosignatures: %d of the %d witnesses have signed, want %d", len(good),
			len(keys), quorum)
	}
	return good, nil
}

// Config says how to ask.
type Config struct {
	HTTP    *http.Client     // nil = one that follows no redirect
	Timeout time.Duration    // of one witness; 0 = 10 s
	MaxSkew time.Duration    // between a cosignature's time and ours; 0 = 5 min
	Now     func() time.Time // nil = time.Now
}

func (c *Config) complete() {
	if c.HTTP == nil {
		c.HTTP = &http.Client{CheckRedirect: redirect.Never}
	}
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if c.MaxSkew == 0 {
		c.MaxSkew = 5 * time.Minute
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// Cosign asks every witness for its cosignature on the log's checkpoint and
// returns the checkpoint with all that came. When they are fewer than quorum
// the error says what each of the others answered; what came is returned too.
func Cosign(ctx context.Context, l *ledger.Log, witnesses []Witness, quorum int, c Config) ([]byte, error) {
	c.complete()
	type answer struct {
		line string
		err  error
	}
	answers := make([]answer, len(witnesses))
	done := make(chan int)
	for i, w := range witnesses {
		go func() {
			answers[i].line, answers[i].err = w.cosign(ctx, l, c)
			done <- i
		}()
	}
	for range witnesses {
		<-done
	}
	out := l.Checkpoint()
	got := 0
	var errs []error
	for i, a := range answers {
		if a.err != nil {
			errs = append(errs, fmt.Errorf("witness %s: %w", witnesses[i].Key.name, a.err))
			continue
		}
		got++
		if _, err := Verify(out, []*Key{witnesses[i].Key}, 1); err != nil { // none of it is there yet
			out = append(out, a.line...)
		}
	}
	if got < quorum {
		return out, fmt.Errorf("cosigning: %d of %d witnesses have signed, want %d: %w", got, len(witnesses), quorum,
			errors.Join(errs...))
	}
	return out, nil
}

// cosign asks one witness: first as one that has seen nothing newer than the
// empty log, then from the size it says it has.
func (w Witness) cosign(ctx context.Context, l *ledger.Log, c Config) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	status, body, err := w.add(ctx, l, 0, c)
	if err != nil {
		return "", err
	}
	if status == http.StatusConflict {
		old, err := strconv.ParseInt(strings.TrimSpace(string(body)), 10, 64)
		if err != nil || old < 0 {
			return "", fmt.Errorf("it answers 409 with %.40q instead of a size", body)
		}
		if old > l.Size() {
			return "", &ledger.RollbackError{Have: l.Size(), Seen: old, Where: "the witness " + w.Key.name}
		}
		if status, body, err = w.add(ctx, l, old, c); err != nil {
			return "", err
		}
	}
	if status != http.StatusOK {
		return "", fmt.Errorf("it answers %d: %.200q", status, body)
	}
	return w.accept(l, body, c)
}

// add makes one request.
func (w Witness) add(ctx context.Context, l *ledger.Log, old int64, c Config) (int, []byte, error) {
	proof, err := l.ProveTree(old)
	if err != nil {
		return 0, nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "old %d\n", old)
	for _, h := range proof {
		fmt.Fprintf(&b, "%s\n", h)
	}
	fmt.Fprintf(&b, "\n%s", l.Checkpoint())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(w.URL, "/")+"/add-checkpoint", &b)
	if err != nil {
		return 0, nil, err
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	return res.StatusCode, body, err
}

// accept finds the witness's own line in an answer and verifies it.
func (w Witness) accept(l *ledger.Log, body []byte, c Config) (string, error) {
	text, _, _ := strings.Cut(string(l.Checkpoint()), "\n\n")
	for _, line := range strings.SplitAfter(string(body), "\n") {
		n, err := note.Open([]byte(text+"\n\n"+line), note.VerifierList(w.Key))
		if err != nil {
			continue
		}
		b, err := base64.StdEncoding.DecodeString(n.Sigs[0].Base64)
		if err != nil || len(b) < 12 {
			continue
		}
		at := time.Unix(int64(binary.BigEndian.Uint64(b[4:])), 0)
		if skew := c.Now().Sub(at).Abs(); skew > c.MaxSkew {
			return "", fmt.Errorf("its cosignature is of %s, which is %s from this machine's clock",
				at.UTC().Format(time.RFC3339), skew.Round(time.Second))
		}
		return line, nil
	}
	return "", errors.New("its answer has no good cosignature of its key")
}
