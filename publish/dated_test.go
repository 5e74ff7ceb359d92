package publish_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"

	"golang.org/x/crypto/ocsp"
)

// dated gives a response of x/crypto/ocsp, which is produced at the machine's time,
// the time of the world. Both have the same length, and so has the signature that is
// taken, so that nothing else of the encoding changes.
func (w *world) dated(der []byte) []byte {
	w.t.Helper()
	r := must(ocsp.ParseResponse(der, w.ca))(w.t)
	const form = "20060102150405Z"
	tbs := bytes.Replace(r.TBSResponseData, []byte(r.ProducedAt.Format(form)), []byte(w.now.UTC().Format(form)), 1)
	sum := sha256.Sum256(tbs)
	for {
		sig := must(w.key.Sign(rand.Reader, sum[:], crypto.SHA256))(w.t)
		if len(sig) == len(r.Signature) {
			der = bytes.Replace(der, r.TBSResponseData, tbs, 1)
			return bytes.Replace(der, r.Signature, sig, 1)
		}
	}
}
