package verify_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"math/big"
	"slices"
	"testing"
	"time"

	xocsp "golang.org/x/crypto/ocsp"

	"seihon/artifact"
	"seihon/hsmsign/ocsp"
	"seihon/verify"
)

// never is a serial that nothing was issued under.
const never = 112

// neverIssued makes the response of RFC 6960 section 2.2 with the signing room's encoder.
func (r *repo) neverIssued(serial int64, h crypto.Hash) []byte {
	policy := map[crypto.Hash]ocsp.CertID{crypto.SHA1: "sha1", crypto.SHA256: "sha256"}[h]
	e := must(ocsp.NewEncoder(r.sub.cert, r.delegate.cert, r.delegate.key, ocsp.Policy{CertID: policy}))
	out := must(e.Sign(context.Background(), ocsp.Status{Serial: serialOctets(serial), State: ocsp.NeverIssued}, r.now,
		r.now.Add(72*time.Hour)))
	return out[0].DER
}

// resigned makes the same with another date of revocation, which no encoder would.
func (r *repo) resigned(serial int64, h crypto.Hash, date string) []byte {
	der := r.neverIssued(serial, h)
	good := must(artifact.ParseResponse(der))
	tbs := bytes.Replace(good.RawTBS, []byte("19700101000000Z"), []byte(date), 1)
	digest := sha256.Sum256(tbs)
	for {
		signature := must(r.delegate.key.Sign(rand.Reader, digest[:], crypto.SHA256))
		if len(signature) == len(good.Signature) { // no length around it changes
			return bytes.Replace(bytes.Replace(der, good.RawTBS, tbs, 1), good.Signature, signature, 1)
		}
	}
}

// answering lets the next run answer for one serial with what der makes.
func (r *repo) answering(serial int64, der func(h crypto.Hash) []byte) {
	if !slices.Contains(r.serials, serial) {
		r.serials = append(slices.Clone(r.serials), serial)
	}
	r.respond = func(s int64, h crypto.Hash, def []byte) []byte {
		if s != serial {
			return def
		}
		return der(h)
	}
}

// claiming lets the next run say of a serial that it was never issued.
func (r *repo) claiming(serial int64) {
	r.answering(serial, func(h crypto.Hash) []byte { return r.neverIssued(serial, h) })
}

// neverIssuedTampers show that an answer "never issued" is on no list and in no inventory, and that nothing else is
// excused by it.
func neverIssuedTampers() []tamper {
	hold := func(at time.Time, reason int) func(r *repo) {
		return func(r *repo) {
			r.answering(never, func(h crypto.Hash) []byte {
				return respondWith(r, h,
					xocsp.Response{Status: xocsp.Revoked, SerialNumber: big.NewInt(never), RevokedAt: at,
						RevocationReason: reason})
			})
			r.run()
		}
	}
	with := func(name string, want []string, do func(r *repo), change func(book) book) tamper {
		return tamper{name: "never issued: inventory " + name, want: want, only: true, passes: len(want) == 0,
			do: func(_ *testing.T, r *repo, c *verify.Config) {
				b := r.inventory()
				do(r)
				r.run()
				r.publish(r.public())
				c.Inventory = change(b)
			}}
	}
	claim := func(serial int64) func(*repo) { return func(r *repo) { r.claiming(serial) } }
	same := func(b book) book { return b }
	return []tamper{
		room("never issued", nil, func(r *repo) {
			r.claiming(never)
			r.run()
		}).passing(),
		room("on hold since 1970 without saying that it was never issued",
			[]string{"coherence-revoked-not-listed@serial 70"}, hold(time.Unix(0, 0), 6)),
		room("on hold since another day", []string{"coherence-revoked-not-listed@serial 70"}, hold(start, 6)),
		room("never issued since another day", []string{"coherence-revoked-not-listed@serial 70"}, func(r *repo) {
			r.answering(never, func(h crypto.Hash) []byte { return r.resigned(never, h, "20261101000000Z") })
			r.run()
		}),
		room("never issued, but on the list",
			[]string{"never-issued-refuted@serial 69#a list says", "memory-changed@ocsp/sub.generation#serial 69"},
			func(r *repo) {
				r.claiming(105)
				r.run()
			}),
		room("never issued, but in the repository", []string{"never-issued-refuted@serial 1e#cert/new.cer"},
			func(r *repo) {
				r.put("cert/new.cer", artifact.OCSPSignerCertificate,
					newCert("Test OCSP 2", 30, r.sub, asDelegate).cert.Raw)
				r.claiming(30)
				r.run()
			}),
		with("does not have it", nil, claim(never), same),
		with("has it", []string{"never-issued-refuted@sub serial 68#the inventory has it"}, claim(104), same),
		with("has it and lacks another answer",
			[]string{"never-issued-refuted@sub serial 68#the inventory has it", "inventory-unknown@sub#2 responses"},
			claim(104),
			func(b book) book { return b[:len(b)-1] }),
		with("lacks another answer", []string{"inventory-unknown@sub#2 responses"}, claim(never),
			func(b book) book { return b[:len(b)-1] }),
	}
}
