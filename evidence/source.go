package evidence

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/ocspcache"
)

// A Role says why a list or response is in the answer.
type Role string

// The roles.
const (
	RoleThen Role = "then" // in force at the time asked about
	RoleNext Role = "next" // the first of the same name after it
	RoleLast Role = "last" // the newest, or the last that must still name an expired certificate
	RoleSays Role = "says" // a later list that names the serial, found by looking at all
)

// A Source is a list or a response that the answer rests on.
type Source struct {
	Part       string        `json:"part"` // name of its parts in the file
	Role       Role          `json:"role"`
	Name       string        `json:"name"` // public name of the list, or of the response's bundle
	Kind       artifact.Kind `json:"kind"`
	SHA256     string        `json:"sha256"` // of the list, or of the response
	Number     string        `json:"number,omitempty"`
	ThisUpdate time.Time     `json:"this_update"`
	NextUpdate *time.Time    `json:"next_update,omitempty"`
	Says       Claim         `json:"says"`
	Covers     bool          `json:"covers"` // what it does not name is not revoked

	Entry    int64     `json:"entry"`    // of the log
	Recorded time.Time `json:"recorded"` // the entry's time, by the log's own clock
	Stamped  *Stamped  `json:"stamped,omitempty"`

	Included bool   `json:"included"`         // its bytes are in the file
	Master   string `json:"master"`           // where the master has the list or the bundle
	Bundle   string `json:"bundle,omitempty"` // SHA-256 of the bundle that holds the response
	Length   int64  `json:"length"`

	line ledger.Line
	der  []byte
	list *artifact.RevocationList
}

// Stamped tells of the first time-stamp over a checkpoint that has the entry.
type Stamped struct {
	Size  int64     `json:"size"`  // of the checkpoint
	Token string    `json:"token"` // part with the RFC 3161 response
	Time  time.Time `json:"time"`  // as the token has it
	Keys  []string  `json:"keys"`  // verifier keys that signed the checkpoint
}

// inForce reports whether the source may be relied on at t.
func inForce(thisUpdate, nextUpdate, t time.Time) bool {
	return !thisUpdate.After(t) && (nextUpdate.IsZero() || !nextUpdate.Before(t))
}

// maxList bounds a list that is read into memory.
const maxList = 1 << 30

// readList reads and checks a list of the master.
func (s *search) readList(ctx context.Context, line ledger.Line, entry int64, recorded time.Time) (*Source, error) {
	if line.Size > maxList {
		return nil, fmt.Errorf("reading %s: it has %d bytes, more than the %d that are read", line.Name, line.Size,
			maxList)
	}
	der, err := s.log.ReadBlob(ctx, line)
	if err != nil {
		return nil, err
	}
	list, err := artifact.ParseRevocationList(der)
	if err == nil {
		err = list.CheckSignatureFrom(s.issuer)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s of entry %d: %w", line.Name, entry, err)
	}
	src, err := listSource(list, s.q, line.Name)
	if err != nil {
		return nil, fmt.Errorf("reading %s of entry %d: %w", line.Name, entry, err)
	}
	src.Kind, src.Entry, src.Recorded, src.line = line.Kind, entry, recorded, line
	src.Master = s.within(line)
	return src, nil
}

// listSource is what can be said of a list from its own bytes.
func listSource(list *artifact.RevocationList, q Question, name string) (*Source, error) {
	says, err := ofList(list, q.Serial)
	if err != nil {
		return nil, err
	}
	src := &Source{Name: name, SHA256: artifact.Sum(list.Raw).String(), ThisUpdate: list.ThisUpdate.UTC(),
		Says: says, Covers: covers(list, q), Length: int64(len(list.Raw)), der: list.Raw, list: list}
	if list.Number != nil {
		src.Number = list.Number.String()
	}
	if !list.NextUpdate.IsZero() {
		next := list.NextUpdate.UTC()
		src.NextUpdate = &next
	}
	return src, nil
}

// covers reports whether a certificate that the list does not name is not
// revoked: the list is whole, and the certificate within its scope. Without the
// certificate it is taken for a subscriber's; which shard has it, the caller knows.
func covers(l *artifact.RevocationList, q Question) bool {
	if l.BaseNumber != nil {
		return false // a delta tells changes only
	}
	p := l.IDP
	switch {
	case p == nil:
		return true
	case p.Indirect || p.OnlyAttribute || p.OnlySomeReasons:
		return false
	case p.OnlyCA:
		return q.Certificate != nil && q.Certificate.IsCA
	case p.OnlyUser && q.Certificate != nil && q.Certificate.IsCA:
		return false
	}
	if q.Certificate == nil || len(p.URIs) == 0 || len(q.Certificate.CRLDistributionPoints) == 0 {
		return true
	}
	return slices.ContainsFunc(p.URIs,
		func(u string) bool { return slices.Contains(q.Certificate.CRLDistributionPoints, u) })
}

// readResponse finds the response in a bundle of the master and checks it; nil
// when the bundle has none about the serial.
func (s *search) readResponse(ctx context.Context, line ledger.Line, entry int64, recorded time.Time) (*Source, error) {
	if err := s.log.CheckBlob(ctx, line); err != nil {
		return nil, err
	}
	b, err := ocspcache.OpenBundle(s.log.BlobPath(line))
	if err != nil {
		return nil, err
	}
	defer b.Close()
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA1} {
		k := ocspcache.Key{Hash: h, IssuerNameHash: artifact.NameHash(s.issuer, h),
			IssuerKeyHash: artifact.PublicKeyHash(s.issuer, h), Serial: s.q.Serial}
		der, ok := b.Lookup(k)
		if !ok {
			continue
		}
		src, err := s.response(slices.Clone(der))
		if err != nil {
			return nil, fmt.Errorf("reading bundle %s of entry %d: %w", line.Digest, entry, err)
		}
		src.Name, src.Entry, src.Recorded, src.line, src.Bundle = line.Name, entry, recorded, line, line.Digest.String()
		src.Master = s.within(line)
		return src, nil
	}
	return nil, nil
}

// response is what can be said of a response from its own bytes.
func (s *search) response(der []byte) (*Source, error) {
	return responseSource(der, s.q, s.trust)
}

func responseSource(der []byte, q Question, trust *artifact.Trust) (*Source, error) {
	r, err := artifact.ParseResponse(der)
	if err != nil {
		return nil, err
	}
	if _, _, err := trust.CheckResponse(r); err != nil {
		return nil, err
	}
	says, single, ok := ofResponse(r, q.Serial)
	if !ok {
		return nil, errors.New("the response is about another certificate")
	}
	src := &Source{Kind: artifact.OCSPResponse, SHA256: artifact.Sum(der).String(), ThisUpdate: single.ThisUpdate.UTC(),
		Says: says, Covers: true, Length: int64(len(der)), der: der}
	if !single.NextUpdate.IsZero() {
		next := single.NextUpdate.UTC()
		src.NextUpdate = &next
	}
	return src, nil
}

// within is the path of an artifact inside the master.
func (s *search) within(line ledger.Line) string {
	path := s.log.BlobPath(line)
	rel, err := filepath.Rel(s.log.Dir(), path)
	if err != nil {
		return filepath.ToSlash(path)
	}
	return filepath.ToSlash(rel)
}
