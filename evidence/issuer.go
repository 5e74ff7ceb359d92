package evidence

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"strings"

	"seihon/artifact"
	"seihon/ledger"
)

// An authority is a CA certificate of the log.
type authority struct {
	name string
	cert *x509.Certificate
	link bool // joins two keys of a CA: part of a path, never the issuer asked about
}

// findIssuer finds the CA whose certificate is asked about, by name and, with a
// certificate at hand, by its signature, and everything between it and the
// anchors. The index says where to look; else the log is read from its
// beginning, where authorities are, until they are found.
func (s *search) findIssuer(ctx context.Context) error {
	var waiting []authority
	look := func(i int64) (done bool, err error) {
		more, err := s.authoritiesOf(ctx, i)
		waiting = append(waiting, more...)
		return len(more) > 0 && s.chosen(waiting), err
	}
	if i, ok := s.log.Hint(ctx, "cert/"+s.q.Issuer+".cer"); ok {
		if done, err := look(i); done || err != nil {
			return err
		}
	}
	for i := range s.log.Size() {
		if done, err := look(i); done || err != nil {
			return err
		}
	}
	if s.issuer != nil { // its certificate was not valid then, but its key is what signed
		return nil
	}
	switch {
	case s.named:
		return badQuestion("the certificate was not signed by the issuer %q: leave the issuer away, or give a "+
			"certificate of it", s.q.Issuer)
	case s.q.Certificate != nil && s.q.Issuer == "":
		return noAnswer("no CA certificate in the log that chains to trust.anchors signed this certificate")
	}
	return noAnswer("the log has no CA certificate of an issuer %q that chains to trust.anchors", s.q.Issuer)
}

// authoritiesOf reads the CA certificates that an entry recorded.
func (s *search) authoritiesOf(ctx context.Context, i int64) ([]authority, error) {
	e, err := s.entry(ctx, i)
	if err != nil {
		return nil, err
	}
	found, err := s.lines(ctx, e, func(l *ledger.Line) bool {
		return l.Kind == artifact.CACertificate || l.Kind == artifact.LinkCertificate
	})
	if err != nil {
		return nil, err
	}
	var out []authority
	for _, line := range found {
		b, err := s.log.ReadBlob(ctx, line)
		if err != nil {
			return nil, err
		}
		if a := artifact.Parse(b); len(a.Certificates) == 1 {
			name := strings.TrimSuffix(line.Name[strings.LastIndexByte(line.Name, '/')+1:], ".cer")
			out = append(out, authority{name, a.Certificates[0], line.Kind == artifact.LinkCertificate})
		}
	}
	return out, nil
}

// chosen takes the certificates that chain to the anchors and reports whether
// the one of the issuer, valid at the time asked about, is among them.
func (s *search) chosen(all []authority) bool {
	for range all { // a certificate may come before its issuer
		for _, a := range all {
			// What does not chain, or not yet, is left alone.
			_ = s.trust.Add(a.cert)
		}
	}
	for _, a := range all {
		if !s.trusted(a.cert) || !s.isIssuer(a) {
			continue
		}
		s.issuer = a.cert
		if s.q.Issuer == "" {
			s.q.Issuer = a.name
		}
		if !s.q.Time.Before(a.cert.NotBefore) && !s.q.Time.After(a.cert.NotAfter) {
			return true
		}
	}
	return false
}

func (s *search) trusted(c *x509.Certificate) bool {
	for _, t := range s.trust.Issuers() {
		if t.Equal(c) {
			return true
		}
	}
	return false
}

func (s *search) isIssuer(a authority) bool {
	if a.link || s.q.Issuer != "" && a.name != s.q.Issuer {
		return false
	}
	s.named = s.q.Issuer != ""
	c := s.q.Certificate
	return c == nil || bytes.Equal(c.RawIssuer, a.cert.RawSubject) && c.CheckSignatureFrom(a.cert) == nil
}

// authorities are the issuer's certificate and those above it, up to an anchor.
func authorities(issuer *x509.Certificate, trust *artifact.Trust) ([]*x509.Certificate, error) {
	path := []*x509.Certificate{issuer}
	for len(path) < 8 {
		c := path[len(path)-1]
		for _, anchor := range trust.Anchors() {
			if anchor.Equal(c) {
				return path, nil
			}
		}
		parent := above(c, trust)
		if parent == nil {
			break
		}
		path = append(path, parent)
	}
	return nil, fmt.Errorf("the certificate of %q does not lead to an anchor", issuer.Subject.String())
}

func above(c *x509.Certificate, trust *artifact.Trust) *x509.Certificate {
	for _, p := range trust.IssuersByName(c.RawIssuer) {
		if !p.Equal(c) && c.CheckSignatureFrom(p) == nil {
			return p
		}
	}
	return nil
}
