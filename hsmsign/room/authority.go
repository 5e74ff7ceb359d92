package room

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

// SPKI is the issuer's public key; a root that is being adopted brings it in its own certificate.
func (a *Authority) SPKI(own *x509.Certificate) []byte {
	if a.Certificate != nil {
		return a.Certificate.RawSubjectPublicKeyInfo
	}
	return own.RawSubjectPublicKeyInfo
}

// AnswersNeverIssued reports whether responses are signed about what was declared never issued.
func (a *Authority) AnswersNeverIssued() bool { return a.OCSP.NeverIssued == "revoked" }

// ResponseKey is the key that signs responses: the delegated signer's, or the issuer's own.
func (a *Authority) ResponseKey() config.Key {
	if a.OCSP.Responder != nil {
		return a.OCSP.Responder.Key
	}
	return a.Key
}

// Authority is an issuer with what the room has found of it.
type Authority struct {
	*config.Issuer
	Certificate *x509.Certificate // nil until it was issued
	Responder   *x509.Certificate // nil when the issuer answers itself, or none was issued yet
}

// loadAuthorities reads the certificates of the configured issuers from the
// master, tells the inventory of them, and builds the trust that section A judges by.
func (r *Room) loadAuthorities(ctx context.Context) error {
	state, err := r.Log.Log().State(ctx, r.Log.Log().Size())
	if err != nil {
		return err
	}
	var anchors, all []*x509.Certificate
	load := func(name string) (*x509.Certificate, error) {
		line, ok := state.Get(public.Certificate(name))
		if !ok {
			return nil, nil
		}
		der, err := r.Log.Log().ReadBlob(ctx, line)
		if err != nil {
			return nil, err
		}
		return artifact.ParseCertificate(der)
	}
	for i := range r.Config.Issuers {
		a := &Authority{Issuer: &r.Config.Issuers[i]}
		r.Authorities[a.Name] = a
		if a.Certificate, err = load(a.Name); err != nil {
			return fmt.Errorf("reading the certificate of %s: %w", a.Name, err)
		}
		if a.Certificate == nil {
			continue
		}
		if a.Parent == "" {
			anchors = append(anchors, a.Certificate)
		}
		all = append(all, a.Certificate)
		if a.OCSP != nil && a.OCSP.Responder != nil {
			if a.Responder, err = load(a.OCSP.Responder.Name); err != nil {
				return fmt.Errorf("reading the certificate of %s: %w", a.OCSP.Responder.Name, err)
			}
		}
		if err := r.TellInventory(ctx, a, artifact.Sum(a.Certificate.RawSubjectPublicKeyInfo)); err != nil {
			return err
		}
		if a.External() || r.DryRun { // its own software counts
			continue
		}
		if err := r.raiseNumbers(ctx, a, state); err != nil {
			return err
		}
	}
	return r.BuildPolicy(anchors, all)
}

// raiseNumbers lifts the CRL counters above what the ledger has seen: an inventory that
// was restored from an older copy must not use a number twice.
func (r *Room) raiseNumbers(ctx context.Context, a *Authority, state *ledger.State) error {
	for _, l := range ListsOf(a) {
		line, ok := state.Get(l.PublicName())
		if !ok {
			continue
		}
		seen, ok := new(big.Int).SetString(line.Number, 10)
		if !ok {
			return fmt.Errorf("reading the number of %s: %q is not one", l.PublicName(), line.Number)
		}
		last, err := r.Inventory.LastCRLNumber(ctx, a.Name, l.Series())
		if err != nil {
			return fmt.Errorf("reading the CRL counter of %s: %w", l.PublicName(), err)
		}
		if last != nil && last.Cmp(seen) >= 0 {
			continue
		}
		r.logger.Warn("the inventory is older than the ledger; raising its CRL counter",
			zap.String("name", l.PublicName()), zap.String("number", line.Number))
		if err := r.Inventory.RaiseCRLNumber(ctx, a.Name, l.Series(), seen); err != nil {
			return fmt.Errorf("raising the CRL counter of %s: %w", l.PublicName(), err)
		}
	}
	return nil
}

// TellInventory records an issuer by its key, before its first serial is taken.
func (r *Room) TellInventory(ctx context.Context, a *Authority, key artifact.Digest) error {
	if r.DryRun {
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
	if err := r.Inventory.AddIssuer(ctx, issuer); err != nil {
		return fmt.Errorf("recording issuer %s: %w", a.Name, err)
	}
	return nil
}

// Authority returns the issuer of that name once its certificate exists.
func (r *Room) Authority(name string) (*Authority, error) {
	a, ok := r.Authorities[name]
	if !ok {
		return nil, fmt.Errorf("finding issuer %q: the configuration has no such issuer", name)
	}
	if a.Certificate == nil {
		return nil, fmt.Errorf("finding issuer %q: it has no certificate yet; `signer issue --name %s` makes it", name,
			name)
	}
	return a, nil
}
