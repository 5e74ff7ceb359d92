package room

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/mod/sumdb/note"

	"seihon/approval"
	"seihon/artifact"
	"seihon/hsmsign/token"
	"seihon/internal/config"
	"seihon/internal/regular"
	"seihon/inventory"
	"seihon/ledger"
	"seihon/sectiona"
)

// Options opens a room.
type Options struct {
	Config *config.Config
	DryRun bool // for Plan: opening changes nothing
	// AcceptClock is the reason to go on with a clock that does not fit the master.
	AcceptClock string
	// AcceptPrivateLoss is the reason to go on without private manifests that are lost.
	AcceptPrivateLoss string
	Asked             inventory.Asked // who asks for what this room is opened for; goes into the private record
	// Approval is what was handed over to approve what is asked of this room.
	Approval approval.Papers
	// AskApproval takes the request for what is asked of this room, which is then not done; nil: it is to be done.
	AskApproval func(request []byte) error
	Now         func() time.Time
	Logger      *zap.Logger
}

// A Room is the open signing room: tokens, inventory and the right to write the
// master log. One process holds it at a time; its methods are not for concurrent use.
type Room struct {
	Config    *config.Config
	Inventory *inventory.DB
	Log       *ledger.Writer
	Policy    *sectiona.Policy
	Now       func() time.Time
	// FindKey finds a key of the token of that name.
	FindKey func(ctx context.Context, token string, spec token.KeySpec) (crypto.Signer, error)

	Asked  inventory.Asked // who asked for what the room was opened for
	DryRun bool            // nothing may change

	Authorities  map[string]*Authority // by the issuer's name
	OverrideKeys []ed25519.PublicKey   // whose overrides and exceptions count
	Exceptions   Exceptions            // the signed ones that the log has
	Healed       *inventory.Healed     // what opening the room took back from the master

	Pending []inventory.ArtifactRecord // staged since the last commit
	LeftOut []error                    // rows of the inventory about which nothing could be signed

	Rule              *approval.Rule           // of approvals, in force
	ApprovedOverrides map[artifact.Digest]bool // by their text
	AskApproval       func(request []byte) error

	logger     *zap.Logger
	tokens     []*RoomToken
	accepted   string                      // why a clock that does not fit is accepted
	loss       *ledger.Evidence            // which private manifests this run accepts as lost
	lossReason string                      // why lost private manifests are accepted
	creating   bool                        // this is `signer init`: the inventory may be new
	consents   config.Consents             // to the publication of subscriber certificates
	announced  []announcement              // of issuances, staged since the last commit
	expired    map[string][]ledger.Expired // by issuer: what the lists and responses staged leave out
	state      *ledger.State               // of the log's newest size, once it was read

	ruleEntry    *ledger.Entry // that has the rule; nil: it is not on record
	changingRule bool          // the rule on record may be stricter than the configuration
	papers       approval.Papers
	unapproved   []string // of a dry run: what would need an approval that was not handed over
}

// Open opens inventory, tokens and master log. A master log held by another
// process is reported as ledger.ErrLocked.
func Open(ctx context.Context, o Options) (*Room, error) {
	r, err := openRoom(ctx, o)
	if err != nil {
		return nil, err
	}
	err = r.openLog(ctx)
	if err == nil {
		err = r.openBooks(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// openLog opens the master log for writing, which may finish what a crash left: so the tokens are judged first.
func (r *Room) openLog(ctx context.Context) error {
	if err := r.judgeTokens(ctx); err != nil {
		return err
	}
	signers, err := r.logSigners(ctx)
	if err != nil {
		return err
	}
	if err := r.openWriter(ctx, signers); err != nil {
		return err
	}
	return r.checkRule(ctx)
}

// openRoom opens what every room needs first: its tokens.
func openRoom(ctx context.Context, o Options) (*Room, error) {
	if o.Config.Signer == nil {
		return nil,
			fmt.Errorf("opening the signing room: %q has no section signer; only the room's own configuration has one",
				o.Config.File)
	}
	r := &Room{Config: o.Config, Now: o.Now, logger: o.Logger, DryRun: o.DryRun, accepted: o.AcceptClock,
		lossReason: o.AcceptPrivateLoss, Asked: o.Asked, papers: o.Approval, AskApproval: o.AskApproval,
		Authorities: map[string]*Authority{}}
	if r.Now == nil {
		r.Now = time.Now
	}
	if r.logger == nil {
		r.logger = zap.NewNop()
	}
	r.FindKey = r.approvedKey
	if err := r.openTokens(ctx, o); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// openBooks opens the inventory and reads the CA's own certificates back from the master.
func (r *Room) openBooks(ctx context.Context) error {
	if err := r.checkState(); err != nil {
		return err
	}
	if err := r.checkClock(ctx, r.accepted); err != nil {
		return err
	}
	if err := r.openInventory(ctx); err != nil {
		return err
	}
	r.Healed = &inventory.Healed{}
	if err := r.acceptLoss(ctx); err != nil {
		return err
	}
	healed, err := r.heal(ctx, r.DryRun)
	if err != nil {
		return err
	}
	r.Healed.Certificates = append(r.Healed.Certificates, healed.Certificates...)
	if !r.DryRun && !r.creating {
		if err := r.recordVerdict(ctx); err != nil {
			return err
		}
	}
	if err := r.loadConsents(); err != nil {
		return err
	}
	if r.DryRun {
		return r.loadAuthorities(ctx)
	}
	// The master's lock is ours, so whoever held shards under our name is dead.
	if err := r.Inventory.ReleaseHost(ctx, r.Host()); err != nil {
		return err
	}
	if err := r.recover(ctx); err != nil {
		return err
	}
	if err := r.loadAuthorities(ctx); err != nil {
		return err
	}
	return r.finishIssuance(ctx)
}

// Close releases the lock, the database and the tokens.
func (r *Room) Close() error {
	var errs []error
	if r.Log != nil {
		errs = append(errs, r.Log.Close())
	}
	if r.Inventory != nil {
		errs = append(errs, r.Inventory.Close())
	}
	for _, t := range r.tokens {
		if t.Token != nil {
			errs = append(errs, t.Close())
		}
	}
	return errors.Join(errs...)
}

// logSigners finds the log's keys in the HSM.
func (r *Room) logSigners(ctx context.Context) ([]note.Signer, error) {
	var signers []note.Signer
	for i, label := range r.Config.Signer.LogKeys {
		key, err := r.FindKey(ctx, r.Config.Signer.LogToken, token.KeySpec{Label: label})
		if err != nil {
			return nil, fmt.Errorf("finding the master log's key: %w; `signer init` makes it", err)
		}
		signer, err := ledger.NewNoteSigner(r.Config.Master.Origin, key)
		if err != nil {
			return nil, fmt.Errorf("preparing the master log's key %q: %w", label, err)
		}
		if err := r.checkPinned(i, key.Public()); err != nil {
			return nil, err
		}
		signers = append(signers, signer)
	}
	return signers, nil
}

// checkPinned compares a log key of the HSM with the verifier key that the configuration pins.
func (r *Room) checkPinned(i int, pub crypto.PublicKey) error {
	if i >= len(r.Config.Master.Keys) {
		return fmt.Errorf("checking the master log's keys: master.keys pins %d keys, the HSM signs with more",
			len(r.Config.Master.Keys))
	}
	file := string(r.Config.Master.Keys[i])
	pinned, err := readLine(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil // `signer init` is about to write it
	}
	if err != nil {
		return fmt.Errorf("reading the master log's key: %w", err)
	}
	vkey, err := ledger.VKey(r.Config.Master.Origin, pub)
	if err != nil {
		return fmt.Errorf("encoding the master log's key: %w", err)
	}
	if vkey != pinned {
		return fmt.Errorf("checking the master log's key: the HSM's key %q is not the one pinned in %q; check "+
			"signer.token, signer.log_keys and master.origin", r.Config.Signer.LogKeys[i], file)
	}
	return nil
}

// Key finds the private key of a configured key, pinned by its public key file.
func (r *Room) Key(ctx context.Context, k config.Key) (crypto.Signer, error) {
	pin, err := ReadPublicKey(string(k.PublicKey))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("finding key %q: its public key file %q is missing; `signer keygen` writes it", k.Label,
			k.PublicKey)
	}
	if err != nil {
		return nil, err
	}
	return r.FindKey(ctx, k.Token, token.KeySpec{Label: k.Label, SPKI: pin})
}

// Signature returns the options with which a key signs; nil means its default.
func Signature(k config.Key) crypto.SignerOpts {
	hash := map[string]crypto.Hash{"sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512}[k.Hash]
	switch {
	case k.PSS:
		return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: cmp.Or(hash, crypto.SHA256)}
	case hash != 0:
		return hash
	}
	return nil
}

// signatureName is what a profile calls how a key signs; empty means its default.
func signatureName(k config.Key) string {
	switch {
	case k.PSS:
		return "rsa-pss-" + cmp.Or(k.Hash, "sha256")
	case k.Hash == "":
		return ""
	case strings.HasPrefix(k.Algorithm, "rsa"):
		return "rsa-" + k.Hash
	}
	return "ecdsa-" + k.Hash
}

// ReadPublicKey reads a PEM public key and returns its DER.
func ReadPublicKey(file string) ([]byte, error) {
	raw, err := regular.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading public key: %w", err)
	}
	block, _ := pem.Decode(raw)
	if block == nil || block.Type != "PUBLIC KEY" {
		return nil, fmt.Errorf("reading public key %q: it holds no PEM block PUBLIC KEY", file)
	}
	return block.Bytes, nil
}

// Host names this room among those that share an inventory: by machine and master,
// of which only one process at a time can be the writer.
func (r *Room) Host() string {
	name, err := os.Hostname()
	if err != nil {
		name = "unknown"
	}
	return name + ":" + string(r.Config.Master.Directory)
}

// OverrideKeys reads the public keys whose overrides and exceptions count.
func OverrideKeys(files []config.Path) ([]ed25519.PublicKey, error) {
	var out []ed25519.PublicKey
	for _, file := range files {
		der, err := ReadPublicKey(string(file))
		if err != nil {
			return nil, err
		}
		pub, err := x509.ParsePKIXPublicKey(der)
		key, ok := pub.(ed25519.PublicKey)
		if err != nil || !ok {
			return nil, fmt.Errorf("reading override key %q: it must be an Ed25519 public key", file)
		}
		out = append(out, key)
	}
	return out, nil
}

// DryRun opens the room without the right to change it, runs fn and closes it again: nothing is healed, finished,
// recorded or signed. What is asked of the room goes the same way as ever, up to where the token would be asked to
// sign, the master or the inventory to take something, or a file to be written; what is said to happen then passed
// every check that comes before.
func DryRun(ctx context.Context, o Options, fn func(*Room) error) error {
	o.DryRun = true
	r, err := Open(ctx, o)
	if err != nil {
		return err
	}
	return errors.Join(fn(r), r.Close())
}

// Unapproved says what a dry run would need approvals for that were not handed over.
func (r *Room) Unapproved() []string { return r.unapproved }
