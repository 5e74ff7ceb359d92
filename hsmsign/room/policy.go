package room

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"seihon/artifact"
	"seihon/internal/regular"
	"seihon/sectiona"
)

// BuildPolicy makes the section A policy of the room from its own roots, the
// certificates issued so far and the pinned partners.
func (r *Room) BuildPolicy(anchors, issued []*x509.Certificate) error {
	var partners []*x509.Certificate
	for _, file := range r.Config.Trust.Partners {
		c, err := ReadCertificate(string(file))
		if err != nil {
			return fmt.Errorf("reading partner certificate: %w", err)
		}
		partners = append(partners, c)
	}
	if r.Policy != nil {
		anchors = append(r.Policy.Trust.Anchors(), anchors...)
	}
	trust := artifact.NewTrust(anchors, partners)
	if r.Policy != nil {
		issued = append(r.Policy.Trust.Issuers(), issued...)
	}
	for _, c := range issued {
		if err := trust.Add(c); err != nil && !isAnchor(c, anchors) {
			return err
		}
	}
	r.Policy = &sectiona.Policy{Trust: trust, Now: r.Now, Misissued: r.Config.Trust.IsMisissued,
		Excepted:          r.Exceptions.Allow(func() { r.Exceptions.Load(r) }),
		SubscriberConsent: func(serial []byte) (string, bool) { return r.consents.Of(serial) }}
	if d := r.Config.DocumentSigner; d != nil {
		r.Policy.DocumentSigner = &sectiona.DocumentSigner{CommonName: d.Subject.CommonName, Usage: d.Usage,
			Policy: d.Policy}
	}
	return nil
}

func isAnchor(c *x509.Certificate, anchors []*x509.Certificate) bool {
	for _, a := range anchors {
		if a.Equal(c) {
			return true
		}
	}
	return false
}

// ReadCertificate reads one certificate, PEM or DER.
func ReadCertificate(file string) (*x509.Certificate, error) {
	raw, err := regular.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(raw); block != nil {
		raw = block.Bytes
	}
	c, err := artifact.ParseCertificate(raw)
	if err != nil {
		return nil, fmt.Errorf("parsing certificate %q: %w", file, err)
	}
	return c, nil
}

// CheckAnchors compares the pinned anchor files with the roots in the master:
// the publisher and the auditor will believe only those.
func (r *Room) CheckAnchors() error {
	for _, file := range r.Config.Trust.Anchors {
		c, err := ReadCertificate(string(file))
		if errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("checking trust.anchors: %q is missing; `signer issue --name ROOT --out %s` writes it",
				file, file)
		}
		if err != nil {
			return err
		}
		if !isAnchor(c, r.Policy.Trust.Anchors()) {
			return fmt.Errorf("checking trust.anchors: %q is not the certificate of a root of this master", file)
		}
	}
	return nil
}
