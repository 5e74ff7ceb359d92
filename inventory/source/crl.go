package source

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"iter"

	"seihon/artifact"
	"seihon/inventory"
)

// revocations is a signed CRL.
type revocations struct {
	info inventory.SourceInfo
	list *artifact.RevocationList
	kind artifact.Kind
}

// CRL reads a complete CRL in DER whose signature issuer made. It knows the
// revoked serials only, and not when they expire. Its thisUpdate is the moment
// it describes. CRLs of different scopes (distribution points) are compared
// with their own kind only.
func CRL(der []byte, issuer *x509.Certificate, o Options) (inventory.Source, error) {
	list, err := artifact.ParseRevocationList(der)
	if err != nil {
		return nil, err
	}
	if err := list.CheckSignatureFrom(issuer); err != nil {
		return nil, err
	}
	if list.BaseNumber != nil {
		return nil, errors.New("reading CRL: it is a delta CRL: import a complete one")
	}
	s := &revocations{list: list, kind: o.kind()}
	s.info = inventory.SourceInfo{Name: o.Name, Format: "crl", Scope: inventory.AllRevoked, AsOf: list.ThisUpdate, Digest: artifact.Sum(der)}
	if p := list.IDP; p != nil {
		if p.Indirect {
			return nil, errors.New("reading CRL: it is an indirect CRL, whose entries name other issuers")
		}
		// It covers a part of the revocations, so what is not on it says nothing.
		s.info.Scope = inventory.Partial
		s.info.Format = fmt.Sprintf("crl %q", p.URIs)
		if p.OnlyCA && o.Kind == "" {
			s.kind = artifact.CACertificate
		}
	}
	return s, nil
}

// Info describes the source.
func (s *revocations) Info() inventory.SourceInfo { return s.info }

// Records yields the entries.
func (s *revocations) Records(ctx context.Context) iter.Seq2[inventory.Record, error] {
	return func(yield func(inventory.Record, error) bool) {
		for e, err := range s.list.Entries() {
			r := inventory.Record{Certificate: inventory.Certificate{Serial: e.Serial, Kind: s.kind}, State: inventory.Revoked,
				Revocation: inventory.Revocation{Time: e.Time, Reason: e.Reason, InvalidityDate: e.InvalidityDate}}
			if err == nil {
				err = ctx.Err()
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}
