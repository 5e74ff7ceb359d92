package artifact

import (
	"bytes"
	"crypto"
	"math/big"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// TestParseResponseAgainstOracle compares with golang.org/x/crypto/ocsp.
func TestParseResponseAgainstOracle(t *testing.T) {
	t.Parallel()
	p := sharedPKI()
	sha256 := makeResponse(p.sub, p.sub,
		ocsp.Response{Status: ocsp.Unknown, SerialNumber: big.NewInt(9), IssuerHash: crypto.SHA256}, false)
	for name, der := range map[string][]byte{"good": p.good, "revoked": p.revoke, "sha256": sha256} {
		got, err := ParseResponse(der)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := must(ocsp.ParseResponse(der, p.sub.cert))
		s := got.Singles[0]
		if len(got.Singles) != 1 || s.Status != want.Status || !s.ThisUpdate.Equal(want.ThisUpdate) ||
			!s.NextUpdate.Equal(want.NextUpdate) ||
			!got.ProducedAt.Equal(want.ProducedAt) ||
			new(big.Int).SetBytes(s.CertID.Serial).Cmp(want.SerialNumber) != 0 ||
			s.CertID.Hash != want.IssuerHash || !bytes.Equal(got.ResponderName, want.RawResponderName) ||
			!bytes.Equal(got.ResponderKeyHash, want.ResponderKeyHash) || !bytes.Equal(got.Signature, want.Signature) ||
			!bytes.Equal(got.RawTBS, want.TBSResponseData) {
			t.Errorf("%s: parsed %+v, the oracle %+v", name, got, want)
		}
		if s.Status == StatusRevoked && (!s.RevokedAt.Equal(want.RevokedAt) || s.Reason != want.RevocationReason) {
			t.Errorf("%s: revoked at %v for %d", name, s.RevokedAt, s.Reason)
		}
		if err := got.CheckSignatureFrom(p.sub.cert); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if issuer, _, err := p.trust(t).CheckResponse(got); err != nil || issuer != p.sub.cert {
			t.Errorf("%s: Trust.CheckResponse: %v", name, err)
		}
	}
}

func TestResponseSigner(t *testing.T) {
	t.Parallel()
	p := sharedPKI()
	serial := p.leaf.cert.SerialNumber
	make1 := func(ca, signer authority, embed bool) *Response {
		return must(ParseResponse(makeResponse(ca, signer, ocsp.Response{SerialNumber: serial}, embed)))
	}
	cases := map[string]struct {
		r    *Response
		want string
	}{
		"delegate":               {make1(p.sub, p.delegate, true), ""},
		"issuer":                 {make1(p.sub, p.sub, false), ""},
		"delegate of a namesake": {make1(p.sub, p.stray, true), "does not verify"},
		"no delegate":            {make1(p.sub, p.leaf, true), "extended key usage"},
		"not embedded":           {make1(p.sub, p.delegate, false), "responder ID"},
		"other issuer":           {make1(p.root, p.root, false), "does not name"},
	}
	for name, c := range cases {
		err := c.r.CheckSignatureFrom(p.sub.cert)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, _, err := p.trust(t).CheckResponse(make1(p.foreign, p.foreign, false)); err == nil {
		t.Error("a response for an untrusted CA passes")
	}
}

func TestParseResponseRefuses(t *testing.T) {
	t.Parallel()
	p := sharedPKI()
	for name, c := range map[string]struct {
		der  []byte
		want string
	}{
		"trailing":     {append(bytes.Clone(p.good), 0), "follow"},
		"unauthorized": {[]byte{0x30, 3, 0x0a, 1, 6}, "status is 6"},
		"empty":        {nil, "DER"},
	} {
		if _, err := ParseResponse(c.der); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNonceIsSeen(t *testing.T) {
	t.Parallel()
	p := sharedPKI()
	// x/crypto cannot write responseExtensions, so the nonce is spliced in behind the single responses.
	r := must(ParseResponse(p.revoke))
	nonce := []byte{0xa1, 0x17, 0x30, 0x15, 0x30, 0x13, 0x06, 0x09, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 2, 4, 6, 4, 4, 1, 2,
		3, 4}
	der := respond(append(bytes.Clone(r.RawTBS[headerLen(r.RawTBS):]), nonce...), p.sub)
	got, err := ParseResponse(der)
	if err != nil {
		t.Fatal(err)
	}
	if got.Nonce == nil {
		t.Error("the nonce is not seen")
	}
	if err := got.CheckSignatureFrom(p.sub.cert); err != nil {
		t.Error(err)
	}
}

func TestExtendedRevoke(t *testing.T) {
	t.Parallel()
	p := sharedPKI()
	hold := ocsp.Response{Status: ocsp.Revoked, SerialNumber: big.NewInt(9), IssuerHash: crypto.SHA256,
		RevokedAt: time.Unix(0, 0), RevocationReason: 6}
	date, reason := hold, hold
	date.RevokedAt, reason.RevocationReason = time.Unix(1, 0), 1
	extended := func(of ocsp.Response, value ...byte) []byte {
		tbs := must(ParseResponse(makeResponse(p.sub, p.sub, of, false))).RawTBS
		ext := append([]byte{0x30, byte(15 + len(value) - 2), 0x06, 9, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 9, 4,
			byte(len(value))}, value...)
		ext = append([]byte{0xa1, byte(len(ext) + 2), 0x30, byte(len(ext))}, ext...)
		return respond(append(bytes.Clone(tbs[headerLen(tbs):]), ext...), p.sub)
	}
	for name, c := range map[string]struct {
		der  []byte
		want bool
	}{
		"never issued":          {extended(hold, 5, 0), true},
		"without the extension": {makeResponse(p.sub, p.sub, hold, false), false},
		"another date":          {extended(date, 5, 0), false},
		"another reason":        {extended(reason, 5, 0), false},
		"good":                  {extended(ocsp.Response{SerialNumber: big.NewInt(9)}, 5, 0), false},
	} {
		r := must(ParseResponse(c.der))
		if got := r.NeverIssued(&r.Singles[0]); got != c.want {
			t.Errorf("%s: never issued is %v", name, got)
		}
	}
	if _, err := ParseResponse(extended(hold, 4, 0)); err == nil || !strings.Contains(err.Error(), "extended-revoke") {
		t.Errorf("a value that is not NULL: %v", err)
	}
}

func TestCertificateCache(t *testing.T) {
	t.Parallel()
	p := sharedPKI()
	var c CertificateCache
	a, b := must(c.ParseResponse(p.good)), must(c.ParseResponse(p.good))
	if a.Certificates[0] != b.Certificates[0] {
		t.Error("the embedded certificate was parsed twice")
	}
}

func TestPublicKeyHash(t *testing.T) {
	t.Parallel()
	p := sharedPKI()
	req := must(ocsp.ParseRequest(must(ocsp.CreateRequest(p.leaf.cert, p.sub.cert,
		&ocsp.RequestOptions{Hash: crypto.SHA256}))))
	if !bytes.Equal(req.IssuerKeyHash, PublicKeyHash(p.sub.cert, crypto.SHA256)) ||
		!bytes.Equal(req.IssuerNameHash, NameHash(p.sub.cert, crypto.SHA256)) {
		t.Error("the issuer hashes are not those of the oracle")
	}
	if !bytes.Equal(SerialBytes(p.leaf.cert), must(ParseResponse(p.good)).Singles[0].CertID.Serial) {
		t.Error("serials differ")
	}
}
