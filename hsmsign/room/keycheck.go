package room

import (
	"context"
	"crypto/x509"
	"fmt"
	"maps"
	"slices"

	"seihon/artifact"
	"seihon/hsmsign/cert"
	"seihon/inventory"
)

// Compromised are the reasons after which a key is in other hands: never certified again, whatever the configuration
// says.
var Compromised = []int{1, 2, 10} // keyCompromise, cACompromise, aACompromise

// checkKeyHistory refuses to certify a key that a revoked certificate of any issuer had. The configuration may
// name reasons after which a subscriber keeps the key, such as a changed affiliation. It returns why an order is
// refused, in the order of the orders.
func (r *Room) checkKeyHistory(ctx context.Context, a *Authority, orders []Order) ([]error, error) {
	refused := make([]error, len(orders))
	asked, err := askedKeys(orders)
	if err != nil {
		return nil, err
	}
	kept, err := keptKeys(a)
	if err != nil || len(asked) == 0 {
		return refused, err
	}
	for past, err := range r.Inventory.RevokedWithKey(ctx, slices.Collect(maps.Keys(asked))...) {
		if err != nil {
			return nil, fmt.Errorf("looking for the key among revoked certificates: %w", err)
		}
		reason := max(past.Revocation.Reason, 0) // none is unspecified: RFC 5280 5.3.1
		for _, n := range asked[past.Key] {
			keeps := len(orders[n].Request.CSR) > 0 && slices.Contains(kept, reason)
			if slices.Contains(Compromised, reason) || !keeps {
				refused[n] = &KeyRevokedError{Issuer: past.Issuer, Serial: past.Serial, Revocation: past.Revocation,
					Key: past.Key}
			}
		}
	}
	return refused, nil
}

// keysInUse refuses requests for a key that a certificate has which is neither revoked nor expired: two certificates
// for one key are made when somebody says so.
func (r *Room) keysInUse(ctx context.Context, orders []Order) error {
	asked, err := askedKeys(orders)
	if err != nil || len(asked) == 0 {
		return err
	}
	refused := make([]error, len(orders))
	for sum, all := range asked {
		for _, n := range all[1:] {
			refused[n] = fmt.Errorf("the key (SHA-256 %s) is also that of %s: --reissue issues a certificate for each",
				sum, orders[all[0]].label)
		}
	}
	for has, err := range r.Inventory.InUseWithKey(ctx, r.Now(), slices.Collect(maps.Keys(asked))...) {
		if err != nil {
			return fmt.Errorf("looking for the key among certificates in use: %w", err)
		}
		for _, n := range asked[has.Key] {
			refused[n] = fmt.Errorf("the key (SHA-256 %s) is that of certificate %x of %s, which is in use: "+
				"--reissue issues another one for it", has.Key, has.Serial, has.Issuer)
		}
	}
	return firstRefused(orders, refused)
}

// askedKeys are the orders by the key that a certificate is asked for.
func askedKeys(orders []Order) (map[artifact.Digest][]int, error) {
	asked := map[artifact.Digest][]int{}
	for n := range orders {
		spki, err := requestedKey(&orders[n].Request)
		if err != nil {
			return nil, err
		}
		if spki != nil {
			sum := artifact.Sum(spki)
			asked[sum] = append(asked[sum], n)
		}
	}
	return asked, nil
}

// keptKeys are the reasons after which a subscriber of the issuer keeps the key.
func keptKeys(a *Authority) ([]int, error) {
	var kept []int
	if a.Subscribers == nil {
		return nil, nil
	}
	for _, name := range a.Subscribers.KeepKeyAfter {
		code, err := inventory.ParseReason(name)
		if err != nil {
			return nil, fmt.Errorf("reading keep_key_after of issuer %s: %w", a.Name, err)
		}
		kept = append(kept, code)
	}
	return kept, nil
}

// requestedKey returns the SubjectPublicKeyInfo that a certificate is asked for; nil when the request does not say,
// which package cert explains better.
func requestedKey(req *cert.Request) ([]byte, error) {
	switch {
	case req.Of != nil:
		return req.Of.RawSubjectPublicKeyInfo, nil
	case req.PublicKey != nil:
		return x509.MarshalPKIXPublicKey(req.PublicKey)
	case len(req.CSR) > 0:
		der, err := cert.RequestDER(req.CSR)
		if err != nil {
			return nil, nil
		}
		csr, err := x509.ParseCertificateRequest(der)
		if err != nil {
			return nil, nil
		}
		return csr.RawSubjectPublicKeyInfo, nil
	}
	return nil, nil
}

// KeyRevokedError says that a key was revoked and is not certified again.
type KeyRevokedError struct {
	Issuer     string
	Serial     []byte
	Revocation inventory.Revocation
	Key        artifact.Digest
}

// Error says what, why, and what to do.
func (e *KeyRevokedError) Error() string {
	reason := inventory.ReasonName(max(e.Revocation.Reason, 0))
	what := "ask for a request with a new key"
	if !slices.Contains(Compromised, e.Revocation.Reason) {
		what += ", or name the reason in subscribers.keep_key_after if the CP lets subscribers keep their key after it"
	}
	return fmt.Sprintf("the key (SHA-256 %s) is that of certificate %x of %s, revoked at %s for %s: %s",
		e.Key, e.Serial, e.Issuer, e.Revocation.Time.UTC().Format("2006-01-02T15:04:05Z"), reason, what)
}
