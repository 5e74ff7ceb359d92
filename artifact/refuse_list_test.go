package artifact

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"

	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// The members of a TBSCertList of version 2.
const (
	listVersion = iota
	listAlgorithm
)

// listOf signs a TBSCertList; algorithm is the field beside the signature.
func listOf(tbs, algorithm []byte, key crypto.Signer, how crypto.SignerOpts) []byte {
	h := sha256.Sum256(tbs)
	sig := must(key.Sign(rand.Reader, h[:], how))
	return sequence(tbs, algorithm, element(cbasn1.BIT_STRING, []byte{0}, sig))
}

// TestListRules: each list here breaks one rule and is signed well.
func TestListRules(t *testing.T) {
	t.Parallel()
	p := sharedPKI()
	tbs, algorithm := members(p.crl)[0], members(p.crl)[1]
	sha384 := sequence(element(cbasn1.OBJECT_IDENTIFIER, unhex("2a8648ce3d040303")))
	sign := func(tbs, algorithm []byte) []byte {
		return listOf(tbs, algorithm, p.sub.key, crypto.SHA256)
	}
	version := func(n byte) []byte { return element(cbasn1.INTEGER, []byte{n}) }
	for name, c := range map[string]struct {
		der  []byte
		want string
	}{
		"as it was":       {sign(tbs, algorithm), ""},
		"version 1":       {sign(replaced(tbs, listVersion), algorithm), "version 1 list"},
		"version field 0": {sign(replaced(tbs, listVersion, version(0)), algorithm), "not v2"},
		"version field 2": {sign(replaced(tbs, listVersion, version(2)), algorithm), "not v2"},
		"another algorithm beside the signature": {sign(tbs, sha384),
			"two signature algorithm fields differ"},
		"another algorithm under the signature": {sign(replaced(tbs, listAlgorithm, sha384), algorithm),
			"two signature algorithm fields differ"},
	} {
		l, err := ParseRevocationList(c.der)
		if err == nil {
			err = l.CheckSignatureFrom(p.sub.cert)
		}
		expect(t, name, err, c.want)
	}
}

// TestEntryExtensions: an entry with a critical extension that nobody here understands is an error,
// since it may say that the entry means something else (RFC 5280 section 5.3).
func TestEntryExtensions(t *testing.T) {
	t.Parallel()
	p := sharedPKI()
	for name, c := range map[string]struct {
		critical bool
		want     string
	}{
		"critical":     {true, "critical extension 1.2.3 is not understood"},
		"not critical": {false, ""},
	} {
		l := must(ParseRevocationList(makeCRL(p.sub, 1, []x509.RevocationListEntry{{
			SerialNumber: big.NewInt(5), RevocationTime: testNow, ExtraExtensions: []pkix.Extension{
				{Id: asn1OID{1, 2, 3}, Critical: c.critical, Value: []byte{5, 0}}},
		}})))
		var err error
		entries := 0
		for _, e := range l.Entries() {
			entries, err = entries+1, e
		}
		expect(t, name, err, c.want)
		if entries != 1 {
			t.Errorf("%s: %d entries", name, entries)
		}
	}
}

// TestListIssuer: the key alone does not make the issuer of a list. Each certificate here has the
// key that signed.
func TestListIssuer(t *testing.T) {
	t.Parallel()
	p := sharedPKI()
	l := must(ParseRevocationList(p.crl))
	certificate := func(change func(c *x509.Certificate)) *x509.Certificate {
		c := caTemplate("Sub")
		c.SubjectKeyId = p.sub.cert.SubjectKeyId
		change(c)
		return issue(c, &p.root, p.sub.key).cert
	}
	usage := func(u x509.KeyUsage) func(c *x509.Certificate) {
		return func(c *x509.Certificate) { c.KeyUsage = u }
	}
	for name, c := range map[string]struct {
		change func(c *x509.Certificate)
		want   string
	}{
		"the CA, certified again": {func(*x509.Certificate) {}, ""},
		"another name": {func(c *x509.Certificate) { c.Subject.CommonName = "Sub 2" },
			"its issuer is not"},
		"another key identifier": {func(c *x509.Certificate) { c.SubjectKeyId = []byte{1, 2, 3} },
			"its authority key identifier is not"},
		"basic constraints that say it is no CA": {func(c *x509.Certificate) { c.IsCA = false },
			"is not a CA"},
		"no basic constraints": {func(c *x509.Certificate) {
			c.IsCA, c.BasicConstraintsValid = false, false
		}, "is not a CA"},
		"a key usage for certificates alone": {usage(x509.KeyUsageCertSign),
			"does not allow signing CRLs"},
		"a key usage for lists alone": {usage(x509.KeyUsageCRLSign), ""},
		"no key usage":                {usage(0), ""},
	} {
		expect(t, name, l.CheckSignatureFrom(certificate(c.change)), c.want)
	}
}

// TestPSSParameters: a signature counts only under the parameter sets that crypto/x509 verifies as
// they are written. Every list here has a good signature with SHA-256 throughout; all but the first
// say something else of it.
func TestPSSParameters(t *testing.T) {
	t.Parallel()
	p := sharedPKI()
	const unsupported = "signature algorithm is not supported"
	algorithm := func(hash, mask []byte, salt byte, more ...[]byte) []byte {
		id := func(oid []byte, parameters ...[]byte) []byte {
			return sequence(append([][]byte{element(cbasn1.OBJECT_IDENTIFIER, oid)}, parameters...)...)
		}
		parts := append([][]byte{
			element(explicit(0), id(hash)),
			element(explicit(1), id(oidMGF1, id(mask))),
			element(explicit(2), element(cbasn1.INTEGER, []byte{salt})),
		}, more...)
		return id(oidPSS, sequence(parts...))
	}
	trailer := element(explicit(3), element(cbasn1.INTEGER, []byte{1}))
	for name, c := range map[string]struct {
		algorithm []byte
		want      string
	}{
		"as it was made":    {algorithm(oidSHA256, oidSHA256, 32), ""},
		"MGF1 with SHA-384": {algorithm(oidSHA256, oidSHA384, 32), unsupported},
		"a shorter salt":    {algorithm(oidSHA256, oidSHA256, 20), unsupported},
		"a trailer field":   {algorithm(oidSHA256, oidSHA256, 32, trailer), unsupported},
		"SHA-384":           {algorithm(oidSHA384, oidSHA384, 48), "does not verify"},
		"SHA-1":             {algorithm(oidSHA1, oidSHA1, 20), unsupported},
	} {
		tbs := replaced(members(makeCRL(p.rsa, 3, nil))[0], listAlgorithm, c.algorithm)
		l, err := ParseRevocationList(listOf(tbs, c.algorithm, p.rsa.key,
			&rsa.PSSOptions{SaltLength: 32, Hash: crypto.SHA256}))
		if err == nil {
			err = l.CheckSignatureFrom(p.rsa.cert)
		}
		expect(t, name, err, c.want)
	}
}
