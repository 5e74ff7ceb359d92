package inventory

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/big"
	"slices"
	"strings"
	"time"

	"seihon/artifact"
)

// Healing is what the master says, for an inventory that may have forgotten it.
type Healing struct {
	Origin   string   // of the master log
	Position Position // up to which the log was read
	// Records are the lines of the private master, the newest manifest first.
	Records iter.Seq2[[]byte, error]
	From    int64 // the size of the log at which they begin
	// List gives the entries of a revocation list that the master has, by issuer, public name and digest.
	List func(ctx context.Context, issuer, name string, digest artifact.Digest) iter.Seq2[Record, error]
	// Artifacts are what the log has and the inventory may lack, oldest first.
	Artifacts []ArtifactRecord
	// Said are revocations that the current lists and responses have and the
	// inventory has not.
	Said   []Said
	DryRun bool // say what would be healed, and change nothing
}

// Said is a revocation that the CA has signed.
type Said struct {
	Issuer string
	Serial []byte
	Revocation
}

// Healed says what a healing changed.
type Healed struct {
	Certificates []HealedCertificate `json:"certificates"`
	Other        int                 `json:"other"` // events, imports, counters, artifacts
}

// Any reports whether anything was changed.
func (h *Healed) Any() bool { return len(h.Certificates) > 0 || h.Other > 0 }

// HealedCertificate is one certificate whose row was not what the master says.
type HealedCertificate struct {
	Issuer string `json:"issuer"`
	Serial string `json:"serial"` // hex
	Was    string `json:"was"`
	Now    string `json:"now"`
}

// Heal merges what the master says into the inventory, in one transaction. What
// the master has recorded of a row wins over a row that claims to be recorded.
// A row that was changed here since stays as it is when it is newer than the
// record, by its revision; whether the change is lawful is judged when the next
// list is signed. Nothing is ever taken out.
func (d *DB) Heal(ctx context.Context, h Healing) (*Healed, error) {
	healed := &Healed{Certificates: []HealedCertificate{}}
	errDry := errors.New("dry run")
	err := d.update(ctx, "healing the inventory from the master", func(tx *sql.Tx) error {
		k := &healer{d: d, tx: tx, place: h.Origin, healed: healed, issuers: map[string]issuerRow{},
			seen: map[string]bool{}}
		if err := k.all(many(ctx), h); err != nil {
			return err
		}
		if h.DryRun {
			return errDry
		}
		return d.setPosition(ctx, tx, h.Origin, h.Position)
	})
	if err != nil && !errors.Is(err, errDry) {
		return nil, err
	}
	slices.SortFunc(healed.Certificates, func(a, b HealedCertificate) int {
		return strings.Compare(a.Issuer+"/"+a.Serial, b.Issuer+"/"+b.Serial)
	})
	return healed, nil
}

// A healer is one run of Heal.
type healer struct {
	d       *DB
	tx      *sql.Tx
	place   string // origin of the log
	healed  *Healed
	issuers map[string]issuerRow
	seen    map[string]bool   // rows of which a newer record was applied
	later   [][]journalRecord // events and imports of each manifest, the newest first
	asked   []journalRecord   // intents that say who asked
	last    string            // the type of the record before
}

func (k *healer) all(ctx context.Context, h Healing) error {
	if h.Records != nil {
		if err := k.records(ctx, &h); err != nil {
			return err
		}
	}
	if err := k.words(ctx); err != nil {
		return err
	}
	for _, said := range h.Said {
		if err := k.said(ctx, said); err != nil {
			return fmt.Errorf("serial %x of %q: %w", said.Serial, said.Issuer, err)
		}
	}
	return k.artifacts(ctx, h.Artifacts)
}

func (k *healer) records(ctx context.Context, h *Healing) error {
	for line, err := range h.Records {
		if err != nil {
			return err
		}
		var r journalRecord
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("parsing a record of the private master: %w", err)
		}
		if err := k.record(ctx, r); err != nil {
			return fmt.Errorf("applying the record %s %s %s: %w", r.Type, r.Issuer, r.Serial+r.Name, err)
		}
	}
	slices.Reverse(k.later)
	slices.Reverse(k.asked)
	later := slices.Concat(k.later...)
	for _, part := range []struct {
		records []journalRecord
		apply   func(context.Context, journalRecord) error
	}{{later, k.once}, {later, func(ctx context.Context, r journalRecord) error { return k.list(ctx, h, r) }},
		{k.asked, k.whoAsked}} {
		for _, r := range part.records {
			if err := part.apply(ctx, r); err != nil {
				return fmt.Errorf("applying the record %s %s %s: %w", r.Type, r.Issuer, r.Serial+r.Name, err)
			}
		}
	}
	return nil
}

func (k *healer) record(ctx context.Context, r journalRecord) error {
	if len(k.later) == 0 || r.Type == recordIssuer && k.last != recordIssuer { // every manifest begins with the issuers
		k.later = append(k.later, nil)
	}
	k.last = r.Type
	switch r.Type {
	case recordIssuer:
		i, err := k.issuer(ctx, r)
		if err != nil {
			return err
		}
		return k.sameKey(ctx, i, r)
	case recordCertificate:
		if k.newest(r.Issuer + "/" + r.Serial) {
			return k.certificate(ctx, r)
		}
		return nil
	case recordCounter:
		if k.newest("counter/" + r.Issuer + "/" + r.Name) {
			return k.counter(ctx, r)
		}
		return nil
	case recordEvent, recordImport:
		k.later[len(k.later)-1] = append(k.later[len(k.later)-1], r)
		return nil
	case recordIntent:
		return k.intent(ctx, r)
	case "heal": // of an earlier healing: no rows
		return nil
	}
	return errors.New("a record of an unknown kind: use the program that wrote it")
}

// newest reports whether this is the first record of a row, which is the newest.
func (k *healer) newest(row string) bool {
	was := k.seen[row]
	k.seen[row] = true
	return !was
}

// issuer finds an issuer or, in a database that lost it, adds it again.
func (k *healer) issuer(ctx context.Context, r journalRecord) (issuerRow, error) {
	if i, ok := k.issuers[r.Issuer]; ok {
		return i, nil
	}
	i, err := k.d.issuer(ctx, k.tx, r.Issuer, forShare)
	if errors.Is(err, ErrNotFound) && r.Type == recordIssuer {
		var key []byte
		if key, err = hex.DecodeString(r.Key); err == nil && len(key) != len(artifact.Digest{}) {
			err = fmt.Errorf("the digest of its key has %d octets", len(key))
		}
		if err == nil {
			add := Issuer{Name: r.Issuer, Key: artifact.Digest(key), Shards: r.Shards,
				Grace: time.Duration(r.Grace) * time.Second}
			err = k.d.addIssuer(ctx, k.tx, add)
			k.healed.Other++
		}
		if err == nil {
			i, err = k.d.issuer(ctx, k.tx, r.Issuer, forShare)
		}
	}
	if err == nil {
		k.issuers[r.Issuer] = i
	}
	return i, err
}

// sameKey refuses a record that is of another CA with the same name: the key of an issuer never changes.
func (k *healer) sameKey(ctx context.Context, i issuerRow, r journalRecord) error {
	var key []byte
	if err := k.tx.QueryRowContext(ctx, k.d.q(`SELECT key FROM issuers WHERE id = $1`), i.id).Scan(&key); err != nil {
		return err
	}
	if hex.EncodeToString(key) != r.Key {
		return fmt.Errorf("the inventory knows the issuer with the key %x, the master with %s: this is not its master",
			key, r.Key)
	}
	return nil
}

// counter lifts a counter: numbers are never handed out twice.
func (k *healer) counter(ctx context.Context, r journalRecord) error {
	name := r.Name
	if r.Issuer != "" {
		i, err := k.d.issuer(ctx, k.tx, r.Issuer, forShare)
		if err != nil {
			return err
		}
		name = fmt.Sprintf("crl/%d/%s", i.id, r.Name)
	}
	value, err := hex.DecodeString(r.Value)
	if err != nil {
		return err
	}
	have, err := k.d.counter(ctx, k.tx, name)
	said := new(big.Int).SetBytes(value)
	if err != nil || have.Cmp(said) > 0 {
		return err
	}
	if have.Cmp(said) < 0 {
		k.healed.Other++
		if err := k.d.setCounter(ctx, k.tx, name, said); err != nil {
			return err
		}
	}
	_, err = k.tx.ExecContext(ctx, k.d.q(`UPDATE counters SET recorded = 1 WHERE name = $1`), name)
	return err
}

// once inserts an event or an import that the database lacks.
func (k *healer) once(ctx context.Context, r journalRecord) error {
	var id int64
	if r.Issuer != "" {
		i, err := k.d.issuer(ctx, k.tx, r.Issuer, forShare)
		if err != nil {
			return err
		}
		id = i.id
	}
	var query string
	var args []any
	if r.Type == recordEvent {
		serial, err := hex.DecodeString(r.Serial)
		if err != nil {
			return err
		}
		query, args = `UPDATE events SET recorded = 1 WHERE issuer_id = $1 AND at = $2 AND serial = $3 AND what = $4 AND detail = $5 AND requested_by = $6 AND request = $7`,
			[]any{id, r.At, serial, r.What, r.Detail, r.RequestedBy, r.Request}
		return k.insertOnce(ctx, query,
			`INSERT INTO events (issuer_id, at, serial, what, detail, requested_by, request, recorded) VALUES ($1, $2, $3, $4, $5, $6, $7, 1)`, args)
	}
	digest, err := hex.DecodeString(r.Digest)
	if err != nil {
		return err
	}
	query, args = `UPDATE imports SET recorded = 1 WHERE issuer_id = $1 AND at = $2 AND format = $3 AND name = $4 AND as_of = $5 AND digest = $6 AND records = $7 AND revoked = $8 AND override = $9 AND listed = $10`,
		[]any{id, r.At, r.Format, r.Name, r.AsOf, digest, r.Records, r.Revoked, r.Override, r.Kind}
	return k.insertOnce(ctx, query,
		`INSERT INTO imports (issuer_id, at, format, name, as_of, digest, records, revoked, override, listed, recorded) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1)`, args)
}

// insertOnce inserts a row that mark, with the same arguments, does not find.
func (k *healer) insertOnce(ctx context.Context, mark, insert string, args []any) error {
	res, err := k.tx.ExecContext(ctx, k.d.q(mark), args...)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n > 0 {
		return err
	}
	k.healed.Other++
	_, err = k.tx.ExecContext(ctx, k.d.q(insert), args...)
	return err
}

// artifacts adds what the log has and the history of what was signed lacks.
func (k *healer) artifacts(ctx context.Context, records []ArtifactRecord) error {
	for _, r := range records {
		res, err := k.tx.ExecContext(ctx,
			k.d.q(`UPDATE artifacts SET committed = CASE WHEN committed = 0 THEN $1 ELSE committed END
			WHERE name = $2 AND digest = $3`), r.Committed, r.Name, r.Digest[:])
		if err != nil {
			return fmt.Errorf("looking for %s: %w", r.Name, err)
		}
		if n, err := res.RowsAffected(); err != nil || n > 0 {
			if err != nil {
				return err
			}
			continue
		}
		k.healed.Other++
		if err := k.d.addArtifacts(ctx, k.tx, []ArtifactRecord{r}); err != nil {
			return err
		}
	}
	return nil
}
