// Package ceremony is what people come together for in the signing room, beside making keys and the CA's
// own certificates: adopting the certificate of another CA, link and cross certificates, a request to
// another CA, new keys for the master log and its end, and what the HSM counted.
package ceremony

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"seihon/approval"
	"seihon/artifact"
	"seihon/hsmsign/room"
	"seihon/hsmsign/token"
	"seihon/internal/config"
	"seihon/internal/durable"
	"seihon/inventory"
	"seihon/ledger"
	"seihon/public"
)

// Adopt takes an existing certificate of a CA, an OCSP signer or the document signer of the
// configuration instead of issuing one. The key that it certifies must be the pinned one; for a CA
// whose key is elsewhere (signed_by: external), it must be pinned as an anchor or signed by its parent.
func Adopt(ctx context.Context, r *room.Room, name string, c *x509.Certificate) error {
	if a, resp := responderNamed(r, name); resp != nil {
		return AdoptResponder(ctx, r, a, resp, c)
	}
	if d := r.Config.DocumentSigner; d != nil && d.Name == name {
		return adoptDocumentSigner(ctx, r, d, c)
	}
	return AdoptCA(ctx, r, name, c)
}

// responderNamed finds the OCSP signer of that name.
func responderNamed(r *room.Room, name string) (*room.Authority, *config.Responder) {
	for _, a := range r.Authorities {
		if a.OCSP != nil && a.OCSP.Responder != nil && a.OCSP.Responder.Name == name {
			return a, a.OCSP.Responder
		}
	}
	return nil, nil
}

// AdoptCA takes the certificate of a CA: one that moves here brings its key along, one that keeps its
// own software does not.
func AdoptCA(ctx context.Context, r *room.Room, name string, c *x509.Certificate) error {
	a, ok := r.Authorities[name]
	if !ok {
		return fmt.Errorf("adopting: the configuration has no issuer, OCSP signer or document signer %q", name)
	}
	if a.Certificate != nil && a.Certificate.Equal(c) {
		return nil // a command that was interrupted, or given twice
	}
	if a.Certificate != nil {
		return fmt.Errorf("adopting: %s has a certificate already, serial %x, and keeps it: a name of the log stands "+
			"for one certificate; "+
			"if that one was issued by mistake, revoke it (signer revoke --certificate), withdraw cert/%s.cer, "+
			"and take the existing one over as an issuer of another name in the configuration, with the same key", name,
			a.Certificate.SerialNumber, name)
	}
	if err := CheckAdopted(r, a, c); err != nil {
		return fmt.Errorf("adopting %s: %w", name, err)
	}
	issuer, trust := a, []*x509.Certificate{c}
	if a.Parent == "" {
		if err := r.BuildPolicy(trust, trust); err != nil {
			return err
		}
	} else {
		var err error
		if issuer, err = r.Authority(a.Parent); err != nil {
			return err
		}
	}
	signer := issuer.Certificate
	if signer == nil { // a root vouches for itself
		signer = c
	}
	if err := artifact.CheckIssued(c, signer); err != nil { // before the inventory remembers anything of it
		return fmt.Errorf("adopting %s: %w", name, err)
	}
	if why := r.Policy.Irregular(c, signer); why != "" {
		return fmt.Errorf("adopting %s: %s", name, why)
	}
	if err := r.ApproveNow(ctx, room.Act(approval.IssueCA, append([]string{"act", "adopt", "name", name},
		room.Certified("certificate", c)...)...)); err != nil {
		return err
	}
	if err := r.TellInventory(ctx, issuer, artifact.Sum(issuer.SPKI(c))); err != nil {
		return err
	}
	if err := RecordAdopted(ctx, r, issuer.Name, c); err != nil {
		return fmt.Errorf("adopting %s: %w", name, err)
	}
	return r.Stage(ctx, room.CertificateRecord(issuer.Name, artifact.CACertificate, public.Certificate(name), c), c.Raw)
}

// CheckAdopted holds the certificate of a CA against what pins its key.
func CheckAdopted(r *room.Room, a *room.Authority, c *x509.Certificate) error {
	if !a.External() {
		return CheckPinnedKey(a.Key, c)
	}
	if !c.IsCA || !c.BasicConstraintsValid {
		return fmt.Errorf("%q is not a CA certificate", c.Subject)
	}
	if cn := a.Subject.CommonName; cn != "" && cn != c.Subject.CommonName {
		return fmt.Errorf("it is of %q, the configuration says %q", c.Subject, cn)
	}
	for _, other := range r.Authorities {
		if other.Certificate != nil &&
			bytes.Equal(other.Certificate.RawSubjectPublicKeyInfo, c.RawSubjectPublicKeyInfo) {
			return fmt.Errorf("it certifies the key of issuer %s (%q)", other.Name, c.Subject)
		}
	}
	if a.Parent != "" {
		return nil // its parent's signature says which key it is
	}
	for _, file := range r.Config.Trust.Anchors {
		pinned, err := room.ReadCertificate(string(file))
		if err != nil {
			return fmt.Errorf("reading trust.anchors: %w", err)
		}
		if pinned.Equal(c) {
			return nil
		}
	}
	return fmt.Errorf("%q is not among trust.anchors: nothing else vouches for the key of a root that is signed_by: "+
		"external; "+
		"name its file there after comparing its fingerprint %s with the CA's own", c.Subject, artifact.Sum(c.Raw))
}

// CheckPinnedKey wants a certificate to be for the key of the configuration.
func CheckPinnedKey(k config.Key, c *x509.Certificate) error {
	der, err := room.ReadPublicKey(string(k.PublicKey))
	if err != nil {
		return fmt.Errorf("%w; `signer keygen` writes it from the key in the HSM", err)
	}
	if !bytes.Equal(der, c.RawSubjectPublicKeyInfo) {
		return fmt.Errorf("the certificate is for another key than %q pins", k.PublicKey)
	}
	return nil
}

// RecordAdopted enters a certificate that was signed elsewhere, and to which nothing here committed,
// into the inventory. One that it has already is fine: a command that was interrupted is repeated.
func RecordAdopted(ctx context.Context, r *room.Room, issuer string, c *x509.Certificate) error {
	row, err := inventory.FromX509(issuer, c, artifact.Parse(c.Raw).Kind)
	if err != nil {
		return err
	}
	e, err := r.Inventory.Get(ctx, issuer, row.Serial)
	switch {
	case errors.Is(err, inventory.ErrNotFound) && r.DryRun:
		return nil
	case errors.Is(err, inventory.ErrNotFound):
		return r.Inventory.Adopt(ctx, row, r.Asked)
	case err != nil:
		return err
	case len(e.DER) == 0 || bytes.Equal(e.DER, c.Raw): // an import has its serial, or all of it
		return nil
	}
	return room.Refuse("the inventory has another certificate of %s under serial %x, of %q: the CA issued two with "+
		"one serial",
		issuer, row.Serial, e.Subject)
}

// AdoptResponder takes the certificate that an issuer's own software made for the OCSP signer in the token.
func AdoptResponder(ctx context.Context, r *room.Room, a *room.Authority, resp *config.Responder,
	c *x509.Certificate) error {
	refuse := func(err error) error { return fmt.Errorf("adopting %s: %w", resp.Name, err) }
	if a.Certificate == nil {
		return refuse(fmt.Errorf("its issuer %s has no certificate yet; take that over first, with --name %s", a.Name,
			a.Name))
	}
	if a.Responder.Equal(c) {
		return nil
	}
	err := CheckPinnedKey(resp.Key, c)
	if err == nil {
		err = artifact.CheckIssued(c, a.Certificate)
	}
	if err == nil {
		err = checkResponder(r, c)
	}
	if why := r.Policy.Irregular(c, a.Certificate); err == nil && why != "" {
		err = errors.New(why)
	}
	if err == nil && a.Responder != nil && c.NotBefore.Before(a.Responder.NotBefore) {
		err = fmt.Errorf("it begins at %s, before the one in use (%s): it is an older one",
			c.NotBefore.UTC().Format(time.RFC3339), a.Responder.NotBefore.UTC().Format(time.RFC3339))
	}
	if err == nil {
		err = r.NotRevoked(ctx, a.Name, resp.Name, c)
	}
	if err == nil {
		err = RecordAdopted(ctx, r, a.Name, c)
	}
	if err != nil {
		return refuse(err)
	}
	a.Responder = c
	return r.Stage(ctx,
		room.CertificateRecord(a.Name, artifact.OCSPSignerCertificate, public.Certificate(resp.Name), c), c.Raw)
}

// checkResponder says why nobody would believe responses of a certificate (RFC 6960 section 4.2.2.2).
func checkResponder(r *room.Room, c *x509.Certificate) error {
	now := r.Now()
	switch {
	case !artifact.IsOCSPSigner(c):
		return errors.New("it has no extended key usage id-kp-OCSPSigning: no client would believe its responses")
	case c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return errors.New("its key usage does not allow digital signatures")
	case now.After(c.NotAfter):
		return fmt.Errorf("it expired at %s", c.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(c.NotBefore):
		return fmt.Errorf("it is not valid before %s", c.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

// adoptDocumentSigner takes the certificate that an issuer's own software made for the document signer
// in the token. It is an end entity: inventory and signatures have it, the repository has not.
func adoptDocumentSigner(ctx context.Context, r *room.Room, d *config.DocumentSigner, c *x509.Certificate) error {
	a, err := r.Authority(d.Issuer)
	if err != nil {
		return err
	}
	if err = CheckPinnedKey(d.Key, c); err == nil {
		err = artifact.CheckIssued(c, a.Certificate)
	}
	if err == nil {
		err = RecordAdopted(ctx, r, a.Name, c)
	}
	if err != nil {
		return fmt.Errorf("adopting %s: %w", d.Name, err)
	}
	if r.DryRun {
		return nil
	}
	return durable.WriteFile(string(d.Certificate), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}),
		0o644)
}

// BroughtAlong reports whether a configured issuer has no certificate here, and a key that `signer keygen` found in the
// token instead of making it: the log has the evidence of each key that was made.
func BroughtAlong(ctx context.Context, r *room.Room, name string) (bool, error) {
	a, ok := r.Authorities[name]
	if !ok || a.Certificate != nil || a.External() {
		return false, nil
	}
	der, err := room.ReadPublicKey(string(a.Key.PublicKey))
	if err != nil {
		return false, nil // issuing says what is missing
	}
	pin, log := artifact.Sum(der).String(), r.Log.Log()
	for e, err := range log.Entries(ctx, 0, log.Size()) {
		if err != nil {
			return false, err
		}
		if e.Evidence == nil || e.Evidence.Kind != ledger.EvidenceKeys ||
			e.Evidence.Note != room.EvidenceNote(token.UseKeyChange) {
			continue
		}
		doc, err := log.ReadBlob(ctx,
			ledger.Line{Name: e.Evidence.Name, Kind: artifact.Log, Digest: e.Evidence.Digest, Size: e.Evidence.Size})
		if err != nil {
			return false, fmt.Errorf("reading the evidence of keys: %w", err)
		}
		var made token.Evidence
		if err := json.Unmarshal(doc, &made); err != nil {
			return false, fmt.Errorf("reading the evidence of keys in entry %q: %w", e.Evidence.Name, err)
		}
		if slices.ContainsFunc(made.Keys, func(k token.KeyEvidence) bool { return k.SPKISHA256 == pin }) {
			return false, nil
		}
	}
	return true, nil
}
