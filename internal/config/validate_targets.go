package config

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func (v *validator) targets(targets []Target) {
	seen, places := map[string]bool{}, map[string]string{}
	for i, t := range targets {
		path := fmt.Sprintf("targets[%d]", i)
		if !namePattern.MatchString(t.Name) || seen[t.Name] {
			v.add(path+".name", "is %q, must be lower case letters, digits and inner hyphens, and used once", t.Name)
		}
		seen[t.Name] = true
		if t.Layout != "bundle" && t.Layout != "objects" {
			v.add(path+".layout", "is %q, must be bundle or objects", t.Layout)
		}
		if place := t.place(); place != "" {
			if other, taken := places[place]; taken {
				v.add(path,
					"has the place of target %q, %s; two targets of one place would replace each other's objects",
					other, place)
			}
			places[place] = t.Name
		}
		if t.OCSP && t.URL == "" {
			v.add(path+".url", "is missing; ocsp: true says that a responder answers there")
		}
		given := 0
		for _, set := range []bool{t.Directory != "", t.S3 != nil, t.GCS != nil, t.Azure != nil} {
			if set {
				given++
			}
		}
		if given != 1 {
			v.add(path, "has %d places, must have exactly one of directory, s3, gcs and azure", given)
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
		if t.Azure != nil {
			v.azure(path+".azure", t.Azure)
		}
		v.addresses(path, t)
		if t.Timeout <= 0 {
			v.add(path+".timeout", "must be positive")
		}
		v.cdn(path+".cdn", t)
	}
}

// place is where the objects of a target lie, the same for the same place.
func (t *Target) place() string {
	switch {
	case t.Directory != "":
		return filepath.Clean(string(t.Directory))
	case t.S3 != nil:
		return strings.TrimSuffix(fmt.Sprintf("s3 %s %s/%s", t.S3.Endpoint, t.S3.Bucket,
			strings.Trim(t.S3.Prefix, "/")), "/")
	case t.GCS != nil:
		return strings.TrimSuffix(fmt.Sprintf("gcs %s/%s", t.GCS.Bucket, strings.Trim(t.GCS.Prefix, "/")), "/")
	case t.Azure != nil:
		return strings.TrimSuffix(fmt.Sprintf("azure %s/%s/%s", strings.TrimSuffix(t.Azure.Endpoint, "/"),
			t.Azure.Container, strings.Trim(t.Azure.Prefix, "/")), "/")
	}
	return ""
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

// Azure's own rules for the names of storage accounts and containers.
var (
	azureAccount   = regexp.MustCompile(`^[a-z0-9]{3,24}$`)
	azureContainer = regexp.MustCompile(`^(\$web|[a-z0-9](-?[a-z0-9]){2,62})$`)
)

func (v *validator) azure(path string, a *Azure) {
	if !azureAccount.MatchString(a.Account) {
		v.add(path+".account", "is %q, must be the name of a storage account: 3 to 24 lower case letters and digits",
			a.Account)
	}
	if !azureContainer.MatchString(a.Container) {
		v.add(path+".container", "is %q, must be 3 to 63 lower case letters, digits and single inner hyphens, or $web",
			a.Container)
	}
	v.prefix(path, a.Prefix)
	if a.Endpoint != "" {
		v.anyURL(path+".endpoint", a.Endpoint)
	}
	if a.AccessFile != "" && a.AccessCredential != "" {
		v.add(path, "has access_file and access_credential, must have one of them at most")
	}
	if c := a.AccessCredential; c != "" && (c != filepath.Base(c) || c == "." || c == "..") {
		v.add(path+".access_credential", "is %q, must be the name of a credential, not a path", c)
	}
}

func (v *validator) bucket(path, bucket, prefix string) {
	if bucket == "" {
		v.add(path+".bucket", "is empty")
	}
	v.prefix(path, prefix)
}

func (v *validator) prefix(path, prefix string) {
	if prefix != "" &&
		(!strings.HasSuffix(prefix, "/") || strings.HasPrefix(prefix, "/") || strings.Contains(prefix, "//")) {
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
	if p := c.Serve.OCSPPath; !strings.HasPrefix(p, "/") || (len(p) > 1 && strings.HasSuffix(p, "/")) ||
		strings.Contains(p, "//") {
		v.add("serve.ocsp_path", "is %q, must begin with one slash and not end with one", p)
	}
	for i, u := range c.Serve.URLs {
		v.anyURL(fmt.Sprintf("serve.urls[%d]", i), u)
	}
}

// httpURL wants a plain http address: an OCSP or CRL client must be able to ask without TLS (RFC 5280 §8).
func (v *validator) httpURL(path, s string) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" || u.Host == "" || strings.HasSuffix(s, "/") || u.RawQuery != "" ||
		u.User != nil {
		v.add(path, "is %q, must be http://host[:port][/path] without a trailing slash", s)
	}
}

func (v *validator) anyURL(path, s string) {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		v.add(path, "is %q, must be an http or https address without credentials", s)
	}
}
