package room

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"seihon/artifact"
	"seihon/hsmsign/cert"
	"seihon/internal/config"
	"seihon/inventory"
	"seihon/public"
)

// Nothing is signed that the master log does not commit to. A batch of
// certificates of one issuer goes through these steps:
//
//  1. every TBSCertificate is made, checked and rehearsed; one that is refused
//     ends the batch, and nothing has happened;
//  2. the inventory reserves the serials;
//  3. the log gets one entry that commits to all of them, and the private master
//     what was committed to;
//  4. the HSM signs exactly those octets;
//  5. the inventory records the certificates and what of them is public.
//
// After a crash the inventory is behind the log: the next room takes from the private
// master what was committed to, and finishes it: see finish.go. The steps 2 and 3 are in announce.go.

// An Order is one certificate that is to be issued.
type Order struct {
	Profile  string
	Validity config.Duration // 0: the profile's
	Request  cert.Request
	Name     string // the public name that it gets; empty: none
	csr      []byte // the DER of the certificate request, if there is one
	label    string // what errors call it; usually the request's file
	asked    inventory.Asked
}

// issueBatch issues certificates of one issuer, in the order of the orders.
func (r *Room) issueBatch(ctx context.Context, a *Authority, orders []Order) ([]*x509.Certificate, error) {
	prepared, batch, err := r.prepare(ctx, a, orders)
	if err != nil {
		return nil, err
	}
	if r.DryRun {
		return unsigned(prepared)
	}
	return r.issuePrepared(ctx, a, prepared, batch)
}

// unsigned is what a dry run has of certificates: all but the signatures.
func unsigned(prepared []*cert.Prepared) (all []*x509.Certificate, err error) {
	for _, p := range prepared {
		c, err := p.Unsigned()
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// prepare makes, checks and rehearses what the orders ask for: step 1.
func (r *Room) prepare(ctx context.Context, a *Authority,
	orders []Order) ([]*cert.Prepared, []inventory.Intent, error) {
	if len(orders) == 0 {
		return nil, nil, nil
	}
	if a.External() {
		return nil, nil,
			fmt.Errorf("%s is signed_by: external: ask its CA with `signer request`, and take over what it issues "+
				"with `signer issue --adopt`", a.Name)
	}
	key, err := r.Key(ctx, a.Key)
	if err != nil {
		return nil, nil, err
	}
	if err := r.profiles(a, orders); err != nil {
		return nil, nil, err
	}
	prepared := make([]*cert.Prepared, len(orders))
	batch := make([]inventory.Intent, len(orders))
	refused, err := r.checkKeyHistory(ctx, a, orders)
	if err != nil {
		return nil, nil, err
	}
	err = r.parallel(ctx, r.Workers(a.Key), len(orders), func(ctx context.Context, n int) error {
		q := &orders[n]
		serial, number, err := newSerial()
		if err != nil {
			return err
		}
		r.complete(a, q, serial)
		q.Request.Issuer, q.Request.Signer, q.Request.Serial, q.Request.Now = a.Certificate, key, number, r.Now
		if refused[n] != nil {
			return nil
		}
		prepared[n], refused[n] = cert.Prepare(ctx, q.Request)
		if refused[n] == nil && len(q.csr) > 0 {
			refused[n] = r.notTheDocumentSigner(prepared[n])
		}
		if refused[n] == nil {
			batch[n] = q.Intent(serial, prepared[n])
		}
		return nil
	})
	if err == nil {
		err = firstRefused(orders, refused)
	}
	return prepared, batch, err
}

// notTheDocumentSigner refuses a subscriber's certificate that section A would take for the document signer's: with it,
// the subscriber could sign a CP/CPS.
func (r *Room) notTheDocumentSigner(p *cert.Prepared) error {
	c, err := p.Unsigned()
	if err == nil && r.Policy.DocumentSigner.Is(c) {
		err = fmt.Errorf("section A would take the certificate of %q for the document signer's: the subscriber needs "+
			"another common name, or the document "+
			"signer a usage or a policy of its own (document_signer.usage, document_signer.policy)", c.Subject.String())
	}
	return err
}

// firstRefused names the first order that was refused, and how many more there are.
func firstRefused(orders []Order, refused []error) error {
	var first error
	more := 0
	for n, err := range refused {
		switch {
		case err == nil:
		case first != nil:
			more++
		case orders[n].label != "":
			first = fmt.Errorf("%s: %w", orders[n].label, err)
		default:
			first = err
		}
	}
	if more > 0 {
		return fmt.Errorf("%w (and %d more are refused; nothing was issued)", first, more)
	}
	return first
}

// issuePrepared takes a batch through the steps 2 to 5.
func (r *Room) issuePrepared(ctx context.Context, a *Authority, prepared []*cert.Prepared,
	batch []inventory.Intent) ([]*x509.Certificate, error) {
	key, err := r.Key(ctx, a.Key)
	if err != nil {
		return nil, err
	}
	if err := r.stageBatch(ctx, a, batch); err != nil {
		return nil, err
	}
	if err := r.commitAnnounced(ctx); err != nil {
		return nil, err
	}
	signed := make([]issued, len(batch))
	err = r.parallel(ctx, r.Workers(a.Key), len(batch), func(ctx context.Context, n int) error {
		der, err := prepared[n].Sign(ctx, key)
		if err != nil {
			return err
		}
		signed[n], err = readBack(a.Name, &batch[n], der)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%w; the master log commits to it: the next command in the room finishes it",
			errors.Join(err, r.noteAnnounced(ctx)))
	}
	return r.recordBatch(ctx, a, batch, signed)
}

// Intent is what inventory and private master keep of an order.
func (q *Order) Intent(serial []byte, p *cert.Prepared) inventory.Intent {
	salt := make([]byte, inventory.SaltSize)
	rand.Read(salt)
	key := sha256.Sum256(p.SubjectPublicKeyInfo())
	t := inventory.Intent{Serial: serial, Salt: salt, TBS: p.TBS, Name: q.Name, Consent: q.Request.ConsentID,
		SubjectKey: key[:], Asked: q.asked}
	if t.Consent != "" {
		t.Name = public.Subscriber(serial)
	}
	if q.csr != nil {
		sum := sha256.Sum256(q.csr)
		t.CSR = sum[:]
	}
	return t
}

// profiles looks the profile of each order up, once for those of one name: reading one takes as long as encoding a
// certificate.
func (r *Room) profiles(a *Authority, orders []Order) (err error) {
	known := map[string]*cert.Profile{}
	for n := range orders {
		q := &orders[n]
		if known[q.Profile] == nil {
			if known[q.Profile], err = r.profile(a, q.Profile); err != nil {
				return err
			}
		}
		q.Request.Profile = known[q.Profile]
	}
	return nil
}

// complete fills in what the issuer, and not the caller, decides.
func (r *Room) complete(a *Authority, q *Order, serial []byte) {
	q.asked = r.Asked
	if q.Validity > 0 { // else the profile's validity decides
		q.Request.NotBefore = r.Now().UTC().Truncate(time.Second)
		q.Request.NotAfter = q.Request.NotBefore.Add(q.Validity.Std() - time.Second)
		if a.Certificate != nil && q.Request.NotAfter.After(a.Certificate.NotAfter) {
			q.Request.NotAfter = a.Certificate.NotAfter
		}
	}
	if a.Certificate != nil {
		q.Request.URLs = r.urls(a, q.Request.Profile.Kind, serial)
	}
}

func newSerial() (serial []byte, number *big.Int, err error) {
	if number, err = cert.NewSerial(); err != nil {
		return nil, nil, err
	}
	serial, err = inventory.SerialOf(number)
	return serial, number, err
}

// parallel runs a step of a batch n times, on so many workers.
func (r *Room) parallel(ctx context.Context, workers, n int, step func(ctx context.Context, n int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	for i := range n {
		g.Go(func() error { return step(ctx, i) })
	}
	return g.Wait()
}

// issued is a certificate that was just signed, read back.
type issued struct {
	*x509.Certificate
	row inventory.Certificate
}

// readBack reads what was signed as anybody else would.
func readBack(issuer string, t *inventory.Intent, der []byte) (c issued, err error) {
	if c.Certificate, err = x509.ParseCertificate(der); err != nil {
		return c, fmt.Errorf("reading back the certificate: %w", err)
	}
	c.row, err = inventory.FromX509(issuer, c.Certificate, artifact.Parse(der).Kind)
	c.row.Consent = t.Consent
	return c, err
}

// recordBatch records the signed certificates and stages those that are public.
// What section A refuses is recorded all the same: it was signed.
func (r *Room) recordBatch(ctx context.Context, a *Authority, batch []inventory.Intent,
	signed []issued) ([]*x509.Certificate, error) {
	certs := make([]*x509.Certificate, len(signed))
	rows := make([]inventory.Certificate, len(signed))
	for n, c := range signed {
		certs[n], rows[n] = c.Certificate, c.row
	}
	var public []inventory.ArtifactRecord
	var refused []error
	for n, c := range certs {
		if batch[n].Name == "" {
			continue
		}
		rec, err := r.publishIssued(ctx, a, batch[n], rows[n].Kind, c)
		if err != nil {
			refused = append(refused, err)
			continue
		}
		public = append(public, rec)
	}
	if err := r.Inventory.RecordIssued(ctx, a.Name, r.Log.Log().Origin(), batch, rows, public); err != nil {
		return nil, err
	}
	r.announced = slices.DeleteFunc(r.announced, func(n announcement) bool { return &n.batch[0] == &batch[0] })
	r.Pending = append(r.Pending, public...)
	return certs, errors.Join(refused...)
}

// publishIssued lets section A judge a certificate that gets a public name, and stores it in the master.
func (r *Room) publishIssued(ctx context.Context, a *Authority, t inventory.Intent, kind artifact.Kind,
	c *x509.Certificate) (inventory.ArtifactRecord, error) {
	// What a cross certificate is, only its name says: its content is that of a CA certificate.
	if name, err := public.Parse(t.Name); err == nil &&
		(name.Kind == artifact.CrossCertificate || name.Kind == artifact.LinkCertificate) {
		kind = name.Kind
	}
	rec := CertificateRecord(a.Name, kind, t.Name, c)
	if a.Certificate == nil { // a root trusts itself from now on
		if err := r.BuildPolicy([]*x509.Certificate{c}, []*x509.Certificate{c}); err != nil {
			return rec, err
		}
	}
	if t.Consent != "" {
		if err := r.writeConsent(t.Serial, t.Consent); err != nil {
			return rec, err
		}
	}
	if err := r.admit(rec, c.Raw, nil); err != nil {
		return rec, err
	}
	digest, _, err := r.Log.PutBlob(ctx, kind, bytes.NewReader(c.Raw))
	if err != nil {
		return rec, fmt.Errorf("storing %s: %w", rec.Name, err)
	}
	rec.Digest, rec.SignedAt = digest, r.Now().UTC().Truncate(time.Second)
	return rec, nil
}

// CertificateRecord is what is staged of a certificate.
func CertificateRecord(issuer string, kind artifact.Kind, name string, c *x509.Certificate) inventory.ArtifactRecord {
	return inventory.ArtifactRecord{
		Issuer: issuer, Kind: kind, Name: name, Number: c.SerialNumber, ThisUpdate: c.NotBefore, NextUpdate: c.NotAfter,
	}
}
