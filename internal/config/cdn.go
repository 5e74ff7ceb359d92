package config

import (
	"net/url"
	"strings"
	"time"
)

// CDN is the cache in front of a target, for `publisher purge`. Publishing never needs it: the headers bound what a
// cache may keep.
type CDN struct {
	// Kind is cloudfront, cloud-cdn or http.
	Kind string `yaml:"kind"`
	// Distribution of CloudFront.
	Distribution string `yaml:"distribution"`
	// Profile of the shared AWS configuration whose identity may purge; empty: the default. For cloudfront.
	Profile string `yaml:"profile"`
	// Project of Google Cloud. For cloud-cdn, with the application default credentials.
	Project string `yaml:"project"`
	// URLMap of the global load balancer. For cloud-cdn.
	URLMap string `yaml:"url_map"`
	// Endpoint of the provider's API, or, for http, the address to which each public name is appended; default for
	// http: the target's url.
	Endpoint string `yaml:"endpoint"`
	// Host is the Host header of a purge, where the cache is asked under another address than the public one. For http.
	Host string `yaml:"host"`
	// Method is PURGE (default) or POST. For http.
	Method string `yaml:"method"`
	// Header is the name of the header that carries the token. For http.
	Header string `yaml:"header"`
	// Token is the whole value of that header. For http.
	Token *Token `yaml:"token"`
	// Wildcard says that the cache understands a "*" at the end of a path. For http.
	Wildcard bool `yaml:"wildcard"`
	// All is the address that makes the cache forget everything, such as https://api.fastly.com/service/ID/purge_all.
	// For http.
	All string `yaml:"all"`
	// Timeout of a whole purge of this target; default 10m.
	Timeout Duration `yaml:"timeout"`
}

// Token is one source of a secret.
type Token struct {
	// File of mode 0600 that holds it, on one line.
	File Path `yaml:"file"`
	// Credential is the name of a systemd credential.
	Credential string `yaml:"credential"`
}

func (c *CDN) setDefaults(targetURL string) {
	if c == nil {
		return
	}
	setDefault(&c.Timeout, Duration(10*time.Minute))
	if c.Kind == "http" {
		setDefault(&c.Method, "PURGE")
		setDefault(&c.Endpoint, strings.TrimSuffix(targetURL, "/"))
	}
}

func (v *validator) cdn(path string, t Target) {
	c := t.CDN
	if c == nil {
		return
	}
	if t.URL == "" {
		v.add(path, "needs the target's url: what is purged are the paths of that address")
	}
	if c.Timeout <= 0 {
		v.add(path+".timeout", "must be positive")
	}
	keys := []struct {
		name, kind, value string
		needed            bool
	}{
		{"distribution", "cloudfront", c.Distribution, true},
		{"profile", "cloudfront", c.Profile, false},
		{"project", "cloud-cdn", c.Project, true},
		{"url_map", "cloud-cdn", c.URLMap, true},
		{"host", "http", c.Host, false},
		{"method", "http", c.Method, false},
		{"header", "http", c.Header, false},
		{"all", "http", c.All, false},
	}
	known := false
	for _, k := range keys {
		switch {
		case k.kind == c.Kind && k.needed && k.value == "":
			v.add(path+"."+k.name, "is empty; a CDN of the kind %s needs it", c.Kind)
		case k.kind != c.Kind && k.value != "":
			v.add(path+"."+k.name, "belongs to the kind %s, this one is %q", k.kind, c.Kind)
		}
		known = known || k.kind == c.Kind
	}
	if !known {
		v.add(path+".kind", "is %q, must be cloudfront, cloud-cdn or http", c.Kind)
	}
	if c.Endpoint != "" {
		v.purgeURL(path+".endpoint", c.Endpoint, c.Token != nil)
	}
	if c.Kind == "http" {
		v.cdnHTTP(path, c)
	} else if c.Token != nil || c.Wildcard {
		v.add(path, "has token or wildcard, which belong to the kind http")
	}
}

func (v *validator) cdnHTTP(path string, c *CDN) {
	if c.Method != "PURGE" && c.Method != "POST" {
		v.add(path+".method", "is %q, must be PURGE or POST", c.Method)
	}
	if c.All != "" {
		v.purgeURL(path+".all", c.All, c.Token != nil)
	}
	switch t := c.Token; {
	case (t == nil) != (c.Header == ""):
		v.add(path, "has one of header and token; a token needs a header to travel in")
	case t != nil && (t.File == "") == (t.Credential == ""):
		v.add(path+".token", "must have exactly one of file and credential")
	}
	for i := range len(c.Header) {
		if b := c.Header[i] | 0x20; (b < 'a' || b > 'z') && b != '-' && (b < '0' || b > '9') {
			v.add(path+".header", "is %q, must be the name of a header, without a value", c.Header)
			break
		}
	}
}

// purgeURL wants an address to which a path can be appended, and over which a secret can travel if there is one.
func (v *validator) purgeURL(path, s string, secret bool) {
	v.anyURL(path, s)
	u, err := url.Parse(s)
	switch {
	case err != nil:
	case u.RawQuery != "" || strings.HasSuffix(s, "/"):
		v.add(path, "is %q, must have no query and no trailing slash", s)
	case secret && u.Scheme == "http" && !loopback(u.Hostname()):
		v.add(path, "is %q, must be https: the token would cross the network in the clear", s)
	}
}
