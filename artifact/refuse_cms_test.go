package artifact

import (
	"bytes"
	"testing"

	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// TestSignedDataRules: each object here breaks one rule; a signature in it is good.
func TestSignedDataRules(t *testing.T) {
	t.Parallel()
	content := []byte("the CPS")
	good := cmsForm{signer: sharedPKI().leaf}.make(content)
	oid := func(of []byte) []byte { return element(cbasn1.OBJECT_IDENTIFIER, of) }
	body := members(members(good)[1])[0]
	nobody := replaced(body, len(members(body))-1, element(cbasn1.SET))
	wrap := func(body []byte) []byte {
		return sequence(oid(oidSignedData), element(explicit(0), body))
	}
	under := func(last byte) []byte {
		return replaced(good, 0, oid(append(unhex("2a864886f70d0107"), last)))
	}
	for name, c := range map[string]struct {
		der  []byte
		want string
	}{
		"as it was":                     {wrap(body), ""},
		"a byte behind it":              {append(bytes.Clone(good), 0), "1 bytes follow the object"},
		"an object behind it":           {append(bytes.Clone(good), 5, 0), "2 bytes follow the object"},
		"under the type id-data":        {under(1), "is not SignedData"},
		"under the type enveloped data": {under(3), "is not SignedData"},
		"certificates and no signer":    {wrap(nobody), "nobody signed it"},
	} {
		s, err := ParseSignedData(c.der)
		if err == nil {
			_, err = s.Verify(content)
		}
		expect(t, name, err, c.want)
	}
}
