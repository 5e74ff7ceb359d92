package inventory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"strings"

	"seihon/artifact"
)

// A List says that the source of an import is a revocation list which another CA software signed and which the
// master has. Its Records come by serial, and can be ranged over again.
//
// A list of many entries stands for what it adds: the private master has no record of each, but one of the import,
// which says so, and the entries are read from the list when an inventory is healed or made again. Here they are in
// blocks (block.go), and after a healing rows. A row that was here before, and what changes later, has its record as
// always.
type List struct {
	// Artifacts are the list itself, as the history has it: in the same transaction, so that the next commit of the
	// log has the list when it has the import.
	Artifacts []ArtifactRecord
	// Kind is what its certificates are.
	Kind artifact.Kind
	// Total is how many entries the list has.
	Total int64
	// Changes says that the records are only what the list says otherwise than the one before it, and that nothing else
	// has come in since (Follows).
	Changes bool
	// Good is asked before anything is kept, since the list may be judged while it is taken over. nil: it is good.
	Good func() error
}

// listedRows is from how many records on a list stands for what it adds. A rebuild reads such a list whole,
// which is quicker than as many records, but not than a few.
const listedRows = 1000

// of notes that a list is written.
func (w *writer) of(l *List, records int64) {
	if l == nil {
		return
	}
	// Such an issuer signs its lists elsewhere: none is under way here that would miss what changes now.
	w.open = w.now
	if records >= listedRows {
		w.listed = l.Kind
	}
}

// inOrder checks on the way that the records of a list come by serial. One that comes twice is judged where it is
// merged.
func inOrder(ctx context.Context, source Source) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		var last []byte
		for r, err := range source.Records(ctx) {
			if err == nil && string(last) > string(r.Serial) {
				err = fmt.Errorf("serial %x comes after %x: the entries are not in order", r.Serial, last)
			}
			if r.State == Issued {
				r.Revocation = Revocation{Reason: NoReason}
			}
			if last = r.Serial; !yield(&r, err) || err != nil {
				return
			}
		}
	}
}

// checked is inOrder, which checks each record by itself as well, and counts those that are revoked.
func (d *DB) checked(ctx context.Context, source Source, revoked *int64) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		now := d.now()
		for r, err := range inOrder(ctx, source) {
			if err == nil {
				if err = checkRecord(r, now); err != nil {
					err = &RecordRefused{r.At(source.Info().Format, err)}
				}
			}
			if err == nil {
				err = ctx.Err()
			}
			if r.State == Revoked {
				*revoked++
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// How many records are read ahead: two parts on the way, one in the hands of each side.
const (
	aheadRecords = 256
	aheadParts   = 2
)

// ahead reads records on another processor than the one on which they are written.
func ahead(records iter.Seq2[*Record, error]) iter.Seq2[*Record, error] {
	type part struct {
		records []Record
		err     error // behind them
	}
	return func(yield func(*Record, error) bool) {
		full, free, stop := make(chan part, aheadParts), make(chan []Record, aheadParts+2), make(chan struct{})
		for range aheadParts + 2 {
			free <- make([]Record, 0, aheadRecords)
		}
		send := func(p part) bool {
			select {
			case full <- p:
				return true
			case <-stop:
				return false
			}
		}
		go func() {
			defer close(full)
			now := <-free
			for r, err := range records {
				if err != nil {
					send(part{now, err})
					return
				}
				if now = append(now, *r); len(now) == aheadRecords {
					if !send(part{now, nil}) {
						return
					}
					select {
					case now = <-free:
					case <-stop:
						return
					}
				}
			}
			send(part{now, nil})
		}()
		defer func() {
			close(stop)
			for range full { // until the reading has ended
			}
		}()
		for p := range full {
			for i := range p.records {
				if !yield(&p.records[i], nil) {
					return
				}
			}
			if p.err != nil {
				yield(&Record{}, p.err)
				return
			}
			free <- p.records[:0]
		}
	}
}

// flushListed writes a batch of the entries of a list: most columns are the same for all of them.
func (w *writer) flushListed(ctx context.Context) error {
	stmt, rows := &w.one, 1
	if len(w.batch) == batchRowsSQLite {
		stmt, rows = &w.many, batchRowsSQLite
	}
	if *stmt == nil {
		// What is the same stands in the statement, and parameters have no numbers: the driver looks for the name of
		// each one that has, in a list, each time.
		row := fmt.Sprintf(`(%d, %d, 2, 0, 0, 0, 1, ?, 2, '%s', %d, 0, 0, '', '', ?, ?, ?, %d, ?, ?, %d, 1)`,
			w.issuer.keyID, w.issuer.id,
			kindText(w.listed), flag(isCA(w.listed)), w.issuer.dueFor(dueNew, 0, w.now), w.now)
		var err error
		*stmt, err = w.tx.PrepareContext(ctx,
			"INSERT OR FAIL "+insertColumns+"VALUES "+strings.Repeat(row+", ", rows-1)+row+w.taken())
		if err != nil {
			return err
		}
	}
	for n := 0; n < len(w.batch); n += rows {
		args := w.args[:0]
		for m := n; m < n+rows; m++ {
			r := &w.batch[m]
			bucket := int64(bucketOf(r.Serial))
			args = append(args, r.Serial, seconds(r.Revocation.Time), int64(r.Revocation.Reason),
				seconds(r.Revocation.InvalidityDate), bucket, bucket%int64(w.issuer.shards))
		}
		w.args = args
		if _, err := (*stmt).ExecContext(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// Follows reports whether the inventory is as the last list of a format left it: its digest is that of the last import
// of the format, and what was imported since cannot have spoken of the same certificates.
func (d *DB) Follows(ctx context.Context, issuer, format string, digest artifact.Digest,
	other func(format string) bool) (bool, error) {
	doing := fmt.Sprintf("looking for the last import of %q", issuer)
	scan := func(rows *sql.Rows) (i struct {
		format string
		digest []byte
	}, err error) {
		err = rows.Scan(&i.format, &i.digest)
		return i, err
	}
	for i, err := range stream(ctx, d.read, doing, scan, d.q(`SELECT m.format, m.digest FROM imports m
		JOIN issuers i ON i.id = m.issuer_id WHERE i.name = $1 ORDER BY m.id DESC`), issuer) {
		switch {
		case err != nil:
			return false, err
		case i.format == format:
			return string(i.digest) == string(digest[:]), nil
		case !other(i.format):
			return false, nil
		}
	}
	return false, nil
}

// list applies the entries of a list that stands for its rows. A row that has a record of its own has been seen.
func (k *healer) list(ctx context.Context, h *Healing, r journalRecord) error {
	if r.Type != recordImport || r.Kind == "" {
		return nil
	}
	if h.List == nil {
		return errors.New("there is nothing to read its list from")
	}
	digest, err := artifact.ParseDigest(r.Digest)
	if err != nil {
		return err
	}
	for e, err := range h.List(ctx, r.Issuer, strings.TrimPrefix(r.Format, AcceptedFormat), digest) {
		if err != nil {
			return err
		}
		if e.State != Revoked {
			continue
		}
		at := e.Revocation.Time.Unix()
		entry := journalRecord{Type: recordCertificate, Issuer: r.Issuer, Serial: fmt.Sprintf("%x", e.Serial),
			State: Revoked.String(), Kind: r.Kind,
			Imported: true, listed: true, RevokedAt: &at, Reason: e.Revocation.Reason,
			Invalidity: seconds(e.Revocation.InvalidityDate), Revision: 1, ChangedAt: r.At}
		if !k.newest(entry.Issuer + "/" + entry.Serial) {
			continue
		}
		if err := k.listed(ctx, h, e.Serial, entry); err != nil {
			return fmt.Errorf("serial %x: %w", e.Serial, err)
		}
	}
	return nil
}

// listed holds a row against the entry of the oldest list that has it. Where only the end of the log is read, that
// list need not be the one which added the row: then the status alone is compared.
func (k *healer) listed(ctx context.Context, h *Healing, serial []byte, entry journalRecord) error {
	if h.From > 0 {
		i, err := k.issuer(ctx, entry)
		if err != nil {
			return err
		}
		have, _, err := k.row(ctx, i, serial)
		if err != nil || have != nil && have.said() == entry.said() {
			return err
		}
		if have != nil {
			details := *have
			details.State, details.RevokedAt, details.Reason, details.Invalidity = entry.State, entry.RevokedAt,
				entry.Reason, entry.Invalidity
			details.RevokedHere, details.Revision = false, entry.Revision
			entry = details
		}
	}
	return k.certificate(ctx, entry)
}

// AcceptedFormat begins the format of an import that is an accepted list; its public name follows.
const AcceptedFormat = "accepted "
