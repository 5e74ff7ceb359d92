package ocsp_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	xocsp "golang.org/x/crypto/ocsp"
	"pgregory.net/rapid"
	"seihon/artifact"
	"seihon/hsmsign/internal/testca"
	"seihon/hsmsign/ocsp"
)

// drawTime draws a time that a response can carry, with a fraction that it cannot.
func drawTime(from, to time.Time) *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(rapid.Int64Range(from.Unix(), to.Unix()).Draw(t, "seconds"),
			rapid.Int64Range(0, 1e9-1).Draw(t, "nanoseconds"))
	})
}

// drawSerial draws the content of a positive INTEGER of at most 20 octets.
func drawSerial() *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		n := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(t, "serial"))
		if n.Sign() == 0 || n.BitLen() > 159 {
			n.SetInt64(1)
		}
		return append(make([]byte, n.BitLen()/8+1-len(n.Bytes())), n.Bytes()...)
	})
}

func drawJob(t *rapid.T) ocsp.Job {
	j := ocsp.Job{Status: ocsp.Status{Serial: drawSerial().Draw(t, "serial"),
		State: rapid.SampledFrom([]ocsp.State{ocsp.Good, ocsp.Revoked, ocsp.Unknown, ocsp.NeverIssued}).Draw(t,
			"state")}}
	j.ThisUpdate = drawTime(testca.NotBefore, testca.NotAfter.Add(-3*time.Hour)).Draw(t, "thisUpdate")
	j.NextUpdate = drawTime(j.ThisUpdate.Add(2*time.Second), testca.NotAfter.Add(-2*time.Hour)).Draw(t, "nextUpdate")
	if j.State == ocsp.Revoked {
		j.RevokedAt = drawTime(time.Unix(0, 0), j.ThisUpdate).Draw(t, "revokedAt")
		j.Reason = rapid.SampledFrom([]int{-1, 0, 1, 2, 3, 4, 5, 6, 9, 10}).Draw(t, "reason")
	}
	return j
}

// TestProperty makes random responses and compares what x/crypto and the publisher's own parser read with what was to
// be said.
func TestProperty(t *testing.T) {
	t.Parallel()
	responders := []*responder{direct(t, "p256"), delegated(t, "p256"), delegated(t, "rsa2048"), direct(t, "p384")}
	rapid.Check(t, func(rt *rapid.T) {
		r := responders[rapid.IntRange(0, len(responders)-1).Draw(rt, "responder")]
		policy := ocsp.Policy{
			CertID: rapid.SampledFrom([]ocsp.CertID{ocsp.Separate, ocsp.Dual, ocsp.SHA1, ocsp.SHA256}).Draw(rt,
				"policy"),
			Retention: time.Duration(rapid.IntRange(0, 75*365*24).Draw(rt, "retention")) * time.Hour,
		}
		j := drawJob(rt)
		out, err := r.encoder(t, policy).Sign(t.Context(), j.Status, j.ThisUpdate, j.NextUpdate)
		if err != nil {
			rt.Fatal(err)
		}
		for _, o := range out {
			decode(t, o.DER)
			checkCrypto(rt, r, j, o)
			checkArtifact(rt, r, j, o, policy)
		}
	})
}

// meaning returns what clients must understand of a status.
func meaning(s ocsp.Status) (status, reason int, at time.Time) {
	switch s.State {
	case ocsp.Good:
		return xocsp.Good, -1, time.Time{}
	case ocsp.Unknown:
		return xocsp.Unknown, -1, time.Time{}
	case ocsp.NeverIssued:
		return xocsp.Revoked, 6, time.Unix(0, 0)
	}
	if s.Reason == 0 {
		s.Reason = -1
	}
	return xocsp.Revoked, s.Reason, s.RevokedAt.Truncate(time.Second)
}

func checkCrypto(t *rapid.T, r *responder, j ocsp.Job, o ocsp.Encoded) {
	cert := &x509.Certificate{SerialNumber: new(big.Int).SetBytes(j.Serial)}
	got, err := xocsp.ParseResponseForCert(o.DER, cert, r.ca)
	if err != nil {
		t.Fatal(err)
	}
	status, reason, at := meaning(j.Status)
	if got.Status != status || got.RevocationReason != max(reason, 0) || got.RevokedAt.Unix() != at.Unix() {
		t.Errorf("x/crypto reads status %d, reason %d, at %v", got.Status, got.RevocationReason, got.RevokedAt)
	}
	this, next := j.ThisUpdate.Unix(), j.NextUpdate.Unix()
	if got.ProducedAt.Unix() != this || got.ThisUpdate.Unix() != this || got.NextUpdate.Unix() != next {
		t.Errorf("x/crypto reads %v, %v, %v", got.ProducedAt, got.ThisUpdate, got.NextUpdate)
	}
}

func checkArtifact(t *rapid.T, r *responder, j ocsp.Job, o ocsp.Encoded, policy ocsp.Policy) {
	got, err := artifact.ParseResponse(o.DER)
	if err != nil {
		t.Fatal(err)
	}
	if err := got.CheckSignatureFrom(r.ca); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(got.ResponderKeyHash, artifact.PublicKeyHash(r.certificate(), crypto.SHA1)) ||
		got.ResponderName != nil || got.Nonce != nil {
		t.Errorf("responder %x %x, nonce %x", got.ResponderKeyHash, got.ResponderName, got.Nonce)
	}
	found := false
	for _, s := range got.Singles {
		status, reason, at := meaning(j.Status)
		if s.Status != status || s.Reason != reason || s.RevokedAt.Unix() != at.Unix() ||
			s.NextUpdate.Unix() != j.NextUpdate.Unix() {
			t.Errorf("artifact reads %+v", s)
		}
		if policy.Retention > 0 && s.ArchiveCutoff.Unix() != j.ThisUpdate.Add(-policy.Retention).Unix() {
			t.Errorf("archive cutoff %v of %v", s.ArchiveCutoff, j.ThisUpdate)
		}
		found = found || s.CertID.Hash == o.Hash && bytes.Equal(s.CertID.IssuerKeyHash,
			o.IssuerKeyHash) && bytes.Equal(s.CertID.Serial, o.Serial) &&
			bytes.Equal(s.CertID.IssuerNameHash, artifact.NameHash(r.ca, o.Hash)) &&
			bytes.Equal(o.IssuerKeyHash, artifact.PublicKeyHash(r.ca, o.Hash))
	}
	if !found {
		t.Errorf("no SingleResponse for %v %x %x", o.Hash, o.IssuerKeyHash, o.Serial)
	}
}
