package room

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"iter"
	"time"

	"go.uber.org/zap"
	"golang.org/x/mod/sumdb/note"

	"seihon/hsmsign/token"
	"seihon/internal/config"
	"seihon/inventory"
	"seihon/ledger"
)

// What the tests of the whole room see of its inside. They stand outside of this package, since they use what is built
// on it, too: the schedule, what is accepted, the ceremony.

const MaxBy = maxBy

var (
	NewSerial   = newSerial
	SaidBy      = saidBy
	SecondClock = secondClock
)

// Unopened is a room that has opened nothing yet, with keys from elsewhere than a token.
func Unopened(conf *config.Config, now func() time.Time, accepted string,
	key func(label string) (crypto.Signer, error)) *Room {
	return &Room{Config: conf, accepted: accepted, Now: now, logger: zap.NewNop(), Authorities: map[string]*Authority{},
		tokens:  []*RoomToken{{SigningToken: conf.Signer.AllTokens()[0]}},
		FindKey: func(_ context.Context, _ string, s token.KeySpec) (crypto.Signer, error) { return key(s.Label) }}
}

// Begin makes log and inventory as `signer init` does.
func (r *Room) Begin(ctx context.Context, signers []note.Signer) (err error) {
	r.creating = true
	if r.Log, err = ledger.Create(ctx, string(r.Config.Master.Directory), r.writerConfig(signers)); err != nil {
		return err
	}
	if err = r.openBooks(ctx); err == nil {
		err = r.Inventory.SetPosition(ctx, r.Log.Log().Origin(), r.position())
	}
	return errors.Join(err, r.Close())
}

// OpenLog opens the log alone.
func (r *Room) OpenLog(ctx context.Context, signers []note.Signer) (err error) {
	r.Log, err = ledger.OpenWriter(ctx, string(r.Config.Master.Directory), r.writerConfig(signers))
	return err
}

// OpenRest opens what Open opens behind the log.
func (r *Room) OpenRest(ctx context.Context) error { return r.openBooks(ctx) }

func (r *Room) CommitJournal(ctx context.Context) (int64, error) { return r.commitJournal(ctx) }
func (r *Room) CommitLog(ctx context.Context) error              { return r.commitLog(ctx) }
func (r *Room) Complete(a *Authority, q *Order, serial []byte)   { r.complete(a, q, serial) }
func (r *Room) Profiles(a *Authority, orders []Order) error      { return r.profiles(a, orders) }
func (r *Room) Rebuild(ctx context.Context, res *Rebuilt) error  { return r.rebuild(ctx, res) }

func (r *Room) GenerateKeys(ctx context.Context, only string, res *KeyResult) error {
	return r.generateKeys(ctx, only, res)
}

func (r *Room) HealSince(ctx context.Context, from int64, said []inventory.Said,
	dryRun bool) (*inventory.Healed, error) {
	return r.healSince(ctx, from, said, dryRun)
}

func (r *Room) OverriddenBefore(ctx context.Context, name string, c inventory.Overridden) (bool, error) {
	return r.overriddenBefore(ctx, name, c)
}

func (r *Room) PrivateRecords(ctx context.Context, from int64) iter.Seq2[[]byte, error] {
	return r.privateRecords(ctx, from)
}

func (r *Room) StageBatch(ctx context.Context, a *Authority, batch []inventory.Intent) error {
	return r.stageBatch(ctx, a, batch)
}

// IssueNow signs what a job prepared, without what its Issue does around it.
func (r *Room) IssueNow(ctx context.Context, j *SubscriberJob) ([]*x509.Certificate, error) {
	return r.issuePrepared(ctx, j.a, j.prepared, j.intents)
}
