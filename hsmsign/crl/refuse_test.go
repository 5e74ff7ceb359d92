package crl_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"seihon/hsmsign/crl"
	"seihon/hsmsign/internal/testca"
)

// invalidity returns the invalidityDate entry extension.
func invalidity(t time.Time) pkix.Extension {
	value, err := asn1.MarshalWithParams(t, "generalized")
	if err != nil {
		panic(err)
	}
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 24}, Value: value}
}

// TestRefused shows that bad input is refused with its reason, with nothing written and nothing signed.
func TestRefused(t *testing.T) {
	t.Parallel()
	key := testca.Key("p256", "ca")
	ca := testca.CA(t, key, nil)
	edited := func(edit func(*x509.Certificate)) *x509.Certificate { return testca.CA(t, key, edit) }
	withEntry := func(e crl.Entry) func(*input) {
		if e.Time.IsZero() {
			e.Time = thisUpdate
		}
		return func(in *input) { in.entries = append(in.entries, e) }
	}
	tests := []struct {
		name string
		edit func(*input)
		want string
	}{
		{"no issuer", func(in *input) { in.Issuer = nil }, "no issuer is given"},
		{"issuer of another key", func(in *input) { in.Issuer = testca.CA(t, testca.Key("p256", "other"), nil) },
			"the signer's key is not that of the issuer"},
		{"no crlSign", func(in *input) {
			in.Issuer = edited(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign })
		}, "its key usage lacks cRLSign"},
		{"no CA", func(in *input) {
			in.Issuer = edited(func(c *x509.Certificate) {
				c.IsCA, c.KeyUsage, c.SubjectKeyId = false,
					x509.KeyUsageCRLSign, nil
			})
		}, "it is not a CA certificate"},
		{"issuer expired", func(in *input) {
			in.Issuer = edited(func(c *x509.Certificate) { c.NotAfter = thisUpdate.Add(-time.Second) })
		}, "it expired at 2026-11-24T05:59:59Z"},
		{"issuer not yet valid", func(in *input) {
			in.Issuer = edited(func(c *x509.Certificate) { c.NotBefore = thisUpdate.Add(time.Hour) })
		}, "it is not valid before 2026-11-24T07:00:00Z"},
		{"nextUpdate before thisUpdate", func(in *input) { in.NextUpdate = thisUpdate.Add(-time.Second) },
			"nextUpdate 2026-11-24T05:59:59Z is not after thisUpdate"},
		{"nextUpdate in the same second", func(in *input) { in.NextUpdate = thisUpdate.Add(999 * time.Millisecond) },
			"is not after thisUpdate"},
		{"no thisUpdate", func(in *input) { in.ThisUpdate = time.Time{} }, "thisUpdate: it is not set"},
		{"no nextUpdate", func(in *input) { in.NextUpdate = time.Time{} }, "nextUpdate: it is not set"},
		{"year 10000", func(in *input) { in.NextUpdate = crl.Final.Add(time.Second) }, "the year 10000 is outside"},
		{"next publication too late", func(in *input) { in.NextPublish = in.NextUpdate.Add(time.Second) },
			"the next publication"},
		{"expiredCertsOnCRL in the future", func(in *input) { in.ExpiredCertsOnCRL = thisUpdate.Add(time.Second) },
			"expiredCertsOnCRL 2026-11-24T06:00:01Z is after thisUpdate"},
		{"no number", func(in *input) { in.Number = nil }, "the CRL number: it is not set"},
		{"negative number", func(in *input) { in.Number = big.NewInt(-1) }, "the CRL number: -1 is negative"},
		{"number of 21 octets", func(in *input) { in.Number = new(big.Int).Lsh(big.NewInt(1), 159) },
			"more than 20 octets"},
		{"delta to itself", func(in *input) { in.BaseNumber = big.NewInt(42) },
			"the base CRL number 42 is not below the CRL number 42"},
		{"delta with freshest", func(in *input) {
			in.BaseNumber, in.FreshestCRL = big.NewInt(1),
				[]string{"http://a.example/x"}
		}, "a delta CRL must not name a freshest CRL"},
		{"final delta", func(in *input) { in.BaseNumber, in.NextUpdate = big.NewInt(1), crl.Final },
			"cannot be the final CRL"},
		{"empty scope", func(in *input) { in.Scope = &crl.Scope{} }, "it says nothing"},
		{"contradicting scope", func(in *input) { in.Scope = &crl.Scope{OnlyCACerts: true, OnlyUserCerts: true} },
			"exclude each other"},
		{"URI of a partition not ASCII", func(in *input) { in.Scope = &crl.Scope{URIs: []string{"http://例え.jp/"}} },
			"outside of printable ASCII"},
		{"relative URI", func(in *input) { in.Scope = &crl.Scope{URIs: []string{"/crl"}} }, "is not absolute"},
		{"relative freshest", func(in *input) { in.FreshestCRL = []string{"crl"} }, "is not absolute"},
		{"reason 99", withEntry(crl.Entry{Serial: []byte{9}, Reason: 99}),
			"the reason of serial number 09: 99 is no reason code"},
		{"reason 7", withEntry(crl.Entry{Serial: []byte{9}, Reason: 7}), "7 is no reason code"},
		{"reason -2", withEntry(crl.Entry{Serial: []byte{9}, Reason: -2}), "-2 is no reason code"},
		{"removeFromCRL in a base", withEntry(crl.Entry{Serial: []byte{9}, Reason: crl.RemoveFromCRL}),
			"delta CRLs only"},
		{"serial of 21 octets", withEntry(crl.Entry{Serial: bytes.Repeat([]byte{1}, 21)}),
			"the serial number has 21 octets"},
		{"no serial", withEntry(crl.Entry{}), "the serial number is empty"},
		{"serial zero", withEntry(crl.Entry{Serial: []byte{0}}), "the serial number is zero"},
		{"negative serial", withEntry(crl.Entry{Serial: []byte{0x80}}), "the serial number 80 is negative"},
		{"padded serial", withEntry(crl.Entry{Serial: []byte{0, 1}}), "superfluous leading zeros"},
		{"revoked in the year 1", withEntry(crl.Entry{Serial: []byte{9}, Time: time.Unix(-5e10, 0)}),
			"the revocation time of serial number 09"},
		{"invalid since 1900", withEntry(crl.Entry{Serial: []byte{9}, InvalidityDate: time.Unix(-22e8, 0)}),
			"the invalidity date of serial number 09"},
		{"two revocations of one serial", withEntry(crl.Entry{Serial: []byte{1}}),
			"the serial number 01 is listed twice"},
		{"two in a row", withEntry(crl.Entry{Serial: []byte{5}}), "the serial number 05 is listed twice"},
		{"entries fail", func(in *input) { in.err = errors.New("disk I/O error") },
			"reading revoked certificates: disk I/O error"},
		{"sha-1", func(in *input) { in.Signature = crypto.SHA1 }, "ECDSA with hash SHA-1 is not allowed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			in := input{Template: template(ca), entries: []crl.Entry{
				{Serial: []byte{1}, Time: thisUpdate}, {Serial: []byte{3}, Time: thisUpdate},
				{Serial: []byte{5}, Time: thisUpdate}}}
			test.edit(&in)
			signer := &testca.Counter{Signer: key}
			var out bytes.Buffer
			_, err := crl.Encode(t.Context(), &out, in.Template, func(yield func(crl.Entry, error) bool) {
				for _, e := range in.entries {
					if !yield(e, nil) {
						return
					}
				}
				if in.err != nil {
					yield(crl.Entry{}, in.err)
				}
			}, signer, in.Options)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q in it", err, test.want)
			}
			if n := signer.Calls.Load(); n > 0 || out.Len() > 0 {
				t.Errorf("%d signatures made, %d octets written", n, out.Len())
			}
		})
	}
}

type input struct {
	crl.Template
	crl.Options
	entries []crl.Entry
	err     error
}

// TestSignerFails shows that nothing is written when the key fails, aloud or silently.
func TestSignerFails(t *testing.T) {
	t.Parallel()
	for _, kind := range testca.Kinds {
		for name, fault := range map[string]func(int64, []byte) ([]byte, error){
			"error":         func(int64, []byte) ([]byte, error) { return nil, errors.New("CKR_DEVICE_ERROR") },
			"bit flip":      func(_ int64, s []byte) ([]byte, error) { s[len(s)-1] ^= 1; return s, nil },
			"no signature":  func(int64, []byte) ([]byte, error) { return nil, nil },
			"all bits zero": func(_ int64, s []byte) ([]byte, error) { clear(s); return s, nil },
		} {
			t.Run(kind+" "+name, func(t *testing.T) {
				t.Parallel()
				key := testca.Key(kind, "ca")
				signer := &testca.Counter{Signer: key, Fault: fault}
				var out bytes.Buffer
				_, err := crl.Encode(t.Context(), &out, template(testca.CA(t, key, nil)), list(sample()...), signer,
					crl.Options{})
				if err == nil || out.Len() > 0 {
					t.Errorf("error %v, %d octets written", err, out.Len())
				}
			})
		}
	}
}

func TestWeakKeys(t *testing.T) {
	t.Parallel()
	key := testca.Key("rsa2048", "ca")
	ca := testca.CA(t, key, nil)
	for want, opts := range map[string]crypto.SignerOpts{
		"hash MD5 is not allowed":          crypto.MD5,
		"hash SHA-1 is not allowed":        &rsa.PSSOptions{Hash: crypto.SHA1},
		"a PSS salt of 300 octets":         &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: 300},
		"hash unknown hash value 0 is not": crypto.Hash(0),
	} {
		var out bytes.Buffer
		if _, err := crl.Encode(t.Context(), &out, template(ca), list(), key,
			crl.Options{Signature: opts}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}
