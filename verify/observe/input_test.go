package observe_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/internal/inputtest"
	"seihon/verify/observe"
)

func TestCertificates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	block := func(kind string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	one := block("CERTIFICATE", w.ca.Cert.Raw)
	for name, c := range map[string]struct {
		raw  []byte
		want int
		err  string
	}{
		"DER":             {w.ca.Cert.Raw, 1, ""},
		"PEM":             {one, 1, ""},
		"PEM, two":        {append(one, block("CERTIFICATE", inputtest.NewCA("Another CA").Cert.Raw)...), 2, ""},
		"PEM behind text": {append([]byte("subject=CN = x\n"), one...), 1, ""},
		"a list":          {w.der(w.good()), 0, "it is a crl, not a certificate"},
		"a list in PEM":   {block("X509 CRL", w.der(w.good())), 0, `a PEM block "X509 CRL"`},
		"a key in PEM": {block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(w.key))), 0,
			`a PEM block "PRIVATE KEY"`},
		"cut off": {w.ca.Cert.Raw[:50], 0, "no certificate"},
		"two in a row": {append(append([]byte{}, w.ca.Cert.Raw...), w.ca.Cert.Raw...), 0,
			"bytes follow the first object"},
		"nothing": {nil, 0, "it is empty"},
		"HTML":    {[]byte("<html>"), 0, "not a certificate"},
	} {
		got, err := observe.Certificates(c.raw)
		if len(got) != c.want || c.err == "" && err != nil ||
			c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: %d certificates, %v", name, len(got), err)
		}
	}
	if _, err := observe.Authorities([]*x509.Certificate{w.subscriber(3, w.now.Add(day))}); err == nil ||
		!strings.Contains(err.Error(), "is not a CA") {
		t.Errorf("a subscriber is taken for a CA: %v", err)
	}
}

// TestReadList reads both shapes, and says by record what cannot be looked at.
func TestReadList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	another := inputtest.NewCA("Another CA").Cert
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.ca.Cert.Raw}))
	quoted := strings.ReplaceAll(text, "\n", `\n`)
	sum := strings.ToUpper(artifact.Sum(another.Raw).String())
	const head = `"CA Owner","Certificate Name","SHA-256 Fingerprint","Revocation Status","Valid To (GMT)","Full CRL Issued By This CA","JSON Array of Partitioned CRLs","X.509 Certificate (PEM)"` + "\n"
	row := func(name, sum, status, until, full, parts, pem string) string {
		return fmt.Sprintf("\"owner\",%q,%q,%q,%q,%q,\"%s\",\"%s\"\n", name, sum, status, until, full,
			strings.ReplaceAll(parts, `"`, `""`), pem)
	}
	for name, c := range map[string]struct {
		raw      string
		groups   int
		findings int
		err      string
	}{
		"CSV": {head + row("a", "", "Not Revoked", "2099.01.01", "http://a.example/a.crl", `[""]`, "'"+text+"'") +
			row("b", sum, "", "", "", `["http://b.example/1.crl", "http://b.example/2.crl"]`, ""), 2, 0, ""},
		"CSV with a mark of byte order": {"\xef\xbb\xbf" + head +
			row("b", sum, "", "", "http://b.example/b.crl", "", ""), 1, 0, ""},
		"several certificates, one CA": {head + row("a", sum, "", "", "http://a/a.crl", "", "") +
			row("a2", "", "", "", "http://a/a.crl", "", text), 1, 0, ""},
		"revoked or expired": {head + row("a", sum, "Revoked", "", "http://a/a.crl", "", "") +
			row("b", sum, "", "2020.01.01", "http://a/a.crl", "", ""), 0, 0, ""},
		"a certificate nobody has": {head + row("a", strings.Repeat("00", 32), "", "", "http://a/a.crl", "", ""),
			0, 1, ""},
		"a certificate that is none": {head + row("a", "", "", "", "http://a/a.crl", "", "nonsense"), 0, 1, ""},
		"no certificate":             {head + row("a", "", "", "", "http://a/a.crl", "", ""), 0, 1, ""},
		"another scheme": {head +
			row("a", sum, "", "", "ldap://a/cn=a", `["http://a/1.crl","file:///etc/passwd"]`, ""), 1, 2, ""},
		"no array": {head + row("a", sum, "", "", "http://a/a.crl", `["http://a/1.crl"`, ""), 1, 1,
			""},
		"no address at all": {head + row("a", sum, "", "", "", "", ""), 0, 0,
			"the columns are those of CCADB"},
		"a row too short": {head + "a,b\n", 0, 0, "wrong number of fields"},
		"an HTML page":    {"<html><body>Log in</body></html>", 0, 0, "the columns are those of CCADB"},
		"nothing":         {"", 0, 0, "neither CSV nor JSON"},
		"JSON": {`[{"Certificate Name": "a", "Full CRL Issued By This CA": "http://a/a.crl", "X.509 Certificate (PEM)": "` + quoted + `"},
			{"name": "b", "sha256": "` + sum +
			`", "crl": ["http://b/b.crl"], "partitioned_crl": null, "ocsp": "http://b/ocsp"}]`, 2, 0, ""},
		"JSON, cut off": {`[{"name": "a"`, 0, 0, "no JSON array"},
		"JSON, a word":  {`{"name": "a"}`, 0, 0, "no JSON array"},
	} {
		groups, findings, err := observe.ReadList([]byte(c.raw), "list", []*x509.Certificate{another}, w.now)
		if len(groups) != c.groups || len(findings) != c.findings || c.err == "" && err != nil ||
			c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: %d groups, findings %+v, %v", name, len(groups), findings, err)
		}
	}
}

// TestInterrupted ends at once when it is told to, whatever hangs.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.page("/ca.crl", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := observe.Observe(ctx, observe.Config{Groups: []observe.Group{w.group}}); !errors.Is(err,
		context.DeadlineExceeded) {
		t.Errorf("it says %v", err)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestAddresses takes from certificates what nobody gave.
func TestAddresses(t *testing.T) {
	t.Parallel()
	c := &x509.Certificate{CRLDistributionPoints: []string{"ldap://a/b", "http://a/a.crl"},
		OCSPServer: []string{"http://a/ocsp", "http://a/ocsp"}}
	g := observe.Group{Certificates: []*x509.Certificate{c}, Responders: []string{"http://mine"}}
	g.Addressed()
	if fmt.Sprint(g.Lists, g.Responders) != "[http://a/a.crl] [http://mine]" {
		t.Errorf("it takes %v %v", g.Lists, g.Responders)
	}
	for _, bad := range []string{"", "a.crl", "ftp://a/b", "http://", "http://me:secret@a/", "http://[::1"} {
		if observe.Address(bad) == nil {
			t.Errorf("%q passes", bad)
		}
	}
}
