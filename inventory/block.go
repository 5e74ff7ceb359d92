package inventory

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"seihon/artifact"
)

// Of a certificate that only a list speaks of, little is known: its serial, a date, a reason. A list that stands for
// the rows which it adds (list.go) may have a million such entries, so they are kept in blocks: some hundred entries of
// one list, of one shard, by serial, in one value. A certificate is in a block or a row of the table certificates,
// never in both. When anything else is to be said of it – an answer is signed, it is revoked here, an import knows more
// – its block becomes rows first (unpack), with what a row of a list has. So whoever changes rows calls unpack before,
// and whoever reads them reads both (withListed).

// How many entries a block has. What is less than the fewest becomes rows.
const (
	mostInBlock   = 1000
	fewestInBlock = 32
)

// A block is a row of the table listed, whose entries are read one by one.
type block struct {
	id              int64
	issuer          issuerRow
	kind            artifact.Kind
	changedAt       int64
	n               int
	lowest, highest []byte
	rest            []byte // what of the entries is not read

	head listedEntry
	read int
}

// A listedEntry is what a list says of a certificate.
type listedEntry struct {
	serial         []byte
	at, invalidity int64
	reason         int
	in             *block
}

// appendEntry encodes an entry: the length of the serial and the serial, reason + 1, and both dates.
func appendEntry(b []byte, serial []byte, r Revocation) []byte {
	b = append(b, byte(len(serial)))
	b = append(b, serial...)
	b = append(b, byte(r.Reason+1))
	b = binary.AppendVarint(b, r.Time.Unix())
	return binary.AppendVarint(b, seconds(r.InvalidityDate))
}

// next reads an entry into head. It wants what the columns beside the entries say.
func (b *block) next() (more bool, err error) {
	if len(b.rest) == 0 {
		if b.read != b.n || !bytes.Equal(b.head.serial, b.highest) {
			return false, b.damaged()
		}
		return false, nil
	}
	size := int(b.rest[0])
	if size == 0 || len(b.rest) < size+4 {
		return false, b.damaged()
	}
	e := listedEntry{serial: b.rest[1 : 1+size : 1+size], reason: int(b.rest[1+size]) - 1, in: b}
	var width, width2 int
	b.rest = b.rest[2+size:]
	if e.at, width = binary.Varint(b.rest); width > 0 {
		e.invalidity, width2 = binary.Varint(b.rest[width:])
	}
	first := b.read == 0 && bytes.Equal(e.serial, b.lowest)
	if width <= 0 || width2 <= 0 || !first && bytes.Compare(b.head.serial, e.serial) >= 0 {
		return false, b.damaged()
	}
	b.rest, b.head, b.read = b.rest[width+width2:], e, b.read+1
	return true, nil
}

func (b *block) damaged() error {
	return fmt.Errorf("row %d of its table listed is damaged: put the newest copy of the inventory in its place, "+
		"which `signer run` brings up to date "+
		"from the master, or move it away and make it again with `signer inventory rebuild`", b.id)
}

// revocation is what the entry says.
func (e *listedEntry) revocation() Revocation {
	return Revocation{Time: fromSeconds(e.at), Reason: e.reason, InvalidityDate: fromSeconds(e.invalidity)}
}

const selectBlocks = `SELECT l.id, l.issuer_id, l.key_id, i.shards, l.kind, l.changed_at, l.n, l.lowest, l.highest, l.entries
	FROM listed l JOIN issuers i ON i.id = l.issuer_id WHERE `

func scanBlock(rows *sql.Rows) (*block, error) {
	var b block
	var kind string
	err := rows.Scan(&b.id, &b.issuer.id, &b.issuer.keyID, &b.issuer.shards, &kind, &b.changedAt, &b.n, &b.lowest,
		&b.highest, &b.rest)
	b.kind = textKind(kind)
	return &b, err
}

// blocks gives the blocks of a condition by their lowest serial.
func (d *DB) blocks(ctx context.Context, q querier, where string, args ...any) iter.Seq2[*block, error] {
	return stream(ctx, q, "reading listed certificates", scanBlock, d.q(selectBlocks+where+` ORDER BY l.lowest`),
		args...)
}

// unpack makes rows of the blocks that have some serials.
func (d *DB) unpack(ctx context.Context, tx *sql.Tx, keyID int64, serials ...[]byte) error {
	any, err := d.hasListed(ctx, tx, keyID)
	if err != nil || !any {
		return err
	}
	for _, serial := range serials {
		e, err := d.listedOne(ctx, tx, keyID, serial)
		if err != nil {
			return err
		}
		if e != nil {
			if err := d.unpackBlocks(ctx, tx, e.in.id); err != nil {
				return err
			}
		}
	}
	return nil
}

// unpackBatch is unpack for very many serials of an issuer: it reads the blocks of their shards.
func (d *DB) unpackBatch(ctx context.Context, tx *sql.Tx, i issuerRow, serials iter.Seq[[]byte]) error {
	any, err := d.hasListed(ctx, tx, i.keyID)
	if err != nil || !any {
		return err
	}
	wanted, shards := map[string]bool{}, map[int]bool{}
	for serial := range serials {
		wanted[string(serial)], shards[bucketOf(serial)%i.shards] = true, true
	}
	for shard := range shards {
		var found []int64
		for b, err := range d.blocks(ctx, tx, `l.issuer_id = $1 AND l.shard = $2`, i.id, shard) {
			for more := err == nil; more; {
				if more, err = b.next(); more && wanted[string(b.head.serial)] {
					found = append(found, b.id)
					break
				}
			}
			if err != nil {
				return err
			}
		}
		if err := d.unpackBlocks(ctx, tx, found...); err != nil {
			return err
		}
	}
	return nil
}

// unpackBlocks makes rows of blocks, one after the other: PostgreSQL has no second statement while rows are read.
func (d *DB) unpackBlocks(ctx context.Context, tx *sql.Tx, ids ...int64) error {
	for _, id := range ids {
		var one *block
		for b, err := range d.blocks(ctx, tx, `l.id = $1`, id) {
			if err != nil {
				return err
			}
			one = b
		}
		if one == nil {
			continue // another host was quicker
		}
		w := d.newWriter(tx, one.issuer, one.changedAt)
		w.listed, w.open, w.unpacking = one.kind, one.changedAt, true
		err := w.rowsOf(ctx, one)
		if err == nil {
			err = w.flush(ctx)
		}
		if err == nil {
			_, err = tx.ExecContext(ctx, d.q(`DELETE FROM listed WHERE id = $1`), id)
		}
		if err := errors.Join(err, w.close()); err != nil {
			return fmt.Errorf("making rows of what a list says: %w", err)
		}
	}
	return nil
}

// unpackIssuer makes rows of all blocks of an issuer.
func (d *DB) unpackIssuer(ctx context.Context, tx *sql.Tx, id int64) error {
	var all []int64
	scan := func(rows *sql.Rows) (id int64, err error) {
		err = rows.Scan(&id)
		return id, err
	}
	for block, err := range stream(ctx, tx, "reading listed certificates", scan,
		d.q(`SELECT id FROM listed WHERE issuer_id = $1 ORDER BY id`), id) {
		if err != nil {
			return err
		}
		all = append(all, block)
	}
	return d.unpackBlocks(ctx, tx, all...)
}

// A packing is a block in the making.
type packing struct {
	entries         []byte
	n               int
	lowest, highest []byte
}

// pack puts an entry of a list into the block of its shard. Entries come by serial.
func (w *writer) pack(ctx context.Context, r *Record) error {
	shard := bucketOf(r.Serial) % w.issuer.shards
	p := w.packings[shard]
	if p == nil {
		if w.packings == nil {
			w.packings = map[int]*packing{}
		}
		p = &packing{}
		w.packings[shard] = p
	}
	if p.n == 0 {
		p.lowest = append(p.lowest[:0], r.Serial...)
	}
	p.entries, p.n = appendEntry(p.entries, r.Serial, r.Revocation), p.n+1
	p.highest = append(p.highest[:0], r.Serial...)
	if p.n < mostInBlock {
		return nil
	}
	return w.writeBlock(ctx, shard, p)
}

func (w *writer) writeBlock(ctx context.Context, shard int, p *packing) error {
	if _, err := w.tx.ExecContext(ctx,
		w.d.q(`INSERT INTO listed (key_id, issuer_id, shard, kind, ca, changed_at, n, lowest, highest, entries)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`), w.issuer.keyID, w.issuer.id, shard, kindText(w.listed),
		flag(isCA(w.listed)), w.now, p.n, p.lowest, p.highest, p.entries); err != nil {
		return fmt.Errorf("adding certificates: %w", err)
	}
	p.entries, p.n = p.entries[:0], 0
	return nil
}

// packed writes what is left of the blocks; a few entries become rows.
func (w *writer) packed(ctx context.Context) error {
	for shard := range w.issuer.shards {
		p := w.packings[shard]
		if p == nil || p.n == 0 {
			continue
		}
		if p.n >= fewestInBlock {
			if err := w.writeBlock(ctx, shard, p); err != nil {
				return err
			}
			continue
		}
		if err := w.rowsOf(ctx,
			&block{kind: w.listed, n: p.n, lowest: p.lowest, highest: p.highest, rest: p.entries}); err != nil {
			return err
		}
	}
	return nil
}

// rowsOf adds the entries of a block as rows.
func (w *writer) rowsOf(ctx context.Context, b *block) error {
	more, err := b.next()
	for more && err == nil {
		rec := Record{Certificate: Certificate{Serial: b.head.serial, Kind: b.kind}, State: Revoked,
			Revocation: b.head.revocation()}
		if err = w.row(ctx, &rec); err == nil {
			more, err = b.next()
		}
	}
	return err
}
