package inventory

import (
	"bytes"
	"container/heap"
	"context"
	"database/sql"
	"fmt"
	"iter"
)

// How readers see what is in blocks (block.go) beside the rows of the table certificates.

// listed gives the entries of the blocks of a condition by serial.
func (d *DB) listed(ctx context.Context, q querier, where string, args ...any) iter.Seq2[listedEntry, error] {
	return func(yield func(listedEntry, error) bool) {
		next, stop := iter.Pull2(d.blocks(ctx, q, where, args...))
		defer stop()
		var open openBlocks
		b, err, more := next()
		for err == nil && (more || len(open) > 0) {
			if more && (len(open) == 0 || bytes.Compare(b.lowest, open[0].head.serial) <= 0) {
				if _, err = b.next(); err == nil {
					heap.Push(&open, b)
					b, err, more = next()
				}
				continue
			}
			if !yield(open[0].head, nil) {
				return
			}
			var another bool
			switch another, err = open[0].next(); {
			case another:
				heap.Fix(&open, 0)
			case err == nil:
				heap.Pop(&open)
			}
		}
		if err != nil {
			yield(listedEntry{}, err)
		}
	}
}

// openBlocks is a heap of blocks by their heads.
type openBlocks []*block

func (o openBlocks) Len() int           { return len(o) }
func (o openBlocks) Swap(i, j int)      { o[i], o[j] = o[j], o[i] }
func (o openBlocks) Less(i, j int) bool { return bytes.Compare(o[i].head.serial, o[j].head.serial) < 0 }
func (o *openBlocks) Push(x any)        { *o = append(*o, x.(*block)) }
func (o *openBlocks) Pop() any {
	last := (*o)[len(*o)-1]
	*o = (*o)[:len(*o)-1]
	return last
}

// listedOnly is listed without what has a row, of whatever content: only a hand can have put it there, and it counts.
// It is for readers that do not see every row; row narrows the rows that are looked for.
func (d *DB) listedOnly(ctx context.Context, keyID int64, row, where string, args ...any) iter.Seq2[listedEntry,
	error] {
	return func(yield func(listedEntry, error) bool) {
		scan := func(rows *sql.Rows) (serial []byte, err error) {
			err = rows.Scan(&serial)
			return serial, err
		}
		var rows func() ([]byte, error, bool)
		var serial []byte
		var more bool
		for e, err := range d.listed(ctx, d.read, where, args...) {
			if rows == nil && err == nil {
				var stop func()
				rows, stop = iter.Pull2(stream(ctx, d.read, "reading serials", scan,
					fmt.Sprintf(`SELECT serial FROM certificates WHERE key_id = %d%s ORDER BY serial`, keyID, row)))
				defer stop()
				serial, err, more = rows()
			}
			for more && err == nil && bytes.Compare(serial, e.serial) < 0 {
				serial, err, more = rows()
			}
			if err == nil && more && bytes.Equal(serial, e.serial) {
				continue
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// withListed puts rows and what lists say beside them in the order of compare. Of two about one certificate the row
// counts. The first block is read before the rows are: what becomes a row in between is in both.
func withListed[T any](listed iter.Seq2[listedEntry, error], of func(listedEntry) T, rows iter.Seq2[T, error],
	compare func(a, b T) int) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		next, stop := iter.Pull2(listed)
		defer stop()
		e, err, more := next()
		for row, bad := range rows {
			for more && bad == nil {
				if err != nil {
					yield(row, err)
					return
				}
				said := of(e)
				order := compare(said, row)
				if order > 0 {
					break
				}
				if order < 0 && !yield(said, nil) {
					return
				}
				e, err, more = next()
			}
			if !yield(row, bad) || bad != nil {
				return
			}
		}
		for ; more; e, err, more = next() {
			var said T
			if err == nil {
				said = of(e)
			}
			if !yield(said, err) || err != nil {
				return
			}
		}
	}
}

// listedOne finds what a block says of a serial; nil: none says anything.
func (d *DB) listedOne(ctx context.Context, q querier, keyID int64, serial []byte) (*listedEntry, error) {
	for b, err := range d.blocks(ctx, q,
		`i.key_id = $1 AND l.shard = $3 % i.shards AND l.lowest <= $2 AND l.highest >= $2`, keyID, serial,
		bucketOf(serial)) {
		for more := err == nil; more; {
			if more, err = b.next(); more && bytes.Equal(b.head.serial, serial) {
				e := b.head
				return &e, nil
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// listedAmong finds what blocks say of some serials, but those in but. any says that there are blocks at all.
func (d *DB) listedAmong(ctx context.Context, keyID int64, serials [][]byte,
	but map[string]bool) (found []*listedEntry, any bool, err error) {
	if any, err = d.hasListed(ctx, d.read, keyID); err != nil || !any {
		return nil, any, err
	}
	for _, serial := range serials {
		if but[string(serial)] {
			continue
		}
		e, err := d.listedOne(ctx, d.read, keyID, serial)
		if err != nil {
			return nil, any, err
		}
		if e != nil {
			found = append(found, e)
		}
	}
	return found, any, nil
}

// hasListed reports whether there is any block of a key, so that nobody has to look for each serial.
func (d *DB) hasListed(ctx context.Context, q querier, keyID int64) (any bool, err error) {
	err = q.QueryRowContext(ctx, d.q(`SELECT EXISTS (SELECT 1 FROM listed WHERE key_id = $1)`), keyID).Scan(&any)
	return any, err
}
