package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"seihon/artifact"
	"seihon/internal/config"
	"seihon/ledger"
	"seihon/public"
)

// warnings are what config check finds in the master: addresses that stand in certificates and that nothing here
// serves, and aliases that a store reads otherwise. They are no problems of the file: the configuration is valid, and
// old certificates may well point at what is gone for good.
func (h *host) warnings(ctx context.Context) []config.Problem {
	warn := func(path, format string, args ...any) config.Problem {
		return config.Problem{Path: path, Text: fmt.Sprintf(format, args...), Warning: true}
	}
	var all []config.Problem
	for _, name := range h.plusWithoutSpace() {
		all = append(all,
			warn("names", "alias %q has a plus sign, which Amazon S3 takes for a space in the path of a URL; "+
				"name %q as well", name, strings.ReplaceAll(name, "+", "%20")))
	}
	if !exists(filepath.Join(string(h.conf.Master.Directory), "log", "checkpoint")) {
		return all // there are no certificates yet
	}
	master, err := h.master(ctx)
	if err != nil {
		return append(all, warn("", "the addresses in certificates were not looked at: %v", err))
	}
	state, err := master.State(ctx, master.Size())
	if err != nil {
		return append(all, warn("", "the addresses in certificates were not looked at: %v", err))
	}
	for line := range state.All() {
		switch line.Kind {
		case artifact.CACertificate, artifact.LinkCertificate, artifact.OCSPSignerCertificate:
		default:
			continue
		}
		b, err := master.ReadBlob(ctx, line)
		if err != nil {
			continue // publisher verify says what is wrong
		}
		for _, c := range artifact.Parse(b).Certificates {
			for _, text := range h.unserved(state, c) {
				all = append(all, warn(line.Name, "%s", text))
			}
		}
	}
	return all
}

// plusWithoutSpace are the aliases with a plus sign that have no sibling with a space, where there is an S3 target.
func (h *host) plusWithoutSpace() (names []string) {
	aliases := h.conf.Aliases()
	for _, t := range h.conf.Targets {
		if t.S3 == nil {
			continue
		}
		for _, a := range aliases {
			if spaced := strings.ReplaceAll(a.Name, "+", " "); spaced != a.Name {
				if of, ok := aliases.Of(spaced); !ok || of != a.Artifact {
					names = append(names, a.Name)
				}
			}
		}
		return names
	}
	return nil
}

// unserved says which addresses in a certificate lead to nothing here.
func (h *host) unserved(state *ledger.State, c *x509.Certificate) (texts []string) {
	say := func(what, raw, why string) {
		texts = append(texts, fmt.Sprintf("the certificate of %s points at %s (%s), %s", c.Subject, raw, what, why))
	}
	for _, of := range []struct {
		what string
		urls []string
	}{{"CRL distribution point", c.CRLDistributionPoints}, {"CA issuers", c.IssuingCertificateURL}} {
		for _, raw := range of.urls {
			switch name, ok := h.nameOf(raw); {
			case !ok:
				say(of.what, raw, "which is neither below repository.base_url nor below one of repository.other_urls")
			case !h.serves(state, name):
				say(of.what,
					raw, fmt.Sprintf("and %q is neither a name of the master nor an alias; add it to names", name))
			}
		}
	}
	for _, raw := range c.OCSPServer {
		if !h.answersAt(raw) {
			say("OCSP",
				raw,
				"which is no address of this responder (serve.ocsp_path below repository.base_url or other_urls, or "+
					"serve.urls)")
		}
	}
	return texts
}

// serves reports whether something lies under a name.
func (h *host) serves(state *ledger.State, name string) bool {
	if of, ok := h.conf.Aliases().Of(name); ok {
		name = of
	}
	_, ok := state.Get(name)
	return ok && public.Is(name)
}

func (h *host) bases() []string {
	return append([]string{h.conf.Repository.BaseURL}, h.conf.Repository.OtherURLs...)
}

// nameOf is the public name at an address; ok is false when it is not below one of ours.
func (h *host) nameOf(raw string) (name string, ok bool) {
	for _, base := range h.bases() {
		if rest, ok := strings.CutPrefix(raw, strings.TrimSuffix(base, "/")+"/"); ok {
			name, err := url.PathUnescape(rest)
			return name, err == nil
		}
	}
	return "", false
}

func (h *host) answersAt(raw string) bool {
	raw = strings.TrimSuffix(raw, "/")
	for _, base := range h.bases() {
		if raw == strings.TrimSuffix(strings.TrimSuffix(base, "/")+h.conf.Serve.OCSPPath, "/") {
			return true
		}
	}
	for _, u := range h.conf.Serve.URLs {
		if raw == strings.TrimSuffix(u, "/") {
			return true
		}
	}
	return false
}
