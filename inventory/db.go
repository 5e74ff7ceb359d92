package inventory

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"seihon/internal/regular"

	_ "github.com/jackc/pgx/v5/stdlib" // the PostgreSQL driver
	"go.uber.org/zap"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Config says where the inventory lives.
type Config struct {
	DSN    string // "sqlite:PATH" or "postgres://…"
	Now    func() time.Time
	Logger *zap.Logger
	// Existing refuses, with os.ErrNotExist, to make an SQLite file that is not there.
	Existing bool
	// OverrideKeys are the keys whose overrides count. None: no override counts.
	OverrideKeys []ed25519.PublicKey
}

// DB is an open inventory. It is safe for concurrent use, and several
// processes may have the same one open.
type DB struct {
	write    *sql.DB // one connection on SQLite, so that writers queue here
	read     *sql.DB
	postgres bool
	now      func() time.Time
	log      *zap.Logger

	overrideKeys []ed25519.PublicKey
	spoolDir     string // where imports sort; "" is the system's temporary folder
}

// schemaLock is the PostgreSQL advisory lock around the creation of tables.
const schemaLock = 0x736569686f6e

// poolSize bounds the connections of one process: iterators hold one each.
const poolSize = 16

// Open opens the inventory and creates its tables when they are missing.
func Open(ctx context.Context, c Config) (*DB, error) {
	d := &DB{now: c.Now, log: c.Logger, overrideKeys: c.OverrideKeys}
	if d.now == nil {
		d.now = time.Now
	}
	if d.log == nil {
		d.log = zap.NewNop()
	}
	if err := d.connect(c.DSN, c.Existing); err != nil {
		return nil, err
	}
	if err := d.prepare(ctx); err != nil {
		return nil, errors.Join(damaged(c.DSN, err), d.Close())
	}
	return d, nil
}

// damaged says what to do with a file that SQLite cannot read. When the disk fails
// to read, SQLite takes the file for damaged.
func damaged(dsn string, err error) error {
	var failed *sqlite.Error
	if !errors.As(err, &failed) {
		return err
	}
	file := strings.TrimPrefix(dsn, "sqlite:")
	switch failed.Code() & 0xff {
	case sqlite3.SQLITE_READONLY:
		return unwritable(file, err)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("opening inventory %q: the file is damaged: %w: unless the kernel's messages say that the "+
			"disk cannot be read, put the newest copy "+
			"in its place, which `signer run` brings up to date from the master, or move it away and make it again "+
			"with `signer inventory rebuild`", file, failed)
	case sqlite3.SQLITE_CANTOPEN:
		return fmt.Errorf("%w: neither %q nor the files -wal and -shm beside it can be opened: look at the rights of "+
			"the folder, and at the disk", err, file)
	}
	return err
}

// unwritable says of a file that cannot be written how it looks.
func unwritable(file string, err error) error {
	mode := "unknown"
	if info, statErr := os.Stat(file); statErr == nil {
		mode = fmt.Sprintf("%04o", info.Mode().Perm())
	}
	return fmt.Errorf("%w: %q cannot be written: it has mode %s, and who runs this is user %d: look at its owner, at "+
		"the files -wal and -shm beside it, "+
		"at whether the file system is mounted for reading only, and at the disk", err, file, mode, os.Geteuid())
}

// connect sets up the pools; it reaches no database yet.
func (d *DB) connect(dsn string, existing bool) error {
	path, isSQLite := strings.CutPrefix(dsn, "sqlite:")
	switch {
	case isSQLite && path != "":
		return d.connectSQLite(path, existing)
	case strings.HasPrefix(dsn, "postgres://"), strings.HasPrefix(dsn, "postgresql://"):
		db, err := sql.Open("pgx", dsn)
		if err != nil {
			return fmt.Errorf("opening inventory: %w", Redact(err))
		}
		db.SetMaxOpenConns(poolSize)
		d.write, d.read, d.postgres = db, db, true
		return nil
	}
	return fmt.Errorf("opening inventory: want sqlite:PATH or postgres://…, have scheme %q", scheme(dsn))
}

// connectSQLite opens one writing connection and a pool of reading ones. WAL
// lets them read while it writes; synchronous=FULL makes each commit survive a
// power cut, which a CRL number that was handed out must.
func (d *DB) connectSQLite(path string, existing bool) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("opening inventory %q: %w", path, err)
	}
	if fi, err := os.Stat(filepath.Dir(abs)); err != nil || !fi.IsDir() {
		return fmt.Errorf("opening inventory %q: its folder does not exist: make it first", path)
	}
	info, err := os.Stat(abs)
	if errors.Is(err, fs.ErrNotExist) && !existing {
		info, err = create(abs)
	}
	if err == nil {
		err = regular.Check(abs)
	}
	if err != nil {
		return fmt.Errorf("opening inventory: %w", err)
	}
	if mode := info.Mode().Perm(); os.PathSeparator == '/' && mode&0o077 != 0 {
		return fmt.Errorf("opening inventory %q: others may read it: it has mode %04o; make it 0600", path, mode)
	}
	// SQLite would open it all the same, and make -wal and -shm beside it with its mode
	if err := writable(abs); err != nil {
		return unwritable(path, fmt.Errorf("opening inventory: %w", err))
	}
	d.spoolDir = filepath.Dir(abs)
	common := []string{"synchronous(FULL)", "foreign_keys(1)", "temp_store(FILE)"}
	name := func(extra url.Values, pragmas ...string) string {
		extra["_pragma"] = append(pragmas, common...)
		extra.Set("_busy_timeout", "60000") // an import of a million lines writes for some seconds
		return (&url.URL{Scheme: "file", Path: abs, RawQuery: extra.Encode()}).String()
	}
	if d.write, err = sql.Open("sqlite",
		name(url.Values{"_txlock": {"immediate"}}, "journal_mode(WAL)", "cache_size(-12000)")); err != nil {
		return fmt.Errorf("opening inventory %q: %w", path, err)
	}
	d.write.SetMaxOpenConns(1)
	if d.read, err = sql.Open("sqlite", name(url.Values{}, "cache_size(-4000)", "query_only(1)")); err != nil {
		return fmt.Errorf("opening inventory %q: %w", path, err)
	}
	d.read.SetMaxOpenConns(poolSize)
	d.read.SetMaxIdleConns(2)
	return nil
}

// create makes an empty file, which SQLite takes for an empty database. SQLite would make it readable to all, and it
// holds names of subscribers; its journal files take over the mode. A file that is there is never opened here: closing
// it would take the locks away that SQLite may have on it in this process.
func create(path string) (fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil && !errors.Is(err, fs.ErrExist) { // another process was quicker
		return nil, err
	}
	return os.Stat(path)
}

// prepare creates what is missing and checks the version of what is there. To
// change a new file to WAL needs it alone, and SQLite does not wait for that as
// it waits for other locks; so processes that start together try again.
func (d *DB) prepare(ctx context.Context) error {
	patience, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		err := d.prepareOnce(ctx)
		var failed *sqlite.Error
		switch errors.As(err, &failed); {
		case failed != nil && failed.Code() == sqlite3.SQLITE_IOERR_SHMSIZE:
			return fmt.Errorf("%w: no space left on device for the -shm file beside it", err)
		case failed == nil || failed.Code()&0xff != sqlite3.SQLITE_BUSY:
			return err
		}
		select {
		case <-patience.Done():
			return err
		case <-time.After(pause):
		}
	}
}

func (d *DB) prepareOnce(ctx context.Context) error {
	return d.update(ctx, "opening inventory", func(tx *sql.Tx) error {
		if d.postgres { // two hosts that start at once would both create
			if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, schemaLock); err != nil {
				return err
			}
		}
		all := statements(d.postgres)
		if _, err := tx.ExecContext(ctx, all[0]); err != nil { // the table meta
			return fmt.Errorf("creating tables: %w", err)
		}
		// SQLite opens a file all the same that it cannot open for writing, and says so at the first statement that
		// would write: this one changes nothing.
		if _, err := tx.ExecContext(ctx, `UPDATE meta SET version = version WHERE version < 0`); err != nil {
			return err
		}
		version := schemaVersion
		err := tx.QueryRowContext(ctx, `SELECT version FROM meta`).Scan(&version)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			_, err = tx.ExecContext(ctx, d.q(`INSERT INTO meta (version) VALUES ($1)`), schemaVersion)
		case err == nil && version == 1:
			err = d.execAll(ctx, tx, slices.Concat(upgrades1, upgrades4))
		case err == nil && version == 2:
			err = d.execAll(ctx, tx, upgrades4)
			all = slices.Concat(all, moved2, moved3)
		case err == nil && (version == 3 || version == 4):
			err = d.execAll(ctx, tx, upgrades4)
			all = append(all, moved3...)
		case err == nil && version == 5:
			err = d.execAll(ctx, tx, upgrades5)
		case err == nil && version == 6:
			err = d.execAll(ctx, tx, upgrades6)
		case err == nil && version == 7: // blocks of what lists say are new; the rows stay
		case err == nil && version != schemaVersion:
			err = fmt.Errorf("schema version is %d, this program knows %d: use the program that made it", version,
				schemaVersion)
		}
		if err != nil {
			return err
		}
		if err := d.execAll(ctx, tx, all); err != nil || version == schemaVersion {
			return err
		}
		if _, err := tx.ExecContext(ctx, d.q(`UPDATE meta SET version = $1`), schemaVersion); err != nil {
			return err
		}
		return d.indexKeys(ctx, tx)
	})
}

func (d *DB) execAll(ctx context.Context, tx *sql.Tx, statements []string) error {
	words := dialect(d.postgres)
	for _, s := range statements {
		if _, err := tx.ExecContext(ctx, words.Replace(s)); err != nil {
			return fmt.Errorf("creating tables: %w", err)
		}
	}
	return nil
}

// Close closes the connections.
func (d *DB) Close() error {
	var errs []error
	if d.write != nil {
		errs = append(errs, d.write.Close())
	}
	if d.read != nil && d.read != d.write {
		errs = append(errs, d.read.Close())
	}
	return errors.Join(errs...)
}

// q turns the parameters of PostgreSQL into those of SQLite. No statement of
// this package has a dollar sign for anything else.
func (d *DB) q(query string) string {
	if d.postgres {
		return query
	}
	return strings.ReplaceAll(query, "$", "?")
}

// forUpdate is appended to a SELECT whose rows the transaction will change.
// SQLite needs none: its write transactions exclude each other.
func (d *DB) forUpdate() string {
	if d.postgres {
		return " FOR UPDATE"
	}
	return ""
}

// update runs fn in a write transaction and names doing in its error.
func (d *DB) update(ctx context.Context, doing string, fn func(*sql.Tx) error) (err error) {
	tx, err := d.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, Redact(err))
	}
	defer tx.Rollback() // after a commit this does nothing
	if err := fn(tx); err != nil {
		if cause := ctx.Err(); cause != nil && !errors.Is(err, cause) { // a statement learns only that it was closed
			err = fmt.Errorf("%w: %w", cause, err)
		}
		return fmt.Errorf("%s: %w", doing, err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("%s: committing: %w", doing, err)
	}
	return nil
}

// many is the context for very many short statements of one transaction. For each statement that could be cancelled the
// driver of SQLite starts a goroutine, which costs more than most statements. A cancellation still ends the
// transaction, and with it the next statement.
func many(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }

// querier is a pool, a connection or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// stream runs a query and yields its rows as they arrive. The query runs in
// one snapshot, so writing while ranging is safe and is not seen.
func stream[T any](ctx context.Context, q querier, doing string, scan func(*sql.Rows) (T, error), query string,
	args ...any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		rows, err := q.QueryContext(ctx, query, args...)
		if err != nil {
			yield(zero, fmt.Errorf("%s: %w", doing, Redact(err)))
			return
		}
		defer rows.Close()
		for rows.Next() {
			v, err := scan(rows)
			if err != nil {
				yield(zero, fmt.Errorf("%s: %w", doing, err))
				return
			}
			if !yield(v, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(zero, fmt.Errorf("%s: %w", doing, err))
		}
	}
}

// failed is a sequence of one error.
func failed[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		yield(zero, err)
	}
}

// seconds and fromSeconds are the form in which times are stored.
func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func fromSeconds(s int64) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
