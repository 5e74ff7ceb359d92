package config

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"seihon/artifact"
	"seihon/internal/certprofile"
	"seihon/public"
)

// validator collects every problem of one file, with the lines of the keys that they concern.
type validator struct {
	lines    map[string]int // path → line
	problems []Problem
}

// index records the line of every key below n.
func (v *validator) index(n *yaml.Node, path string) {
	switch n.Kind {
	case yaml.DocumentNode:
		for _, c := range n.Content {
			v.index(c, path)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			p := strings.TrimPrefix(path+"."+n.Content[i].Value, ".")
			v.lines[p] = n.Content[i].Line
			if n.Content[i+1].Tag == "!!null" {
				v.add(p, "has no value; give it one, leave the key out, or write [] where none is meant")
			}
			v.index(n.Content[i+1], p)
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			p := fmt.Sprintf("%s[%d]", path, i)
			v.lines[p] = c.Line
			v.index(c, p)
		}
	}
}

// add reports a problem at path, on the line of the nearest key that the file has.
func (v *validator) add(path, format string, args ...any) {
	line := 0
	for p := path; p != "" && line == 0; {
		line = v.lines[p]
		cut := strings.LastIndexAny(p, ".[")
		if cut < 0 {
			break
		}
		p = p[:cut]
	}
	v.problems = append(v.problems, Problem{Line: line, Path: path, Text: fmt.Sprintf(format, args...)})
}

var (
	namePattern   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
	domainPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)
	oidPattern    = regexp.MustCompile(`^[0-2](\.(0|[1-9][0-9]*))+$`)
	algorithms    = []string{"rsa2048", "rsa3072", "rsa4096", "p256", "p384", "ed25519"}
)

func (v *validator) config(c *Config) {
	if c.Version != 1 {
		v.add("version", "is %d, must be 1", c.Version)
	}
	if !domainPattern.MatchString(c.Repository.Name) {
		v.add("repository.name", "is %q, must be lower case letters, digits, dots and hyphens", c.Repository.Name)
	}
	v.httpURL("repository.base_url", c.Repository.BaseURL)
	for i, u := range c.Repository.OtherURLs {
		v.httpURL(fmt.Sprintf("repository.other_urls[%d]", i), u)
	}
	if len(c.Master.Keys) == 0 {
		v.add("master.keys", "is empty; name the log's verifier key files (signer init writes them)")
	}
	for i, s := range c.Trust.Misissued {
		if !misissuedPattern.MatchString(s) || len(s)%2 != 0 || len(s) > 48 {
			v.add(fmt.Sprintf("trust.misissued[%d]", i), "is %q, must be 1 to 24 octets in lower-case hex, such as 00", s)
		}
	}
	if len(c.Trust.Anchors) == 0 {
		v.add("trust.anchors", "is empty; name the root certificate's file")
	}
	v.subscriberConsent(c.SectionA.SubscriberCertificates)
	if c.Signer != nil {
		v.signer(c.Signer)
	}
	v.issuers(c)
	v.schedule(c)
	v.profiles(c)
	v.accept(c)
	v.documentSigner(c)
	for i, d := range c.Documents {
		v.document(c, fmt.Sprintf("documents[%d]", i), d)
	}
	v.names(c)
	if c.Publication.Ping != "" {
		v.anyURL("publication.ping", c.Publication.Ping)
	}
	v.targets(c.Targets)
	v.serve(c)
	for i, s := range c.Verify.Sources {
		if s.IsURL() {
			v.anyURL(fmt.Sprintf("verify.sources[%d]", i), string(s))
		}
	}
	v.probe(c.Probe)
	v.telemetry(c.Telemetry)
}

func (v *validator) subscriberConsent(s *SubscriberCertificates) {
	if s == nil {
		return
	}
	if s.CPSReference == "" || s.Consents == "" {
		v.add("section_a.subscriber_certificates", "needs cps_reference and consents: section A keeps subscriber certificates private by default")
	}
}

func (v *validator) signer(s *Signer) {
	if s.Module == "" {
		v.add("signer.module", "is empty; name the HSM's PKCS#11 library")
	}
	if s.Token == "" {
		v.add("signer.token", "is empty; name the token's label")
	}
	sources := 0
	for _, set := range []bool{s.PIN.File != "", s.PIN.Credential != "", s.PIN.Env != "", s.PIN.Prompt} {
		if set {
			sources++
		}
	}
	if sources != 1 {
		v.add("signer.pin", "has %d sources, must have exactly one of file, credential, env and prompt", sources)
	}
	if s.Sessions < 1 || s.Sessions > 64 {
		v.add("signer.sessions", "is %d, must be 1 to 64", s.Sessions)
	}
	if s.Timeout <= 0 {
		v.add("signer.timeout", "must be positive")
	}
	v.rhythm(s)
	if len(s.LogKeys) > 2 {
		v.add("signer.log_keys", "has %d labels, must have one (ECDSA) or two (ECDSA, Ed25519)", len(s.LogKeys))
	}
	if u, err := url.Parse(string(s.Inventory)); err == nil && u.User != nil {
		if _, has := u.User.Password(); has {
			v.add("signer.inventory", "holds a password; use a .pgpass file or a service file instead")
		}
	}
	for i, w := range s.Witnesses {
		v.anyURL(fmt.Sprintf("signer.witnesses[%d].url", i), w.URL)
	}
	if s.Quorum < 0 || s.Quorum > len(s.Witnesses) {
		v.add("signer.quorum", "is %d, must be 0 to %d, the number of witnesses", s.Quorum, len(s.Witnesses))
	}
	for i, t := range s.Timestamps {
		path := fmt.Sprintf("signer.timestamps[%d]", i)
		v.anyURL(path+".url", t.URL)
		if !namePattern.MatchString(t.Name) || t.Roots == "" {
			v.add(path, "needs a name in lower case, and roots")
		}
	}
}

func (v *validator) issuers(c *Config) {
	seen := map[string]bool{}
	for i := range c.Issuers {
		is, path := &c.Issuers[i], fmt.Sprintf("issuers[%d]", i)
		if !namePattern.MatchString(is.Name) {
			v.add(path+".name", "is %q, must be lower case letters, digits and inner hyphens", is.Name)
		}
		if is.Parent != "" && !seen[is.Parent] {
			v.add(path+".parent", "is %q, which is no issuer above; list parents first", is.Parent)
		}
		if old := c.Issuer(is.Succeeds); is.Succeeds != "" && (!seen[is.Succeeds] || old.Subject != is.Subject) {
			v.add(path+".succeeds", "is %q, which is no issuer above with the same subject", is.Succeeds)
		}
		if seen[is.Name] {
			v.add(path+".name", "%q is used twice", is.Name)
		}
		seen[is.Name] = true
		v.signedBy(path, is)
		v.crl(path+".crl", is.CRL)
		if is.CRL != nil && is.CRL.Shards > 1 && !is.External() && (is.OCSP == nil || is.OCSP.Shards != is.CRL.Shards) {
			v.add(path+".crl.shards", "is %d, must equal ocsp.shards: the inventory has one partition per issuer", is.CRL.Shards)
		}
		v.crl(path+".arl", is.ARL)
		v.ocsp(path+".ocsp", is.OCSP)
		v.subscribers(path+".subscribers", is.Subscribers)
	}
}

// signedBy checks what an issuer must have here, by who signs for it.
func (v *validator) signedBy(path string, is *Issuer) {
	if is.External() {
		v.external(path, is)
		return
	}
	if is.SignedBy != "room" {
		v.add(path+".signed_by", "is %q, must be room or external", is.SignedBy)
	}
	if is.Subject.CommonName == "" {
		v.add(path+".subject.common_name", "is empty")
	}
	if is.Validity <= 0 {
		v.add(path+".validity", "must be positive, such as 10y")
	}
	v.key(path+".key", is.Key)
	if is.OCSP.External() {
		v.add(path+".ocsp.signed_by", "is external, the issuer is not: its responses are signed here")
	}
	if is.CRL != nil && len(is.CRL.Points) > 0 {
		v.add(path+".crl.points", "is for issuers that are signed_by: external; the lists of this one name their public addresses")
	}
}

// accept checks the drop folder.
func (v *validator) accept(c *Config) {
	if c.Accept == nil {
		return
	}
	if c.Accept.Directory == "" {
		v.add("accept.directory", "is empty; name the folder into which the CA puts what it signs")
	}
	if c.Accept.Settle < Duration(time.Second) {
		v.add("accept.settle", "is %v, must be a second or more", c.Accept.Settle)
	}
	if !slices.ContainsFunc(c.Issuers, func(i Issuer) bool { return i.External() }) {
		v.add("accept", "is of no use: no issuer is signed_by: external, and the room takes nothing that its own keys did not sign")
	}
	for i, d := range c.Accept.Documents {
		v.acceptDocument(c, fmt.Sprintf("accept.documents[%d]", i), c.Accept.Documents[:i], d)
	}
}

// acceptDocument wants each PDF to be one version of one document, and each version one PDF.
func (v *validator) acceptDocument(c *Config, path string, before []AcceptDocument, d AcceptDocument) {
	if !slices.ContainsFunc(c.Documents, func(o Document) bool { return o.Name == d.Name }) {
		v.add(path+".name", "is %q, which is none of the documents", d.Name)
	}
	if err := public.CheckVersion(d.Version); err != nil {
		v.add(path+".version", "%v", err)
	}
	if _, err := artifact.ParseDigest(d.SHA256); err != nil {
		v.add(path+".sha256", "is %q, must be the 64 lower case hex digits that sha256sum prints for the PDF", d.SHA256)
	}
	for _, o := range before {
		switch {
		case o.SHA256 == d.SHA256:
			v.add(path+".sha256", "is also that of %s %s: a PDF is one version of one document", o.Name, o.Version)
		case o.Name == d.Name && o.Version == d.Version:
			v.add(path+".version", "is there with another PDF: a changed text needs a new version")
		}
	}
}

// external refuses what only the holder of the issuer's key can do.
func (v *validator) external(path string, is *Issuer) {
	if is.Key != (Key{}) {
		v.add(path+".key", "is of an issuer that is signed_by: external; its key is not in this token, leave it out")
	}
	if is.Subscribers != nil {
		v.add(path+".subscribers", "is of an issuer that is signed_by: external; the CA's own software issues its certificates")
	}
	if is.OCSP != nil && !is.OCSP.External() && is.OCSP.Responder == nil {
		v.add(path+".ocsp.responder", "is missing: the room has no key of the issuer; name the delegated signer whose key is in the token, or say signed_by: external")
	}
}

func (v *validator) key(path string, k Key) {
	if !slices.Contains(algorithms, k.Algorithm) {
		v.add(path+".algorithm", "is %q, must be one of %s", k.Algorithm, strings.Join(algorithms, ", "))
	}
	if k.PSS && !strings.HasPrefix(k.Algorithm, "rsa") {
		v.add(path+".pss", "needs an RSA key")
	}
}

func (v *validator) crl(path string, c *CRL) {
	if c == nil {
		return
	}
	v.cadence(path, c.Validity, c.Refresh)
	if c.Shards > 1 && c.Delta > 0 {
		v.add(path+".delta", "is not available for a list in shards")
	}
	if c.Delta < 0 || (c.Delta > 0 && c.Delta >= c.Refresh) {
		v.add(path+".delta", "is %v, must be shorter than refresh (%v)", c.Delta, c.Refresh)
	}
	if c.Shards < 0 || c.Shards > 4096 {
		v.add(path+".shards", "is %d, must be 0 to 4096", c.Shards)
	}
}

func (v *validator) cadence(path string, validity, refresh Duration) {
	if validity < Duration(time.Minute) {
		v.add(path+".validity", "is %v, must be a minute or more", validity)
	}
	if refresh <= 0 || refresh >= validity {
		v.add(path+".refresh", "is %v, must be positive and shorter than validity (%v)", refresh, validity)
	}
}

func (v *validator) ocsp(path string, o *OCSP) {
	if o == nil {
		return
	}
	v.cadence(path, o.Validity, o.Refresh)
	if o.SignedBy != "room" && o.SignedBy != "external" {
		v.add(path+".signed_by", "is %q, must be room or external", o.SignedBy)
	}
	if o.External() && o.Responder != nil {
		v.add(path+".responder", "is of responses that are signed_by: external; leave it out")
	}
	if o.Shards < 1 || o.Shards > 4096 {
		v.add(path+".shards", "is %d, must be 1 to 4096", o.Shards)
	}
	if policies := []string{"separate", "dual", "sha1", "sha256"}; !slices.Contains(policies, o.CertID) {
		v.add(path+".certid", "is %q, must be one of %s", o.CertID, strings.Join(policies, ", "))
	}
	if o.NeverIssued != "unauthorized" && o.NeverIssued != "revoked" {
		v.add(path+".never_issued", "is %q, must be unauthorized or revoked", o.NeverIssued)
	}
	if r := o.Responder; r != nil {
		v.key(path+".responder.key", r.Key)
		if !namePattern.MatchString(r.Name) {
			v.add(path+".responder.name", "is %q, must be lower case letters, digits and inner hyphens", r.Name)
		}
	}
}

func (v *validator) subscribers(path string, s *Subscribers) {
	if s == nil {
		return
	}
	if s.Validity <= 0 || s.Validity > Duration(5*365*24*time.Hour) {
		v.add(path+".validity", "is %v, must be positive and at most 5y (Rule 6 item 4 of the Act's ordinance)", s.Validity)
	}
	if s.PolicyOID != "" && !oidPattern.MatchString(s.PolicyOID) {
		v.add(path+".policy_oid", "is %q, must be a dotted object identifier", s.PolicyOID)
	}
	for i, reason := range s.KeepKeyAfter {
		if !slices.Contains(keepKeyReasons, reason) {
			v.add(fmt.Sprintf("%s.keep_key_after[%d]", path, i), "is %q, must be one of %s; a compromised key is never certified again",
				reason, strings.Join(keepKeyReasons, ", "))
		}
	}
}

var misissuedPattern = regexp.MustCompile(`^[0-9a-f]+$`)

// keepKeyReasons are the reasons of revocation (RFC 5280 section 5.3.1) after which the key itself may still be good.
var keepKeyReasons = []string{"unspecified", "affiliationChanged", "superseded", "cessationOfOperation", "certificateHold", "privilegeWithdrawn"}

func (v *validator) document(c *Config, path string, d Document) {
	if !namePattern.MatchString(d.Name) {
		v.add(path+".name", "is %q, must be lower case letters, digits and inner hyphens", d.Name)
	}
	if d.Signature != "detached" && d.Signature != "embedded" {
		v.add(path+".signature", "is %q, must be detached or embedded", d.Signature)
	}
	if external := func(i Issuer) bool { return i.External() }; c.DocumentSigner == nil && !slices.ContainsFunc(c.Issuers, external) {
		v.add(path, "needs the section document_signer")
	}
}

func (v *validator) documentSigner(c *Config) {
	d := c.DocumentSigner
	if d == nil {
		return
	}
	if c.Issuer(d.Issuer) == nil {
		v.add("document_signer.issuer", "is %q, which is no issuer of this file", d.Issuer)
	}
	if d.Subject.CommonName == "" {
		v.add("document_signer.subject.common_name", "is empty")
	}
	v.key("document_signer.key", d.Key)
	v.oid("document_signer.usage", d.Usage)
	v.oid("document_signer.policy", d.Policy)
}

// oid checks a dotted object identifier, if there is one.
func (v *validator) oid(path, oid string) {
	if _, err := certprofile.ParseOID(oid); oid != "" && err != nil {
		v.add(path, "is %q, want a dotted object identifier such as 1.3.6.1.5.5.7.3.36", oid)
	}
}

// profiles checks the profiles of the file and that every name used exists.
func (v *validator) profiles(c *Config) {
	for _, name := range slices.Sorted(maps.Keys(c.Profiles)) {
		if c.Profiles[name] == nil {
			v.add("profiles."+name, "is empty")
			continue
		}
		if err := c.Profiles[name].Validate(); err != nil {
			v.add("profiles."+name, "%v", err)
		}
	}
	for i, is := range c.Issuers {
		if s := is.Subscribers; s != nil {
			if _, ok := c.Profile(s.Profile); !ok {
				v.add(fmt.Sprintf("issuers[%d].subscribers.profile", i), "is %q, which is neither built in nor in profiles", s.Profile)
			}
		}
	}
}

func (v *validator) targets(targets []Target) {
	seen := map[string]bool{}
	for i, t := range targets {
		path := fmt.Sprintf("targets[%d]", i)
		if !namePattern.MatchString(t.Name) || seen[t.Name] {
			v.add(path+".name", "is %q, must be lower case letters, digits and inner hyphens, and used once", t.Name)
		}
		seen[t.Name] = true
		if t.Layout != "bundle" && t.Layout != "objects" {
			v.add(path+".layout", "is %q, must be bundle or objects", t.Layout)
		}
		places := 0
		for _, set := range []bool{t.Directory != "", t.S3 != nil, t.GCS != nil} {
			if set {
				places++
			}
		}
		if places != 1 {
			v.add(path, "has %d places, must have exactly one of directory, s3 and gcs", places)
		}
		if t.S3 != nil {
			v.bucket(path+".s3", t.S3.Bucket, t.S3.Prefix)
			if t.S3.Region == "" {
				v.add(path+".s3.region", "is empty; name the bucket's region (a compatible store: us-east-1 or auto)")
			}
		}
		if t.GCS != nil {
			v.bucket(path+".gcs", t.GCS.Bucket, t.GCS.Prefix)
		}
		v.addresses(path, t)
		if t.Timeout <= 0 {
			v.add(path+".timeout", "must be positive")
		}
		v.cdn(path+".cdn", t)
	}
}

// addresses wants each public address of the targets once: two copies cannot be told apart by one address.
func (v *validator) addresses(path string, t Target) {
	if t.URL != "" {
		v.anyURL(path+".url", t.URL)
	} else if len(t.OtherURLs) > 0 {
		v.add(path+".other_urls", "needs url, the address that comes first")
	}
	for i, u := range t.OtherURLs {
		at := fmt.Sprintf("%s.other_urls[%d]", path, i)
		v.anyURL(at, u)
		if u == t.URL || slices.Contains(t.OtherURLs[:i], u) {
			v.add(at, "is %q, which is named before", u)
		}
	}
}

func (v *validator) bucket(path, bucket, prefix string) {
	if bucket == "" {
		v.add(path+".bucket", "is empty")
	}
	if prefix != "" && (!strings.HasSuffix(prefix, "/") || strings.HasPrefix(prefix, "/") || strings.Contains(prefix, "//")) {
		v.add(path+".prefix", "is %q, must end with one slash and not begin with one", prefix)
	}
}

func (v *validator) serve(c *Config) {
	if _, _, err := net.SplitHostPort(c.Serve.Listen); err != nil {
		v.add("serve.listen", "is %q, must be host:port", c.Serve.Listen)
	}
	if c.Serve.Metrics != "" {
		if _, _, err := net.SplitHostPort(c.Serve.Metrics); err != nil {
			v.add("serve.metrics", "is %q, must be host:port", c.Serve.Metrics)
		}
	}
	if p := c.Serve.OCSPPath; !strings.HasPrefix(p, "/") || (len(p) > 1 && strings.HasSuffix(p, "/")) || strings.Contains(p, "//") {
		v.add("serve.ocsp_path", "is %q, must begin with one slash and not end with one", p)
	}
	for i, u := range c.Serve.URLs {
		v.anyURL(fmt.Sprintf("serve.urls[%d]", i), u)
	}
}

// httpURL wants a plain http address: an OCSP or CRL client must be able to ask without TLS (RFC 5280 §8).
func (v *validator) httpURL(path, s string) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" || u.Host == "" || strings.HasSuffix(s, "/") || u.RawQuery != "" || u.User != nil {
		v.add(path, "is %q, must be http://host[:port][/path] without a trailing slash", s)
	}
}

func (v *validator) anyURL(path, s string) {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		v.add(path, "is %q, must be an http or https address without credentials", s)
	}
}
