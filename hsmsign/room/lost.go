package room

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"

	"seihon/internal/config"
	"seihon/internal/durable"
	"seihon/internal/regular"
	"seihon/inventory"
	"seihon/ledger"
)

// Three things know how far the room has come: the master, the inventory, and the head, which is the last checkpoint,
// kept in the room's state folder. Each is held against the others before anything is written. One that is missing,
// empty or older beside the others is a loss, never a beginning: a new book beside an old log would unsay everything,
// and an older log that is gone on with is a second history. A room of before the head has none until its next commit;
// from then on the inventory knows that there is one.

// wayBack is what to do about an inventory that is not there.
const wayBack = "if it is lost, restore it (what it lacks is healed from the master) or make it again with `signer " +
	"inventory rebuild`; " +
	"if its path is wrong, correct signer.inventory"

// headFile is where the last checkpoint is remembered outside of master and inventory.
func headFile(c *config.Config) string {
	return filepath.Join(string(c.Signer.State), "master.head")
}

// head is the last checkpoint that is remembered of this log; nil when none is.
func head(c *config.Config) (*ledger.Checkpoint, error) {
	raw, err := regular.ReadFile(headFile(c))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the head of the master log: %w", err)
	}
	cp, err := ledger.ParseCheckpoint(raw)
	if err != nil {
		return nil,
			&RecordError{Err: fmt.Errorf("reading the head of the master log %q: %w; if the master is the newest "+
				"copy that there is, move the file away", headFile(c), err)}
	}
	if cp.Origin != c.Master.Origin { // of a log that was here before
		return nil, nil
	}
	cp.Note = raw
	return &cp, nil
}

// beheaded refuses a room whose head is missing, though the inventory knows that there was one: master and inventory
// alone could both be of an earlier day.
func beheaded(c *config.Config, pos inventory.Position) error {
	last, err := head(c)
	if err == nil && last == nil && pos.Headed {
		err = &RecordError{Err: fmt.Errorf("opening the master log: %q, which knows its last checkpoint, is missing: "+
			"restore it; if it is lost, put the newest checkpoint "+
			"in its place that another host has: log/checkpoint in the publishing host's copy of the master",
			headFile(c))}
	}
	return err
}

func (r *Room) writerConfig(signers []note.Signer) ledger.WriterConfig {
	return ledger.WriterConfig{Origin: r.Config.Master.Origin, Signers: signers, Index: true, Now: r.Now,
		Logger: r.logger}
}

// headedConfig has the log written on top of what the head knows, and each checkpoint be the next head.
func (r *Room) headedConfig(signers []note.Signer) (ledger.WriterConfig, error) {
	c := r.writerConfig(signers)
	c.Committed = r.remember
	last, err := head(r.Config)
	if last != nil {
		c.Known = [][]byte{last.Note}
	}
	return c, err
}

// remember makes a checkpoint the head.
func (r *Room) remember(checkpoint []byte) error {
	if err := os.MkdirAll(filepath.Dir(headFile(r.Config)), 0o700); err != nil {
		return fmt.Errorf("making the folder of the head: %w", err)
	}
	return durable.WriteFile(headFile(r.Config), checkpoint, 0o644)
}

// openWriter opens the master log for writing, unless it is not the one that the head knows.
func (r *Room) openWriter(ctx context.Context, signers []note.Signer) error {
	conf, err := r.headedConfig(signers)
	if err != nil {
		return err
	}
	dir := string(r.Config.Master.Directory)
	log, err := ledger.OpenWriter(ctx, dir, conf)
	switch {
	case errors.Is(err, ledger.ErrNotExist):
		return noMaster(ctx, r.Config, err)
	case err != nil:
		return notTheHead(err)
	}
	r.Log = log
	if r.lossReason == "" || r.DryRun {
		if err := CheckPrivate(ctx, log.Log()); err != nil {
			return err
		}
	}
	return r.catchUp()
}

// catchUp brings the head up to the log, when a commit was the last thing that a run did before it could remember it.
// A room without a head gets none here: a missing one may be a loss.
func (r *Room) catchUp() error {
	last, err := head(r.Config)
	if err != nil || last == nil || last.Size == r.Log.Log().Size() {
		return err
	}
	if err := r.remember(r.Log.Log().Checkpoint()); err != nil {
		return fmt.Errorf("remembering the last commit: %w", err)
	}
	return nil
}

// notTheHead is the refusal of a log that contradicts the head.
func notTheHead(err error) error {
	if !errors.Is(err, ledger.ErrRollback) && !errors.Is(err, ledger.ErrFork) {
		return err
	}
	return &RecordError{Err: fmt.Errorf("opening the master log: the master is an older copy, or one of another "+
		"history; restore the newest one, "+
		"which the publishing host has, too, without its private part: %w", err)}
}

// noMaster refuses a log that something remembers and that is not there, and says what to do where nothing does.
func noMaster(ctx context.Context, c *config.Config, err error) error {
	if lost := neverBegun(ctx, c); lost != nil {
		return lost
	}
	return fmt.Errorf("%w; if the master is lost, restore it from a backup; if its path is wrong, correct "+
		"master.directory; `signer init` begins a new repository", err)
}

// neverBegun refuses to do without a log that something remembers.
func neverBegun(ctx context.Context, c *config.Config) error {
	dir := string(c.Master.Directory)
	last, err := head(c)
	if err != nil {
		return err
	}
	if last != nil && last.Size > 0 {
		return lostMaster(dir, fmt.Sprintf("%q", headFile(c)), last.Size)
	}
	db, err := inventory.Open(ctx, inventory.Config{DSN: InventoryDSN(c.Signer), Existing: true})
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	pos, err := db.Position(ctx, c.Master.Origin)
	if errors.Is(err, inventory.ErrNotFound) {
		err = nil
	}
	if err == nil && pos.Size > 0 {
		err = lostMaster(dir, "the inventory", pos.Size)
	}
	return errors.Join(err, db.Close())
}

func lostMaster(dir, who string, size int64) error {
	return &RecordError{Err: fmt.Errorf("opening the master log: there is none in %q, and %s knows it with %d "+
		"entries: if the master is lost, restore it from a backup; "+
		"if its path is wrong, correct master.directory; it is not begun again", dir, who, size)}
}

// openInventory opens the inventory. Only `signer init` and `signer inventory rebuild` make one.
func (r *Room) openInventory(ctx context.Context) (err error) {
	if r.OverrideKeys, err = OverrideKeys(r.Config.Trust.OverrideKeys); err != nil {
		return err
	}
	r.Inventory, err = OpenInventory(ctx,
		inventory.Config{DSN: InventoryDSN(r.Config.Signer), OverrideKeys: r.OverrideKeys, Now: r.Now, Logger: r.logger,
			Existing: !r.creating})
	return err
}

// OpenInventory opens an inventory; one that is not there is a refusal that says what to do.
func OpenInventory(ctx context.Context, c inventory.Config) (*inventory.DB, error) {
	db, err := inventory.Open(ctx, c)
	if errors.Is(err, os.ErrNotExist) {
		return nil, &RecordError{Err: fmt.Errorf("%w; %s; `signer init` begins a new repository", err, wayBack)}
	}
	return db, err
}

// sameHistory holds the log against the inventory, for a command that needs no more of the inventory than that.
func (r *Room) sameHistory(ctx context.Context) error {
	if err := r.openInventory(ctx); err != nil {
		return err
	}
	_, err := r.compare(ctx)
	return err
}

func olderMaster(log *ledger.Log, seen int64) error {
	return &RecordError{Err: fmt.Errorf("opening the inventory: it has seen the master log %q with %d entries, the "+
		"log in %s has %d: the master is an older copy; restore a newer one",
		log.Origin(), seen, log.Dir(), log.Size())}
}

func emptyInventory(size int64) error {
	return &RecordError{Err: fmt.Errorf("opening the inventory: it is empty, and the master log has %d entries: %s",
		size, wayBack)}
}

// BesideLog holds an inventory against the log, for commands that write no log.
func BesideLog(ctx context.Context, conf *config.Config, db *inventory.DB) error {
	log, err := OpenMaster(ctx, conf)
	if err != nil {
		return err
	}
	last, err := head(conf)
	if err == nil && last != nil {
		err = notTheHead(log.Consistent(ctx, last.Note))
	}
	if err == nil {
		err = CheckPrivate(ctx, log)
	}
	if err != nil {
		return err
	}
	pos, err := db.Position(ctx, log.Origin())
	if errors.Is(err, inventory.ErrNotFound) {
		issuers, err := db.Issuers(ctx)
		if err != nil || len(issuers) > 0 || log.Size() == 0 {
			return err // of before positions were kept
		}
		return emptyInventory(log.Size())
	}
	switch {
	case err != nil:
		return err
	case pos.Size > log.Size():
		return olderMaster(log, pos.Size)
	}
	return beheaded(conf, pos)
}
