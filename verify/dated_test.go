package verify_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"time"

	"golang.org/x/crypto/ocsp"
)

// produced makes a response with x/crypto/ocsp, which dates it by the machine's clock, and gives it the time of the
// test. Both have the same length, and so has the signature that is taken, so that nothing else of the encoding
// changes.
func produced(at time.Time, issuer, signer *ca, template ocsp.Response) []byte {
	der := must(ocsp.CreateResponse(issuer.cert, signer.cert, template, signer.key))
	r := must(ocsp.ParseResponse(der, nil))
	const form = "20060102150405Z"
	tbs := bytes.Replace(r.TBSResponseData, []byte(r.ProducedAt.Format(form)), []byte(at.UTC().Format(form)), 1)
	sum := sha256.Sum256(tbs)
	for {
		sig := must(signer.key.Sign(rand.Reader, sum[:], crypto.SHA256))
		if len(sig) == len(r.Signature) {
			der = bytes.Replace(der, r.TBSResponseData, tbs, 1)
			return bytes.Replace(der, r.Signature, sig, 1)
		}
	}
}

// joined is one response with the single responses of two, signed anew.
func joined(signer *ca, first, second []byte) []byte {
	type data struct {
		Responder asn1.RawValue
		Produced  time.Time `asn1:"generalized"`
		Singles   []asn1.RawValue
	}
	type basic struct {
		Data         asn1.RawValue
		Algorithm    pkix.AlgorithmIdentifier
		Signature    asn1.BitString
		Certificates []asn1.RawValue `asn1:"explicit,tag:0,optional"`
	}
	type response struct {
		Status asn1.Enumerated
		Bytes  struct {
			Type  asn1.ObjectIdentifier
			Basic []byte
		} `asn1:"explicit,tag:0"`
	}
	read := func(der []byte) (out response, b basic, d data) {
		must(asn1.Unmarshal(der, &out))
		must(asn1.Unmarshal(out.Bytes.Basic, &b))
		must(asn1.Unmarshal(b.Data.FullBytes, &d))
		return out, b, d
	}
	out, b, d := read(first)
	_, _, more := read(second)
	d.Singles = append(d.Singles, more.Singles...)
	tbs := must(asn1.Marshal(d))
	sum := sha256.Sum256(tbs)
	sig := must(signer.key.Sign(rand.Reader, sum[:], crypto.SHA256))
	b.Data, b.Signature = asn1.RawValue{FullBytes: tbs}, asn1.BitString{Bytes: sig, BitLength: 8 * len(sig)}
	out.Bytes.Basic = must(asn1.Marshal(b))
	return must(asn1.Marshal(out))
}
