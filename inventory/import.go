package inventory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap"

	"seihon/artifact"
	"seihon/override"
)

// Record is one certificate of an import. Issuer is not used.
type Record struct {
	Certificate
	State      State // Issued or Revoked
	Revocation Revocation

	// Where it stands in its source, as far as that says so.
	Line int    // of a text, a query's rows or a list's entries, from 1
	File string // of a folder
	// Proven says that DER is a certificate which the issuer's key signed, and that serial and dates are its own.
	Proven bool
}

// Source is a streamed input, such as those of package source. Records is
// ranged over once.
type Source interface {
	Records(ctx context.Context) iter.Seq2[Record, error]
	Info() SourceInfo // final once Records has ended
}

// SourceInfo describes a source.
type SourceInfo struct {
	Name   string // for people: a file name
	Format string // imports of one issuer and format are compared with each other
	Scope  Completeness
	// NoStatus says that the source knows nothing of revocations: Issued then
	// means only that the certificate exists.
	NoStatus bool
	Skipped  int       // files of a folder that were passed over
	AsOf     time.Time // of which moment it is; zero when unknown
	Digest   artifact.Digest
}

// Completeness says what the absence of a serial from a source means.
type Completeness int

// How complete a source is.
const (
	Partial    Completeness = iota // nothing
	AllSerials                     // it has expired or never existed
	AllRevoked                     // it has expired or is not revoked
)

// Import is one import.
type Import struct {
	Issuer string
	Source Source
	// MaxShrink is the part by which a complete input may be smaller than the
	// last one; 0 means a tenth.
	MaxShrink float64
	Override  *override.Override
	DryRun    bool // judge only
	// Empty says that the source is known to have no record. Without it a source without records is refused: absence is
	// more often a wrong file than a CA that issued nothing.
	Empty bool
	// List says that the source is a revocation list; nil: it is not.
	List *List
}

// ImportResult says what an import did, or would do.
type ImportResult struct {
	Digest       artifact.Digest `json:"sha256"`
	Read         int64           `json:"read"`
	Added        int64           `json:"added"`
	NewlyRevoked int64           `json:"newly_revoked"`
	Released     int64           `json:"released"`
	Completed    int64           `json:"completed"` // details added to known certificates
	Unchanged    int64           `json:"unchanged"`
	Kept         int64           `json:"kept"` // revoked or released here, which the input does not know yet
	Overridden   int64           `json:"overridden"`
	Skipped      int             `json:"skipped"` // files of a folder that were passed over
	Same         bool            `json:"same"`    // the input is the last one again
}

// Import reads a source into the inventory, all of it or nothing. It streams,
// and importing the same input twice changes nothing.
//
// It refuses, with an *ImportRefused, an input in which a certificate is
// missing that has not expired, in which a revocation is gone or has another
// date or reason, which is older than the last one of its format, or which is
// much smaller than that. An Override lets each of these pass. A duplicate, or
// another certificate under a known serial, cannot be overridden.
//
// What was revoked in this room stays revoked when the input does not know of
// it; what was issued here need not be in the input.
func (d *DB) Import(ctx context.Context, im Import) (*ImportResult, error) {
	info := im.Source.Info()
	doing := fmt.Sprintf("importing %s %q for %q", info.Format, info.Name, im.Issuer)
	s := newSpool(d.spoolDir)
	defer s.close()
	keep := s.add
	if im.List != nil { // it is in order, and can be read again
		keep = func(*Record) error { return nil }
	}
	var read, revoked int64
	whole := im.List != nil && !im.List.Changes
	if !whole {
		var err error
		if read, revoked, err = d.check(ctx, im.Source, keep); err != nil {
			return nil, fmt.Errorf("%s: %w", doing, err)
		}
		if err := checkEmpty(read, im.Empty); err != nil {
			return nil, fmt.Errorf("%s: %w", doing, err)
		}
	}
	info = im.Source.Info()
	j := &judge{info: info, asOf: info.AsOf, now: d.now(), override: im.Override,
		result: ImportResult{Digest: info.Digest, Read: read, Skipped: info.Skipped}}
	sorted := s.sorted()
	if im.List != nil {
		sorted, j.result.Read = inOrder(ctx, im.Source), im.List.Total
	}
	if whole { // there may be a million: each is checked when it comes
		read, sorted = im.List.Total, ahead(d.checked(ctx, im.Source, &revoked))
	}
	if j.asOf.IsZero() {
		j.asOf = j.now
	}
	errDry := errors.New("dry run")
	err := d.update(ctx, doing, func(tx *sql.Tx) error {
		// Other writers share the issuer's row: holding it keeps them out.
		i, err := d.issuer(ctx, tx, im.Issuer, d.forUpdate())
		if err != nil {
			return err
		}
		j.issuer = i
		same, err := d.compareWithLast(ctx, tx, j, im.MaxShrink)
		if err != nil || same {
			j.result.Same = same
			return err
		}
		w := d.newWriter(tx, i, j.now.Unix())
		w.of(im.List, read)
		if err := d.merge(many(ctx), j, sorted, im.List, w); err != nil {
			return err
		}
		if err := d.settleRefusal(j, im.Override); err != nil {
			return err
		}
		if im.DryRun {
			return errDry
		}
		if im.List != nil && im.List.Good != nil {
			if err := im.List.Good(); err != nil {
				return err
			}
		}
		if err := d.recordImport(ctx, tx, j, revoked, w.listed, im.Override); err != nil || im.List == nil {
			return err
		}
		return d.addArtifacts(ctx, tx, im.List.Artifacts)
	})
	if err != nil && !errors.Is(err, errDry) {
		return nil, err
	}
	if err := d.analyze(ctx, j.result.Added); err != nil {
		return nil, fmt.Errorf("%s: it is imported, but: %w", doing, err)
	}
	d.log.Info("imported certificates", zap.String("issuer", im.Issuer), zap.String("format", info.Format),
		zap.String("name", info.Name),
		zap.Stringer("sha256", info.Digest), zap.Int64("read", read), zap.Int64("added", j.result.Added),
		zap.Int64("revoked", j.result.NewlyRevoked), zap.Bool("same", j.result.Same), zap.Bool("dry_run", im.DryRun))
	return &j.result, nil
}

// analyze tells PostgreSQL's planner at once that a table has grown, which its
// background process would find out in a minute. Until then it may prefer to
// read the whole table to using the index of what is due.
func (d *DB) analyze(ctx context.Context, added int64) error {
	if !d.postgres || added < 10_000 {
		return nil
	}
	if _, err := d.write.ExecContext(ctx, `ANALYZE certificates`); err != nil {
		return fmt.Errorf("updating statistics: %w", err)
	}
	return nil
}

// check reads the source, checks each record by itself, counts them and those
// that are revoked, and hands each on.
func (d *DB) check(ctx context.Context, source Source, keep func(*Record) error) (read, revoked int64, err error) {
	now := d.now()
	for r, err := range source.Records(ctx) {
		if err != nil {
			return 0, 0, err
		}
		if err := checkRecord(&r, now); err != nil {
			if err = r.At(source.Info().Format, err); r.Line == 0 && r.File == "" {
				err = fmt.Errorf("record %d: %w", read+1, err)
			}
			return 0, 0, &RecordRefused{err}
		}
		read++
		if r.State == Revoked {
			revoked++
		}
		if err := keep(&r); err != nil {
			return 0, 0, err
		}
	}
	return read, revoked, ctx.Err()
}

// RecordRefused says that a record of an import is wrong by itself: reading it again does not help.
type RecordRefused struct{ err error }

func (e *RecordRefused) Error() string { return e.err.Error() }
func (e *RecordRefused) Unwrap() error { return e.err }

// checkRecord refuses a record that no inventory could hold.
func checkRecord(r *Record, now time.Time) error {
	if err := r.checkSerial(); err != nil {
		return err
	}
	if err := checkDates(r); err != nil {
		return fmt.Errorf("serial %x: %w", r.Serial, err)
	}
	if err := errors.Join(checkText("subject", r.Subject), checkText("consent", r.Consent)); err != nil {
		return fmt.Errorf("serial %x: %w", r.Serial, err)
	}
	if r.Kind == "" {
		r.Kind = artifact.SubscriberCertificate
	}
	if !r.Kind.IsCertificate() {
		return fmt.Errorf("serial %x: kind %q is not a certificate", r.Serial, r.Kind)
	}
	switch r.State {
	case Issued:
		r.Revocation = Revocation{Reason: NoReason}
		return nil
	case Revoked:
		if r.Revocation.Reason == reasonRemoveFromCRL {
			return fmt.Errorf("serial %x: revoked with reason removeFromCRL: a certificate released from hold is not "+
				"revoked", r.Serial)
		}
		if err := checkRevocation(r.Revocation, now); err != nil {
			return fmt.Errorf("serial %x: %w", r.Serial, err)
		}
		return nil
	}
	return fmt.Errorf("serial %x: state %q cannot be imported", r.Serial, r.State)
}

// checkSerial refuses a serial that RFC 5280 forbids, unless there is a certificate that has it.
func (r *Record) checkSerial() error {
	if r.Proven {
		return CheckSignedSerial(r.Serial)
	}
	return CheckSerial(r.Serial)
}

// checkEmpty refuses a source without records that was not said to be empty, and one with records that was.
func checkEmpty(records int64, empty bool) error {
	switch {
	case records == 0 && !empty:
		return errors.New("it has no record: is it the right one? If the CA issued or revoked nothing, say so with " +
			"--empty")
	case records > 0 && empty:
		return fmt.Errorf("it was said to be empty, but has %d records", records)
	}
	return nil
}

// compareWithLast holds the input as a whole against the last import of its
// format.
func (d *DB) compareWithLast(ctx context.Context, tx *sql.Tx, j *judge, maxShrink float64) (same bool, err error) {
	if j.info.AsOf.After(j.now) {
		return false, fmt.Errorf("the input is of %s, which is in the future", j.info.AsOf.Format(time.RFC3339))
	}
	var asOf, records int64
	var digest []byte
	err = tx.QueryRowContext(ctx,
		d.q(`SELECT as_of, records, digest FROM imports WHERE issuer_id = $1 AND format = $2 ORDER BY id DESC LIMIT 1`),
		j.issuer.id, j.info.Format).Scan(&asOf, &records, &digest)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if string(digest) == string(j.info.Digest[:]) {
		return true, nil
	}
	if !j.info.AsOf.IsZero() && asOf > j.info.AsOf.Unix() {
		j.problem(override.Older,
			nil,
			fmt.Sprintf("the input is of %s, the last one was of %s", stamp(j.info.AsOf), stamp(fromSeconds(asOf))))
	}
	if maxShrink <= 0 {
		maxShrink = 0.1
	}
	if j.info.Scope != Partial && float64(j.result.Read) < float64(records)*(1-maxShrink) {
		j.problem(override.Shrink, nil,
			fmt.Sprintf("the input has %d records, the last one had %d: more than %.0f %% are gone", j.result.Read,
				records, maxShrink*100))
	}
	return false, nil
}

// settleRefusal reports the refusal that no override lets pass.
func (d *DB) settleRefusal(j *judge, o *override.Override) error {
	if len(j.counts) == 0 {
		return nil
	}
	refused := &ImportRefused{Digest: j.info.Digest, Counts: j.counts, Problems: j.problems}
	if o == nil {
		return refused
	}
	for kind := range j.counts {
		if err := o.Permits(d.overrideKeys, j.info.Digest, kind, d.now()); err != nil {
			return errors.Join(refused, err)
		}
	}
	return nil
}

// recordImport remembers the import for the next one.
func (d *DB) recordImport(ctx context.Context, tx *sql.Tx, j *judge, revoked int64, listed artifact.Kind,
	o *override.Override) error {
	permit, name := "", filepath.Base(j.info.Name)
	if j.info.Format == NoPast {
		name = j.info.Name // no file, but a reason
	}
	if o != nil {
		permit = strings.TrimSpace(string(o.Text()))
	}
	_, err := tx.ExecContext(ctx,
		d.q(`INSERT INTO imports (issuer_id, format, name, as_of, digest, records, revoked, at, override, listed)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`), j.issuer.id, j.info.Format, name, seconds(j.info.AsOf),
		j.info.Digest[:], j.result.Read, revoked, j.now.Unix(), permit, string(listed))
	return err
}
