package config

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"seihon/approval"
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
)

func (v *validator) config(c *Config) {
	if c.Version != 1 {
		v.add("version", "is %d, must be 1", c.Version)
	}
	if !domainPattern.MatchString(c.Repository.Name) {
		v.add("repository.name", "is %q, must be lower case letters, digits, dots and hyphens", c.Repository.Name)
	}
	v.httpURL("repository.base_url", c.Repository.BaseURL)
	if c.Proxy != "" {
		v.anyURL("proxy", c.Proxy)
	}
	for i, u := range c.Repository.OtherURLs {
		v.httpURL(fmt.Sprintf("repository.other_urls[%d]", i), u)
	}
	if len(c.Master.Keys) == 0 {
		v.add("master.keys", "is empty; name the log's verifier key files (signer init writes them)")
	}
	for i, s := range c.Trust.Misissued {
		if !misissuedPattern.MatchString(s) || len(s)%2 != 0 || len(s) > 48 {
			v.add(fmt.Sprintf("trust.misissued[%d]", i), "is %q, must be 1 to 24 octets in lower-case hex, such as 00",
				s)
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
	v.keyTokens(c)
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
	if b := c.Publication.Batch.Std(); b < 0 || b > time.Hour {
		v.add("publication.batch", "is %v, must be from 0s to 1h: what waits longer is not counted",
			*c.Publication.Batch)
	}
	v.targets(c.Targets)
	v.places(c)
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
		v.add("section_a.subscriber_certificates",
			"needs cps_reference and consents: section A keeps subscriber certificates private by default")
	}
}

func (v *validator) approval(a *Approval) {
	if a == nil {
		return
	}
	people := map[string]bool{}
	for i, k := range a.Keys {
		people[k.Name] = true
		if !namePattern.MatchString(k.Name) || k.Key == "" {
			v.add(fmt.Sprintf("signer.approval.keys[%d]", i),
				"needs name, in lower case letters, digits and inner hyphens, and key, a public key's file")
		}
		if slices.ContainsFunc(a.Keys[:i], func(o ApprovalKey) bool { return o.Key == k.Key }) {
			v.add(fmt.Sprintf("signer.approval.keys[%d].key", i),
				"is %q, which another person has; each needs a key of their own", k.Key)
		}
	}
	if a.Quorum < 1 || a.Quorum > len(people) {
		v.add("signer.approval.quorum",
			"is %d, must be 1 to %d, the number of different people in signer.approval.keys", a.Quorum, len(people))
	}
	if len(a.For) == 0 {
		v.add("signer.approval.for", "is empty; name what has to be approved: %s", strings.Join(approval.Kinds, ", "))
	}
	for i, kind := range a.For {
		if !slices.Contains(approval.Kinds, kind) || slices.Contains(a.For[:i], kind) {
			v.add(fmt.Sprintf("signer.approval.for[%d]", i), "is %q, must be one of %s, each once", kind,
				strings.Join(approval.Kinds, ", "))
		}
	}
	if a.Valid.Std() < time.Hour || a.Valid.Std() > approval.MaxValidity {
		v.add("signer.approval.valid", "is %v, must be 1h to 30d", a.Valid)
	}
}

func (v *validator) signer(s *Signer) {
	v.tokens(s)
	if s.Policy != PolicyAccredited && s.Policy != PolicyTrial {
		v.add("signer.policy", "is %q, must be %s or %s", s.Policy, PolicyAccredited, PolicyTrial)
	}
	if s.Policy == PolicyAccredited && s.Modules == nil {
		v.add("signer.modules",
			"is missing; name the operator's signed list of approved HSMs (docs/hsm.md), or say signer.policy: trial "+
				"where nothing is of an accredited CA")
	}
	v.approval(s.Approval)
	v.rhythm(s)
	v.clock(s.Clock)
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
		v.add("accept",
			"is of no use: no issuer is signed_by: external, and the room takes nothing that its own keys did not sign")
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

func (v *validator) document(c *Config, path string, d Document) {
	if !namePattern.MatchString(d.Name) {
		v.add(path+".name", "is %q, must be lower case letters, digits and inner hyphens", d.Name)
	}
	if d.Signature != "detached" && d.Signature != "embedded" {
		v.add(path+".signature", "is %q, must be detached or embedded", d.Signature)
	}
	if external := func(i Issuer) bool { return i.External() }; c.DocumentSigner == nil &&
		!slices.ContainsFunc(c.Issuers, external) {
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
