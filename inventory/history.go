package inventory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math/big"

	"seihon/artifact"
)

// AddArtifacts appends to the history of what was signed, before it reaches
// the log: after a crash Uncommitted says what the log may lack.
func (d *DB) AddArtifacts(ctx context.Context, records []ArtifactRecord) error {
	return d.update(ctx, fmt.Sprintf("recording %d signed artifacts", len(records)), func(tx *sql.Tx) error {
		return d.addArtifacts(ctx, tx, records)
	})
}

func (d *DB) addArtifacts(ctx context.Context, tx *sql.Tx, records []ArtifactRecord) error {
	ids := map[string]int64{}
	for _, r := range records {
		id, ok := ids[r.Issuer]
		if !ok {
			i, err := d.issuer(ctx, tx, r.Issuer, forShare)
			if err != nil {
				return err
			}
			id, ids[r.Issuer] = i.id, i.id
		}
		if r.SignedAt.IsZero() {
			r.SignedAt = d.now()
		}
		number := []byte{}
		if r.Number != nil {
			number = append([]byte{0}, r.Number.Bytes()...)
		}
		if _, err := tx.ExecContext(ctx,
			d.q(`INSERT INTO artifacts (issuer_id, kind, name, scope, number, this_update, next_update, digest, signed_at, committed)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`), id, string(r.Kind), r.Name, r.Scope, number,
			seconds(r.ThisUpdate), seconds(r.NextUpdate), r.Digest[:], r.SignedAt.Unix(), r.Committed); err != nil {
			return fmt.Errorf("%s %q: %w", r.Kind, r.Name, err)
		}
	}
	return nil
}

// MarkCommitted records that the log of this size holds the artifacts with
// these digests. Digests that are not open are passed over.
func (d *DB) MarkCommitted(ctx context.Context, digests []artifact.Digest, size int64) error {
	if size <= 0 {
		return fmt.Errorf("recording what the log holds: its size %d is not positive", size)
	}
	return d.update(ctx, fmt.Sprintf("recording that %d artifacts are in the log", len(digests)),
		func(tx *sql.Tx) error {
			mark, err := tx.PrepareContext(ctx,
				d.q(`UPDATE artifacts SET committed = $1 WHERE digest = $2 AND committed = 0`))
			if err != nil {
				return err
			}
			defer mark.Close()
			for _, digest := range digests {
				if _, err := mark.ExecContext(ctx, size, digest[:]); err != nil {
					return err
				}
			}
			return nil
		})
}

const artifactQuery = `SELECT a.id, i.name, a.kind, a.name, a.scope, a.number, a.this_update, a.next_update, a.digest, a.signed_at, a.committed
	FROM artifacts a JOIN issuers i ON i.id = a.issuer_id WHERE `

func scanArtifact(scan func(...any) error) (ArtifactRecord, error) {
	var r ArtifactRecord
	var kind string
	var number, digest []byte
	var this, next, signed int64
	if err := scan(&r.ID, &r.Issuer, &kind, &r.Name, &r.Scope, &number, &this, &next, &digest, &signed,
		&r.Committed); err != nil {
		return r, err
	}
	if len(digest) != len(r.Digest) {
		return r, fmt.Errorf("digest of %q has %d octets", r.Name, len(digest))
	}
	if len(number) > 0 {
		r.Number = new(big.Int).SetBytes(number)
	}
	r.Kind, r.Digest = artifact.Kind(kind), artifact.Digest(digest)
	r.ThisUpdate, r.NextUpdate, r.SignedAt = fromSeconds(this), fromSeconds(next), fromSeconds(signed)
	return r, nil
}

func scanArtifactRows(rows *sql.Rows) (ArtifactRecord, error) { return scanArtifact(rows.Scan) }

// Artifacts streams the history of one kind of one issuer, newest first.
func (d *DB) Artifacts(ctx context.Context, issuer string, kind artifact.Kind) iter.Seq2[ArtifactRecord, error] {
	return stream(ctx, d.read, fmt.Sprintf("listing the %s history of %q", kind, issuer), scanArtifactRows,
		d.q(artifactQuery+`i.name = $1 AND a.kind = $2 ORDER BY a.id DESC`), issuer, string(kind))
}

// Uncommitted streams what was signed and is in no log yet, oldest first.
func (d *DB) Uncommitted(ctx context.Context) iter.Seq2[ArtifactRecord, error] {
	return stream(ctx, d.read, "listing what is in no log yet", scanArtifactRows,
		artifactQuery+`a.committed = 0 ORDER BY a.id`)
}

// Latest returns the newest artifact of a kind and scope. It fails with
// ErrNotFound when there is none.
func (d *DB) Latest(ctx context.Context, issuer string, kind artifact.Kind, scope string) (*ArtifactRecord, error) {
	r, err := scanArtifact(d.read.QueryRowContext(ctx,
		d.q(artifactQuery+`i.name = $1 AND a.kind = $2 AND a.scope = $3 ORDER BY a.id DESC LIMIT 1`), issuer,
		string(kind), scope).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("looking up the latest %s of %q, scope %q: %w", kind, issuer, scope, err)
	}
	return &r, nil
}
