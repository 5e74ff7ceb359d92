package hsmsign

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"seihon/approval"
	"seihon/artifact"
	"seihon/hsmsign/token"
	"seihon/internal/config"
	"seihon/inventory"
	"seihon/ledger"
	"seihon/override"
)

// What people approve, kind by kind: everything that decides what happens, so that another outcome needs another approval.
// The names of parameters are read by the verifier, too (verify/approvals.go).

func act(kind string, pairs ...string) approval.Act {
	a := approval.Act{Kind: kind}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			a.Params = append(a.Params, approval.Param{Name: pairs[i], Value: pairs[i+1]})
		}
	}
	return a
}

// certified are the parameters of a certificate that is there already.
func certified(name string, c *x509.Certificate) []string {
	return []string{name + "-subject", c.Subject.String(), name + "-sha256", artifact.Sum(c.Raw).String()}
}

// approveCA asks for the certificate of a configured issuer.
func (r *Room) approveCA(ctx context.Context, a, parent *authority, profile string) error {
	key, err := readPublicKey(string(a.Key.PublicKey))
	if err != nil {
		return fmt.Errorf("issuing %s: %w; `signer keygen` writes it", a.Name, err)
	}
	p, err := r.profileDigest(parent, profile)
	if err != nil {
		return err
	}
	return r.approve(ctx, act(approval.IssueCA, "act", "issue", "name", a.Name, "issuer", parent.Name, "subject", subjectText(a.Subject),
		"key-sha256", artifact.Sum(key).String(), "validity", a.Validity.String(), "profile", profile, "profile-sha256", p))
}

func subjectText(s config.Subject) string {
	var parts []string
	for _, p := range [][2]string{{"C", s.Country}, {"O", s.Organization}, {"OU", s.Unit}, {"CN", s.CommonName}} {
		if p[1] != "" {
			parts = append(parts, p[0]+"="+strconv.Quote(p[1]))
		}
	}
	return strings.Join(parts, ", ")
}

// profileDigest pins what the configuration makes of a profile.
func (r *Room) profileDigest(a *authority, name string) (string, error) {
	p, err := r.profile(a, name)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("encoding profile %q: %w", name, err)
	}
	return artifact.Sum(text).String(), nil
}

// approveKeys asks for the keys that the token does not have yet.
func (r *Room) approveKeys(ctx context.Context, only string) error {
	var pairs []string
	for name, k := range configuredKeys(r.conf) {
		if only != "" && name != only {
			continue
		}
		t, err := r.token(k.Token)
		if err != nil {
			return err
		}
		switch _, err := t.Signer(ctx, token.KeySpec{Label: k.Label}); {
		case errors.Is(err, token.ErrKeyNotFound):
			pairs = append(pairs, "key", fmt.Sprintf("%s %s for %s%s", k.Label, k.Algorithm, name, t.where()))
		case err != nil:
			return err
		}
	}
	if len(pairs) == 0 {
		return r.notDemanded("keygen without a key to make")
	}
	return r.approveNow(ctx, act(approval.Keygen, pairs...))
}

// approveRotation asks for new keys of the log. A key that is there already is named by its public key.
func (r *Room) approveRotation(ctx context.Context, t *roomToken, labels []string, reason string) error {
	var pairs []string
	for i, label := range labels {
		text := label + " " + logAlgorithms[i] + t.where() + ", to be made"
		switch key, err := t.Signer(ctx, token.KeySpec{Label: label}); {
		case errors.Is(err, token.ErrKeyNotFound):
		case err != nil:
			return err
		default:
			pin := key.Pin()
			text = fmt.Sprintf("%s %s%s, there already, SHA-256 %x", label, logAlgorithms[i], t.where(), pin[:])
		}
		pairs = append(pairs, "key", text)
	}
	return r.approveNow(ctx, act(approval.LogRotate, append(pairs, "act", "rotate", "reason", reason)...))
}

// approveFinal asks for the last lists of an issuer.
func (r *Room) approveFinal(ctx context.Context, issuer string) error {
	a, err := r.authority(issuer)
	if err != nil {
		return err
	}
	return r.approveNow(ctx, act(approval.FinalCRL, append([]string{"issuer", issuer}, certified("ca", a.cert)...)...))
}

// ApproveOverride lets a signed override be used, or refuses it; why says what it is used for.
func (r *Room) ApproveOverride(ctx context.Context, issuer, why string, o *override.Override) error {
	if r.approvedOverrides[artifact.Sum(o.Text())] {
		return nil
	}
	pairs := append([]string{"act", why, "issuer", issuer}, overridden(o)...)
	err := r.approveNow(ctx, act(approval.Override, pairs...))
	if err == nil && r.rule.Demands(approval.Override) {
		if r.approvedOverrides == nil {
			r.approvedOverrides = map[artifact.Digest]bool{}
		}
		r.approvedOverrides[artifact.Sum(o.Text())] = true
	}
	return err
}

// askedOfOne wants that approval is asked for one certificate of a CA, so that nothing else is taken over by it.
func (r *Room) askedOfOne(inputs []Input) error {
	if r.askApproval == nil {
		return nil
	}
	if len(inputs) == 1 {
		raw, err := inputs[0].Read()
		if err != nil {
			return err
		}
		if rank, _ := rankOf(inner(raw)); rank == rankAuthority {
			return nil
		}
	}
	return errors.New("asking for approval: what is handed over must be one certificate of a CA; other things need no approval, and an override goes by --override")
}

func overridden(o *override.Override) []string {
	if o == nil {
		return nil
	}
	return []string{"override-sha256", artifact.Sum(o.Text()).String(), "override-for", o.Digest.String(), "override-allows", strings.Join(o.Allow, " "), "override-reason", o.Reason}
}

// ApproveRevocation lets a revocation pass that needs approval – of a CA's certificate, or one that an override changes – or
// refuses it. What approved it is on record then, so that the room revokes next.
func (r *Room) ApproveRevocation(ctx context.Context, q Revocation) error {
	b := r.Books()
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
		pairs = append(pairs, certified("certificate", ca)...)
	}
	pairs = append(pairs, "reason", q.Reason, "invalidity", at(q.Invalid), "time", at(q.Time))
	return r.approveNow(ctx, act(kind, append(pairs, overridden(q.Override)...)...))
}

// Books gives the room's own inventory to what works on the inventory alone.
func (r *Room) Books() *Books {
	return &Books{DB: r.inv, conf: r.conf, now: r.now, keys: r.overrideKeys}
}

// NeedsApproval reports whether the rule in force wants a revocation approved; then it goes through an open room, which can
// record that. An override that is used for something else is meant when q is nil.
func (b *Books) NeedsApproval(ctx context.Context, q *Revocation) (bool, error) {
	kind := approval.Override
	if q != nil {
		var err error
		if kind, _, err = b.kindOf(ctx, q); err != nil || kind == "" {
			return false, err
		}
	}
	demands, _, err := b.demands(ctx, kind)
	return demands, err
}

// demands reports whether the rule of the configuration or the one on record wants approvals for a kind. It returns the log.
func (b *Books) demands(ctx context.Context, kind string) (bool, *ledger.Log, error) {
	configured, err := configuredRule(b.conf)
	if err != nil {
		return false, nil, err
	}
	log, err := OpenMaster(ctx, b.conf)
	if err != nil {
		return false, nil, fmt.Errorf("looking for the rule of approvals: %w", err)
	}
	recorded, err := ruleOnRecord(ctx, log)
	return configured.Demands(kind) || err == nil && recorded != nil && recorded.rule.Demands(kind), log, err
}

// Import imports what another CA software recorded. What would revoke the certificate of a CA is refused where that needs
// approval: a file is nobody's approval.
func (b *Books) Import(ctx context.Context, im inventory.Import) (*inventory.ImportResult, error) {
	needed, log, err := b.demands(ctx, approval.RevokeCA)
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
			if err == nil && rec.State == inventory.Revoked && u.cas[serialText(rec.Serial)] {
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
	if err != nil && !isNotFound(err) {
		return err
	}
	if err == nil && e.State == inventory.Revoked {
		return nil
	}
	return &ApprovalRefusal{fmt.Errorf("it revokes the certificate of a CA, serial %s of %s, which needs approval (signer.approval): revoke that first, with `signer revoke --time` and --approval", serialText(serial), u.issuer)}
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
	if isNotFound(err) {
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
