package hsmsign

import (
	"context"
	"crypto/x509"
	"fmt"
	"math/big"

	"go.uber.org/zap"

	"seihon/artifact"
	"seihon/internal/config"
	"seihon/inventory"
	"seihon/ledger"
	"seihon/public"
)

// spki is the issuer's public key; a root that is being adopted brings it in its own certificate.
func (a *authority) spki(own *x509.Certificate) []byte {
	if a.cert != nil {
		return a.cert.RawSubjectPublicKeyInfo
	}
	return own.RawSubjectPublicKeyInfo
}

// answersNeverIssued reports whether responses are signed about what was declared never issued.
func (a *authority) answersNeverIssued() bool { return a.OCSP.NeverIssued == "revoked" }

// responseKey is the key that signs responses: the delegated signer's, or the issuer's own.
func (a *authority) responseKey() config.Key {
	if a.OCSP.Responder != nil {
		return a.OCSP.Responder.Key
	}
	return a.Key
}

// authority is an issuer with what the room has found of it.
type authority struct {
	*config.Issuer
	cert      *x509.Certificate // nil until it was issued
	responder *x509.Certificate // nil when the issuer answers itself, or none was issued yet
}

// loadAuthorities reads the certificates of the configured issuers from the
// master, tells the inventory of them, and builds the trust that section A judges by.
func (r *Room) loadAuthorities(ctx context.Context) error {
	state, err := r.log.Log().State(ctx, r.log.Log().Size())
	if err != nil {
		return err
	}
	var anchors, all []*x509.Certificate
	load := func(name string) (*x509.Certificate, error) {
		line, ok := state.Get(public.Certificate(name))
		if !ok {
			return nil, nil
		}
		der, err := r.log.Log().ReadBlob(ctx, line)
		if err != nil {
			return nil, err
		}
		return artifact.ParseCertificate(der)
	}
	for i := range r.conf.Issuers {
		a := &authority{Issuer: &r.conf.Issuers[i]}
		r.authorities[a.Name] = a
		if a.cert, err = load(a.Name); err != nil {
			return fmt.Errorf("reading the certificate of %s: %w", a.Name, err)
		}
		if a.cert == nil {
			continue
		}
		if a.Parent == "" {
			anchors = append(anchors, a.cert)
		}
		all = append(all, a.cert)
		if a.OCSP != nil && a.OCSP.Responder != nil {
			if a.responder, err = load(a.OCSP.Responder.Name); err != nil {
				return fmt.Errorf("reading the certificate of %s: %w", a.OCSP.Responder.Name, err)
			}
		}
		if err := r.tellInventory(ctx, a, artifact.Sum(a.cert.RawSubjectPublicKeyInfo)); err != nil {
			return err
		}
		if a.External() || r.dryRun { // its own software counts
			continue
		}
		if err := r.raiseNumbers(ctx, a, state); err != nil {
			return err
		}
	}
	return r.buildPolicy(anchors, all)
}

// raiseNumbers lifts the CRL counters above what the ledger has seen: an inventory that
// was restored from an older copy must not use a number twice.
func (r *Room) raiseNumbers(ctx context.Context, a *authority, state *ledger.State) error {
	for _, l := range listsOf(a) {
		line, ok := state.Get(l.name())
		if !ok {
			continue
		}
		seen, ok := new(big.Int).SetString(line.Number, 10)
		if !ok {
			return fmt.Errorf("reading the number of %s: %q is not one", l.name(), line.Number)
		}
		last, err := r.inv.LastCRLNumber(ctx, a.Name, l.series())
		if err != nil {
			return fmt.Errorf("reading the CRL counter of %s: %w", l.name(), err)
		}
		if last != nil && last.Cmp(seen) >= 0 {
			continue
		}
		r.logger.Warn("the inventory is older than the ledger; raising its CRL counter", zap.String("name", l.name()), zap.String("number", line.Number))
		if err := r.inv.RaiseCRLNumber(ctx, a.Name, l.series(), seen); err != nil {
			return fmt.Errorf("raising the CRL counter of %s: %w", l.name(), err)
		}
	}
	return nil
}

// tellInventory records an issuer by its key, before its first serial is taken.
func (r *Room) tellInventory(ctx context.Context, a *authority, key artifact.Digest) error {
	if r.dryRun {
		return nil
	}
	shards := 1
	if a.OCSP != nil {
		shards = a.OCSP.Shards
	}
	issuer := inventory.Issuer{Name: a.Name, Key: key, Shards: shards}
	if a.OCSP != nil {
		issuer.Grace = a.OCSP.ArchiveRetention.Std() // a status that is promised past the expiry must be signed past it
	}
	if err := r.inv.AddIssuer(ctx, issuer); err != nil {
		return fmt.Errorf("recording issuer %s: %w", a.Name, err)
	}
	return nil
}

// authority returns the issuer of that name once its certificate exists.
func (r *Room) authority(name string) (*authority, error) {
	a, ok := r.authorities[name]
	if !ok {
		return nil, fmt.Errorf("finding issuer %q: the configuration has no such issuer", name)
	}
	if a.cert == nil {
		return nil, fmt.Errorf("finding issuer %q: it has no certificate yet; `signer issue --name %s` makes it", name, name)
	}
	return a, nil
}
