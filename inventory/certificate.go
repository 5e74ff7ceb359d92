package inventory

import (
	"bytes"
	"context"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"seihon/artifact"
)

// FromX509 fills a Certificate from a parsed one.
func FromX509(issuer string, c *x509.Certificate, kind artifact.Kind) (Certificate, error) {
	serial := artifact.SerialBytes(c) // what the room issues is looked at again, more strictly
	if err := CheckSignedSerial(serial); err != nil {
		return Certificate{}, err
	}
	return Certificate{
		Issuer: issuer, Serial: serial, Kind: kind, DER: c.Raw, Subject: c.Subject.String(),
		NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(),
	}, nil
}

// authorities are the kinds of certificates that belong on the CRL of CA certificates; the others belong on that of
// users.
var authorities = []artifact.Kind{artifact.CACertificate, artifact.LinkCertificate, artifact.CrossCertificate}

func isCA(kind artifact.Kind) bool { return slices.Contains(authorities, kind) }

// kindText is how a kind is stored: the commonest one takes no space.
func kindText(kind artifact.Kind) string {
	if kind == artifact.SubscriberCertificate {
		return ""
	}
	return string(kind)
}

func textKind(s string) artifact.Kind {
	if s == "" {
		return artifact.SubscriberCertificate
	}
	return artifact.Kind(s)
}

// Reserve writes serials down without what will be signed under them, in one
// transaction. It fails with ErrSerialTaken when the issuer's key ever had one.
func (d *DB) Reserve(ctx context.Context, issuer string, serials ...[]byte) error {
	for _, serial := range serials {
		if err := CheckSerial(serial); err != nil {
			return fmt.Errorf("reserving: %w", err)
		}
	}
	return d.update(ctx, fmt.Sprintf("reserving serials %x of %q", serials, issuer), func(tx *sql.Tx) error {
		i, err := d.issuer(ctx, tx, issuer, forShare)
		if err != nil {
			return err
		}
		for _, serial := range serials {
			if err := d.reserve(ctx, tx, i, serial, ""); err != nil {
				return err
			}
		}
		return nil
	})
}

// Record writes down certificates of one issuer that were signed under reserved
// serials and that no log commits to, in one transaction. Recording the same bytes
// twice is fine, so that an interrupted run can be repeated.
func (d *DB) Record(ctx context.Context, certs ...Certificate) error {
	for _, c := range certs {
		if err := checkCertificate(c); err != nil {
			return fmt.Errorf("recording certificate of %q: %w", c.Issuer, err)
		}
	}
	if len(certs) == 0 {
		return nil
	}
	issuer := certs[0].Issuer
	return d.update(ctx, fmt.Sprintf("recording %d certificates of %q", len(certs), issuer), func(tx *sql.Tx) error {
		i, err := d.issuer(ctx, tx, issuer, forShare)
		if err != nil {
			return err
		}
		return d.record(ctx, tx, i, certs, nil, false)
	})
}

// record completes reserved rows. batch has the commitments to the certificates; nil: nothing commits to them.
func (d *DB) record(ctx context.Context, tx *sql.Tx, i issuerRow, certs []Certificate, batch []Intent,
	imported bool) error {
	serials := make([][]byte, len(certs))
	for n, c := range certs {
		serials[n] = c.Serial
	}
	if err := d.unpack(ctx, tx, i.keyID, serials...); err != nil {
		return err
	}
	lock := d.forUpdate()
	if lock != "" {
		lock += " OF c" // PostgreSQL locks no row of an outer join's other side
	}
	standing, err := tx.PrepareContext(ctx, d.q(`SELECT c.state, c.issuer_id, b.der FROM certificates c
		LEFT JOIN bodies b ON b.key_id = c.key_id AND b.serial = c.serial WHERE c.key_id = $1 AND c.serial = $2`)+lock)
	if err != nil {
		return err
	}
	defer standing.Close()
	f, err := d.filler(ctx, tx, imported)
	if err != nil {
		return err
	}
	defer f.close()
	for n, c := range certs {
		var t Intent
		if batch != nil {
			t = batch[n]
		}
		var state State
		var owner int64
		var body []byte
		err := standing.QueryRowContext(ctx, i.keyID, c.Serial).Scan(&state, &owner, &body)
		if errors.Is(err, sql.ErrNoRows) {
			err = fmt.Errorf("serial was not reserved before it was signed: %w", ErrNotFound)
		}
		if err == nil && !(body != nil && bytes.Equal(body, c.DER) && owner == i.id) {
			err = fillable(i, state, owner, body)
			if err == nil {
				err = f.fill(ctx, i, c, t, state)
			}
		}
		if err != nil {
			return fmt.Errorf("serial %x: %w", c.Serial, err)
		}
	}
	return nil
}

// fillable says why a row cannot take a certificate.
func fillable(i issuerRow, state State, owner int64, body []byte) error {
	switch {
	case owner != i.id:
		return fmt.Errorf("another issuer name with this key reserved it: %w", ErrSerialTaken)
	case state == NeverIssued:
		return ErrNeverIssued
	case body != nil || state == Issued:
		return fmt.Errorf("another certificate is recorded: %w", ErrSerialTaken)
	}
	return nil
}

// A filler writes certificates into reserved rows.
type filler struct {
	d              *DB
	imported       bool
	update, insert *sql.Stmt
	key            *sql.Stmt
}

func (d *DB) filler(ctx context.Context, tx *sql.Tx, imported bool) (*filler, error) {
	f := &filler{d: d, imported: imported}
	var err error
	f.update, err = tx.PrepareContext(ctx,
		d.q(`UPDATE certificates SET state = $3, kind = $4, ca = $5, not_before = $6, not_after = $7,
		subject = $8, consent = $9, due_at = $10, revision = revision + 1, changed_at = $11, imported = $12, recorded = 0 WHERE key_id = $1 AND serial = $2`))
	if err != nil {
		return nil, err
	}
	if f.insert, err = tx.PrepareContext(ctx,
		d.q(`INSERT INTO bodies (key_id, serial, der, salt, entry, leaf, csr) VALUES ($1, $2, $3, $4, $5, $6, $7)`)); err != nil {
		return nil, err
	}
	f.key, err = tx.PrepareContext(ctx, d.q(insertKey))
	return f, err
}

func (f *filler) close() { f.update.Close(); f.insert.Close(); f.key.Close() }

// fill completes a reserved row. One that was revoked while it was only
// reserved stays revoked.
func (f *filler) fill(ctx context.Context, i issuerRow, c Certificate, t Intent, state State) error {
	now := f.d.now().Unix()
	due := i.dueFor(dueNew, seconds(c.NotAfter), now)
	if state == Reserved {
		state = Issued
	}
	if _, err := f.update.ExecContext(ctx, i.keyID, c.Serial, int(state), kindText(c.Kind), flag(isCA(c.Kind)),
		seconds(c.NotBefore), seconds(c.NotAfter),
		c.Subject, c.Consent, due, now, flag(f.imported)); err != nil {
		return err
	}
	if _, err := f.insert.ExecContext(ctx, i.keyID, c.Serial, c.DER, t.Salt, t.Entry, t.Leaf, t.CSR); err != nil {
		return err
	}
	if key := keyOf(c.DER); key != nil {
		if _, err := f.key.ExecContext(ctx, key, i.keyID, c.Serial); err != nil {
			return err
		}
	}
	return nil
}

// SetConsent records the subscriber's consent to the publication of the
// certificate, by the identifier under which the CA keeps it; "" withdraws it.
func (d *DB) SetConsent(ctx context.Context, issuer string, serial []byte, consent string) error {
	return d.update(ctx, fmt.Sprintf("setting consent for serial %x of %q", serial, issuer), func(tx *sql.Tx) error {
		i, err := d.issuer(ctx, tx, issuer, forShare)
		if err != nil {
			return err
		}
		if err := d.unpack(ctx, tx, i.keyID, serial); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx,
			d.q(`UPDATE certificates SET consent = $4, imported = CASE WHEN imported = 2 THEN 1 ELSE imported END,
			revision = revision + 1, recorded = 0 WHERE key_id = $1 AND serial = $2 AND issuer_id = $3`), i.keyID,
			serial, i.id, consent)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return errors.Join(err, ErrNotFound)
		}
		return d.event(ctx, tx, i.id, serial, "consent", fmt.Sprintf("set to %q", consent))
	})
}

// checkCertificate holds what is recorded against its own DER.
func checkCertificate(c Certificate) error {
	if err := CheckSerial(c.Serial); err != nil {
		return err
	}
	return checkAdopted(c)
}

// checkAdopted is checkCertificate for one that was signed elsewhere, whose serial may be one that nobody should have
// given.
func checkAdopted(c Certificate) error {
	if err := CheckSignedSerial(c.Serial); err != nil {
		return err
	}
	if !c.Kind.IsCertificate() {
		return fmt.Errorf("kind %q is not a certificate", c.Kind)
	}
	if len(c.DER) == 0 {
		return errors.New("its DER is missing")
	}
	parsed, err := artifact.ParseCertificate(c.DER)
	if err != nil {
		return fmt.Errorf("parsing it: %w", err)
	}
	serial := artifact.SerialBytes(parsed)
	switch {
	case !bytes.Equal(serial, c.Serial):
		return fmt.Errorf("it carries the serial %x, not %x", serial, c.Serial)
	case !parsed.NotAfter.Equal(c.NotAfter) || !parsed.NotBefore.Equal(c.NotBefore):
		return errors.New("its validity is not the one given")
	}
	return nil
}

// body returns the DER of a certificate, nil when there is none.
func (d *DB) body(ctx context.Context, q querier, keyID int64, serial []byte) ([]byte, error) {
	var der []byte
	err := q.QueryRowContext(ctx, d.q(`SELECT der FROM bodies WHERE key_id = $1 AND serial = $2`), keyID,
		serial).Scan(&der)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return der, err
}

const entryColumns = `c.serial, c.state, c.kind, c.imported, c.not_before, c.not_after, c.subject, c.consent,
	coalesce(c.revoked_at, 0), c.reason, c.invalidity, c.this_update, c.next_update, c.revision`

// scanEntry reads entryColumns followed by the DER.
func scanEntry(issuer string, scan func(...any) error) (*Entry, error) {
	e := &Entry{Certificate: Certificate{Issuer: issuer}}
	var kind string
	var imported, notBefore, notAfter, revokedAt, invalidity, this, next int64
	err := scan(&e.Serial, &e.State, &kind, &imported, &notBefore, &notAfter, &e.Subject, &e.Consent,
		&revokedAt, &e.Revocation.Reason, &invalidity, &this, &next, &e.Revision, &e.DER)
	if err != nil {
		return nil, err
	}
	e.Kind, e.Imported = textKind(kind), imported != 0
	e.NotBefore, e.NotAfter = fromSeconds(notBefore), fromSeconds(notAfter)
	e.ThisUpdate, e.NextUpdate = fromSeconds(this), fromSeconds(next)
	if e.State == Revoked {
		e.Revocation.Time, e.Revocation.InvalidityDate = fromSeconds(revokedAt), fromSeconds(invalidity)
	} else {
		e.Revocation = Revocation{}
	}
	return e, nil
}

// Get returns one certificate with its DER.
func (d *DB) Get(ctx context.Context, issuer string, serial []byte) (*Entry, error) {
	doing := fmt.Sprintf("looking up serial %x of %q", serial, issuer)
	i, err := d.issuer(ctx, d.read, issuer, "")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	find := func() (*Entry, error) {
		row := d.read.QueryRowContext(ctx, d.q(`SELECT `+entryColumns+`, b.der FROM certificates c
			LEFT JOIN bodies b ON b.key_id = c.key_id AND b.serial = c.serial
			WHERE c.key_id = $1 AND c.serial = $2 AND c.issuer_id = $3`), i.keyID, serial, i.id)
		return oneEntry(doing, issuer, row)
	}
	found, err := find()
	if !errors.Is(err, ErrNotFound) {
		return found, err
	}
	listed, bad := d.listedOne(ctx, d.read, i.keyID, serial)
	switch {
	case bad != nil:
		return nil, fmt.Errorf("%s: %w", doing, bad)
	case listed == nil:
		return find() // it may have become a row in between
	case listed.in.issuer.id != i.id:
		return nil, err
	}
	return entryListed(issuer, *listed), nil
}

// entryListed is what a list says of a certificate.
func entryListed(issuer string, e listedEntry) *Entry {
	return &Entry{Certificate: Certificate{Issuer: issuer, Serial: e.serial, Kind: e.in.kind}, State: Revoked,
		Revocation: e.revocation(), Imported: true, Revision: 1}
}

// oneEntry reads the only row of a query, or reports ErrNotFound.
func oneEntry(doing, issuer string, row *sql.Row) (*Entry, error) {
	e, err := scanEntry(issuer, row.Scan)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	return e, nil
}
