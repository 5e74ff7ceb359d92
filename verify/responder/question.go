package responder

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"slices"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/ocspcache"
)

// perStatus bounds the certificates of one issuer and status that are asked about: the revocations that were made last,
// which an old answer would hide, and some good ones.
const perStatus = 3

// hashes are the algorithms of a CertID that relying parties use.
var hashes = []crypto.Hash{crypto.SHA1, crypto.SHA256}

// Questions derives what to ask from a state of the master. draw chooses the good certificates: who answers must not
// know it beforehand. What cannot be read yields no question; the checks of the master report it.
func Questions(ctx context.Context, master *ledger.Log, state *ledger.State, trust *artifact.Trust,
	draw uint32) ([]Question, error) {
	var all []Question
	lists := map[string][]artifact.RevokedEntry{}
	for line := range state.All() {
		if !line.Kind.IsRevocationList() || line.History {
			continue
		}
		body, err := master.ReadBlob(ctx, line)
		if err != nil {
			continue
		}
		collect(lists, body, trust)
	}
	for line := range state.All() {
		if line.Kind != artifact.OCSPGeneration {
			continue
		}
		body, err := master.ReadBlob(ctx, line)
		if err != nil {
			continue
		}
		g, _, err := ocspcache.ParseGeneration(body)
		if err != nil {
			continue
		}
		a := &answers{issuer: g.Issuer}
		for _, b := range g.Bundles {
			bundle, err := ocspcache.OpenBundle(master.BlobPath(ledger.Line{Kind: artifact.OCSPBundle,
				Digest: b.Digest}))
			if err != nil {
				bundle = nil
			}
			a.bundles, a.digests = append(a.bundles, bundle), append(a.digests, b.Digest)
		}
		qs, err := a.questions(trust, lists, draw)
		a.close()
		if err != nil {
			return nil, fmt.Errorf("choosing what to ask of issuer %s: %w", g.Issuer, err)
		}
		all = append(all, qs...)
	}
	return all, ctx.Err()
}

// collect keeps the newest revocations of a list.
func collect(lists map[string][]artifact.RevokedEntry, body []byte, trust *artifact.Trust) {
	l, err := artifact.ParseRevocationList(body)
	if err != nil {
		return
	}
	issuer, err := trust.CheckCRL(l)
	if err != nil {
		return
	}
	key := keyOf(issuer)
	newest := lists[key]
	for e, err := range l.Entries() {
		if err != nil {
			break
		}
		if len(newest) == 4*perStatus && !e.Time.After(newest[len(newest)-1].Time) {
			continue
		}
		e.Serial = bytes.Clone(e.Serial)
		at, _ := slices.BinarySearchFunc(newest, e, func(a, b artifact.RevokedEntry) int {
			return cmp.Or(b.Time.Compare(a.Time), bytes.Compare(a.Serial, b.Serial))
		})
		newest = slices.Insert(newest, at, e)
		newest = newest[:min(len(newest), 4*perStatus)]
	}
	lists[key] = newest
}

func keyOf(c *x509.Certificate) string { return string(artifact.PublicKeyHash(c, crypto.SHA256)) }

// answers are the master's of one issuer.
type answers struct {
	issuer  string
	digests []artifact.Digest // of the bundles
	bundles []*ocspcache.Bundle
	cert    *x509.Certificate
}

func (a *answers) close() {
	for _, b := range a.bundles {
		if b != nil {
			b.Close()
		}
	}
}

// of returns the master's answer about a certificate.
func (a *answers) of(h crypto.Hash, serial []byte) (s *artifact.Single, in []artifact.Digest, ok bool) {
	key := ocspcache.Key{Hash: h, IssuerKeyHash: artifact.PublicKeyHash(a.cert, h), Serial: serial}
	shard := ocspcache.ShardOf(serial, len(a.bundles))
	b := a.bundles[shard]
	if b == nil {
		return nil, nil, false
	}
	der, ok := b.Lookup(key)
	if !ok {
		return nil, nil, false
	}
	r, err := artifact.ParseResponse(bytes.Clone(der)) // der ends with the bundle
	if err != nil {
		return nil, nil, false
	}
	i := find(r, artifact.CertID{Hash: h, IssuerKeyHash: key.IssuerKeyHash, Serial: serial})
	if i < 0 || r.NeverIssued(&r.Singles[i]) {
		return nil, nil, false
	}
	return &r.Singles[i], []artifact.Digest{a.digests[shard], artifact.Sum(der)}, true
}

// find returns the index of the single response for a CertID, or -1.
func find(r *artifact.Response, id artifact.CertID) int {
	return slices.IndexFunc(r.Singles, func(s artifact.Single) bool {
		return s.CertID.Hash == id.Hash && bytes.Equal(s.CertID.Serial, id.Serial) &&
			bytes.Equal(s.CertID.IssuerKeyHash, id.IssuerKeyHash)
	})
}

// questions chooses the certificates of one issuer.
func (a *answers) questions(trust *artifact.Trust, lists map[string][]artifact.RevokedEntry,
	draw uint32) ([]Question, error) {
	names := map[crypto.Hash][]byte{} // of the issuer, by the hashes that the master answers with
	var good [][]byte
	for i := range a.bundles {
		b := a.bundles[(i+int(draw))%len(a.bundles)]
		if b == nil {
			continue
		}
		skip := int(draw) % max(b.Len()/2, 1)
		for key, der := range b.All() {
			if a.cert == nil {
				if a.cert = issuerOf(trust, der); a.cert == nil {
					break
				}
			}
			if skip--; skip >= 0 {
				continue
			}
			if s, _, ok := a.of(key.Hash, bytes.Clone(key.Serial)); ok && s.Status == artifact.StatusGood &&
				!containsSerial(good, s.CertID.Serial) {
				good = append(good, s.CertID.Serial)
			}
			if len(good) == perStatus || skip < -1000 {
				break
			}
		}
		if len(good) == perStatus {
			break
		}
	}
	if a.cert == nil {
		return nil, nil
	}
	var all []Question
	for _, serial := range good {
		all = append(all, a.ask(Good, serial, names)...)
	}
	n := 0
	for _, e := range lists[keyOf(a.cert)] {
		if qs := a.ask(Revoked, e.Serial, names); len(qs) > 0 && n < perStatus {
			all = append(all, qs...)
			n++
		}
	}
	never := make([]byte, 16)
	if _, err := rand.Read(never); err != nil {
		return nil, err
	}
	never[0] = 0x4f // positive, and in its shortest form
	for _, h := range hashes {
		if names[h] != nil {
			id := artifact.CertID{Hash: h, IssuerNameHash: names[h], IssuerKeyHash: artifact.PublicKeyHash(a.cert, h),
				Serial: never}
			all = append(all, Question{Issuer: a.issuer, About: NeverIssued, ID: id})
		}
	}
	return all, nil
}

func containsSerial(all [][]byte, serial []byte) bool {
	return slices.ContainsFunc(all, func(b []byte) bool { return bytes.Equal(b, serial) })
}

func issuerOf(trust *artifact.Trust, der []byte) *x509.Certificate {
	r, err := artifact.ParseResponse(bytes.Clone(der))
	if err != nil || len(r.Singles) == 0 {
		return nil
	}
	return trust.IssuerOf(r.Singles[0].CertID)
}

// ask makes a question of each hash that the master answers with.
func (a *answers) ask(about string, serial []byte, names map[crypto.Hash][]byte) (qs []Question) {
	for _, h := range hashes {
		s, in, ok := a.of(h, serial)
		if !ok || about == Revoked && s.Status != artifact.StatusRevoked {
			continue
		}
		names[h] = s.CertID.IssuerNameHash
		qs = append(qs, Question{Issuer: a.issuer, About: about, ID: s.CertID, Want: s, In: in})
	}
	return qs
}
