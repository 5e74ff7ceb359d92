package crl

import (
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"time"

	"seihon/hsmsign/internal/der"
)

// check reports why t makes no acceptable CRL.
func (t *Template) check() error {
	if t.Issuer == nil {
		return errors.New("no issuer is given")
	}
	if err := t.checkTimes(); err != nil {
		return err
	}
	if err := checkIssuer(t.Issuer, t.ThisUpdate); err != nil {
		return fmt.Errorf("the issuer %q: %w", t.Issuer.Subject, err)
	}
	if err := checkNumber(t.Number); err != nil {
		return fmt.Errorf("the CRL number: %w", err)
	}
	if t.BaseNumber != nil {
		if err := t.checkDelta(); err != nil {
			return err
		}
	}
	if t.Scope != nil {
		if err := t.Scope.check(); err != nil {
			return fmt.Errorf("the issuing distribution point: %w", err)
		}
	}
	for _, uri := range t.FreshestCRL {
		if err := checkURI(uri); err != nil {
			return fmt.Errorf("the freshest CRL: %w", err)
		}
	}
	return nil
}

func checkIssuer(issuer *x509.Certificate, thisUpdate time.Time) error {
	switch {
	case !issuer.IsCA:
		return errors.New("it is not a CA certificate")
	case issuer.KeyUsage&x509.KeyUsageCRLSign == 0:
		return errors.New("its key usage lacks cRLSign")
	case len(issuer.SubjectKeyId) == 0:
		return errors.New("it has no subject key identifier for the CRL's authority key identifier (RFC 5280 " +
			"section 5.2.1)")
	case thisUpdate.Before(issuer.NotBefore):
		return fmt.Errorf("it is not valid before %s, thisUpdate is %s", stamp(issuer.NotBefore), stamp(thisUpdate))
	case thisUpdate.After(issuer.NotAfter):
		return fmt.Errorf("it expired at %s, thisUpdate is %s", stamp(issuer.NotAfter), stamp(thisUpdate))
	}
	return nil
}

func (t *Template) checkTimes() error {
	if err := der.CheckTime(t.ThisUpdate); err != nil {
		return fmt.Errorf("thisUpdate: %w", err)
	}
	if err := der.CheckTime(t.NextUpdate); err != nil {
		return fmt.Errorf("nextUpdate: %w", err)
	}
	// As they are written: without fractions.
	this, next := t.ThisUpdate.Unix(), t.NextUpdate.Unix()
	if next <= this {
		return fmt.Errorf("nextUpdate %s is not after thisUpdate %s", stamp(t.NextUpdate), stamp(t.ThisUpdate))
	}
	if !t.NextPublish.IsZero() && (t.NextPublish.Unix() <= this || t.NextPublish.Unix() > next) {
		return fmt.Errorf("the next publication %s is not between thisUpdate %s and nextUpdate %s",
			stamp(t.NextPublish), stamp(t.ThisUpdate), stamp(t.NextUpdate))
	}
	if !t.ExpiredCertsOnCRL.IsZero() {
		if err := der.CheckTime(t.ExpiredCertsOnCRL); err != nil {
			return fmt.Errorf("expiredCertsOnCRL: %w", err)
		}
		if t.ExpiredCertsOnCRL.Unix() > this {
			return fmt.Errorf("expiredCertsOnCRL %s is after thisUpdate %s", stamp(t.ExpiredCertsOnCRL),
				stamp(t.ThisUpdate))
		}
	}
	return nil
}

func (t *Template) checkDelta() error {
	if err := checkNumber(t.BaseNumber); err != nil {
		return fmt.Errorf("the base CRL number: %w", err)
	}
	if t.BaseNumber.Cmp(t.Number) >= 0 {
		return fmt.Errorf("the base CRL number %d is not below the CRL number %d", t.BaseNumber, t.Number)
	}
	if len(t.FreshestCRL) > 0 {
		return errors.New("a delta CRL must not name a freshest CRL (RFC 5280 section 5.2.6)")
	}
	if t.NextUpdate.Equal(Final) {
		return errors.New("a delta CRL cannot be the final CRL")
	}
	return nil
}

func checkNumber(n *big.Int) error {
	switch {
	case n == nil:
		return errors.New("it is not set")
	case n.Sign() < 0:
		return fmt.Errorf("%d is negative", n)
	case len(integer(n)) > der.MaxSerial:
		return fmt.Errorf("it has more than %d octets (RFC 5280 section 5.2.3)", der.MaxSerial)
	}
	return nil
}

func (s *Scope) check() error {
	if len(s.URIs) == 0 && !s.OnlyUserCerts && !s.OnlyCACerts {
		return errors.New("it says nothing: name a URI or a kind of certificates, or leave it out (RFC 5280 " +
			"section 5.2.5)")
	}
	if s.OnlyUserCerts && s.OnlyCACerts {
		return errors.New("only user certificates and only CA certificates exclude each other (RFC 5280 section 5.2.5)")
	}
	for _, uri := range s.URIs {
		if err := checkURI(uri); err != nil {
			return err
		}
	}
	return nil
}

// checkURI reports why uri is no location that an IA5String can name (RFC 5280 section 4.2.1.6).
func checkURI(uri string) error {
	for _, c := range []byte(uri) {
		if c <= ' ' || c > '~' {
			return fmt.Errorf("the URI %q has a character outside of printable ASCII", uri)
		}
	}
	u, err := url.Parse(uri)
	if err != nil {
		return err
	}
	if u.Scheme == "" || u.Host == "" {
		return fmt.Errorf("the URI %q is not absolute", uri)
	}
	return nil
}

// stamp writes t as it appears in messages.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
