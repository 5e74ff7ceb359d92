package source

import (
	"context"
	"crypto/x509"
	"fmt"
	"iter"
	"math/big"

	"seihon/artifact"
	"seihon/inventory"
)

// Revocations is a signed CRL.
type Revocations struct {
	info inventory.SourceInfo
	list *artifact.RevocationList
	kind artifact.Kind

	misissued func(serial []byte) bool
}

// CRL reads a complete CRL in DER whose signature issuer made. It knows the
// revoked serials only, and not when they expire. Its thisUpdate is the moment
// it describes. CRLs of different scopes (distribution points) are compared
// with their own kind only.
func CRL(der []byte, issuer *x509.Certificate, o Options) (*Revocations, error) {
	list, err := artifact.ParseRevocationList(der)
	if err != nil {
		return nil, err
	}
	if err := list.CheckSignatureFrom(issuer); err != nil {
		return nil, err
	}
	if err := checkScope(list); err != nil {
		return nil, fmt.Errorf("reading CRL: %w", err)
	}
	s := &Revocations{list: list, kind: o.kind(), misissued: o.Misissued}
	s.info = inventory.SourceInfo{Name: o.Name, Format: "crl", Scope: inventory.AllRevoked, AsOf: list.ThisUpdate,
		Digest: artifact.Sum(der)}
	if p := list.IDP; p != nil {
		// It covers a part of the revocations, so what is not on it says nothing.
		s.info.Scope = inventory.Partial
		s.info.Format = fmt.Sprintf("crl %q", p.URIs)
		if p.OnlyCA && o.Kind == "" {
			s.kind = artifact.CACertificate
		}
	}
	return s, nil
}

// Number returns the CRL number, nil when the list has none.
func (s *Revocations) Number() *big.Int { return s.list.Number }

// Info describes the source.
func (s *Revocations) Info() inventory.SourceInfo { return s.info }

// Records yields the entries.
func (s *Revocations) Records(ctx context.Context) iter.Seq2[inventory.Record, error] {
	return func(yield func(inventory.Record, error) bool) {
		line := 0
		for e, err := range s.list.Entries() {
			line++
			r := inventory.Record{Line: line, Certificate: inventory.Certificate{Serial: e.Serial, Kind: s.kind},
				State:      inventory.Revoked,
				Revocation: inventory.Revocation{Time: e.Time, Reason: e.Reason, InvalidityDate: e.InvalidityDate}}
			r.Proven = s.misissued != nil && s.misissued(e.Serial)
			if err == nil {
				err = ctx.Err()
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}
