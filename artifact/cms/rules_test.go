package cms_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"strings"
	"testing"
	"time"

	"seihon/artifact/cms"
)

// refused checks that an error is there and says why.
func refused(t *testing.T, name string, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: got %v, want an error with %q", name, err, want)
	}
}

// TestRulesOfDocuments breaks one rule at a time in a signature that is correct otherwise: its
// signer signs the broken form.
func TestRulesOfDocuments(t *testing.T) {
	content := []byte("Certification Practice Statement\n")
	p := newPerson(t, nil)
	hash := sha256.Sum256(p.cert.Raw)
	other := sha256.Sum256(p.root.Raw)
	ess := func(hash []byte, issuer []byte, serial int64) []byte {
		c := &x509.Certificate{RawIssuer: issuer, SerialNumber: big.NewInt(serial)}
		return signingCertificate(t, hash, c)
	}
	stranger := value(t, pkix.Name{CommonName: "Stranger"}.ToRDNSequence())
	const another = "names another certificate than the one enclosed"
	imprint := sha256.Sum256(content)
	for _, c := range []struct {
		name   string
		change func(*form)
		want   string // empty: it is good
	}{
		{"as it ought to be", func(*form) {}, ""},
		{"another structure", func(f *form) { f.outer = oidData }, "want SignedData"},
		{"another content type", func(f *form) {
			f.inner = oidTSTInfo
			f.set(oidContentType, value(t, oidTSTInfo))
		}, "want id-data"},
		{"no signer", func(f *form) { f.unsigned = true }, "nobody signed it"},
		{"an attribute for another content type", func(f *form) {
			f.set(oidContentType, value(t, oidTSTInfo))
		}, "but the content is"},
		{"no content type attribute", func(f *form) { f.set(oidContentType) }, "but the content is"},
		{"no message digest", func(f *form) { f.set(oidMessageDigest) }, "message digests differ"},
		{"an attribute twice", func(f *form) {
			f.attributes = append(f.attributes, f.attributes[1])
		}, "occurs twice"},
		{"an unknown attribute twice", func(f *form) {
			unknown := attribute{asn1.ObjectIdentifier{1, 2, 3}, [][]byte{{5, 0}}}
			f.attributes = append(f.attributes, unknown, unknown)
		}, "1.2.3 occurs twice"},
		{"two message digests in one attribute", func(f *form) {
			f.set(oidMessageDigest, value(t, imprint[:]), value(t, other[:]))
		}, "is malformed"},
		{"two certificates meant", func(f *form) {
			f.set(oidESSCertV2, ess(hash[:], p.cert.RawIssuer, 2), ess(other[:], p.root.RawIssuer, 1))
		}, "is malformed"},
		{"no certificate meant", func(f *form) { f.set(oidESSCertV2) }, "no signing-certificate-v2"},
		{"issuer and serial number, too", func(f *form) {
			f.set(oidESSCertV2, ess(hash[:], p.cert.RawIssuer, 2))
		}, ""},
		{"the hash of another certificate", func(f *form) {
			f.set(oidESSCertV2, signingCertificate(t, other[:], nil))
		}, another},
		{"another issuer", func(f *form) { f.set(oidESSCertV2, ess(hash[:], stranger, 2)) }, another},
		{"another serial number", func(f *form) {
			f.set(oidESSCertV2, ess(hash[:], p.cert.RawIssuer, 3))
		}, another},
	} {
		f := newForm(t, p, oidData, content)
		c.change(f)
		list, err := cms.Verify(f.der(t), content, cms.Options{Issuers: []*x509.Certificate{p.root}})
		switch {
		case c.want != "":
			refused(t, c.name, err, c.want)
		case err != nil || len(list) != 1 || !list[0].SigningTime.Equal(at):
			t.Errorf("%s: %v, %v", c.name, list, err)
		}
	}
}

// TestSHA1DoesNotNameTheSigner: the first version of the signing-certificate attribute is for time
// stamps, not for documents, unless signatures that name no certificate at all are taken.
func TestSHA1DoesNotNameTheSigner(t *testing.T) {
	content := []byte("Certification Practice Statement\n")
	p := newPerson(t, nil)
	f := newForm(t, p, oidData, content)
	f.set(oidESSCertV2)
	f.attributes = append(f.attributes, bySHA1(t, p.cert))
	o := cms.Options{Issuers: []*x509.Certificate{p.root}}
	_, err := cms.Verify(f.der(t), content, o)
	refused(t, "SHA-1", err, "rests on SHA-1")
	o.AllowUnbound = true
	if _, err := cms.Verify(f.der(t), content, o); err != nil {
		t.Error(err)
	}
	f.set(oidESSCert, bySHA1(t, p.root).values...)
	_, err = cms.Verify(f.der(t), content, o)
	refused(t, "SHA-1 of another certificate", err, "names another certificate")
}

// TestSignatureAndMessageHaveOneDigest: two digests in one signature are as weak as the weaker of
// them, so there is one. The message has SHA-256 here.
func TestSignatureAndMessageHaveOneDigest(t *testing.T) {
	content := []byte("Certification Practice Statement\n")
	byP256 := newPerson(t, nil)
	root, cert, key := rsaSigner(t)
	byRSA := person{root: root, cert: cert, key: key}
	bits := func(h crypto.Hash, b []byte) []byte {
		d := h.New()
		d.Write(b)
		return d.Sum(nil)
	}
	pss := func(h crypto.Hash) func([]byte) ([]byte, error) {
		return func(b []byte) ([]byte, error) {
			o := &rsa.PSSOptions{SaltLength: h.Size(), Hash: h}
			return key.Sign(rand.Reader, bits(h, b), o)
		}
	}
	const differ = "the digests of signature and message differ"
	for _, c := range []struct {
		name      string
		by        person
		algorithm []byte
		sign      func([]byte) ([]byte, error)
		want      string
	}{
		{"RSASSA-PSS by SHA-256", byRSA, pssOf(t, oidSHA256, 32), pss(crypto.SHA256), ""},
		{"RSASSA-PSS by SHA-384", byRSA, pssOf(t, oidSHA384, 48), pss(crypto.SHA384), differ},
		{"RSASSA-PSS that only says SHA-384", byRSA, pssOf(t, oidSHA384, 48), pss(crypto.SHA256), differ},
		{"SHA-384", byP256, algorithmOf(t, oidECDSASHA384, false), func(b []byte) ([]byte, error) {
			return byP256.key.Sign(rand.Reader, bits(crypto.SHA384, b), crypto.SHA384)
		}, differ},
		{"SHA-512", byRSA, algorithmOf(t, oidRSASHA512, true), func(b []byte) ([]byte, error) {
			return key.Sign(rand.Reader, bits(crypto.SHA512, b), crypto.SHA512)
		}, differ},
	} {
		f := newForm(t, c.by, oidData, content)
		f.algorithm, f.sign = c.algorithm, c.sign
		_, err := cms.Verify(f.der(t), content, cms.Options{Issuers: []*x509.Certificate{c.by.root}})
		if c.want != "" {
			refused(t, c.name, err, c.want)
		} else if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// pssOf is the AlgorithmIdentifier of RSASSA-PSS with one hash throughout.
func pssOf(t *testing.T, hash asn1.ObjectIdentifier, salt int) []byte {
	t.Helper()
	type parameters struct {
		Hash pkix.AlgorithmIdentifier `asn1:"explicit,tag:0"`
		MGF  pkix.AlgorithmIdentifier `asn1:"explicit,tag:1"`
		Salt int                      `asn1:"explicit,tag:2"`
	}
	plain := pkix.AlgorithmIdentifier{Algorithm: hash}
	of := func(oid asn1.ObjectIdentifier, v any) pkix.AlgorithmIdentifier {
		return pkix.AlgorithmIdentifier{Algorithm: oid, Parameters: asn1.RawValue{FullBytes: value(t, v)}}
	}
	mgf := of(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}, plain)
	all := parameters{Hash: plain, MGF: mgf, Salt: salt}
	return value(t, of(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}, all))
}

// TestRulesOfTimestamps: who stamps times must have a certificate for that alone, and the extension
// that says so must be critical (RFC 3161 section 2.3), whether the chain is checked or not.
func TestRulesOfTimestamps(t *testing.T) {
	message := []byte("message")
	stamping := asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}
	email := asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 4}
	const lacks = "lacks the critical usage timeStamping"
	type oids = []asn1.ObjectIdentifier
	for _, c := range []struct {
		name     string
		usages   oids
		critical bool
		want     string
	}{
		{"timeStamping", oids{stamping}, true, ""},
		{"not critical", oids{stamping}, false, lacks},
		{"no usage", nil, false, lacks},
		{"another usage", oids{email}, true, lacks},
		{"another usage, too", oids{stamping, email}, true, lacks},
		{"another usage before", oids{email, stamping}, true, lacks},
		{"twice", oids{stamping, stamping}, true, lacks},
		{"an unknown usage, too", oids{stamping, {1, 2, 3}}, true, lacks},
	} {
		p := newPerson(t, func(leaf *x509.Certificate) {
			if c.usages != nil {
				leaf.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37},
					Critical: c.critical, Value: value(t, c.usages)}}
			}
		})
		info := stampOf(t, message)
		f := newForm(t, p, oidTSTInfo, info)
		f.content = info
		for _, anchors := range [][]*x509.Certificate{nil, {p.root}} {
			s, err := cms.VerifyTimestamp(f.der(t), message, anchors)
			if c.want != "" {
				refused(t, c.name, err, c.want)
			} else if err != nil || !s.Time.Equal(at) {
				t.Errorf("%s: %+v, %v", c.name, s, err)
			}
		}
		_, err := cms.VerifyTimestamp(f.der(t), []byte("another"), nil)
		refused(t, c.name+", another message", err, "other data")
	}
}

// stampOf is a TSTInfo that says that the message was there at the time "at".
func stampOf(t *testing.T, message []byte) []byte {
	t.Helper()
	digest := sha256.Sum256(message)
	type messageImprint struct {
		Hash   pkix.AlgorithmIdentifier
		Digest []byte
	}
	imprint := messageImprint{pkix.AlgorithmIdentifier{Algorithm: oidSHA256}, digest[:]}
	return value(t, struct {
		Version int
		Policy  asn1.ObjectIdentifier
		Imprint messageImprint
		Serial  int
		Time    time.Time `asn1:"generalized"`
	}{1, asn1.ObjectIdentifier{1, 2, 3}, imprint, 7, at})
}

// TestNothingBesideTheSignatureInPDF: what the last signature does not cover is refused, whether it
// follows the document or stands in the space that is left for the signature.
func TestNothingBesideTheSignatureInPDF(t *testing.T) {
	root, cert, key := rsaSigner(t)
	o := cms.Options{Issuers: []*x509.Certificate{root}}
	good := padesByLibrary(t, cert, key, nil)
	if _, err := cms.VerifyPDF(good, o); err != nil {
		t.Fatal(err)
	}
	_, err := cms.VerifyPDF(append(bytes.Clone(good), '\n'), o)
	refused(t, "a byte after", err, "1 bytes follow the last signature")
	_, err = cms.VerifyPDF(append(bytes.Clone(good), "1 0 obj <</Type/Page>> endobj"...), o)
	refused(t, "an object after", err, "bytes follow the last signature")
	const one = "the signature is not one DER structure"
	for name, change := range map[string]func([]byte) []byte{
		"a structure in the padding": func(der []byte) []byte { return append(der, 5, 0) },
		"the signature twice":        func(der []byte) []byte { return append(der, der...) },
		"a byte far behind": func(der []byte) []byte {
			return append(append(der, make([]byte, 1000)...), 1)
		},
		"cut off":     func([]byte) []byte { return []byte{0x30, 0x83, 1, 0, 0} },
		"no sequence": func(der []byte) []byte { return append([]byte{0x31}, der[1:]...) },
	} {
		_, err := cms.VerifyPDF(padesByLibrary(t, cert, key, change), o)
		refused(t, name, err, one)
	}
}
