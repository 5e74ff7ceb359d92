package ceremony

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/room"
	"seihon/internal/config"
	"seihon/ledger"
	"seihon/ocspcache"
)

// PKCS #11 has no attribute that counts the signatures of a key. Where a token counts
// them, its maker's tool shows the number and an operator reads it; the room compares
// what was added since the last reading with what the log explains.

// counterSchema is the format of its document.
const counterSchema = "seihon/signature-count/v1"

// A Reading is what an operator read from the token's counter of one key.
type Reading struct {
	Key      string // the name of an issuer or OCSP signer of the configuration
	Count    int64
	Document []byte // what shows it, such as the output of the maker's tool; nil: none
	Begin    bool   // counting begins here: the key signed before, elsewhere, or the token was replaced
}

// Counted is a reading held against the record. It is a document in the master.
type Counted struct {
	Schema   string    `json:"schema"`
	Time     time.Time `json:"time"`
	Key      string    `json:"key"`
	Count    int64     `json:"count"`
	Document string    `json:"document,omitempty"` // kind and SHA-256
	Begin    bool      `json:"begin"`              // nothing was compared: counting begins here
	Since    int64     `json:"since"`              // the size of the log at the reading before; 0: none
	Size     int64     `json:"tree_size"`          // the size of the log now
	Signed   int64     `json:"signed"`             // what the token counted between them
	Explained
	Surplus int64 `json:"surplus"` // signatures that the record does not explain; negative: missing in the counter
}

// Explained are the signatures of a key that a part of the log shows.
type Explained struct {
	Certificates int64 `json:"certificates"` // committed to
	Lists        int64 `json:"lists"`
	Responses    int64 `json:"responses"`
	Requests     int64 `json:"requests,omitempty"` // certificate requests
}

// Total is all of them.
func (e Explained) Total() int64 { return e.Certificates + e.Lists + e.Responses + e.Requests }

// CountSignatures compares a reading with the record and puts both into the master log.
func CountSignatures(ctx context.Context, r *room.Room, q Reading) (*Counted, error) {
	key, err := countedKey(r, q.Key)
	if err != nil {
		return nil, err
	}
	spki, err := room.ReadPublicKey(string(key.PublicKey))
	if err != nil {
		return nil, fmt.Errorf("comparing the counter of %s: %w", q.Key, err)
	}
	log := r.Log.Log()
	c := &Counted{Schema: counterSchema, Time: r.Now().UTC().Truncate(time.Second), Key: q.Key, Count: q.Count,
		Begin: q.Begin, Size: log.Size()}
	if q.Document != nil {
		c.Document = room.DocumentKind(q.Document) + " sha256:" + artifact.Sum(q.Document).String()
	}
	last, err := lastReading(ctx, r, q.Key)
	if err != nil {
		return nil, fmt.Errorf("comparing the counter of %s: %w", q.Key, err)
	}
	if !q.Begin {
		c.Signed = q.Count
		if last != nil {
			c.Since, c.Signed = last.Size, q.Count-last.Count
		}
		x := &explainer{r: r, spki: spki, issuers: issuersOf(r, spki)}
		if c.Explained, err = x.between(ctx, c.Since, c.Size); err != nil {
			return nil, fmt.Errorf("comparing the counter of %s: %w", q.Key, err)
		}
		c.Surplus = c.Signed - c.Total()
	}
	return c, recordReading(ctx, r, c)
}

// countedKey finds a key whose signatures are all in the log.
func countedKey(r *room.Room, name string) (config.Key, error) {
	for _, i := range r.Config.Issuers {
		if i.Name == name && !i.External() {
			return i.Key, nil
		}
		if i.OCSP != nil && i.OCSP.Responder != nil && i.OCSP.Responder.Name == name {
			return i.OCSP.Responder.Key, nil
		}
	}
	return config.Key{},
		fmt.Errorf("comparing a counter: %q is no issuer and no OCSP signer of the configuration; the keys of logs "+
			"and documents are not compared", name)
}

// issuersOf are the issuers that sign with a key.
func issuersOf(r *room.Room, spki []byte) map[string]bool {
	names := map[string]bool{}
	for name, a := range r.Authorities {
		if a.Certificate != nil && bytes.Equal(a.Certificate.RawSubjectPublicKeyInfo, spki) {
			names[name] = true
		}
	}
	return names
}

// lastReading finds the newest reading of a key in the log, nil when there is none.
func lastReading(ctx context.Context, r *room.Room, key string) (*Counted, error) {
	log := r.Log.Log()
	for i := log.Size() - 1; i >= 0; i-- {
		e, err := log.Entry(ctx, i)
		if err != nil {
			return nil, err
		}
		if e.Evidence == nil || e.Evidence.Kind != ledger.EvidenceCount || e.Evidence.Name != key {
			continue
		}
		doc, err := log.ReadBlob(ctx,
			ledger.Line{Name: ledger.EvidenceCount, Kind: artifact.Log, Digest: e.Evidence.Digest,
				Size: e.Evidence.Size})
		if err != nil {
			return nil, err
		}
		c := &Counted{}
		if err := json.Unmarshal(doc, c); err != nil {
			return nil, fmt.Errorf("reading entry %d: %w", i, err)
		}
		if c.Schema != counterSchema {
			return nil,
				fmt.Errorf("reading entry %d: it is in the format %q, this program knows %q; use the program that "+
					"wrote it", i, c.Schema, counterSchema)
		}
		return c, nil
	}
	return nil, nil
}

func recordReading(ctx context.Context, r *room.Room, c *Counted) error {
	doc, err := json.Marshal(c)
	if err != nil || r.DryRun {
		return err
	}
	digest, size, err := r.Log.PutBlob(ctx, artifact.Log, bytes.NewReader(doc))
	if err != nil {
		return fmt.Errorf("storing the reading: %w", err)
	}
	note := fmt.Sprintf("%d signatures since tree size %d, surplus %d", c.Signed, c.Since, c.Surplus)
	if c.Begin {
		note = "counting begins"
	}
	e := &ledger.Entry{Evidence: &ledger.Evidence{Kind: ledger.EvidenceCount, Name: c.Key, Digest: digest, Size: size,
		Note: note}}
	if err := r.Log.Append(ctx, e); err != nil {
		return fmt.Errorf("recording the reading: %w", err)
	}
	_, err = r.Commit(ctx, "signature count")
	return err
}

// An explainer counts the signatures of one key that a part of the log shows.
type explainer struct {
	r       *room.Room
	spki    []byte
	issuers map[string]bool
	seen    map[[16]byte]bool // lists and responses by the beginning of their digest
	sum     Explained
}

// between counts what came into the log from one size to another.
func (x *explainer) between(ctx context.Context, from, to int64) (Explained, error) {
	log := x.r.Log.Log()
	x.seen = map[[16]byte]bool{}
	state, err := log.State(ctx, from)
	if err != nil {
		return x.sum, err
	}
	for line := range state.All() { // bundles carry responses on that were signed earlier
		if err := x.line(ctx, line); err != nil {
			return x.sum, err
		}
	}
	x.sum = Explained{}
	for e, err := range log.Entries(ctx, from, to) {
		if err != nil {
			return x.sum, err
		}
		if e.Issuance != nil && x.issuers[e.Issuance.Issuer] {
			x.sum.Certificates += e.Issuance.Count
		}
		if e.Evidence != nil {
			if err := x.askedFor(ctx, e.Evidence); err != nil {
				return x.sum, err
			}
		}
		if e.Batch == nil {
			continue
		}
		for line, err := range log.Lines(ctx, e.Batch) {
			if err == nil {
				err = x.line(ctx, line)
			}
			if err != nil {
				return x.sum, err
			}
		}
	}
	return x.sum, nil
}

// line counts what an artifact shows.
func (x *explainer) line(ctx context.Context, line ledger.Line) error {
	switch {
	case line.Kind.IsRevocationList() && x.issuers[line.Issuer]:
		if x.fresh(line.Digest) {
			x.sum.Lists++
		}
	case line.Kind == artifact.OCSPBundle:
		bundle, err := ocspcache.OpenBundle(x.r.Log.Log().BlobPath(line))
		if err != nil {
			return fmt.Errorf("opening bundle %s: %w", line.Name, err)
		}
		defer bundle.Close()
		for _, der := range bundle.All() {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			mine, err := x.signed(bundle.Issuer(), der)
			if err != nil {
				return err
			}
			if mine && x.fresh(sha256.Sum256(der)) {
				x.sum.Responses++
			}
		}
	}
	return nil
}

func (x *explainer) fresh(digest artifact.Digest) bool {
	key := [16]byte(digest[:16])
	was := x.seen[key]
	x.seen[key] = true
	return !was
}

// signed reports whether the key signed a response: the certificate in it says which key did, else the issuer's own.
func (x *explainer) signed(issuer string, der []byte) (bool, error) {
	resp, err := artifact.ParseResponse(der)
	if err != nil {
		return false, fmt.Errorf("reading a response of %s: %w", issuer, err)
	}
	if len(resp.Certificates) == 0 {
		return x.issuers[issuer], nil
	}
	return bytes.Equal(resp.Certificates[0].RawSubjectPublicKeyInfo, x.spki), nil
}
