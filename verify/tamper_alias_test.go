package verify_test

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"seihon/artifact"
	"seihon/public"
	"seihon/verify"
	"seihon/verify/report"
)

const (
	oldList = "pki/Sub CA+.crl"
	oldCert = "pki/SubCA.crt"
)

var testAliases = public.NewAliases([]public.Alias{{Name: oldList, Artifact: "crl/sub.crl"},
	{Name: oldCert, Artifact: "cert/sub.cer"}})

// aliased makes a case of a repository with aliases, whose copies are as they should be until do changes them.
func aliased(name string, want []string, do func(r *repo, d string, c *verify.Config)) tamper {
	return tamper{name: "alias: " + name, want: want, only: true, passes: want == nil,
		do: func(_ *testing.T, r *repo, c *verify.Config) {
			c.Aliases = testAliases
			for _, a := range testAliases {
				put(r.public(), a.Name, r.files[a.Artifact])
			}
			do(r, r.public(), c)
		}}
}

func put(dir, name string, b []byte) {
	check(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
	write(dir, name, b)
}

func aliasTampers() []tamper {
	removed := func(_ *repo, d string, _ *verify.Config) { check(os.Remove(filepath.Join(d, oldList))) }
	older := func(r *repo, d string, _ *verify.Config) { write(d, oldList, before(r, "crl/sub.crl")) }
	all := []tamper{
		aliased("as it should be", nil, func(*repo, string, *verify.Config) {}),
		aliased("missing", []string{"alias-missing@" + oldList + "#further name of crl/sub.crl"}, removed),
		aliased("missing, by size", []string{"alias-missing@" + oldList}, func(r *repo, d string, c *verify.Config) {
			c.Tier = report.TierList
			removed(r, d, c)
		}),
		aliased("older", []string{"alias-different@" + oldList + "#the master of crl/sub.crl (entry 0)"}, older),
		aliased("other size", []string{"alias-different@" + oldList}, func(r *repo, d string, c *verify.Config) {
			c.Tier = report.TierList
			write(d, oldList, r.files["crl/sub.crl"][1:])
		}),
		aliased("of another artifact", []string{"alias-different@" + oldCert + "#the master of cert/root.cer"},
			func(r *repo, d string, _ *verify.Config) {
				write(d, oldCert, r.files["cert/root.cer"])
			}),
		aliased("flipped byte", []string{"alias-different@" + oldCert},
			func(_ *repo, d string, _ *verify.Config) { flip(d, oldCert) }),
		aliased("trailing byte", []string{"alias-different@" + oldList}, func(r *repo, d string, _ *verify.Config) {
			write(d,
				oldList, append(r.files["crl/sub.crl"][:len(r.files["crl/sub.crl"]):len(r.files["crl/sub.crl"])], 0))
		}),
		aliased("a private key", []string{"private-key@" + oldCert}, func(r *repo, d string, _ *verify.Config) {
			der := must(x509.MarshalPKCS8PrivateKey(r.sub.key))
			write(d, oldCert, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
		}),
		aliased("not in the configuration", []string{"copy-extra@" + oldList, "copy-extra@" + oldCert},
			func(_ *repo, _ string, c *verify.Config) { c.Aliases = nil }),
		aliased("of what the master does not have", []string{"alias-without-artifact@pki/none.crl"},
			func(_ *repo, _ string, c *verify.Config) {
				c.Aliases = append(append(public.Aliases{}, testAliases...),
					public.Alias{Name: "pki/none.crl", Artifact: "crl/none.crl"})
			}),
	}
	return append(all, room("addresses of an older time", nil, func(r *repo) {
		c := newCert("Test OCSP 2", 30, r.sub, func(t *x509.Certificate) {
			asDelegate(t)
			t.CRLDistributionPoints = []string{"http://old.example/pki/Sub%20CA+.crl"}
			t.IssuingCertificateURL = []string{baseURL + "/pki/SubCA.crt"}
			t.OCSPServer = []string{"http://ocsp.old.example/"}
		})
		r.put("cert/new.cer", artifact.OCSPSignerCertificate, c.cert.Raw)
		r.commit()
		put(r.public(), oldList, r.files["crl/sub.crl"])
		put(r.public(), oldCert, r.files["cert/sub.cer"])
	}).with(func(c *verify.Config) {
		c.Aliases, c.OtherURLs, c.OCSPURLs = testAliases, []string{"http://old.example"},
			[]string{"http://ocsp.old.example"}
	}).passing())
}

// with changes the configuration of a case as well.
func (c tamper) with(change func(*verify.Config)) tamper {
	do := c.do
	c.do = func(t *testing.T, r *repo, config *verify.Config) {
		do(t, r, config)
		change(config)
	}
	return c
}
