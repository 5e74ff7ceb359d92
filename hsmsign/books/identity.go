package books

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"

	"seihon/artifact"
	"seihon/hsmsign/room"
	"seihon/inventory"
	"seihon/ledger"
	"seihon/public"
	"seihon/sectiona"
)

// IssuerCertificate returns the CA certificate that signed evidence about an issuer is held against: a
// certificate, a list. It is the one of the master, whose key the inventory has on record. Another file may
// be given, such as the CA's certificate from before a renewal, but its name and key must be those on
// record: what comes along with the evidence proves nothing.
func (b *Books) IssuerCertificate(ctx context.Context, issuer, file string) (*x509.Certificate, error) {
	doing := fmt.Sprintf("finding the certificate of issuer %q", issuer)
	if b.conf.Issuer(issuer) == nil {
		return nil, fmt.Errorf("%s: the configuration has no such issuer", doing)
	}
	key, err := b.recordedKey(ctx, issuer)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	own, err := b.masterCertificate(ctx, issuer)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	if got := artifact.Sum(own.RawSubjectPublicKeyInfo); got != key {
		return nil,
			fmt.Errorf("%s: the master's has the key %s, the inventory has %s on record: one of the two is of "+
				"another CA; "+
				"check signer.inventory and master.directory", doing, got, key)
	}
	if file == "" {
		return own, nil
	}
	given, err := room.ReadCertificate(file)
	if err != nil {
		return nil, fmt.Errorf("%s: reading --ca: %w", doing, err)
	}
	if got := artifact.Sum(given.RawSubjectPublicKeyInfo); got != key {
		return nil, fmt.Errorf("%s: %w", doing, b.otherKey(ctx, file, given, got, key))
	}
	if !artifact.SameName(given.RawSubject, own.RawSubject) {
		return nil, fmt.Errorf("%s: %q names %q, the CA on record is %q", doing, file, given.Subject, own.Subject)
	}
	return given, nil
}

// recordedKey returns the digest of an issuer's key.
func (b *Books) recordedKey(ctx context.Context, issuer string) (artifact.Digest, error) {
	known, err := b.Issuers(ctx)
	if err != nil {
		return artifact.Digest{}, err
	}
	for _, k := range known {
		if k.Name == issuer {
			return k.Key, nil
		}
	}
	return artifact.Digest{},
		fmt.Errorf("the inventory does not know it yet; `signer issue --name %s` issues its certificate, "+
			"and with --adopt takes over the one that exists", issuer)
}

// masterCertificate reads an issuer's certificate from the master.
func (b *Books) masterCertificate(ctx context.Context, issuer string) (*x509.Certificate, error) {
	log, err := room.OpenMaster(ctx, b.conf)
	if err != nil {
		return nil, err
	}
	line, _, err := log.UseIndex().Lookup(ctx, public.Certificate(issuer))
	if errors.Is(err, ledger.ErrNotFound) {
		return nil,
			fmt.Errorf("the master has none; `signer issue --name %s` makes it, and with --adopt takes over the one "+
				"that exists", issuer)
	}
	if err != nil {
		return nil, err
	}
	der, err := log.ReadBlob(ctx, line)
	if err != nil {
		return nil, err
	}
	return artifact.ParseCertificate(der)
}

// otherKey explains a certificate that is not of the issuer's key: most often it belongs to another generation
// of the CA, which is an issuer of its own.
func (b *Books) otherKey(ctx context.Context, file string, given *x509.Certificate, got, want artifact.Digest) error {
	known, err := b.Issuers(ctx)
	if err != nil {
		return err
	}
	for _, k := range known {
		if k.Key == got {
			return fmt.Errorf("%q is the certificate of issuer %q: name that one with --issuer", file, k.Name)
		}
	}
	return fmt.Errorf("%q (%s) has the key %s, the inventory has %s on record: it is of another CA, or of a "+
		"generation that has no "+
		"issuer in the configuration; a file that comes with the evidence cannot vouch for it", file, given.Subject,
		got, want)
}

// CheckIssued reports why c is not a certificate of the issuer: by name and signature, since a serial alone
// names a certificate of every CA.
func (b *Books) CheckIssued(ctx context.Context, issuer string, c *x509.Certificate) error {
	ca, err := b.IssuerCertificate(ctx, issuer, "")
	if err != nil {
		return err
	}
	return artifact.CheckIssued(c, ca)
}

// sameAsRecorded reports whether the inventory has another certificate under the serial of c: the CA then
// issued two with one serial, and what is said about one is said about both.
func (b *Books) sameAsRecorded(ctx context.Context, issuer string, c *x509.Certificate) error {
	e, err := b.Get(ctx, issuer, artifact.SerialBytes(c))
	if errors.Is(err, inventory.ErrNotFound) || err == nil && (len(e.DER) == 0 || bytes.Equal(e.DER, c.Raw)) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("the inventory has another certificate under serial %x, of %q: name what is meant by --serial; "+
		"it revokes both, since lists and responses know the serial only", artifact.SerialBytes(c), e.Subject)
}

// Irregular explains what a CA got wrong in a certificate that is imported, or returns "". The rule and the exceptions
// to it are those of `signer accept`.
func (b *Books) Irregular(c, by *x509.Certificate) string {
	p := sectiona.Policy{Misissued: b.conf.Trust.IsMisissued, Excepted: b.exceptions.Allow(b.loadExceptions)}
	why := p.Irregular(c, by)
	if why != "" && b.unreadable != nil {
		why = fmt.Sprintf("%s (the exceptions in the master log cannot be read: %v)", why, b.unreadable)
	}
	return why
}

// loadExceptions reads the exceptions of the log, when the first deviation comes.
func (b *Books) loadExceptions() {
	if b.exceptions.Loaded {
		return
	}
	b.exceptions.Loaded = true
	log, err := room.OpenMaster(context.Background(), b.conf)
	if err == nil {
		err = b.exceptions.From(log, b.keys)
	}
	b.unreadable = err
}

// Misissued tells of a serial that RFC 5280 section 4.1.2.2 forbids whether the issuer has certificates with such a
// one: the configuration names it, or an exception says that the CA is known for them.
func (b *Books) Misissued(ctx context.Context, issuer string) func(serial []byte) bool {
	return func(serial []byte) bool {
		d := sectiona.OddSerial(serial)
		if b.conf.Trust.IsMisissued(serial) || d.Code == "" {
			return true
		}
		ca, err := b.masterCertificate(ctx, issuer)
		return err == nil && b.exceptions.Allow(b.loadExceptions)(ca, d, b.now())
	}
}
