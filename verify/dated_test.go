package verify_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"time"

	"golang.org/x/crypto/ocsp"
)

// produced makes a response with x/crypto/ocsp, which dates it by the machine's clock, and gives it the time of the test. Both
// have the same length, and so has the signature that is taken, so that nothing else of the encoding changes.
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
