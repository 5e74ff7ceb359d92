package books

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"seihon/approval"
	"seihon/artifact"
	"seihon/hsmsign/room"
	"seihon/inventory"
)

// ApproveRevocation lets a revocation pass that needs approval – of a CA's certificate, or one that an override changes
// – or refuses it. What approved it is on record then, so that the room revokes next.
func ApproveRevocation(ctx context.Context, r *room.Room, q Revocation) error {
	b := Of(r)
	kind, ca, err := b.kindOf(ctx, &q)
	if err != nil {
		return err
	}
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	pairs := []string{"act", "revoke", "issuer", q.Issuer, "serial", q.Serial}
	if ca != nil {
		pairs = append(pairs, room.Certified("certificate", ca)...)
	}
	pairs = append(pairs, "reason", q.Reason, "invalidity", at(q.Invalid), "time", at(q.Time))
	return r.ApproveNow(ctx, room.Act(kind, append(pairs, room.Overridden(q.Override)...)...))
}

// Of gives the room's own inventory to what works on the inventory alone.
func Of(r *room.Room) *Books {
	return &Books{DB: r.Inventory, conf: r.Config, now: r.Now, keys: r.OverrideKeys}
}

// NeedsApproval reports whether the rule in force wants a revocation approved; then it goes through an open room, which
// can record that. An override that is used for something else is meant when q is nil.
func (b *Books) NeedsApproval(ctx context.Context, q *Revocation) (bool, error) {
	kind := approval.Override
	if q != nil {
		var err error
		if kind, _, err = b.kindOf(ctx, q); err != nil || kind == "" {
			return false, err
		}
	}
	demands, _, err := room.Demands(ctx, b.conf, kind)
	return demands, err
}

// Import imports what another CA software recorded. What would revoke the certificate of a CA is refused where that
// needs approval: a file is nobody's approval.
func (b *Books) Import(ctx context.Context, im inventory.Import) (*inventory.ImportResult, error) {
	needed, log, err := room.Demands(ctx, b.conf, approval.RevokeCA)
	if err != nil {
		return nil, err
	}
	if needed {
		state, err := log.State(ctx, log.Size())
		if err != nil {
			return nil, err
		}
		cas := map[string]bool{}
		for line := range state.All() {
			if line.Issuer == im.Issuer && slices.Contains(authorityKinds, line.Kind) {
				cas[line.Number] = true
			}
		}
		im.Source = &unrevoking{im.Source, b, im.Issuer, cas}
	}
	return b.DB.Import(ctx, im)
}

// authorityKinds are the kinds of certificates of CAs.
var authorityKinds = []artifact.Kind{artifact.CACertificate, artifact.CrossCertificate, artifact.LinkCertificate}

// An unrevoking source ends with an error where it would revoke the certificate of a CA.
type unrevoking struct {
	inventory.Source
	books  *Books
	issuer string
	cas    map[string]bool // by serial
}

func (u *unrevoking) Records(ctx context.Context) iter.Seq2[inventory.Record, error] {
	return func(yield func(inventory.Record, error) bool) {
		for rec, err := range u.Source.Records(ctx) {
			if err == nil && rec.State == inventory.Revoked && u.cas[room.SerialText(rec.Serial)] {
				err = u.refuse(ctx, rec.Serial)
			}
			if !yield(rec, err) || err != nil {
				return
			}
		}
	}
}

// refuse lets pass what is revoked already.
func (u *unrevoking) refuse(ctx context.Context, serial []byte) error {
	e, err := u.books.Get(ctx, u.issuer, serial)
	if err != nil && !errors.Is(err, inventory.ErrNotFound) {
		return err
	}
	if err == nil && e.State == inventory.Revoked {
		return nil
	}
	return &room.ApprovalRefusal{Err: fmt.Errorf("it revokes the certificate of a CA, serial %s of %s, which needs "+
		"approval (signer.approval): revoke that first, with `signer revoke --time` and --approval",
		room.SerialText(serial), u.issuer)}
}

// kindOf says which approval a revocation needs, empty: none. It returns the certificate of a CA that it is about.
func (b *Books) kindOf(ctx context.Context, q *Revocation) (kind string, ca *x509.Certificate, err error) {
	copied := *q
	serial, _, err := b.checkRevocation(ctx, &copied)
	if err != nil {
		return "", nil, err
	}
	q.Serial = fmt.Sprintf("%x", serial)
	e, err := b.Get(ctx, q.Issuer, serial)
	if errors.Is(err, inventory.ErrNotFound) {
		return "", nil, b.noSuchSerial(*q)
	}
	if err != nil {
		return "", nil, fmt.Errorf("revoking %s: %w", q.Serial, err)
	}
	if c, err := x509.ParseCertificate(e.DER); err == nil && c.IsCA {
		return approval.RevokeCA, c, nil
	}
	if slices.Contains(authorityKinds, e.Kind) { // imported without its body
		return approval.RevokeCA, nil, nil
	}
	if q.Override != nil {
		return approval.Override, nil, nil
	}
	return "", nil, nil
}
