package ceremony

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"regexp"
	"slices"

	"seihon/approval"
	"seihon/artifact"
	"seihon/hsmsign/cert"
	"seihon/hsmsign/room"
	"seihon/public"
)

// IssueLinks issues the two link certificates between a CA and its predecessor of
// the same subject (RFC 9810 §4.4): new-with-old first, old-with-new second, so that
// holders of either root can follow to the other.
func IssueLinks(ctx context.Context, r *room.Room, name string) ([]*x509.Certificate, error) {
	a, err := r.Authority(name)
	if err != nil {
		return nil, err
	}
	if a.Succeeds == "" {
		return nil, fmt.Errorf("linking: issuer %s has no succeeds in the configuration", name)
	}
	old, err := r.Authority(a.Succeeds)
	if err != nil {
		return nil, err
	}
	profile, err := r.ProfileDigest(a, "link")
	if err != nil {
		return nil, err
	}
	pairs := append([]string{"act", "link", "name", name},
		append(room.Certified("new", a.Certificate), room.Certified("old", old.Certificate)...)...)
	if err := r.Approve(ctx,
		room.Act(approval.IssueCA, append(pairs, "profile", "link", "profile-sha256", profile)...)); err != nil {
		return nil, err
	}
	var out []*x509.Certificate
	for i, step := range []struct{ issuer, of *room.Authority }{{old, a}, {a, old}} {
		c, err := r.Issue(ctx, step.issuer,
			room.Order{Profile: "link", Request: cert.Request{Of: step.of.Certificate}, Name: public.Link(name, i+1)})
		if err != nil {
			return nil, fmt.Errorf("linking %s with %s: %w", step.of.Name, step.issuer.Name, err)
		}
		out = append(out, c)
	}
	return out, nil
}

var crossID = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// CrossRequest certifies the CA of a partner, such as a bridge, by the agreement with it.
type CrossRequest struct {
	Issuer  string
	ID      string            // public name: cert/cross/<id>.cer
	Partner *x509.Certificate // the partner's CA certificate; must be pinned in trust.partners
	Profile string            // with the policy mappings and constraints of the agreement
}

// IssueCross issues a cross certificate.
func IssueCross(ctx context.Context, r *room.Room, q CrossRequest) (*x509.Certificate, error) {
	if !crossID.MatchString(q.ID) {
		return nil,
			fmt.Errorf("issuing a cross certificate: id %q must be lower case letters, digits and inner hyphens", q.ID)
	}
	a, err := r.Authority(q.Issuer)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(r.Policy.Trust.Partners(), q.Partner.Equal) {
		return nil,
			fmt.Errorf("issuing a cross certificate: %s is not pinned in trust.partners; section A would refuse "+
				"the result", q.Partner.Subject)
	}
	profile, err := r.ProfileDigest(a, q.Profile)
	if err != nil {
		return nil, fmt.Errorf("issuing a cross certificate: %w", err)
	}
	pairs := append([]string{"act", "cross", "id", q.ID, "issuer", q.Issuer}, room.Certified("partner", q.Partner)...)
	if err := r.Approve(ctx,
		room.Act(approval.IssueCA, append(pairs, "profile", q.Profile, "profile-sha256", profile)...)); err != nil {
		return nil, err
	}
	c, err := r.Issue(ctx,
		a, room.Order{Profile: q.Profile, Request: cert.Request{Of: q.Partner}, Name: public.Cross(q.ID)})
	if err != nil {
		return nil, fmt.Errorf("issuing a cross certificate: %w", err)
	}
	return c, nil
}

// PublishCross records the cross certificate that a partner issued for one of our CAs.
func PublishCross(ctx context.Context, r *room.Room, issuer, id string, c *x509.Certificate) error {
	if !crossID.MatchString(id) {
		return fmt.Errorf("publishing a cross certificate: id %q must be lower case letters, digits and inner hyphens",
			id)
	}
	a, err := r.Authority(issuer)
	if err != nil {
		return err
	}
	if !artifact.SameName(c.RawSubject, a.Certificate.RawSubject) ||
		!bytes.Equal(c.RawSubjectPublicKeyInfo, a.Certificate.RawSubjectPublicKeyInfo) {
		return fmt.Errorf("publishing a cross certificate: it certifies %q with the key %s; %s is %q with the key %s",
			c.Subject, artifact.Sum(c.RawSubjectPublicKeyInfo), issuer, a.Certificate.Subject,
			artifact.Sum(a.Certificate.RawSubjectPublicKeyInfo))
	}
	pairs := append([]string{"act", "publish-cross", "id", id, "name", issuer}, room.Certified("certificate", c)...)
	if err := r.ApproveNow(ctx, room.Act(approval.IssueCA, pairs...)); err != nil {
		return err
	}
	return r.Stage(ctx, room.CertificateRecord(issuer, artifact.CrossCertificate, public.Cross(id), c), c.Raw)
}
