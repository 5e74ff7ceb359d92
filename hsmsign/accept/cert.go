package accept

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"seihon/approval"
	"seihon/artifact"
	"seihon/hsmsign/ceremony"
	"seihon/hsmsign/room"
	"seihon/inventory"
	"seihon/public"
	"seihon/sectiona"
)

// acceptAuthority takes the certificate of a CA of the configuration, or a cross certificate.
func acceptAuthority(ctx context.Context, r *room.Room, c *x509.Certificate, v *Verdict) error {
	var open []string // issuers that have no certificate yet
	for i := range r.Config.Issuers {
		a := r.Authorities[r.Config.Issuers[i].Name]
		switch {
		case a.Certificate == nil && a.External():
			open = append(open, a.Name)
		case a.Certificate != nil && a.Certificate.Equal(c):
			v.Name, v.Present = public.Certificate(a.Name), true
			return v.of(a.Name)
		}
	}
	if slices.ContainsFunc(r.Policy.Trust.Partners(), func(p *x509.Certificate) bool { return crosses(r, c, p) }) {
		return acceptCross(ctx, r, c, v)
	}
	fits, why := fitting(r, c, open, v.wanted)
	switch {
	case len(open) == 0:
		return room.Refuse("%q is the certificate of no issuer of the configuration that is signed_by: external and "+
			"has none yet", c.Subject)
	case len(fits) > 1:
		return room.Refuse("%q may be the certificate of %s: say which one with --issuer NAME, or name their "+
			"subjects in the configuration",
			c.Subject, strings.Join(fits, " or "))
	case len(fits) == 1:
		why = takeAuthority(ctx, r, fits[0], c, v)
	}
	if _, unapproved := errors.AsType[*room.ApprovalRefusal](why); unapproved || errors.Is(why, room.ErrAsked) {
		return why
	}
	if why != nil {
		return room.Refuse("%q is the certificate of no issuer that has none yet: %w", c.Subject, why)
	}
	return nil
}

// fitting gives those of the issuers without certificate whose certificate it may be. One whose subject the
// configuration names comes before those of which it says nothing.
func fitting(r *room.Room, c *x509.Certificate, open []string, wanted string) (fits []string, why error) {
	named := false
	for _, name := range open {
		if wanted != "" && wanted != name {
			why = cmp.Or(why, fmt.Errorf("it was to be of %s", wanted))
			continue
		}
		a := r.Authorities[name]
		err := ceremony.CheckAdopted(r, a, c)
		if err == nil && a.Parent != "" {
			var parent *room.Authority
			if parent, err = r.Authority(a.Parent); err == nil {
				err = artifact.CheckIssued(c, parent.Certificate)
			}
		}
		says := a.Subject.CommonName != ""
		switch {
		case err != nil:
			why = cmp.Or(why, err)
		case says == named:
			fits = append(fits, name)
		case says:
			fits, named = []string{name}, true
		}
	}
	return fits, why
}

// takeAuthority makes a certificate that of an issuer.
func takeAuthority(ctx context.Context, r *room.Room, name string, c *x509.Certificate, v *Verdict) error {
	v.Issuer = name
	if err := ceremony.AdoptCA(ctx, r, name, c); err != nil {
		return err
	}
	a := r.Authorities[name]
	a.Certificate = c
	v.Name = public.Certificate(name)
	if err := r.TellInventory(ctx, a, artifact.Sum(c.RawSubjectPublicKeyInfo)); err != nil {
		return err
	}
	return r.BuildPolicy(nil, []*x509.Certificate{c})
}

// crosses reports whether a certificate joins one of our CAs with a pinned partner, in either direction.
func crosses(r *room.Room, c, partner *x509.Certificate) bool {
	of := func(x *x509.Certificate) bool {
		return artifact.SameName(c.RawSubject, x.RawSubject) &&
			bytes.Equal(c.RawSubjectPublicKeyInfo, x.RawSubjectPublicKeyInfo)
	}
	for _, a := range r.Authorities {
		if a.Certificate != nil && (of(partner) && artifact.CheckIssued(c,
			a.Certificate) == nil || of(a.Certificate) && artifact.CheckIssued(c, partner) == nil) {
			return true
		}
	}
	return false
}

// acceptCross takes a cross certificate, under a name made of its digest: it has none that both sides agreed on.
func acceptCross(ctx context.Context, r *room.Room, c *x509.Certificate, v *Verdict) error {
	for i := range r.Config.Issuers {
		a := r.Authorities[r.Config.Issuers[i].Name]
		if a.Certificate == nil || !bytes.Equal(c.RawSubjectPublicKeyInfo,
			a.Certificate.RawSubjectPublicKeyInfo) && artifact.CheckIssued(c, a.Certificate) != nil {
			continue
		}
		if err := v.of(a.Name); err != nil {
			return err
		}
		v.Kind = string(artifact.CrossCertificate)
		v.Name = public.Cross(a.Name + "-" + artifact.Sum(c.Raw).String()[:12])
		return acceptCertificate(ctx, r, room.CertificateRecord(a.Name, artifact.CrossCertificate, v.Name, c), c, v)
	}
	return room.Refuse("no issuer of the configuration stands on one side of the cross certificate of %q", c.Subject)
}

// acceptLink takes a link certificate between an issuer and the one that it succeeds.
func acceptLink(ctx context.Context, r *room.Room, c *x509.Certificate, v *Verdict) error {
	for _, a := range r.Authorities {
		old := r.Authorities[a.Succeeds]
		if old == nil || a.Certificate == nil || old.Certificate == nil {
			continue
		}
		for n, side := range []struct{ signer, of *room.Authority }{{old, a}, {a, old}} { // as IssueLinks numbers them
			if !bytes.Equal(c.RawSubjectPublicKeyInfo, side.of.Certificate.RawSubjectPublicKeyInfo) ||
				artifact.CheckIssued(c, side.signer.Certificate) != nil {
				continue
			}
			if err := v.of(side.signer.Name); err != nil {
				return err
			}
			v.Name = public.Link(a.Name, n+1)
			return acceptCertificate(ctx, r,
				room.CertificateRecord(side.signer.Name, artifact.LinkCertificate, v.Name, c), c, v)
		}
	}
	return room.Refuse("it has the name of %q for issuer and subject, and joins no issuer of the configuration with "+
		"the one that it succeeds", c.Subject)
}

// acceptCertificate records and stages a public certificate.
func acceptCertificate(ctx context.Context, r *room.Room, rec inventory.ArtifactRecord, c *x509.Certificate,
	v *Verdict) error {
	if digest, there, err := r.CurrentDigest(ctx, rec.Name); err != nil {
		return err
	} else if there && digest == artifact.Sum(c.Raw) {
		v.Present = true
		return nil
	}
	if refusal := r.Policy.Admit(artifact.Parse(c.Raw),
		sectiona.Evidence{InLedger: true, Claimed: rec.Kind}); refusal != nil {
		return refusal // before the inventory remembers it
	}
	if err := r.ApproveNow(ctx, room.Act(approval.IssueCA, append([]string{"act", "accept", "name", rec.Name},
		room.Certified("certificate", c)...)...)); err != nil {
		return err
	}
	if a := r.Authorities[rec.Issuer]; artifact.CheckIssued(c, a.Certificate) == nil {
		if err := ceremony.RecordAdopted(ctx, r, a.Name, c); err != nil {
			return err
		}
	}
	return r.Stage(ctx, rec, c.Raw)
}

// foreign are certificates that stay in the private record, by issuer, until they are imported together.
type foreign struct {
	names    []string
	records  map[string][]inventory.Record
	verdicts map[string][]*Verdict
	digest   map[string][]byte
	seen     map[string]artifact.Digest // by issuer and serial
	count    int
}

// foreignBatch is how many certificates are held before they are imported.
const foreignBatch = 10000

// acceptEndEntity takes a certificate that is not published: a subscriber's, the document signer's, that of an OCSP
// signer whose key is elsewhere. That of an OCSP signer in the token is put to use.
func acceptEndEntity(ctx context.Context, r *room.Room, c *x509.Certificate, v *Verdict, all *foreign) error {
	var issuer *room.Authority
	var why error
	for i := range r.Config.Issuers {
		a := r.Authorities[r.Config.Issuers[i].Name]
		if a.Certificate == nil || !artifact.SameName(c.RawIssuer, a.Certificate.RawSubject) {
			continue
		}
		if why = artifact.CheckIssued(c, a.Certificate); why == nil {
			issuer = a
			break
		}
	}
	switch {
	case issuer == nil && why != nil:
		return room.Refuse("%w", why)
	case issuer == nil:
		return room.Refuse("certificate %x of %q was issued by %q, which is no issuer of the configuration, "+
			"or one whose own certificate is not here yet: hand that over first", c.SerialNumber, c.Subject, c.Issuer)
	case !issuer.External():
		return room.Refuse("certificate %x names issuer %s, whose key is in this room: it was signed past it",
			c.SerialNumber, issuer.Name)
	}
	if err := v.of(issuer.Name); err != nil {
		return err
	}
	if o := issuer.OCSP; o != nil && o.Responder != nil && ceremony.CheckPinnedKey(o.Responder.Key, c) == nil {
		v.Name, v.Present = public.Certificate(o.Responder.Name), issuer.Responder.Equal(c)
		if err := ceremony.AdoptResponder(ctx, r, issuer, o.Responder, c); err != nil {
			return room.Refuse("%w", err)
		}
		return nil
	}
	if why := r.Policy.Irregular(c, issuer.Certificate); why != "" {
		return room.Refuse("%s", why)
	}
	return all.add(ctx, r, issuer.Name, c, v)
}

// add puts a certificate among those that are imported together; one that contradicts the inventory is refused by
// itself.
func (f *foreign) add(ctx context.Context, r *room.Room, issuer string, c *x509.Certificate, v *Verdict) error {
	serial := artifact.SerialBytes(c)
	if err := inventory.CheckSignedSerial(serial); err != nil {
		return room.Refuse("%w", err)
	}
	e, err := r.Inventory.Get(ctx, issuer, serial)
	if err != nil && !errors.Is(err, inventory.ErrNotFound) {
		return err
	}
	if err == nil && len(e.DER) > 0 {
		if !bytes.Equal(e.DER, c.Raw) {
			return room.Refuse("the inventory has another certificate of %s under serial %x, of %q: the CA issued "+
				"two with one serial", issuer, serial, e.Subject)
		}
		v.Present = true
		return nil
	}
	if f.records == nil {
		f.records, f.verdicts, f.digest = map[string][]inventory.Record{}, map[string][]*Verdict{}, map[string][]byte{}
		f.seen = map[string]artifact.Digest{}
	}
	sum := artifact.Sum(c.Raw)
	key := issuer + " " + string(serial)
	if other, ok := f.seen[key]; ok && other != sum {
		return room.Refuse("another certificate of %s has serial %x, too: the CA issued two with one serial", issuer,
			serial)
	}
	f.seen[key] = sum
	rec := inventory.Record{Certificate: inventory.Certificate{Issuer: issuer, Serial: serial,
		Kind: artifact.SubscriberCertificate, DER: c.Raw,
		Subject: c.Subject.String(), NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC()}, State: inventory.Issued,
		Proven: true, File: v.Input}
	if artifact.IsOCSPSigner(c) {
		rec.Kind = artifact.OCSPSignerCertificate
	}
	if _, known := f.records[issuer]; !known {
		f.names = append(f.names, issuer)
	}
	f.records[issuer] = append(f.records[issuer], rec)
	f.verdicts[issuer] = append(f.verdicts[issuer], v)
	f.count++
	f.digest[issuer] = append(f.digest[issuer], sum[:]...)
	return nil
}

// acceptForeign imports the certificates that were gathered. The inventory takes all or none: when it refuses, they are
// imported one by one, so that each has a verdict of its own and a wrong one holds no other up.
func acceptForeign(ctx context.Context, r *room.Room, all *foreign) error {
	for _, issuer := range all.names {
		batch, verdicts := all.records[issuer], all.verdicts[issuer]
		err := importForeign(ctx, r, issuer, batch, verdicts, all.digest[issuer])
		if len(batch) > 1 && refused(err) {
			err = nil
			for n := range batch {
				sum := artifact.Sum(batch[n].DER)
				if one := importForeign(ctx, r, issuer, batch[n:n+1], verdicts[n:n+1], sum[:]); one != nil &&
					!refused(one) {
					err = one
					break
				}
			}
		}
		if err != nil && !refused(err) {
			return fmt.Errorf("recording the certificates of %s: %w", issuer, err)
		}
	}
	*all = foreign{}
	return nil
}

// importForeign imports certificates together, and settles their verdicts.
func importForeign(ctx context.Context, r *room.Room, issuer string, batch []inventory.Record, verdicts []*Verdict,
	digests []byte) error {
	src := &records{all: batch, info: inventory.SourceInfo{Name: "certificates", Format: "accepted certificates",
		Scope: inventory.Partial, NoStatus: true, Digest: artifact.Sum(digests)}}
	_, err := r.Inventory.Import(ctx, inventory.Import{Issuer: issuer, Source: src, DryRun: r.DryRun})
	for _, v := range verdicts {
		v.Refused, v.Failed = "", ""
		switch v.settle(err); {
		case err == nil && r.DryRun:
			v.add("for the private master and the inventory")
		case err == nil:
			v.add("recorded in the private master and in the inventory")
		}
	}
	return err
}

// records are an inventory source in memory.
type records struct {
	all  []inventory.Record
	info inventory.SourceInfo
}

func (s *records) Info() inventory.SourceInfo { return s.info }

func (s *records) Records(ctx context.Context) iter.Seq2[inventory.Record, error] {
	return func(yield func(inventory.Record, error) bool) {
		for _, rec := range s.all {
			if !yield(rec, ctx.Err()) {
				return
			}
		}
	}
}
