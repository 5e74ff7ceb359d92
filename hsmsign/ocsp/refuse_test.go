package ocsp_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"strings"
	"testing"
	"time"

	"seihon/hsmsign/internal/testca"
	"seihon/hsmsign/ocsp"
)

func TestNewEncoderRefuses(t *testing.T) {
	t.Parallel()
	key, other := testca.Key("p256", "ca"), testca.Key("p256", "responder")
	ca := testca.CA(t, key, nil)
	foreign := testca.CA(t, other, func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: "Foreign CA"} })
	impostor := testca.CA(t, other, nil) // the same name, another key
	issue := func(edit func(*x509.Certificate)) *x509.Certificate {
		return testca.Issue(t, ca, key, other.Public(), edit)
	}
	notCA := testca.Issue(t, ca, key, key.Public(), nil)
	tests := []struct {
		name         string
		ca, delegate *x509.Certificate
		signer       crypto.Signer
		policy       ocsp.Policy
		want         string
	}{
		{"no issuer", nil, nil, key, ocsp.Policy{}, "no issuer or no signer is given"},
		{"no signer", ca, nil, nil, ocsp.Policy{}, "no issuer or no signer is given"},
		{"issuer is no CA", notCA, nil, key, ocsp.Policy{}, "is not a CA certificate"},
		{"other key", ca, nil, other, ocsp.Policy{}, "the signer's key is not that of the responder"},
		{"the issuer's key for a delegate", ca, issue(nil), key, ocsp.Policy{},
			"the signer's key is not that of the responder"},
		{"foreign delegate", ca, testca.Issue(t, foreign, other, other.Public(), nil), other, ocsp.Policy{},
			"it was not issued by"},
		{"impostor's delegate", ca, testca.Issue(t, impostor, other, other.Public(), nil), other, ocsp.Policy{},
			"it was not signed by"},
		{"no OCSPSigning", ca,
			issue(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }), other,
			ocsp.Policy{}, "lacks OCSPSigning"},
		{"no digitalSignature", ca, issue(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }), other,
			ocsp.Policy{}, "lacks digitalSignature"},
		{"policy", ca, nil, key, ocsp.Policy{CertID: "md5"}, `no CertID policy "md5"`},
		{"hash", ca, nil, key, ocsp.Policy{Signature: crypto.SHA1}, "ECDSA with hash SHA-1 is not allowed"},
		{"two archives", ca, nil, key, ocsp.Policy{ArchiveCutoff: thisUpdate, Retention: time.Hour},
			"exclude each other"},
		{"negative retention", ca, nil, key, ocsp.Policy{Retention: -1}, "is negative"},
		{"archive in the year 10000", ca, nil, key, ocsp.Policy{ArchiveCutoff: time.Unix(1<<40, 0)},
			"the archive cutoff"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := ocsp.NewEncoder(test.ca, test.delegate, test.signer, test.policy)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q in it", err, test.want)
			}
		})
	}
}

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	r := delegated(t, "p256")
	revoked := ocsp.Job{Status: ocsp.Status{Serial: serial, State: ocsp.Revoked, RevokedAt: thisUpdate},
		ThisUpdate: thisUpdate, NextUpdate: nextUpdate}
	tests := []struct {
		name   string
		edit   func(*ocsp.Job)
		policy ocsp.Policy
		want   string
	}{
		{"no serial", func(j *ocsp.Job) { j.Serial = nil }, ocsp.Policy{}, "the serial number is empty"},
		{"serial of 21 octets", func(j *ocsp.Job) { j.Serial = bytes.Repeat([]byte{1}, 21) }, ocsp.Policy{},
			"the serial number has 21 octets"},
		{"negative serial", func(j *ocsp.Job) { j.Serial = []byte{0xff} }, ocsp.Policy{}, "is negative"},
		{"serial zero", func(j *ocsp.Job) { j.Serial = []byte{0} }, ocsp.Policy{}, "is zero"},
		{"padded serial", func(j *ocsp.Job) { j.Serial = []byte{0, 0x7f} }, ocsp.Policy{}, "superfluous leading zeros"},
		{"reason 99", func(j *ocsp.Job) { j.Reason = 99 }, ocsp.Policy{}, "99 is no revocation reason"},
		{"reason 7", func(j *ocsp.Job) { j.Reason = 7 }, ocsp.Policy{}, "7 is no revocation reason"},
		{"removeFromCRL", func(j *ocsp.Job) { j.Reason = 8 }, ocsp.Policy{}, "8 is no revocation reason"},
		{"no revocation time", func(j *ocsp.Job) { j.RevokedAt = time.Time{} }, ocsp.Policy{},
			"the revocation time: it is not set"},
		{"good with a revocation time", func(j *ocsp.Job) { j.State = ocsp.Good }, ocsp.Policy{}, "is not revoked"},
		{"state 9", func(j *ocsp.Job) { j.State = 9 }, ocsp.Policy{}, "there is no state 9"},
		{"nextUpdate before thisUpdate", func(j *ocsp.Job) { j.NextUpdate = thisUpdate }, ocsp.Policy{},
			"is not after thisUpdate"},
		{"no nextUpdate", func(j *ocsp.Job) { j.NextUpdate = time.Time{} }, ocsp.Policy{}, "nextUpdate: it is not set"},
		{"no thisUpdate", func(j *ocsp.Job) { j.ThisUpdate = time.Time{} }, ocsp.Policy{}, "thisUpdate: it is not set"},
		{"before the delegate", func(j *ocsp.Job) { j.ThisUpdate = testca.NotBefore.Add(-time.Second) }, ocsp.Policy{},
			"is not valid before 2026-01-01T00:00:00Z"},
		{"beyond the delegate", func(j *ocsp.Job) { j.NextUpdate = testca.NotAfter }, ocsp.Policy{},
			"expires at 2055-12-31T22:59:59Z"},
		{"retention before 1950", func(*ocsp.Job) {}, ocsp.Policy{Retention: 100 * 365 * 24 * time.Hour},
			"the archive cutoff"},
		{"archive in the future", func(*ocsp.Job) {}, ocsp.Policy{ArchiveCutoff: nextUpdate}, "the archive cutoff"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			signer := &testca.Counter{Signer: r.key}
			e, err := ocsp.NewEncoder(r.ca, r.delegate, signer, test.policy)
			if err != nil {
				t.Fatal(err)
			}
			j := revoked
			test.edit(&j)
			out, err := e.Sign(t.Context(), j.Status, j.ThisUpdate, j.NextUpdate)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q in it", err, test.want)
			}
			if n := signer.Calls.Load(); n > 0 || out != nil {
				t.Errorf("%d signatures made, %d responses", n, len(out))
			}
		})
	}
}

func TestSignerFails(t *testing.T) {
	t.Parallel()
	for _, kind := range testca.Kinds {
		r := delegated(t, kind)
		broken := errors.New("CKR_DEVICE_ERROR")
		signer := &testca.Counter{Signer: r.key, Fault: func(call int64, signature []byte) ([]byte, error) {
			if call == 1 {
				return nil, broken
			}
			signature[len(signature)-1] ^= 1
			return signature, nil
		}}
		e, err := ocsp.NewEncoder(r.ca, r.delegate, signer, ocsp.Policy{SelfCheck: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Sign(t.Context(), ocsp.Status{Serial: serial}, thisUpdate, nextUpdate); !errors.Is(err, broken) {
			t.Errorf("%s: error %v, want %v", kind, err, broken)
		}
		_, err = e.Sign(t.Context(), ocsp.Status{Serial: serial}, thisUpdate, nextUpdate)
		if err == nil || !strings.Contains(err.Error(), "checking the signature that the signer made") {
			t.Errorf("%s: error %v of a wrong signature", kind, err)
		}
	}
}
