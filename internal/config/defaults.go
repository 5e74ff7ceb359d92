package config

import (
	"time"

	"seihon/internal/certprofile"
)

// setDefaults fills what the file leaves open. It runs before validation, so that defaults are validated too.
func (c *Config) setDefaults() {
	setDefault(&c.Master.Directory, "master")
	setDefault(&c.Master.Origin, c.Repository.Name+"/master")
	setDefault(&c.Publication.Directory, "publication")
	setDefault(&c.Publication.Origin, c.Repository.Name+"/publication")
	setDefault(&c.Publication.Head, c.Publication.Directory+".head")
	setDefault(&c.Publication.Key, "secrets/publication-log.key")
	setDefault(&c.Publication.VKey, "keys/publication-log.vkey")
	if c.Publication.Batch == nil {
		hour := Duration(time.Hour)
		c.Publication.Batch = &hour
	}
	setDefault(&c.Probe.Every, probeEvery)
	setDefault(&c.Serve.Listen, "127.0.0.1:8080")
	setDefault(&c.Serve.OCSPPath, "/ocsp")
	setDefault(&c.Serve.Cache, "cache")
	if s := c.Signer; s != nil {
		s.HSM.setDefaults()
		for i := range s.Tokens {
			s.Tokens[i].setDefaults()
		}
		setDefault(&s.Policy, PolicyAccredited)
		setDefault(&s.Inventory, "inventory.db")
		setDefault(&s.State, "state")
		setDefault(&s.Quorum, len(s.Witnesses))
		if a := s.Approval; a != nil {
			setDefault(&a.Valid, Duration(7*24*time.Hour))
		}
		if k := s.Clock; k != nil {
			setDefault(&k.Tolerance, Duration(time.Minute))
			setDefault(&k.MaxAge, Duration(time.Hour))
		}
		if len(s.LogKeys) == 0 {
			s.LogKeys = []string{"master-log-ecdsa", "master-log-ed25519"}
		}
	}
	for i := range c.Issuers {
		c.Issuers[i].setDefaults()
	}
	if a := c.Accept; a != nil {
		setDefault(&a.Settle, Duration(time.Minute))
	}
	if d := c.DocumentSigner; d != nil {
		setDefault(&d.Name, "document-signer")
		setDefault(&d.Certificate, Path("keys/"+d.Name+".pem"))
		setDefault(&d.Validity, Duration(3*365*24*time.Hour))
		d.Key.setDefaults(d.Name)
	}
	for i := range c.Documents {
		setDefault(&c.Documents[i].Signature, "detached")
	}
	for i := range c.Targets {
		setDefault(&c.Targets[i].Layout, "bundle")
		setDefault(&c.Targets[i].Timeout, Duration(30*time.Minute))
		if a := c.Targets[i].Azure; a != nil {
			setDefault(&a.Endpoint, "https://"+a.Account+".blob.core.windows.net")
		}
		c.Targets[i].CDN.setDefaults(c.Targets[i].URL)
		if c.Serve.Source == "" && c.Targets[i].Directory != "" {
			c.Serve.Source = Location(c.Targets[i].Directory)
		}
	}
	c.defaultSources()
	c.Telemetry.setDefaults()
}

// defaultSources lets the auditor's commands look at every target that can be read without credentials.
func (c *Config) defaultSources() {
	if len(c.Verify.Sources) > 0 {
		return
	}
	for _, t := range c.Targets {
		if t.Directory != "" {
			c.Verify.Sources = append(c.Verify.Sources, Location(t.Directory))
		}
		for _, u := range t.Addresses() {
			c.Verify.Sources = append(c.Verify.Sources, Location(u))
		}
	}
}

// Addresses are the public addresses of the target's copies, the first of which is url; none: nobody can ask.
func (t *Target) Addresses() []string {
	if t.URL == "" {
		return nil
	}
	return append([]string{t.URL}, t.OtherURLs...)
}

// External reports whether a CA software elsewhere signs for the issuer.
func (i *Issuer) External() bool { return i.SignedBy == "external" }

// External reports whether a CA software elsewhere signs the responses.
func (o *OCSP) External() bool { return o != nil && o.SignedBy == "external" }

func (i *Issuer) setDefaults() {
	setDefault(&i.SignedBy, "room")
	if !i.External() {
		i.Key.setDefaults(i.Name)
	}
	if s := i.Subscribers; s != nil {
		setDefault(&s.Profile, "subscriber")
	}
	if o := i.OCSP; o != nil {
		setDefault(&o.SignedBy, "room")
		setDefault(&o.Shards, 1)
		setDefault(&o.CertID, "separate")
		setDefault(&o.NeverIssued, "unauthorized")
		if r := o.Responder; r != nil {
			setDefault(&r.Name, i.Name+"-ocsp")
			setDefault(&r.Validity, Duration(90*24*time.Hour))
			r.Key.setDefaults(r.Name)
			if r.Subject == nil && i.Subject.CommonName != "" {
				s := i.Subject
				s.CommonName += " OCSP"
				r.Subject = &s
			}
		}
	}
}

func (k *Key) setDefaults(name string) {
	setDefault(&k.Label, name)
	setDefault(&k.Algorithm, "rsa3072")
	setDefault(&k.PublicKey, Path("keys/"+k.Label+".pub.pem"))
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Issuer returns the issuer of that name, or nil.
func (c *Config) Issuer(name string) *Issuer {
	for i := range c.Issuers {
		if c.Issuers[i].Name == name {
			return &c.Issuers[i]
		}
	}
	return nil
}

// Profile returns a copy of the profile of that name: the file's, or a built-in one.
func (c *Config) Profile(name string) (*certprofile.Profile, bool) {
	if p := c.Profiles[name]; p != nil {
		own := *p
		setDefault(&own.Name, name)
		return &own, true
	}
	return certprofile.Builtin(name)
}
