package inventory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/big"
)

// NextCRLNumber returns the next CRL number of a scope. It is on disk before
// it is returned and is never returned again, whatever becomes of the CRL:
// RFC 5280 5.2.3 lets numbers be skipped, never reused. A complete CRL and its
// delta CRLs share a scope.
func (d *DB) NextCRLNumber(ctx context.Context, issuer, scope string) (*big.Int, error) {
	doing := fmt.Sprintf("taking a CRL number of %q, scope %q", issuer, scope)
	var next *big.Int
	err := d.update(ctx, doing, func(tx *sql.Tx) error {
		name, err := d.crlCounter(ctx, tx, issuer, scope)
		if err != nil {
			return err
		}
		last, err := d.counter(ctx, tx, name)
		if err != nil {
			return err
		}
		next = new(big.Int).Add(last, big.NewInt(1))
		return d.setCounter(ctx, tx, name, next)
	})
	if err != nil {
		return nil, err
	}
	return next, nil
}

// LastCRLNumber returns the last number handed out, nil when there was none.
func (d *DB) LastCRLNumber(ctx context.Context, issuer, scope string) (*big.Int, error) {
	doing := fmt.Sprintf("reading the CRL number of %q, scope %q", issuer, scope)
	name, err := d.crlCounter(ctx, d.read, issuer, scope)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	var value []byte
	err = d.read.QueryRowContext(ctx, d.q(`SELECT value FROM counters WHERE name = $1`), name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	return new(big.Int).SetBytes(value), nil
}

// RaiseCRLNumber makes NextCRLNumber go on above n: the number of the CRL with
// which another system ended. It refuses to lower it.
func (d *DB) RaiseCRLNumber(ctx context.Context, issuer, scope string, n *big.Int) error {
	if n == nil || n.Sign() < 0 || len(n.Bytes()) > maxSerial-1 {
		return fmt.Errorf("raising the CRL number of %q: %v is out of range: RFC 5280 5.2.3 allows 20 octets", issuer,
			n)
	}
	return d.update(ctx, fmt.Sprintf("raising the CRL number of %q, scope %q", issuer, scope), func(tx *sql.Tx) error {
		name, err := d.crlCounter(ctx, tx, issuer, scope)
		if err != nil {
			return err
		}
		last, err := d.counter(ctx, tx, name)
		if err != nil {
			return err
		}
		if n.Cmp(last) < 0 {
			return fmt.Errorf("%w: %s was handed out, %s is lower", ErrNumberTooSmall, last, n)
		}
		return d.setCounter(ctx, tx, name, n)
	})
}

// NextCounter returns 1, 2, 3 … for a name, with the promise of NextCRLNumber.
func (d *DB) NextCounter(ctx context.Context, name string) (int64, error) {
	var next int64
	err := d.update(ctx, fmt.Sprintf("taking a number of %q", name), func(tx *sql.Tx) error {
		last, err := d.counter(ctx, tx, "counter/"+name)
		if err != nil {
			return err
		}
		next = last.Int64() + 1
		return d.setCounter(ctx, tx, "counter/"+name, big.NewInt(next))
	})
	return next, err
}

// crlCounter names the counter of an issuer's scope.
func (d *DB) crlCounter(ctx context.Context, q querier, issuer, scope string) (string, error) {
	i, err := d.issuer(ctx, q, issuer, "")
	return fmt.Sprintf("crl/%d/%s", i.id, scope), err
}

// counter reads a counter for change; a new one is zero.
func (d *DB) counter(ctx context.Context, tx *sql.Tx, name string) (*big.Int, error) {
	if _, err := tx.ExecContext(ctx,
		d.q(`INSERT INTO counters (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`), name,
		[]byte{0}); err != nil {
		return nil, err
	}
	var value []byte
	if err := tx.QueryRowContext(ctx, d.q(`SELECT value FROM counters WHERE name = $1`)+d.forUpdate(),
		name).Scan(&value); err != nil {
		return nil, err
	}
	return new(big.Int).SetBytes(value), nil
}

func (d *DB) setCounter(ctx context.Context, tx *sql.Tx, name string, value *big.Int) error {
	_, err := tx.ExecContext(ctx, d.q(`UPDATE counters SET value = $2, recorded = 0 WHERE name = $1`), name,
		append([]byte{0}, value.Bytes()...))
	return err
}
