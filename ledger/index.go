package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"seihon/internal/regular"

	"golang.org/x/mod/sumdb/tlog"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// The index is a SQLite file with the state at one tree size, so that one name
// is found without replaying years of manifests. It is disposable, nothing is
// proved by it and only who keeps it reads it: it names the root of the tree it was made from, a reader
// that does not have that tree ignores it, and one that is ahead of the log is
// a sign that the log was put back, so the writer refuses to open.

const indexSchema = `
CREATE TABLE meta (k TEXT PRIMARY KEY, v TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE current (name TEXT PRIMARY KEY, entry INTEGER NOT NULL, line TEXT NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 1;`

// An index is open in one read transaction. A nil *index is one that is not usable.
type index struct {
	db   *sql.DB
	tx   *sql.Tx
	size int64
	root string
}

// UseIndex gives the same log with State and Lookup allowed to believe
// index.db, which nobody signed. It is for who keeps that file (Writer.Log does
// it when the writer has the duty), not for who reads a directory that came
// from elsewhere.
func (l *Log) UseIndex() *Log {
	n := l.withCheckpoint(l.cp)
	n.indexed = true
	return n
}

// usableIndex is openIndex where the caller allows it.
func (l *Log) usableIndex(ctx context.Context) *index {
	if !l.indexed {
		return nil
	}
	return l.openIndex(ctx)
}

// openIndex opens the index if it is of a prefix of this log; else nil. It
// never fails: without an index the log is replayed.
func (l *Log) openIndex(ctx context.Context) *index {
	x, err := readIndex(ctx, l.dir)
	if err != nil {
		return nil
	}
	if x.size > l.cp.Size {
		x.close()
		return nil
	}
	if root, err := l.tiles.rootAt(x.size); err != nil || root.String() != x.root {
		x.close()
		return nil
	}
	return x
}

var errNoIndex = errors.New("there is no index")

func readIndex(ctx context.Context, dir string) (*index, error) {
	path := filepath.Join(dir, indexFile)
	if _, err := os.Stat(path); err != nil {
		return nil, errNoIndex
	}
	db, err := openSQLite(path, "ro")
	if err != nil {
		return nil, err
	}
	x := &index{db: db}
	if x.tx, err = db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}); err != nil {
		x.close()
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if x.size, x.root, err = indexHead(ctx, x.tx); err != nil {
		x.close()
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return x, nil
}

func openSQLite(path, mode string) (*sql.DB, error) {
	if err := regular.Check(path); err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	// No WAL: a read-only mount could not be read. No fsync: it is disposable.
	q := url.Values{"mode": {mode},
		"_pragma": {"busy_timeout(2000)", "journal_mode(delete)", "synchronous(off)", "cache_size(-65536)"}}
	if mode == "ro" {
		q["_pragma"] = []string{"busy_timeout(2000)", "query_only(1)"}
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file",
		Opaque: (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath(), RawQuery: q.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

func indexHead(ctx context.Context, tx *sql.Tx) (size int64, root string, err error) {
	var s string
	if err := tx.QueryRowContext(ctx, `SELECT v FROM meta WHERE k = 'size'`).Scan(&s); err != nil {
		return 0, "", err
	}
	if size, err = strconv.ParseInt(s, 10, 64); err != nil || size < 0 {
		return 0, "", fmt.Errorf("the size is %q", s)
	}
	err = tx.QueryRowContext(ctx, `SELECT v FROM meta WHERE k = 'root'`).Scan(&root)
	return size, root, err
}

func (x *index) close() {
	if x == nil {
		return
	}
	if x.tx != nil {
		// Nothing was written; how a read transaction ends does not matter.
		_ = x.tx.Rollback()
	}
	_ = x.db.Close()
}

// get finds one name.
func (x *index) get(ctx context.Context, name string) (Line, int64, error) {
	var entry int64
	var raw string
	if err := x.tx.QueryRowContext(ctx, `SELECT entry, line FROM current WHERE name = ?`, name).Scan(&entry,
		&raw); err != nil {
		return Line{}, 0, err
	}
	l, err := ParseLine(raw)
	if err == nil && l.Name != name {
		err = fmt.Errorf("the index has the line of %q under %q", l.Name, name)
	}
	return l, entry, err
}

// all reads the whole state.
func (x *index) all(ctx context.Context) (map[string]stateLine, error) {
	rows, err := x.tx.QueryContext(ctx, `SELECT entry, line FROM current`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	m := map[string]stateLine{}
	for rows.Next() {
		var s stateLine
		if err := rows.Scan(&s.entry, &s.raw); err != nil {
			return nil, err
		}
		l, err := ParseLine(s.raw)
		if err != nil {
			return nil, err
		}
		m[l.Name] = s
	}
	return m, rows.Err()
}

// notBehindIndex refuses a log that has fewer entries than its index was made
// from, or another tree.
func (l *Log) notBehindIndex(ctx context.Context) error {
	x, err := readIndex(ctx, l.dir)
	if err != nil {
		return nil // no index, or none that can be read: it will be rebuilt
	}
	defer x.close()
	path := filepath.Join(l.dir, indexFile)
	if x.size > l.cp.Size {
		return &RollbackError{Have: l.cp.Size, Seen: x.size, Where: path}
	}
	here, err := l.tiles.rootAt(x.size)
	if err != nil {
		return err
	}
	if here.String() != x.root {
		seen, err := tlog.ParseHash(x.root)
		if err != nil {
			return fmt.Errorf("reading %s: %w; delete the file, it will be rebuilt", path, err)
		}
		return &ForkError{Size: x.size, Here: here, Seen: seen, Where: path}
	}
	return nil
}

// UpdateIndex brings the index up to the log, or builds it.
func (l *Log) UpdateIndex(ctx context.Context) error {
	if err := l.notBehindIndex(ctx); err != nil {
		return fmt.Errorf("updating the index: %w", err)
	}
	path := filepath.Join(l.dir, indexFile)
	if x, err := readIndex(ctx, l.dir); err == nil {
		size := x.size
		x.close()
		if size == l.cp.Size {
			return nil
		}
	} else if err := removeIndex(path); err != nil {
		return fmt.Errorf("updating the index: %w", err)
	}
	db, err := openSQLite(path, "rwc")
	if err != nil {
		return fmt.Errorf("updating the index: %w", err)
	}
	err = l.index(ctx, db)
	if err = errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("updating the index %s: %w", path, err)
	}
	return nil
}

func removeIndex(path string) error {
	for _, p := range []string{path, path + "-journal", path + "-wal", path + "-shm"} {
		if err := os.Remove(p); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// index applies the changes since the index was made, all or nothing.
func (l *Log) index(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	var version int
	if err := tx.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&version); err != nil {
		return err
	}
	from := int64(0)
	if version == 0 {
		if _, err := tx.ExecContext(ctx, indexSchema); err != nil {
			return err
		}
	} else if from, _, err = indexHead(ctx, tx); err != nil {
		return err
	}
	put, err := tx.PrepareContext(ctx,
		`INSERT INTO current (name, entry, line) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET entry = excluded.entry, line = excluded.line`)
	if err != nil {
		return err
	}
	defer put.Close()
	for c, err := range l.Changes(ctx, from, l.cp.Size) {
		switch {
		case err != nil:
			return err
		case c.Line != nil:
			_, err = put.ExecContext(ctx, c.Line.Name, c.Index, c.Line.String())
		case c.Withdraw != nil:
			_, err = tx.ExecContext(ctx, `DELETE FROM current WHERE name = ?`, c.Withdraw.Name)
		}
		if err != nil {
			return err
		}
	}
	for k, v := range map[string]string{"size": strconv.FormatInt(l.cp.Size, 10), "root": l.cp.Root.String()} {
		if _, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO meta (k, v) VALUES (?, ?)`, k,
			strings.TrimSpace(v)); err != nil {
			return err
		}
	}
	return tx.Commit()
}
