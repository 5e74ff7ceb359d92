package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"seihon/ledger"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"

	_ "modernc.org/sqlite"
)

// record is the same entry for every writer.
func record(i int) ([]byte, error) {
	e := receipt(i)
	e.V, e.Type = ledger.EntryVersion, ledger.TypePublish
	return e.Encode()
}

// tessera measures the POSIX writer of transparency-dev/tessera, with one
// entry for each artifact: it has no other way.
func (b *bench) tessera(ctx context.Context) error {
	fmt.Printf("\nTessera's POSIX writer, one entry for each of %d artifacts\n", b.n)
	dir := filepath.Join(b.dir, "tessera")
	skey, _, err := note.GenerateKey(rand.Reader, "bench/tessera")
	if err != nil {
		return err
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		return err
	}
	start := time.Now()
	size, err := tesseraAppend(ctx, dir, signer, 0, b.n)
	if err != nil {
		return err
	}
	t := time.Since(start)
	bytes, files := usage(dir)
	b.row("append and publish all", round(t), fmt.Sprintf("%s, %d files, size %d", mib(bytes), files, size))
	one, err := median(5, func() error { _, err := tesseraAppend(ctx, dir, signer, b.n, 1); return err })
	if err != nil {
		return err
	}
	b.row("open, one more entry, close", round(one), "its shortest checkpoint interval is 100 ms")
	return nil
}

func tesseraAppend(ctx context.Context, dir string, signer note.Signer, from, n int) (uint64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	driver, err := posix.New(ctx, posix.Config{Path: dir})
	if err != nil {
		return 0, err
	}
	batch := min(65536, uint(n)+1)
	appender, shutdown, _, err := tessera.NewAppender(ctx, driver,
		tessera.NewAppendOptions().WithCheckpointSigner(signer).
			WithCheckpointInterval(100*time.Millisecond).WithBatching(max(batch, 1),
			100*time.Millisecond).WithPushback(uint(n)+batch))
	if err != nil {
		return 0, err
	}
	futures := make([]tessera.IndexFuture, 0, n)
	for i := from; i < from+n; i++ {
		raw, err := record(i)
		if err != nil {
			return 0, err
		}
		futures = append(futures, appender.Add(ctx, tessera.NewEntry(raw)))
	}
	var last uint64
	for _, f := range futures {
		i, err := f()
		if err != nil {
			return 0, err
		}
		last = max(last, i.Index)
	}
	return last + 1, shutdown(ctx)
}

// sqlite measures a hash chain in a table: each row has the hash of the one
// before it, one transaction, synchronous.
func (b *bench) sqlite(ctx context.Context) (err error) {
	fmt.Printf("\na hash chain in SQLite, one row for each of %d artifacts\n", b.n)
	path := filepath.Join(b.dir, "chain.db")
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx,
		`CREATE TABLE chain (id INTEGER PRIMARY KEY, hash BLOB NOT NULL, entry BLOB NOT NULL)`); err != nil {
		return err
	}
	var head [32]byte
	start := time.Now()
	if head, err = chain(ctx, db, head, 0, b.n); err != nil {
		return err
	}
	t := time.Since(start)
	if _, err := db.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
		return err
	}
	bytes, _ := usage(path)
	b.row("insert all", round(t), mib(bytes))
	i := b.n
	one, err := median(21, func() error { head, err = chain(ctx, db, head, i, 1); i++; return err })
	if err != nil {
		return err
	}
	b.row("one more row", round(one), "durable, not signed")
	scan, err := median(1, func() error { return scanChain(ctx, db, head) })
	if err != nil {
		return err
	}
	b.row("full check", round(scan), "no proof of one row is shorter than this")
	return nil
}

func chain(ctx context.Context, db *sql.DB, head [32]byte, from, n int) ([32]byte, error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return head, err
	}
	defer tx.Rollback()
	put, err := tx.PrepareContext(ctx, `INSERT INTO chain (id, hash, entry) VALUES (?, ?, ?)`)
	if err != nil {
		return head, err
	}
	defer put.Close()
	for i := from; i < from+n; i++ {
		raw, err := record(i)
		if err != nil {
			return head, err
		}
		head = sha256.Sum256(append(head[:], raw...))
		if _, err := put.ExecContext(ctx, i, head[:], raw); err != nil {
			return head, err
		}
	}
	return head, tx.Commit()
}

func scanChain(ctx context.Context, db *sql.DB, want [32]byte) error {
	rows, err := db.QueryContext(ctx, `SELECT hash, entry FROM chain ORDER BY id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	var head [32]byte
	for rows.Next() {
		var hash, raw sql.RawBytes
		if err := rows.Scan(&hash, &raw); err != nil {
			return err
		}
		if head = sha256.Sum256(append(head[:], raw...)); string(hash) != string(head[:]) {
			return errors.New("the chain is broken")
		}
	}
	if head != want {
		return errors.New("the chain ends elsewhere")
	}
	return rows.Err()
}
