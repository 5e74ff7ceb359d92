package source

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the PostgreSQL driver
	_ "modernc.org/sqlite"             // the SQLite driver

	"seihon/artifact"
	"seihon/inventory"
)

// Query is a query against the CA's own database, which is only read.
type Query struct {
	DSN string // "postgres://…" or "sqlite:PATH"
	// SQL yields the columns of a CSV file, by their names, in a fixed order of
	// rows. Parameters are $1, $2 … (?1, ?2 … on SQLite).
	SQL  string
	Args []any
}

// EJBCAOptions say which certificates of an EJBCA are meant.
type EJBCAOptions struct {
	// IssuerDN as EJBCA stores it ("CN=ManagementCA,O=Example,C=JP").
	IssuerDN string
	// CAFingerprint, the hexadecimal SHA-1 of the CA certificate, tells the keys
	// of a renewed CA apart, which share the DN. Empty means all.
	CAFingerprint string
	// InvalidityDate reads the column invalidityDate, which older releases lack.
	InvalidityDate bool
}

// EJBCA is the query for the table CertificateData of EJBCA. The status codes
// are those of EJBCA: 30 is temporarily and 40 finally revoked, and 60 is
// archived, which keeps the date and the reason of a revocation. Reason -1 is
// not revoked, and 8 released from hold. Status 0 is a certificate that was
// never handed to anyone, yet it was signed and so it counts. Dates are in
// milliseconds, serials decimal.
func EJBCA(dsn string, o EJBCAOptions) Query {
	const revoked = `(status IN (30, 40) OR (status = 60 AND revocationDate > 0 AND revocationReason NOT IN (-1, 8)))`
	query := `SELECT serialNumber AS serial_decimal, notBefore AS not_before_unix_ms, expireDate AS not_after_unix_ms, subjectDN AS subject,
	CASE WHEN type IN (2, 8) THEN 'ca-certificate' ELSE 'subscriber-certificate' END AS kind,
	CASE WHEN ` + revoked + ` THEN 'revoked' ELSE 'issued' END AS state,
	CASE WHEN ` + revoked + ` THEN revocationDate END AS revoked_at_unix_ms,
	CASE WHEN ` + revoked + ` THEN revocationReason END AS reason`
	if o.InvalidityDate {
		query += `,
	CASE WHEN ` + revoked + ` AND invalidityDate > 0 THEN invalidityDate END AS invalidity_date_unix_ms`
	}
	query += `
	FROM CertificateData WHERE issuerDN = $1`
	args := []any{o.IssuerDN}
	if o.CAFingerprint != "" {
		query, args = query+` AND cAFingerprint = $2`, append(args, strings.ToLower(o.CAFingerprint))
	}
	query += ` ORDER BY serialNumber`
	if strings.HasPrefix(dsn, "sqlite:") {
		query = strings.ReplaceAll(query, "$", "?")
	}
	return Query{DSN: dsn, SQL: query, Args: args}
}

// database is a query as a source.
type database struct {
	info  inventory.SourceInfo
	query Query
	kind  artifact.Kind
}

// SQL reads the rows of a query. Its digest is that of the records.
func SQL(q Query, o Options) inventory.Source {
	return &database{query: q, kind: o.kind(),
		info: inventory.SourceInfo{Name: o.Name, Format: "sql", Scope: o.scope(), AsOf: o.AsOf}}
}

// Info describes the source.
func (s *database) Info() inventory.SourceInfo { return s.info }

// open connects so that nothing can be written.
func (s *database) open() (*sql.DB, error) {
	path, isSQLite := strings.CutPrefix(s.query.DSN, "sqlite:")
	if isSQLite {
		abs, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		return sql.Open("sqlite",
			(&url.URL{Scheme: "file", Path: abs,
				RawQuery: "mode=ro&_pragma=query_only(1)&_busy_timeout=15000"}).String())
	}
	if !strings.HasPrefix(s.query.DSN, "postgres://") && !strings.HasPrefix(s.query.DSN, "postgresql://") {
		return nil, errors.New("want postgres://… or sqlite:PATH")
	}
	return sql.Open("pgx", s.query.DSN)
}

// Records runs the query in one read-only snapshot.
func (s *database) Records(ctx context.Context) iter.Seq2[inventory.Record, error] {
	return func(yield func(inventory.Record, error) bool) {
		digest := newRecordDigest()
		err := s.run(ctx, func(r inventory.Record) bool {
			digest.add(&r)
			return yield(r, nil)
		})
		if err != nil && !errors.Is(err, errStop) {
			yield(inventory.Record{}, fmt.Errorf("querying the CA's database: %w", inventory.Redact(err)))
			return
		}
		s.info.Digest = digest.sum()
	}
}

func (s *database) run(ctx context.Context, yield func(inventory.Record) bool) error {
	db, err := s.open()
	if err != nil {
		return err
	}
	defer db.Close()
	options := &sql.TxOptions{}
	if !strings.HasPrefix(s.query.DSN, "sqlite:") {
		options = &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	}
	tx, err := db.BeginTx(ctx, options)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	rows, err := tx.QueryContext(ctx, s.query.SQL, s.query.Args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	all, err := findAll(names)
	if err != nil {
		return err
	}
	values, into := make([]any, len(names)), make([]any, len(names))
	for n := range values {
		into[n] = &values[n]
	}
	for number := 1; rows.Next(); number++ {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		r := newRecord(s.kind)
		r.Line = number
		if err := setRow(names, all, values, &r); err != nil {
			return fmt.Errorf("row %d: %w", number, err)
		}
		if !yield(r) {
			return errStop
		}
	}
	return rows.Err()
}

// setRow sets the columns of one row.
func setRow(names []string, all []column, values []any, r *inventory.Record) error {
	for n, v := range values {
		var text string
		switch v := v.(type) {
		case nil:
			continue
		case time.Time:
			text = v.UTC().Format(time.RFC3339)
		case []byte:
			text = string(v)
		default:
			text = fmt.Sprint(v)
		}
		if text == "" {
			continue
		}
		if err := all[n](text, r); err != nil {
			return fmt.Errorf("%s %q: %w", names[n], text, err)
		}
	}
	return finish(r)
}
