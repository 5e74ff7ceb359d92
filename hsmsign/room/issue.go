package room

import (
	"cmp"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"slices"

	"seihon/artifact"
	"seihon/hsmsign/cert"
	"seihon/internal/certprofile"
	"seihon/internal/config"
	"seihon/internal/durable"
	"seihon/inventory"
	"seihon/public"
)

// Certificate returns the certificate of a configured issuer, nil when it has none.
func (r *Room) Certificate(name string) *x509.Certificate {
	if a, ok := r.Authorities[name]; ok {
		return a.Certificate
	}
	return nil
}

// IssueCA issues the certificate of a configured issuer, self-signed or by its
// parent, or returns the one that it has. A new generation of a CA is a new issuer.
func (r *Room) IssueCA(ctx context.Context, name string) (*x509.Certificate, error) {
	a, ok := r.Authorities[name]
	if !ok {
		return nil, fmt.Errorf("issuing: the configuration has no issuer %q", name)
	}
	// a CA is issued once; asking again gives the same certificate, so that a crash costs nothing
	if a.Certificate != nil {
		if r.AskApproval != nil {
			return nil, r.notDemanded("a certificate that is there already")
		}
		return a.Certificate, nil
	}
	if a.External() {
		return nil,
			fmt.Errorf("issuing: %s is signed_by: external; take over the certificate that it has with --adopt FILE",
				name)
	}
	profile, parent := "root", a
	if a.Parent != "" {
		var err error
		if parent, err = r.Authority(a.Parent); err != nil {
			return nil, err
		}
		profile = "subordinate"
	}
	if err := r.approveCA(ctx, a, parent, profile); err != nil {
		return nil, err
	}
	return r.issueConfigured(ctx, parent, profile, name, a.Subject, a.Key, a.Validity)
}

// IssueResponder issues the certificate of an issuer's delegated OCSP signer; a newer one replaces it.
func (r *Room) IssueResponder(ctx context.Context, issuer string) (*x509.Certificate, error) {
	a, err := r.Authority(issuer)
	if err != nil {
		return nil, err
	}
	if a.OCSP == nil || a.OCSP.Responder == nil {
		return nil, fmt.Errorf("issuing: %s has no ocsp.responder in the configuration", issuer)
	}
	resp := a.OCSP.Responder
	if a.External() {
		return nil,
			fmt.Errorf("issuing %s: %s is signed_by: external; make a request with `signer request --name %s`, let "+
				"its CA sign it, "+
				"and take the certificate over with --adopt FILE", resp.Name, a.Name, resp.Name)
	}
	return r.issueConfigured(ctx, a, "ocsp-signer", resp.Name, *resp.Subject, resp.Key, resp.Validity)
}

// issueConfigured issues a certificate for a key of the configuration and stages it for publication.
func (r *Room) issueConfigured(ctx context.Context, issuer *Authority, profile, name string, subject config.Subject,
	key config.Key, validity config.Duration) (*x509.Certificate, error) {
	pub, err := configuredPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("issuing %s: %w", name, err)
	}
	req := cert.Request{Subject: SubjectName(subject), PublicKey: pub}
	if issuer.Certificate == nil {
		if err := r.adoptKey(ctx, issuer, pub); err != nil {
			return nil, err
		}
	}
	c, err := r.Issue(ctx,
		issuer, Order{Profile: profile, Validity: validity, Request: req, Name: public.Certificate(name)})
	if err != nil {
		return nil, fmt.Errorf("issuing %s: %w", name, err)
	}
	return c, nil
}

// adoptKey tells the inventory of a root's key before its first serial is taken.
func (r *Room) adoptKey(ctx context.Context, a *Authority, pub crypto.PublicKey) error {
	spki, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return fmt.Errorf("encoding the public key of %s: %w", a.Name, err)
	}
	return r.TellInventory(ctx, a, artifact.Sum(spki))
}

// IssueDocumentSigner issues the certificate of the operator's document signer.
// It is an end entity: the inventory and the CMS signatures carry it, the repository does not.
func (r *Room) IssueDocumentSigner(ctx context.Context) (*x509.Certificate, error) {
	d := r.Config.DocumentSigner
	if d == nil {
		return nil, fmt.Errorf("issuing: the configuration has no section document_signer")
	}
	a, err := r.Authority(d.Issuer)
	if err != nil {
		return nil, err
	}
	pub, err := configuredPublicKey(d.Key)
	if err != nil {
		return nil, fmt.Errorf("issuing %s: %w", d.Name, err)
	}
	c, err := r.Issue(ctx, a, Order{Profile: "document-signer", Validity: d.Validity,
		Request: cert.Request{Subject: SubjectName(d.Subject), PublicKey: pub}})
	if err != nil {
		return nil, fmt.Errorf("issuing %s: %w", d.Name, err)
	}
	if r.DryRun {
		return c, nil
	}
	return c, durable.WriteFile(string(d.Certificate),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}), 0o644)
}

// configuredPublicKey reads the pinned public key of a configured key.
func configuredPublicKey(k config.Key) (crypto.PublicKey, error) {
	der, err := ReadPublicKey(string(k.PublicKey))
	if err != nil {
		return nil, fmt.Errorf("%w; `signer keygen` writes it", err)
	}
	pub, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, fmt.Errorf("parsing public key %q: %w", k.PublicKey, err)
	}
	return pub, nil
}

// Issue issues one certificate: a batch of one.
func (r *Room) Issue(ctx context.Context, a *Authority, q Order) (*x509.Certificate, error) {
	certs, err := r.issueBatch(ctx, a, []Order{q})
	if err != nil {
		return nil, err
	}
	return certs[0], nil
}

// profile returns the profile to use and fits it to the issuer's key and policy.
func (r *Room) profile(a *Authority, name string) (*cert.Profile, error) {
	p, ok := r.Config.Profile(name)
	if !ok {
		return nil, fmt.Errorf("there is no profile %q", name)
	}
	p.SignatureAlgorithm = cmp.Or(p.SignatureAlgorithm, signatureName(a.Key))
	if s := a.Subscribers; s != nil && s.PolicyOID != "" && len(p.Policies) == 0 && p.Kind == certprofile.Subscriber {
		p.Policies = []certprofile.Policy{{OID: s.PolicyOID}}
	}
	return p, nil
}

// urls are the addresses that a certificate issued by a names.
func (r *Room) urls(a *Authority, kind certprofile.Kind, serial []byte) cert.URLs {
	var u cert.URLs
	if kind == certprofile.OCSPSigner { // RFC 9919 §3.2.2: nocheck instead of addresses
		return u
	}
	u.CAIssuers = []string{r.PublicURL(public.Certificate(a.Name))}
	if a.CRL != nil {
		name := public.List(a.Name, artifact.CRL)
		if a.CRL.Shards > 1 {
			name = public.Shard(a.Name, inventory.ShardOf(serial, a.CRL.Shards))
		}
		u.CRL = []string{r.PublicURL(name)}
		if a.CRL.Delta > 0 && a.CRL.Shards <= 1 {
			u.DeltaCRL = []string{r.PublicURL(public.List(a.Name, artifact.DeltaCRL))}
		}
	}
	if a.OCSP != nil {
		u.OCSP = []string{r.Config.Repository.BaseURL + r.Config.Serve.OCSPPath}
	}
	if a.Subscribers != nil {
		u.CPS = a.Subscribers.CPSURI
	}
	return u
}

var (
	oidCountry      = asn1.ObjectIdentifier{2, 5, 4, 6}
	oidOrganization = asn1.ObjectIdentifier{2, 5, 4, 10}
	oidUnit         = asn1.ObjectIdentifier{2, 5, 4, 11}
	oidCommonName   = asn1.ObjectIdentifier{2, 5, 4, 3}
)

// SubjectName is the name that a subject of the configuration becomes in a certificate.
func SubjectName(s config.Subject) cert.Name {
	all := cert.Name{
		{Type: oidCountry, Value: s.Country}, {Type: oidOrganization, Value: s.Organization},
		{Type: oidUnit, Value: s.Unit}, {Type: oidCommonName, Value: s.CommonName},
	}
	return slices.DeleteFunc(all, func(a cert.Attribute) bool { return a.Value == "" })
}

// ProfileDigest pins what the configuration makes of a profile.
func (r *Room) ProfileDigest(a *Authority, name string) (string, error) {
	p, err := r.profile(a, name)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("encoding profile %q: %w", name, err)
	}
	return artifact.Sum(text).String(), nil
}
