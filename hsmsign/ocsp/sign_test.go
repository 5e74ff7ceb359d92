package ocsp_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"seihon/hsmsign/internal/testca"
	"seihon/hsmsign/ocsp"

	xocsp "golang.org/x/crypto/ocsp"
)

var (
	thisUpdate = time.Date(2026, 11, 24, 6, 0, 59, 0, time.UTC)
	nextUpdate = thisUpdate.Add(72 * time.Hour)
	serial     = unhex("00f1020304050607")
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// responder is a CA, who answers for it, and with which key.
type responder struct {
	ca, delegate *x509.Certificate
	key          crypto.Signer
}

func (r *responder) certificate() *x509.Certificate {
	if r.delegate != nil {
		return r.delegate
	}
	return r.ca
}

func direct(t testing.TB, kind string) *responder {
	key := testca.Key(kind, "ca")
	return &responder{ca: testca.CA(t, key, nil), key: key}
}

func delegated(t testing.TB, kind string) *responder {
	r := direct(t, "p256")
	key := testca.Key(kind, "responder")
	r.delegate = testca.Issue(t, r.ca, r.key, key.Public(), nil)
	r.key = key
	return r
}

func (r *responder) encoder(t testing.TB, policy ocsp.Policy) *ocsp.Encoder {
	t.Helper()
	e, err := ocsp.NewEncoder(r.ca, r.delegate, r.key, policy)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func sign(t testing.TB, e *ocsp.Encoder, s ocsp.Status) []ocsp.Encoded {
	t.Helper()
	out, err := e.Sign(t.Context(), s, thisUpdate, nextUpdate)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The structures of RFC 6960 section 4.2.1, from its ASN.1 module rather than from the encoder.
type (
	responseASN1 struct {
		Status asn1.Enumerated
		Bytes  struct {
			Type     asn1.ObjectIdentifier
			Response []byte
		} `asn1:"explicit,tag:0"`
	}
	basicASN1 struct {
		TBS       tbsASN1
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
		Certs     []asn1.RawValue `asn1:"explicit,tag:0,optional"`
	}
	tbsASN1 struct {
		Raw         asn1.RawContent
		ResponderID []byte    `asn1:"explicit,tag:2"`
		ProducedAt  time.Time `asn1:"generalized"`
		Responses   []singleASN1
		Extensions  []pkix.Extension `asn1:"explicit,tag:1,optional"`
	}
	singleASN1 struct {
		CertID struct {
			Hash              pkix.AlgorithmIdentifier
			NameHash, KeyHash []byte
			Serial            *big.Int
		}
		Good       asn1.Flag        `asn1:"tag:0,optional"`
		Revoked    revokedASN1      `asn1:"tag:1,optional"`
		Unknown    asn1.Flag        `asn1:"tag:2,optional"`
		ThisUpdate time.Time        `asn1:"generalized"`
		NextUpdate time.Time        `asn1:"generalized,explicit,tag:0"`
		Extensions []pkix.Extension `asn1:"explicit,tag:1,optional"`
	}
	revokedASN1 struct {
		At     time.Time       `asn1:"generalized"`
		Reason asn1.Enumerated `asn1:"explicit,tag:0,optional"`
	}
)

// decode parses der by the module and checks that it is DER: encoded again, it is the same.
func decode(t testing.TB, der []byte) basicASN1 {
	t.Helper()
	var (
		response responseASN1
		basic    basicASN1
	)
	for _, step := range []struct {
		der []byte
		to  any
	}{{der, &response}, {nil, &basic}} {
		if step.der == nil {
			step.der = response.Bytes.Response
		}
		rest, err := asn1.Unmarshal(step.der, step.to)
		if err != nil || len(rest) > 0 {
			t.Fatalf("%v, %d octets left of %x", err, len(rest), step.der)
		}
	}
	if response.Status != 0 || response.Bytes.Type.String() != "1.3.6.1.5.5.7.48.1.1" {
		t.Fatalf("status %d, type %v", response.Status, response.Bytes.Type)
	}
	tbs := basic.TBS
	tbs.Raw = nil
	again, err := asn1.Marshal(tbs)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again, basic.TBS.Raw) {
		t.Fatalf("not DER:\n    %x\nis %x", basic.TBS.Raw, again)
	}
	if again, err = asn1.Marshal(response); err != nil || !bytes.Equal(again, der) {
		t.Fatalf("not DER (%v):\n    %x\nis %x", err, der, again)
	}
	return basic
}

// verify checks the signature of a response with what stands in it and the responder's certificate.
func verify(t testing.TB, b basicASN1, cert *x509.Certificate, want x509.SignatureAlgorithm) {
	t.Helper()
	// crypto/x509 knows more algorithms than x/crypto/ocsp; a CRL leads to its table.
	if err := cert.CheckSignature(want, b.TBS.Raw, b.Signature.RightAlign()); err != nil {
		t.Error(err)
	}
}

func TestAlgorithms(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kind string
		opts crypto.SignerOpts
		want x509.SignatureAlgorithm
		der  string
	}{
		{"rsa2048", nil, x509.SHA256WithRSA, "300d06092a864886f70d01010b0500"},
		{"rsa2048", crypto.SHA384, x509.SHA384WithRSA, "300d06092a864886f70d01010c0500"},
		{"rsa2048", crypto.SHA512, x509.SHA512WithRSA, "300d06092a864886f70d01010d0500"},
		{"rsa2048", &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: rsa.PSSSaltLengthEqualsHash},
			x509.SHA256WithRSAPSS,
			"304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120"},
		{"rsa2048", &rsa.PSSOptions{Hash: crypto.SHA384}, x509.SHA384WithRSAPSS,
			"304106092a864886f70d01010a3034a00f300d06096086480165030402020500a11c301a06092a864886f70d010108300d06096086480165030402020500a203020130"},
		{"p256", nil, x509.ECDSAWithSHA256, "300a06082a8648ce3d040302"},
		{"p384", nil, x509.ECDSAWithSHA384, "300a06082a8648ce3d040303"},
		{"p521", nil, x509.ECDSAWithSHA512, "300a06082a8648ce3d040304"},
		{"ed25519", nil, x509.PureEd25519, "300506032b6570"},
	}
	for _, test := range tests {
		for name, make := range map[string]func(testing.TB, string) *responder{"direct": direct,
			"delegated": delegated} {
			t.Run(test.want.String()+" "+name, func(t *testing.T) {
				t.Parallel()
				r := make(t, test.kind)
				for _, out := range sign(t, r.encoder(t, ocsp.Policy{Signature: test.opts, SelfCheck: true}),
					ocsp.Status{Serial: serial}) {
					b := decode(t, out.DER)
					verify(t, b, r.certificate(), test.want)
					got, err := asn1.Marshal(b.Algorithm)
					if err != nil || hex.EncodeToString(got) != test.der {
						t.Errorf("algorithm %x, want %s", got, test.der)
					}
					switch {
					case r.delegate == nil && len(b.Certs) > 0:
						t.Error("the issuer's certificate is embedded")
					case r.delegate != nil && (len(b.Certs) != 1 || !bytes.Equal(b.Certs[0].FullBytes, r.delegate.Raw)):
						t.Error("the delegate's certificate is not embedded")
					}
				}
			})
		}
	}
}

// TestStates compares what x/crypto reads with what was to be said.
func TestStates(t *testing.T) {
	t.Parallel()
	revoked := time.Date(2026, 11, 1, 2, 3, 4, 0, time.UTC)
	tests := []struct {
		name   string
		status ocsp.Status
		want   int
		reason int
		at     time.Time
		der    string
	}{
		{"good", ocsp.Status{State: ocsp.Good}, xocsp.Good, 0, time.Time{}, "8000"},
		{"unknown", ocsp.Status{State: ocsp.Unknown}, xocsp.Unknown, 0, time.Time{}, "8200"},
		{"revoked", ocsp.Status{State: ocsp.Revoked, RevokedAt: revoked, Reason: 1}, xocsp.Revoked, 1, revoked,
			"a116" + "180f32303236313130313032303330345a" + "a0030a0101"},
		{"revoked without reason", ocsp.Status{State: ocsp.Revoked, RevokedAt: revoked, Reason: ocsp.Absent},
			xocsp.Revoked, 0, revoked,
			"a111" + "180f32303236313130313032303330345a"},
		{"revoked, unspecified", ocsp.Status{State: ocsp.Revoked, RevokedAt: revoked.Add(999 * time.Millisecond)},
			xocsp.Revoked, 0, revoked,
			"a111" + "180f32303236313130313032303330345a"},
		{"never issued", ocsp.Status{State: ocsp.NeverIssued}, xocsp.Revoked, 6, time.Unix(0, 0).UTC(),
			"a116" + "180f31393730303130313030303030305a" + "a0030a0106"},
	}
	for _, test := range tests {
		for name, r := range map[string]*responder{"direct": direct(t, "p256"), "delegated": delegated(t, "rsa2048")} {
			t.Run(test.name+" "+name, func(t *testing.T) {
				t.Parallel()
				test.status.Serial = serial
				for _, out := range sign(t, r.encoder(t, ocsp.Policy{}), test.status) {
					if !bytes.Contains(out.DER, unhex(test.der)) {
						t.Errorf("no status %s in %x", test.der, out.DER)
					}
					got, err := xocsp.ParseResponse(out.DER, r.ca)
					if err != nil {
						t.Fatal(err)
					}
					if got.Status != test.want || got.RevocationReason != test.reason || !got.RevokedAt.Equal(test.at) {
						t.Errorf("status %d, reason %d, at %v", got.Status, got.RevocationReason, got.RevokedAt)
					}
					if !got.ProducedAt.Equal(thisUpdate) || !got.ThisUpdate.Equal(thisUpdate) ||
						!got.NextUpdate.Equal(nextUpdate) {
						t.Errorf("produced %v, valid from %v to %v", got.ProducedAt, got.ThisUpdate, got.NextUpdate)
					}
					if got.SerialNumber.Cmp(new(big.Int).SetBytes(serial)) != 0 || got.IssuerHash != out.Hash {
						t.Errorf("serial number %x under %v", got.SerialNumber, got.IssuerHash)
					}
					checkExtensions(t, decode(t, out.DER), test.status.State)
				}
			})
		}
	}
}

func checkExtensions(t *testing.T, b basicASN1, state ocsp.State) {
	t.Helper()
	switch {
	case state != ocsp.NeverIssued && len(b.TBS.Extensions) > 0:
		t.Errorf("there are response extensions: %v", b.TBS.Extensions)
	case state == ocsp.NeverIssued && (len(b.TBS.Extensions) != 1 ||
		b.TBS.Extensions[0].Id.String() != "1.3.6.1.5.5.7.48.1.9" ||
		!bytes.Equal(b.TBS.Extensions[0].Value, []byte{5, 0})):
		t.Errorf("response extensions %v, want extended-revoke", b.TBS.Extensions)
	}
	for _, s := range b.TBS.Responses {
		if len(s.Extensions) > 0 {
			t.Errorf("there are single extensions: %v", s.Extensions)
		}
	}
}

func TestCertIDPolicies(t *testing.T) {
	t.Parallel()
	r := delegated(t, "p256")
	hashes := map[ocsp.CertID][][]crypto.Hash{
		"":            {{crypto.SHA1}, {crypto.SHA256}},
		ocsp.Separate: {{crypto.SHA1}, {crypto.SHA256}},
		ocsp.Dual:     {{crypto.SHA1, crypto.SHA256}},
		ocsp.SHA1:     {{crypto.SHA1}},
		ocsp.SHA256:   {{crypto.SHA256}},
	}
	for policy, responses := range hashes {
		out := sign(t, r.encoder(t, ocsp.Policy{CertID: policy}), ocsp.Status{Serial: serial})
		var want []crypto.Hash
		for _, group := range responses {
			want = append(want, group...)
		}
		var got []crypto.Hash
		for _, o := range out {
			got = append(got, o.Hash)
			request, err := xocsp.CreateRequest(&x509.Certificate{SerialNumber: new(big.Int).SetBytes(serial),
				RawIssuer: r.ca.RawSubject}, r.ca, &xocsp.RequestOptions{Hash: o.Hash})
			if err != nil {
				t.Fatal(err)
			}
			asked, err := xocsp.ParseRequest(request)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(o.IssuerKeyHash, asked.IssuerKeyHash) || !bytes.Equal(o.Serial, serial) {
				t.Errorf("%s: key %x %x", policy, o.IssuerKeyHash, o.Serial)
			}
			if !answers(decode(t, o.DER), asked) {
				t.Errorf("%s: no answer to a question with %v", policy, o.Hash)
			}
			if n := len(decode(t, o.DER).TBS.Responses); n != len(responses[0]) {
				t.Errorf("%s: %d single responses, want %d", policy, n, len(responses[0]))
			}
			if _, err := xocsp.ParseResponseForCert(o.DER, &x509.Certificate{SerialNumber: asked.SerialNumber},
				r.ca); err != nil {
				t.Errorf("%s: %v", policy, err)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: hashes %v, want %v", policy, got, want)
		}
	}
}

// answers reports whether b holds a SingleResponse with the CertID asked for, bytes compared.
func answers(b basicASN1, asked *xocsp.Request) bool {
	return slices.ContainsFunc(b.TBS.Responses, func(s singleASN1) bool {
		return bytes.Equal(s.CertID.NameHash, asked.IssuerNameHash) &&
			bytes.Equal(s.CertID.KeyHash, asked.IssuerKeyHash) &&
			s.CertID.Serial.Cmp(asked.SerialNumber) == 0 &&
			bytes.Equal(s.CertID.Hash.Parameters.FullBytes, asn1.NullBytes)
	})
}

func TestArchiveCutoff(t *testing.T) {
	t.Parallel()
	r := direct(t, "p256")
	for want, policy := range map[string]ocsp.Policy{
		"20260101000000Z": {ArchiveCutoff: testca.NotBefore, CertID: ocsp.Dual},
		"20161126060059Z": {Retention: 3650 * 24 * time.Hour},
	} {
		for _, out := range sign(t, r.encoder(t, policy), ocsp.Status{Serial: serial}) {
			for _, s := range decode(t, out.DER).TBS.Responses {
				if len(s.Extensions) != 1 || s.Extensions[0].Id.String() != "1.3.6.1.5.5.7.48.1.6" ||
					s.Extensions[0].Critical ||
					string(s.Extensions[0].Value) != "\x18\x0f"+want {
					t.Errorf("extensions %v, want the cutoff %s", s.Extensions, want)
				}
			}
			if _, err := xocsp.ParseResponseForCert(out.DER,
				&x509.Certificate{SerialNumber: new(big.Int).SetBytes(serial)}, r.ca); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestResponderID checks the key hash against x/crypto's reading and the issuer's against the certificate given twice.
func TestResponderID(t *testing.T) {
	t.Parallel()
	r := delegated(t, "p256")
	out := sign(t, r.encoder(t, ocsp.Policy{}), ocsp.Status{Serial: serial})
	got, err := xocsp.ParseResponse(out[0].DER, r.ca)
	if err != nil {
		t.Fatal(err)
	}
	var spki struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(r.delegate.RawSubjectPublicKeyInfo, &spki); err != nil {
		t.Fatal(err)
	}
	h := crypto.SHA1.New()
	h.Write(spki.Key.RightAlign())
	if !bytes.Equal(got.ResponderKeyHash, h.Sum(nil)) || len(got.RawResponderName) > 0 {
		t.Errorf("responder %x, %x", got.ResponderKeyHash, got.RawResponderName)
	}

	self := direct(t, "p256")
	self.delegate = self.ca // configured as its own responder
	if b := decode(t, sign(t, self.encoder(t, ocsp.Policy{}), ocsp.Status{Serial: serial})[0].DER); len(b.Certs) > 0 {
		t.Error("the issuer's certificate is embedded")
	}
}

func TestTimesAreWholeSeconds(t *testing.T) {
	t.Parallel()
	r := direct(t, "p256")
	jst := time.FixedZone("JST", 9*3600)
	out, err := r.encoder(t, ocsp.Policy{CertID: ocsp.SHA1}).Sign(t.Context(), ocsp.Status{Serial: serial},
		thisUpdate.Add(999*time.Millisecond).In(jst), nextUpdate.Add(time.Nanosecond).In(jst))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\x18\x0f20261124060059Z", "\x18\x0f20261127060059Z"} {
		if !strings.Contains(string(out[0].DER), want) {
			t.Errorf("no %q in %q", want, out[0].DER)
		}
	}
	decode(t, out[0].DER)
}
