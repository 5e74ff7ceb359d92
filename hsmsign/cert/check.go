package cert

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"seihon/hsmsign/internal/algid"
	"seihon/internal/certprofile"
)

// check turns the request into a draft, or says why not.
func (r *Request) check() (*draft, error) {
	if r.Profile == nil {
		return nil, errors.New("no profile was given")
	}
	if err := r.Profile.Validate(); err != nil {
		return nil, err
	}
	if r.Signer == nil {
		return nil, errors.New("no signing key was given")
	}
	if r.Profile.Publish && r.ConsentID == "" {
		return nil,
			errors.New("the profile publishes subscriber certificates, so the subscriber's consent id is required " +
				"(Ordinance art. 6(15)f forbids to leak what the books hold)")
	}
	d := &draft{profile: r.Profile, urls: r.URLs, serial: r.Serial, signer: r.Signer.Public()}
	for _, step := range []func(*draft) error{r.checkIssuer, r.checkSubject, r.checkSerial, r.checkValidity,
		r.checkURLs} {
		if err := step(d); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// checkIssuer wants the key to be the issuer's and the issuer to be a CA that may issue this.
func (r *Request) checkIssuer(d *draft) error {
	pub := d.signer
	var err error
	if d.algorithm, err = algorithm(pub, r.Profile.SignatureAlgorithm); err != nil {
		return err
	}
	if r.Profile.Kind == certprofile.Root {
		if r.Issuer != nil {
			return errors.New("a root is self-signed; an issuer was given")
		}
		if _, err := checkKey(pub, r.Profile.Keys); err != nil {
			return fmt.Errorf("checking the signing key: %w", err)
		}
		return nil
	}
	c := r.Issuer
	if c == nil {
		return fmt.Errorf("a %s certificate needs an issuer", r.Profile.Kind)
	}
	if !algid.SamePublic(c.PublicKey, pub) {
		return fmt.Errorf("the signing key is not the key of the issuer %q: a foreign issuer or the wrong key label",
			c.Subject)
	}
	if !c.BasicConstraintsValid || !c.IsCA || c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0 {
		return fmt.Errorf("the issuer %q is not a CA that may sign certificates", c.Subject)
	}
	selfIssued := r.Profile.Kind == certprofile.Link
	if r.Profile.Kind.CA() && !selfIssued && c.BasicConstraintsValid && c.MaxPathLen == 0 && c.MaxPathLenZero {
		return fmt.Errorf("the issuer %q has path length 0 and cannot issue CA certificates", c.Subject)
	}
	d.issuer, d.issuerKeyID = c.RawSubject, c.SubjectKeyId
	if len(d.issuerKeyID) == 0 {
		d.issuerKeyID, err = idOfSPKI(c.RawSubjectPublicKeyInfo)
	}
	return err
}

// checkSubject finds the name and the key that are certified.
func (r *Request) checkSubject(d *draft) error {
	sources := 0
	for _, given := range []bool{r.PublicKey != nil, len(r.CSR) > 0, r.Of != nil} {
		if given {
			sources++
		}
	}
	if r.Profile.Kind == certprofile.Root && sources == 0 {
		r.PublicKey, sources = r.Signer.Public(), 1
	}
	if sources != 1 {
		return errors.New("exactly one of public key, CSR and CA certificate must name the subject's key")
	}
	if !r.Alternative.Empty() && r.Profile.Kind != certprofile.Subscriber {
		return fmt.Errorf("a %s certificate carries no alternative names", r.Profile.Kind)
	}
	d.alternative = r.Alternative
	if r.Of != nil {
		return r.subjectOf(d)
	}
	pub, name := r.PublicKey, r.Subject
	if r.CSR != nil {
		c, err := parseCSR(r.CSR, r.Profile)
		if err != nil {
			return err
		}
		pub = c.key
		if len(name) == 0 {
			name = c.subject
		}
		if d.alternative.Empty() {
			d.alternative = c.alternative
		}
	}
	return r.subject(d, name, pub)
}

func (r *Request) subject(d *draft, name Name, pub crypto.PublicKey) error {
	kind := r.Profile.Kind
	if kind == certprofile.Link || kind == certprofile.Cross && r.CSR == nil {
		return fmt.Errorf("a %s certificate needs the CA certificate it is made of", kind)
	}
	if err := d.alternative.Check(); err != nil {
		return err
	}
	if _, err := checkKey(pub, r.Profile.Keys); err != nil {
		return fmt.Errorf("checking the subject's key: %w", err)
	}
	var err error
	if d.subject, err = name.Marshal(); err != nil {
		return fmt.Errorf("checking the subject: %w", err)
	}
	if err := d.setKey(pub, nil); err != nil {
		return err
	}
	if kind == certprofile.Root {
		if !algid.SamePublic(pub, r.Signer.Public()) {
			return errors.New("a root is self-signed: its public key must be the signing key")
		}
		d.issuer, d.issuerKeyID = d.subject, d.keyID
		return nil
	}
	if kind.CA() && bytes.Equal(d.subject, d.issuer) {
		return errors.New("the subject is the issuer's own name; use a link profile for a new key of the same CA")
	}
	if algid.SamePublic(pub, r.Signer.Public()) {
		return errors.New("the subject's key is the issuer's own key")
	}
	return nil
}

// subjectOf takes name, key and key identifier from a CA certificate, byte for byte, so that chains built on that
// certificate also build on this one.
func (r *Request) subjectOf(d *draft) error {
	c, kind := r.Of, r.Profile.Kind
	switch {
	case kind != certprofile.Link && kind != certprofile.Cross:
		return fmt.Errorf("a %s certificate is not made of another certificate", kind)
	case !c.BasicConstraintsValid || !c.IsCA:
		return fmt.Errorf("the certificate of %q to be certified is not a CA certificate", c.Subject)
	case algid.SamePublic(c.PublicKey, r.Signer.Public()):
		return errors.New("the certificate to be certified holds the issuer's own key")
	case kind == certprofile.Link && !bytes.Equal(c.RawSubject, d.issuer):
		return fmt.Errorf("a link joins two keys of one CA name, but the names are %q and %q", c.Subject,
			r.Issuer.Subject)
	case kind == certprofile.Cross && bytes.Equal(c.RawSubject, d.issuer):
		return errors.New("a cross certificate joins two CA names; use a link profile for a new key of the same CA")
	}
	if _, err := checkKey(c.PublicKey, r.Profile.Keys); err != nil {
		return fmt.Errorf("checking the subject's key: %w", err)
	}
	// The certificate itself must be sound where it can be told: a self-signed one proves possession of its key.
	if bytes.Equal(c.RawIssuer, c.RawSubject) {
		if err := c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature); err != nil {
			return fmt.Errorf("checking the self-signature of %q: %w", c.Subject, err)
		}
	}
	var id []byte
	if len(c.SubjectKeyId) > 0 {
		id = c.SubjectKeyId
	}
	if err := d.setKey(c.PublicKey, id); err != nil {
		return err
	}
	d.subject, d.spki = c.RawSubject, c.RawSubjectPublicKeyInfo
	return nil
}

// checkSerial enforces RFC 5280 section 4.1.2.2: positive, at most 20 octets of DER content.
func (r *Request) checkSerial(d *draft) error {
	switch {
	case r.Serial == nil:
		return errors.New("no serial number was given")
	case r.Serial.Sign() <= 0:
		return fmt.Errorf("serial number %v is not positive (RFC 5280 section 4.1.2.2)", r.Serial)
	case r.Serial.BitLen()/8+1 > 20:
		return fmt.Errorf("serial number has %d octets, at most 20 are allowed (RFC 5280 section 4.1.2.2)",
			r.Serial.BitLen()/8+1)
	}
	return nil
}

// checkValidity fills the default times and keeps them within the issuer's validity: a certificate that outlives its
// issuer cannot be verified (nor its CRL signed) in its last days.
func (r *Request) checkValidity(d *draft) error {
	now := r.Now().UTC().Truncate(time.Second)
	d.notBefore, d.notAfter = r.NotBefore.UTC().Truncate(time.Second), r.NotAfter.UTC().Truncate(time.Second)
	if r.NotBefore.IsZero() {
		d.notBefore = now
	}
	bounds := []*x509.Certificate{r.Issuer, r.Of}
	bounds = slices.DeleteFunc(bounds, func(c *x509.Certificate) bool { return c == nil })
	if r.NotAfter.IsZero() {
		if err := r.defaultEnd(d, bounds); err != nil {
			return err
		}
	}
	if i := r.Issuer; i != nil {
		switch {
		case now.After(i.NotAfter):
			return fmt.Errorf("the issuer %q expired at %s", i.Subject, i.NotAfter.UTC().Format(time.RFC3339))
		case now.Before(i.NotBefore):
			return fmt.Errorf("the issuer %q is not valid before %s", i.Subject, i.NotBefore.UTC().Format(time.RFC3339))
		// old-with-new: RFC 9810 section 4.4.1
		case d.notBefore.Before(i.NotBefore) && r.Profile.Kind != certprofile.Link:
			return fmt.Errorf("notBefore %s is before the issuer's %s", d.notBefore.Format(time.RFC3339),
				i.NotBefore.UTC().Format(time.RFC3339))
		}
	}
	for _, c := range bounds {
		if d.notAfter.After(c.NotAfter) {
			return fmt.Errorf("notAfter %s is after that of %q, %s", d.notAfter.Format(time.RFC3339), c.Subject,
				c.NotAfter.UTC().Format(time.RFC3339))
		}
	}
	switch {
	case !d.notAfter.After(d.notBefore):
		return fmt.Errorf("notAfter %s is not after notBefore %s", d.notAfter.Format(time.RFC3339),
			d.notBefore.Format(time.RFC3339))
	case d.notAfter.Before(now):
		return fmt.Errorf("notAfter %s has passed", d.notAfter.Format(time.RFC3339))
	case d.notBefore.Year() < 1950 || d.notAfter.Year() > 9999:
		return errors.New("the validity lies outside the years 1950 to 9999")
	}
	return nil
}

func (r *Request) defaultEnd(d *draft, bounds []*x509.Certificate) error {
	v := r.Profile.Validity
	if v.Zero() && r.Profile.Kind != certprofile.Link {
		return fmt.Errorf("neither the request nor profile %q sets an end of validity", r.Profile.Name)
	}
	if !v.Zero() {
		d.notAfter = v.End(d.notBefore)
	}
	for _, c := range bounds {
		if v.Zero() || d.notAfter.After(c.NotAfter) {
			d.notAfter, v = c.NotAfter.UTC(), certprofile.Validity{Days: 1}
		}
	}
	return nil
}

// checkURLs wants what relying parties can fetch without already having to verify a certificate: http, or ldap for
// CRLs.
func (r *Request) checkURLs(d *draft) error {
	if r.Profile.Kind == certprofile.OCSPSigner {
		d.urls = URLs{CPS: r.URLs.CPS}
	}
	for _, list := range []struct {
		what    string
		urls    []string
		schemes []string
	}{
		{"CRL", d.urls.CRL, []string{"http", "ldap"}},
		{"delta CRL", d.urls.DeltaCRL, []string{"http", "ldap"}},
		{"OCSP", d.urls.OCSP, []string{"http"}},
		{"CA issuers", d.urls.CAIssuers, []string{"http", "ldap"}},
		{"CPS", append(cpsOf(r.Profile), d.urls.CPS), []string{"http", "https"}},
	} {
		for _, s := range list.urls {
			if s == "" && list.what == "CPS" {
				continue
			}
			u, err := url.Parse(s)
			if err != nil || u.Host == "" || !visibleASCII(s) || !slices.Contains(list.schemes, u.Scheme) {
				return fmt.Errorf("%s URL %q must be an absolute ASCII URL with the scheme %v", list.what, s,
					list.schemes)
			}
		}
	}
	if len(d.urls.DeltaCRL) > 0 && len(d.urls.CRL) == 0 {
		return errors.New("a delta CRL URL was given without a CRL URL")
	}
	return nil
}

func cpsOf(p *certprofile.Profile) []string {
	var list []string
	for _, q := range p.Policies {
		list = append(list, q.CPS...)
	}
	return list
}
