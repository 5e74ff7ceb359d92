package room

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/document"
	"seihon/internal/config"
	"seihon/internal/regular"
	"seihon/inventory"
	"seihon/ledger"
	"seihon/public"
)

// DocumentRequest publishes one version of a CP/CPS or disclosure document.
type DocumentRequest struct {
	Name      string // of the configuration
	Version   string
	File      string    // PDF
	Effective time.Time // zero: now
}

// Document signs a PDF with a detached CMS signature and stages both.
func (r *Room) Document(ctx context.Context, d DocumentRequest) error {
	conf, err := r.DocumentConfig(d)
	if err != nil {
		return err
	}
	signer, issuer, err := r.documentSigner()
	if err == nil {
		if err = r.NotRevoked(ctx, issuer.Name, r.Config.DocumentSigner.Name, signer); err != nil {
			err = fmt.Errorf("publishing document: %w", err)
		}
	}
	if err != nil {
		return err
	}
	pdf, err := regular.ReadFile(d.File)
	if err != nil {
		return fmt.Errorf("reading document: %w", err)
	}
	if err := document.CheckPDF(pdf); err != nil {
		return fmt.Errorf("reading document %q: %w", d.File, err)
	}
	name := public.Document(d.Name, d.Version)
	if _, taken, err := r.CurrentDigest(ctx, name); err != nil {
		return err
	} else if taken {
		return fmt.Errorf("publishing %s: this version is published already; a changed text needs a new version", name)
	}
	key, err := r.Key(ctx, r.Config.DocumentSigner.Key)
	if err != nil {
		return err
	}
	if r.DryRun { // the next step asks the key
		return nil
	}
	now := r.Now().UTC().Truncate(time.Second)
	if d.Effective.IsZero() {
		d.Effective = now
	}
	req := document.Request{
		Content: bytes.NewReader(pdf), Certificate: signer, Chain: r.chain(issuer), Signer: key,
		Options: Signature(r.Config.DocumentSigner.Key), SigningTime: now,
	}
	if t := r.Config.Signer.Timestamps; len(t) > 0 {
		req.Timestamp = document.HTTPTimestamper(nil, t[0].URL)
	}
	rec := inventory.ArtifactRecord{Issuer: issuer.Name, Kind: artifact.Document, Name: name, Scope: d.Name,
		ThisUpdate: d.Effective}
	if conf.Signature == "embedded" {
		signed, err := document.SignPDF(ctx, req,
			document.Reason{Name: r.Config.DocumentSigner.Subject.CommonName, Reason: conf.Title + " " + d.Version})
		if err != nil {
			return fmt.Errorf("signing %s: %w", name, err)
		}
		return r.Stage(ctx, rec, signed)
	}
	p7s, err := document.SignDetached(ctx, req)
	if err != nil {
		return fmt.Errorf("signing %s: %w", name, err)
	}
	return r.StageDocument(ctx, rec, pdf, p7s)
}

// documentSigner reads the document signer's certificate and finds its issuer.
func (r *Room) documentSigner() (*x509.Certificate, *Authority, error) {
	d := r.Config.DocumentSigner
	if d == nil {
		return nil, nil, fmt.Errorf("publishing document: the configuration has no section document_signer")
	}
	issuer, err := r.Authority(d.Issuer)
	if err != nil {
		return nil, nil, err
	}
	c, err := ReadCertificate(string(d.Certificate))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, fmt.Errorf("publishing document: %q is missing; `signer issue --name %s` writes it",
			d.Certificate, d.Name)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("publishing document: %w", err)
	}
	if err := c.CheckSignatureFrom(issuer.Certificate); err != nil {
		return nil, nil, fmt.Errorf("publishing document: %q is not a certificate of %s: %w", d.Certificate,
			issuer.Name, err)
	}
	return c, issuer, nil
}

// NotRevoked refuses a certificate that the inventory says is revoked: what it signs now would be refused by every
// reader.
func (r *Room) NotRevoked(ctx context.Context, issuer, name string, c *x509.Certificate) error {
	e, err := r.Inventory.Get(ctx, issuer, artifact.SerialBytes(c))
	if errors.Is(err, inventory.ErrNotFound) { // issued before this inventory
		return nil
	}
	if err != nil {
		return err
	}
	if e.State == inventory.Revoked {
		return fmt.Errorf("the certificate of %q (serial %x) was revoked at %s; issue another one with "+
			"`signer issue --name %s`", c.Subject, artifact.SerialBytes(c),
			e.Revocation.Time.UTC().Format(time.RFC3339), name)
	}
	return nil
}

// DocumentConfig finds a document in the configuration.
func (r *Room) DocumentConfig(d DocumentRequest) (*config.Document, error) {
	if err := public.CheckVersion(d.Version); err != nil {
		return nil, fmt.Errorf("publishing document: %w", err)
	}
	var names []string
	for i := range r.Config.Documents {
		if r.Config.Documents[i].Name == d.Name {
			return &r.Config.Documents[i], nil
		}
		names = append(names, r.Config.Documents[i].Name)
	}
	return nil, fmt.Errorf("publishing document: the configuration has no document %q, only %s", d.Name,
		strings.Join(names, ", "))
}

// CurrentDigest finds a name in the log or among what is staged.
func (r *Room) CurrentDigest(ctx context.Context, name string) (artifact.Digest, bool, error) {
	for _, rec := range r.Pending {
		if rec.Name == name {
			return rec.Digest, true, nil
		}
	}
	line, _, err := r.Log.Log().Lookup(ctx, name)
	if errors.Is(err, ledger.ErrNotFound) {
		return artifact.Digest{}, false, nil
	}
	return line.Digest, err == nil, err
}

// chain lists a's certificate and those above it.
func (r *Room) chain(a *Authority) []*x509.Certificate {
	out := []*x509.Certificate{a.Certificate}
	for a.Parent != "" {
		a = r.Authorities[a.Parent]
		if a == nil || a.Certificate == nil {
			break
		}
		out = append(out, a.Certificate)
	}
	return out
}
