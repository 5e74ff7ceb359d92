package cert_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"seihon/hsmsign/cert"
	"seihon/internal/certprofile"
)

func outline(list []pkix.Extension) string {
	var b strings.Builder
	for _, e := range list {
		fmt.Fprint(&b, e.Id)
		if e.Critical {
			b.WriteByte('!')
		}
		b.WriteByte(' ')
	}
	return strings.TrimSpace(b.String())
}

func intp(n int) *int { return &n }

func TestExtensionsPerKind(t *testing.T) {
	p := newPKI(t, "p256")
	bridgeKey := key(t, "p256", "bridge")
	bridge := issue(t,
		cert.Request{Profile: profile(t, "root"), Signer: bridgeKey, Subject: name(t, "C=JP, O=Bridge, CN=Bridge CA")})
	cross := issue(t, cert.Request{
		Profile: profile(t, "cross", func(p *cert.Profile) {
			p.PathLength = intp(1)
			p.PoliciesCritical = true
			p.Policies = []certprofile.Policy{{OID: "1.2.392.200000.1", Notice: "accredited"}}
			p.PolicyMappings = []certprofile.PolicyMapping{{Issuer: "1.2.392.200000.1", Subject: "1.2.392.200000.2"}}
			p.PolicyConstraints = &certprofile.PolicyConstraints{RequireExplicitPolicy: intp(0),
				InhibitPolicyMapping: intp(1)}
			p.InhibitAnyPolicy = intp(0)
			p.NameConstraints = &certprofile.NameConstraints{
				Permitted: certprofile.Subtrees{Directory: []string{"C=JP"}, IP: []string{"10.0.0.0/8"}},
				Excluded: certprofile.Subtrees{DNS: []string{"example.com"}, Email: []string{"example.com"},
					URI: []string{".example.com"}},
			}
		}),
		Signer: bridgeKey, Issuer: bridge, Of: p.root, URLs: urls(),
	})
	ocsp := issue(t, cert.Request{
		Profile: profile(t, "ocsp-signer"), Signer: p.subKey, Issuer: p.sub, URLs: urls(),
		Subject: name(t, "C=JP, CN=OCSP"), PublicKey: key(t, "p256", "ocsp").Public(),
	})
	u := urls()
	u.DeltaCRL = []string{"http://repo.example.jp/crl/sub-delta.crl"}
	leaf := issue(t, cert.Request{
		Profile: profile(t, "document-signer", func(p *cert.Profile) {
			p.Policies = []certprofile.Policy{{OID: "1.2.3"}}
			p.ExtendedKeyUsage = []string{"documentSigning"}
		}),
		Signer: p.subKey, Issuer: p.sub, URLs: u, CSR: csr(t, key(t, "p256", "leaf"), "CN=x"),
		Alternative: cert.AlternativeNames{Directory: []cert.Name{name(t, "C=JP, CN=山田 太郎")},
			Email: []string{"taro@example.jp"}},
	})
	for _, c := range []struct {
		name string
		cert *x509.Certificate
		want string
	}{
		{"root", p.root, "2.5.29.35 2.5.29.14 2.5.29.15! 2.5.29.19!"},
		{"subordinate", p.sub, "2.5.29.35 2.5.29.14 2.5.29.15! 2.5.29.32 2.5.29.19! 2.5.29.31 1.3.6.1.5.5.7.1.1"},
		{"cross", cross,
			"2.5.29.35 2.5.29.14 2.5.29.15! 2.5.29.32! 2.5.29.33! 2.5.29.19! 2.5.29.30! 2.5.29.36! 2.5.29.31 " +
				"2.5.29.54! 1.3.6.1.5.5.7.1.1"},
		{"ocsp-signer", ocsp, "2.5.29.35 2.5.29.14 2.5.29.15! 2.5.29.19! 2.5.29.37 1.3.6.1.5.5.7.48.1.5"},
		{"subscriber",
			leaf,
			"2.5.29.35 2.5.29.14 2.5.29.15! 2.5.29.32 2.5.29.17 2.5.29.19! 2.5.29.37 2.5.29.31 2.5.29.46 " +
				"1.3.6.1.5.5.7.1.1"},
	} {
		if got := outline(c.cert.Extensions); got != c.want {
			t.Errorf("%s has\n %s, want\n %s", c.name, got, c.want)
		}
	}
	if !bytes.Equal(cross.RawSubject, p.root.RawSubject) || !bytes.Equal(cross.SubjectKeyId, p.root.SubjectKeyId) {
		t.Error("the cross certificate does not take over name and key identifier")
	}
	if cross.RequireExplicitPolicy != 0 || !cross.RequireExplicitPolicyZero || cross.InhibitPolicyMapping != 1 ||
		!cross.InhibitAnyPolicyZero ||
		len(cross.PolicyMappings) != 1 || cross.MaxPathLen != 1 {
		t.Errorf("constraints of the cross certificate: %+v", cross.PolicyMappings)
	}
	if len(cross.PermittedIPRanges) != 1 || len(cross.ExcludedDNSDomains) != 1 || len(cross.ExcludedURIDomains) != 1 ||
		len(cross.ExcludedEmailAddresses) != 1 {
		t.Error("name constraints of the cross certificate are incomplete")
	}
	if leaf.EmailAddresses[0] != "taro@example.jp" ||
		leaf.KeyUsage != x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment {
		t.Errorf("leaf: %v %b", leaf.EmailAddresses, leaf.KeyUsage)
	}
}

func TestLinkCertificatesJoinTwoGenerations(t *testing.T) {
	oldKey, newKey := key(t, "rsa2048", "old"), key(t, "p384", "new")
	dn := name(t, "C=JP, O=Example Corp, CN=Root CA")
	old := issue(t, cert.Request{Profile: profile(t, "root"), Signer: oldKey, Subject: dn, NotBefore: noon.AddDate(-15,
		0, 0), NotAfter: noon.AddDate(5, 0, 0)})
	recent := issue(t, cert.Request{Profile: profile(t, "root"), Signer: newKey, Subject: dn})
	newWithOld := issue(t, cert.Request{Profile: profile(t, "link"), Signer: oldKey, Issuer: old, Of: recent})
	oldWithNew := issue(t,
		cert.Request{Profile: profile(t, "link"), Signer: newKey, Issuer: recent, Of: old, NotBefore: old.NotBefore})
	for _, c := range []struct{ link, of, by *x509.Certificate }{{newWithOld, recent, old}, {oldWithNew, old, recent}} {
		if err := c.link.CheckSignatureFrom(c.by); err != nil {
			t.Error(err)
		}
		if !bytes.Equal(c.link.RawSubject, c.link.RawIssuer) ||
			!bytes.Equal(c.link.RawSubjectPublicKeyInfo, c.of.RawSubjectPublicKeyInfo) ||
			!bytes.Equal(c.link.SubjectKeyId, c.of.SubjectKeyId) ||
			!bytes.Equal(c.link.AuthorityKeyId, c.by.SubjectKeyId) {
			t.Error("the link does not join name and keys")
		}
		if c.link.NotAfter.After(old.NotAfter) {
			t.Errorf("the link outlives the old key: %s", c.link.NotAfter)
		}
	}
}

func TestNamesAreUTF8String(t *testing.T) {
	der, err := name(t, `C=JP, O=Example\, Inc., serialNumber=1234, CN=認証局 CA`).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	const want = "304b" + "310b3009060355040613024a50" + // PrintableString JP
		"31163014060355040a0c0d4578616d706c652c20496e632e" + "310d300b06035504051304" + "31323334" +
		"3115301306035504030c0ce8aa8de8a8bce5b180204341"
	if got := hex.EncodeToString(der); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	back, err := cert.UnmarshalName(der)
	if err != nil || back.String() != `C=JP, O=Example\, Inc., serialNumber=1234, CN=認証局 CA` {
		t.Errorf("read back %q, %v", back, err)
	}
}

func TestParseNameRefuses(t *testing.T) {
	for _, s := range []string{"", "CN", "CN=", "XX=a", "C=jp", "C=JPN", `CN=a\`, "CN=a,", "1.2.x=a",
		"emailAddress=é@example.jp", "serialNumber=é"} {
		if n, err := cert.ParseName(s); err == nil {
			t.Errorf("%q was read as %v", s, n)
		}
	}
}

func TestAlternativeNamesOfTheCSR(t *testing.T) {
	p := newPKI(t, "ed25519")
	request := csr(t, key(t, "rsa2048", "leaf"), "CN=x", func(r *x509.CertificateRequest) {
		r.DNSNames, r.EmailAddresses = []string{"*.example.jp"}, []string{"a@example.jp"}
		r.IPAddresses = append(r.IPAddresses, netip.MustParseAddr("2001:db8::1").AsSlice())
	})
	leaf := issue(t, cert.Request{
		Profile: profile(t, "subscriber", func(p *cert.Profile) { p.AllowAlternativeNames = true }), Signer: p.subKey,
		Issuer: p.sub, CSR: pemCSR(request),
	})
	if fmt.Sprint(leaf.DNSNames, leaf.EmailAddresses,
		leaf.IPAddresses) != "[*.example.jp] [a@example.jp] [2001:db8::1]" {
		t.Error(leaf.DNSNames, leaf.EmailAddresses, leaf.IPAddresses)
	}
}

// The same request gives the same bytes but for the signature, and with a deterministic one, the same bytes.
func TestIssueIsDeterministic(t *testing.T) {
	p := newPKI(t, "ed25519")
	one := issue(t, cert.Request{Profile: profile(t, "subscriber"), Signer: p.subKey, Issuer: p.sub, CSR: csr(t, key(t,
		"p256", "leaf"), "CN=x"), Serial: p.sub.SerialNumber})
	two := issue(t, cert.Request{Profile: profile(t, "subscriber"), Signer: p.subKey, Issuer: p.sub, CSR: csr(t, key(t,
		"p256", "leaf"), "CN=x"), Serial: p.sub.SerialNumber})
	if !one.Equal(two) {
		t.Error("two different certificates")
	}
}

func TestNewSerial(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		n, err := cert.NewSerial()
		if err != nil {
			t.Fatal(err)
		}
		der, err := asn1.Marshal(n)
		if err != nil || len(der) != 18 || seen[n.String()] {
			t.Errorf("serial %x: %v", n, err)
		}
		seen[n.String()] = true
	}
}

func FuzzUnmarshalName(f *testing.F) {
	der, err := cert.Name{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "山田"}}.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der)
	f.Fuzz(func(t *testing.T, der []byte) {
		n, err := cert.UnmarshalName(der)
		if err != nil || n.Check() != nil {
			return
		}
		again, err := n.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := cert.UnmarshalName(again); err != nil || back.String() != n.String() {
			t.Fatalf("%v became %v, %v", n, back, err)
		}
	})
}

func BenchmarkIssue(b *testing.B) {
	p := newPKI(b, "p256")
	request := csr(b, key(b, "p256", "leaf"), "C=JP, CN=Taro")
	subscriber := profile(b, "subscriber")
	for b.Loop() {
		serial, err := cert.NewSerial()
		if err != nil {
			b.Fatal(err)
		}
		_, err = cert.Issue(b.Context(),
			cert.Request{Profile: subscriber, Signer: p.subKey, Issuer: p.sub, CSR: request, Serial: serial, Now: now})
		if err != nil {
			b.Fatal(err)
		}
	}
}
