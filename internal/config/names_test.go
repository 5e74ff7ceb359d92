package config

import (
	"strings"
	"testing"
)

// TestNamesRefuses gives configurations whose aliases mean something else, or two things.
func TestNamesRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ names, why string }{
		{`[{artifact: crl/sub.crl, aliases: [pki/a.crl]}, {artifact: crl/root-arl.crl, aliases: [pki/a.crl]}]`,
			`names[1].aliases[0]: "pki/a.crl" is the alias of two artifacts, crl/sub.crl and crl/root-arl.crl (names[0].aliases[0])`},
		{`[{artifact: crl/sub.crl, aliases: [pki/a.crl, pki/%61.crl]}]`,
			`"pki/a.crl" stands in names[0].aliases[0] already`},
		{`[{artifact: crl/sub.crl, aliases: [pki/a.crl]}, {artifact: crl/root-arl.crl, aliases: [PKI/A.crl]}]`,
			"in case only"},
		{`[{artifact: crl/sub.crl, aliases: [pki/a, pki/a/b.crl]}]`, "which is a file"},
		{`[{artifact: crl/sub.crl, aliases: [log/checkpoint]}]`, "is reserved for"},
		{`[{artifact: crl/sub.crl, aliases: [../sub.crl]}]`, "leads elsewhere"},
		{`[{artifact: crl/sub.crl, aliases: [/pki/sub.crl]}]`, "begins with a slash"},
		{`[{artifact: crl/sub.crl, aliases: [crl/root.crl]}]`, "is a name of this repository, crl/root.crl"},
		{`[{artifact: crl/sub.crl, aliases: [CRL/Root.crl]}]`, "is a name of this repository, crl/root.crl"},
		{`[{artifact: cert/sub.cer, aliases: [cert/root.cer]}]`, "is a name of this repository, cert/root.cer"},
		{`[{artifact: crl/sub.crl, aliases: [crl/sub.crl/x]}]`, "lies below crl/sub.crl, which is an artifact"},
		{`[{artifact: crl/sub.crl, aliases: [crl/sub]}]`, "is a folder of this repository"},
		{`[{artifact: crl/sub.crl, aliases: [docs]}]`, "is a folder of this repository"},
		{`[{artifact: crl/sub.crl}]`, "names[0]: has no aliases"},
		{`[{artifact: index.html, aliases: [a]}]`, "only lists, certificates and documents"},
	} {
		raw := withNames(c.names)
		_, problems := Parse([]byte(raw))
		if len(problems) != 1 || !strings.Contains(problems[0].String(), c.why) {
			t.Errorf("%s: %v, want %q", c.names, problems, c.why)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	raw := withNames("[{artifact: crl/sub.crl, aliases: [CRL/Sub.crl, 'CertEnroll/Sub%20CA+.crl', crl/old.crl]}]")
	c, problems := Parse([]byte(raw))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if of, ok := c.Aliases().Of("CertEnroll/Sub CA+.crl"); !ok || of != "crl/sub.crl" {
		t.Errorf("the alias is of %q", of)
	}
}

func withNames(names string) string {
	const issuer = "{name: %, signed_by: external, crl: {validity: 3d, refresh: 1d}}"
	return minimal + "names: " + names + "\nissuers: [" + strings.Replace(issuer, "%", "root", 1) + ", " +
		strings.Replace(issuer, "%", "sub", 1) + "]\n"
}
