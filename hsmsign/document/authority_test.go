package document_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"seihon/hsmsign/document"
)

func cryptoUsage() ([]pkix.Extension, error) {
	value, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	return []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: value}}, err
}

var (
	oidSHA256 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidTST    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
)

type algorithmID struct {
	OID asn1.ObjectIdentifier
	P   asn1.RawValue `asn1:"optional"`
}
type imprint struct {
	Algorithm algorithmID
	Hash      []byte
}
type tsRequest struct {
	Version int
	Imprint imprint
	Nonce   int64Big
	Cert    bool
}
type int64Big = asn1.RawValue
type tstInfo struct {
	Version int
	Policy  asn1.ObjectIdentifier
	Imprint imprint
	Serial  int
	Time    time.Time `asn1:"generalized"`
	Nonce   asn1.RawValue
}

// authority is a TSA of the standard library's encoding/asn1, so that encoder and decoder share nothing with ours.
// tamper changes the TSTInfo before it is signed.
func (o *operator) authority(t testing.TB, tamper func(*tstInfo)) document.Timestamper {
	return func(_ context.Context, request []byte) ([]byte, error) {
		var r tsRequest
		if rest, err := asn1.Unmarshal(request, &r); err != nil || len(rest) > 0 || !r.Cert {
			return nil, errors.New("malformed request")
		}
		info := tstInfo{1, asn1.ObjectIdentifier{1, 2, 3}, r.Imprint, 7, noon, r.Nonce}
		if tamper != nil {
			tamper(&info)
		}
		content := marshal(t, info)
		token := o.token(t, content)
		return marshal(t, struct {
			Status struct{ Code int }
			Token  asn1.RawValue
		}{Token: asn1.RawValue{FullBytes: token}}), nil
	}
}

func marshal(t testing.TB, v any, params ...string) []byte {
	t.Helper()
	der, err := asn1.MarshalWithParams(v, strings.Join(params, ","))
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// token signs TSTInfo as CMS with signing-certificate-v2.
func (o *operator) token(t testing.TB, content []byte) []byte {
	t.Helper()
	type attribute struct {
		OID    asn1.ObjectIdentifier
		Values []any `asn1:"set"`
	}
	digest, certificate := sha256.Sum256(content), sha256.Sum256(o.tsa.Raw)
	attributes := marshal(t, []attribute{
		{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}, []any{oidTST}},
		{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}, []any{digest[:]}},
		{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}, []any{[]any{[]any{[]any{certificate[:]}}}}},
	}, "set")
	sum := sha256.Sum256(attributes)
	signature, err := o.tsaKey.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	attributes[0] = 0xa0
	sha, ecdsa := []any{oidSHA256}, []any{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}}
	signer := []any{1, []any{asn1.RawValue{FullBytes: o.tsa.RawIssuer}, o.tsa.SerialNumber}, sha,
		asn1.RawValue{FullBytes: attributes}, ecdsa, signature}
	tagged := func(tag int, inner []byte) asn1.RawValue {
		return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: true, Bytes: inner}
	}
	set := func(v any) asn1.RawValue {
		return asn1.RawValue{Tag: asn1.TagSet, IsCompound: true, Bytes: marshal(t, v)}
	}
	body := marshal(t,
		[]any{3, set(sha), []any{oidTST, tagged(0, marshal(t, content))}, tagged(0, o.tsa.Raw), set(signer)})
	return marshal(t, []any{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}, tagged(0, body)})
}

func TestTimestampRefuses(t *testing.T) {
	o := newOperator(t, "p256")
	good := o.authority(t, nil)
	elsewhere := httptest.NewServer(http.RedirectHandler("http://other.invalid/tsa", http.StatusTemporaryRedirect))
	t.Cleanup(elsewhere.Close)
	for _, c := range []struct {
		name string
		ask  document.Timestamper
		want string
	}{
		{"unreachable", func(context.Context, []byte) ([]byte, error) { return nil, errors.New("no route to host") },
			"no route"},
		{"garbage", func(context.Context, []byte) ([]byte, error) { return []byte("garbage"), nil },
			"not a TimeStampResp"},
		{"refusal", func(context.Context, []byte) ([]byte, error) {
			return marshal(t, []any{[]any{2, []string{"out of office"}}}), nil
		}, "refused with status 2"},
		{"no token", func(context.Context, []byte) ([]byte, error) { return marshal(t, []any{[]any{0}}), nil },
			"token is missing"},
		{"other data", o.authority(t, func(i *tstInfo) { i.Imprint.Hash[0] ^= 1 }), "other data"},
		{"replay", o.authority(t, func(i *tstInfo) { i.Nonce = asn1.RawValue{Tag: asn1.TagInteger, Bytes: []byte{5}} }),
			"replayed"},
		{"broken signature", func(ctx context.Context, request []byte) ([]byte, error) {
			der, err := good(ctx, request)
			if err == nil {
				der[len(der)-1] ^= 1
			}
			return der, err
		}, "does not verify"},
		{"sent elsewhere", document.HTTPTimestamper(nil, elsewhere.URL),
			"it is redirected, http://other.invalid/tsa: nothing was asked there"},
	} {
		r := o.request([]byte("text"))
		r.Timestamp = c.ask
		if _, err := document.SignDetached(t.Context(), r); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", c.name, err, c.want)
		}
	}
}
