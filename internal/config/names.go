package config

import (
	"fmt"
	"slices"
	"strings"

	"seihon/artifact"
	"seihon/public"
)

// Aliases returns the further public names of the configuration, which was found to be valid.
func (c *Config) Aliases() public.Aliases {
	var all []public.Alias
	for _, n := range c.Names {
		for _, path := range n.Aliases {
			if a, err := public.ParseAlias(path, n.Artifact); err == nil {
				all = append(all, a)
			}
		}
	}
	return public.NewAliases(all)
}

// names checks every alias by itself, against the names that this file makes, and against the other aliases.
func (v *validator) names(c *Config) {
	own := ownNames(c)
	type placed struct {
		public.Alias
		path string
	}
	var all []placed
	for i, n := range c.Names {
		if len(n.Aliases) == 0 {
			v.add(fmt.Sprintf("names[%d]", i), "has no aliases; name the paths by which certificates point at %q",
				n.Artifact)
		}
		for j, path := range n.Aliases {
			at := fmt.Sprintf("names[%d].aliases[%d]", i, j)
			a, err := public.ParseAlias(path, n.Artifact)
			if err != nil {
				v.add(at, "%v", err)
				continue
			}
			if why := own.clash(a); why != "" {
				v.add(at, "%q %s", a.Name, why)
				continue
			}
			if p := responderPath(c); p != "" && (a.Name == p || strings.HasPrefix(a.Name, p+"/")) {
				v.add(at, "%q lies below serve.ocsp_path, where the responder answers", a.Name)
			}
			for _, other := range all {
				switch why := a.Clash(other.Alias); {
				case why != "":
					v.add(at, "%q %s (%s)", a.Name, why, other.path)
				case a == other.Alias:
					v.add(at, "%q stands in %s already", a.Name, other.path)
				}
			}
			all = append(all, placed{a, at})
		}
	}
}

func responderPath(c *Config) string { return strings.Trim(c.Serve.OCSPPath, "/") }

// owned are the labels of the names that the room makes from this file.
type owned struct {
	issuers, certificates, documents []string
}

func ownNames(c *Config) owned {
	var o owned
	for _, i := range c.Issuers {
		o.issuers = append(o.issuers, i.Name)
		o.certificates = append(o.certificates, i.Name)
		if i.OCSP != nil && i.OCSP.Responder != nil {
			o.certificates = append(o.certificates, i.OCSP.Responder.Name)
		}
	}
	if d := c.DocumentSigner; d != nil {
		o.certificates = append(o.certificates, d.Name)
	}
	for _, d := range c.Documents {
		o.documents = append(o.documents, d.Name)
	}
	return o
}

// clash says why an alias cannot stand beside the room's own names, in whatever case it is written.
func (o owned) clash(a public.Alias) string {
	lower := strings.ToLower(a.Name)
	if n, err := public.Parse(lower); err == nil && o.has(n) && lower != a.Artifact {
		return "is a name of this repository, " + lower + ", which has an artifact of its own"
	}
	for folder := range folders(lower) {
		if n, err := public.Parse(folder); err == nil && o.has(n) {
			return "lies below " + folder + ", which is an artifact"
		}
	}
	if slices.Contains([]string{"crl", "cert", "docs", "cert/cross", "cert/subscriber"}, lower) {
		return "is a folder of this repository"
	}
	if issuer, ok := strings.CutPrefix(lower, "crl/"); ok &&
		slices.Contains(o.issuers, strings.TrimSuffix(issuer, "/history")) {
		return "is a folder of this repository"
	}
	return ""
}

// folders yields the folders that a name lies in.
func folders(name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := range len(name) {
			if name[i] == '/' && !yield(name[:i]) {
				return
			}
		}
	}
}

// has reports whether the room makes a name.
func (o owned) has(n public.Name) bool {
	switch {
	case n.Kind == artifact.CrossCertificate || n.Kind == artifact.CertificateBundle:
		return true // it is called as its issuer calls it
	case n.Kind == "":
		return slices.Contains(o.certificates, n.Label)
	case n.Kind == artifact.Document || n.Kind == artifact.DocumentSignature:
		return slices.ContainsFunc(o.documents, func(d string) bool { return strings.HasPrefix(n.Label, d+"-") })
	}
	return slices.Contains(o.issuers, n.Label)
}
