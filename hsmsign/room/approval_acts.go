package room

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"seihon/approval"
	"seihon/artifact"
	"seihon/hsmsign/token"
	"seihon/internal/config"
	"seihon/override"
)

// What people approve, kind by kind: everything that decides what happens, so that another outcome needs another
// approval. The names of parameters are read by the verifier, too (verify/approvals.go).

// Act is an act of a kind with its parameters, given as name, value, name, value; those without a value are left out.
func Act(kind string, pairs ...string) approval.Act {
	a := approval.Act{Kind: kind}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			a.Params = append(a.Params, approval.Param{Name: pairs[i], Value: pairs[i+1]})
		}
	}
	return a
}

// Certified are the parameters of a certificate that is there already.
func Certified(name string, c *x509.Certificate) []string {
	return []string{name + "-subject", c.Subject.String(), name + "-sha256", artifact.Sum(c.Raw).String()}
}

// approveCA asks for the certificate of a configured issuer.
func (r *Room) approveCA(ctx context.Context, a, parent *Authority, profile string) error {
	key, err := ReadPublicKey(string(a.Key.PublicKey))
	if err != nil {
		return fmt.Errorf("issuing %s: %w; `signer keygen` writes it", a.Name, err)
	}
	p, err := r.ProfileDigest(parent, profile)
	if err != nil {
		return err
	}
	return r.Approve(ctx,
		Act(approval.IssueCA, "act", "issue", "name", a.Name, "issuer", parent.Name, "subject", subjectText(a.Subject),
			"key-sha256", artifact.Sum(key).String(), "validity", a.Validity.String(), "profile", profile,
			"profile-sha256",
			p))
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

// approveKeys asks for the keys that the token does not have yet.
func (r *Room) approveKeys(ctx context.Context, only string) error {
	var pairs []string
	for name, k := range configuredKeys(r.Config) {
		if only != "" && name != only {
			continue
		}
		t, err := r.Token(k.Token)
		if err != nil {
			return err
		}
		switch _, err := t.Signer(ctx, token.KeySpec{Label: k.Label}); {
		case errors.Is(err, token.ErrKeyNotFound):
			pairs = append(pairs, "key", fmt.Sprintf("%s %s for %s%s", k.Label, k.Algorithm, name, t.Where()))
		case err != nil:
			return err
		}
	}
	if len(pairs) == 0 {
		return r.notDemanded("keygen without a key to make")
	}
	return r.ApproveNow(ctx, Act(approval.Keygen, pairs...))
}

// ApproveOverride lets a signed override be used, or refuses it; why says what it is used for.
func (r *Room) ApproveOverride(ctx context.Context, issuer, why string, o *override.Override) error {
	if r.ApprovedOverrides[artifact.Sum(o.Text())] {
		return nil
	}
	pairs := append([]string{"act", why, "issuer", issuer}, Overridden(o)...)
	err := r.ApproveNow(ctx, Act(approval.Override, pairs...))
	if err == nil && r.Rule.Demands(approval.Override) {
		if r.ApprovedOverrides == nil {
			r.ApprovedOverrides = map[artifact.Digest]bool{}
		}
		r.ApprovedOverrides[artifact.Sum(o.Text())] = true
	}
	return err
}

// Overridden are the parameters of an override that is used; none when o is nil.
func Overridden(o *override.Override) []string {
	if o == nil {
		return nil
	}
	return []string{"override-sha256", artifact.Sum(o.Text()).String(), "override-for", o.Digest.String(),
		"override-allows", strings.Join(o.Allow, " "), "override-reason", o.Reason}
}
