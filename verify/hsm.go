package verify

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/public"
	"seihon/verify/report"
)

// The room judges its token and keys before they sign, and the log holds each verdict before what was signed under it
// (docs/hsm.md, what may sign). Here every artifact is held against the verdict that was in force when it was recorded.
// What is not judged: whether the operator's list tells the truth, and the modules of software that is not the room's.

// hsmVerdict is the document seihon/hsm-verdict/v1, as far as it is needed here.
type hsmVerdict struct {
	Schema    string          `json:"schema"`
	Policy    string          `json:"policy"`
	Elsewhere []string        `json:"elsewhere"`
	Keys      []hsmVerdictKey `json:"keys"`

	entry int64
	time  time.Time
}

type hsmVerdictKey struct {
	report.HSMKey
	SPKI string `json:"spki_sha256"`
}

// The words of a verdict.
const (
	hsmVerdictSchema = "seihon/hsm-verdict/v1"
	hsmRefused       = "refused"
	hsmOnTrial       = "trial"
)

// checkHSM holds the artifacts of the log against the verdicts of the log.
func (c *checker) checkHSM(ctx context.Context) error {
	verdicts, err := c.readVerdicts(ctx)
	if err != nil || len(verdicts) == 0 {
		return err
	}
	last := verdicts[len(verdicts)-1]
	c.hsm = &report.HSMSummary{
		Policy: last.Policy, Entry: last.entry, Time: last.time, Verdicts: len(verdicts), Keys: []report.HSMKey{},
		Elsewhere: last.Elsewhere,
	}
	for _, k := range last.Keys {
		c.hsm.Keys = append(c.hsm.Keys, k.HSMKey)
	}
	bundles, err := c.bundleSigners(ctx)
	if err != nil {
		return err
	}
	var inForce *hsmVerdict
	for _, v := range c.past.versions {
		for len(verdicts) > 0 && verdicts[0].entry < v.index {
			inForce, verdicts = verdicts[0], verdicts[1:]
		}
		if c.past.byDigest[v.Digest][0] != v {
			continue // the same bytes again
		}
		keys := keysOf(c.signers[v.Digest])
		if v.Kind == artifact.OCSPBundle {
			keys = signersOfBundle(v, bundles[v.Issuer], inForce)
		}
		c.judgeHSM(v, inForce, keys)
	}
	c.signers = nil
	return nil
}

// readVerdicts reads the verdicts of the log; none when they are not here, as with a log that is only public.
func (c *checker) readVerdicts(ctx context.Context) ([]*hsmVerdict, error) {
	if c.mirror != "" {
		return nil, nil
	}
	var all []*hsmVerdict
	index := int64(-1)
	for e, err := range c.log.Entries(ctx, 0, c.log.Size()) {
		if err != nil {
			return all, ctx.Err() // the log's own findings say why
		}
		index++
		if e.Evidence == nil || e.Evidence.Kind != ledger.EvidenceVerdict {
			continue
		}
		v, err := c.readVerdict(ctx, e.Evidence)
		if err != nil {
			where := fmt.Sprintf("log entry %d", index)
			c.Found(report.Finding{Code: "hsm-verdict", Source: report.SourceLog, Name: where, Detail: err.Error()})
			continue
		}
		v.entry, v.time = index, e.Time
		all = append(all, v)
	}
	return all, nil
}

func (c *checker) readVerdict(ctx context.Context, e *ledger.Evidence) (*hsmVerdict, error) {
	doc, err := c.log.ReadBlob(ctx, ledger.Line{Name: e.Kind, Kind: artifact.Log, Digest: e.Digest, Size: e.Size})
	if err != nil {
		return nil, err
	}
	v := &hsmVerdict{}
	if err := json.Unmarshal(doc, v); err != nil {
		return nil, fmt.Errorf("the document is no JSON of the form that is known: %w", err)
	}
	if v.Schema != hsmVerdictSchema {
		return nil, fmt.Errorf("the document is in the form %q, this program knows %q", v.Schema, hsmVerdictSchema)
	}
	if v.Policy != e.Name {
		return nil, fmt.Errorf("the document says %q, the log entry %q", v.Policy, e.Name)
	}
	return v, nil
}

// judgeHSM holds one artifact against the verdict that was in force, if there was one.
func (c *checker) judgeHSM(v *version, inForce *hsmVerdict, keys []string) {
	switch {
	case len(keys) == 0:
		return // what no CA signs, or a CA that is not trusted, which is a finding of its own
	case inForce == nil:
		c.hsm.Earlier++
		return
	}
	key := inForce.find(keys)
	bad := func(code, format string, args ...any) {
		c.Found(report.Finding{Code: code, Source: report.SourceMaster, Name: v.Name,
			Detail: fmt.Sprintf(format, args...)})
	}
	switch {
	case key == nil && slices.Contains(inForce.Elsewhere, v.Issuer):
		return
	case key == nil:
		bad("hsm-unjudged", "log entry %d; the verdict of entry %d does not know the key with SHA-256 %s",
			v.index, inForce.entry, strings.Join(keys, " or "))
	case key.Verdict == hsmRefused:
		bad("hsm-refused", "log entry %d; the verdict of entry %d refuses the key %q", v.index, inForce.entry,
			key.Label)
	case key.Verdict == hsmOnTrial:
		c.hsm.OnTrial++
	}
	c.hsm.Judged++
}

// signersOf are the CAs whose key may have signed the content: those of its issuer's name. Section A verifies which one
// did.
func (c *checker) signersOf(a *artifact.Artifact) []*x509.Certificate {
	switch {
	case a.CRL != nil:
		return c.trust.IssuersByName(a.CRL.RawIssuer)
	case a.Kind.IsCertificate() && len(a.Certificates) == 1:
		return c.trust.IssuersByName(a.Certificates[0].RawIssuer)
	}
	return nil
}

// keepSigners remembers them for checkHSM.
func (c *checker) keepSigners(a *artifact.Artifact) {
	all := c.signersOf(a)
	if len(all) == 0 {
		return
	}
	c.signersMu.Lock()
	defer c.signersMu.Unlock()
	if c.signers == nil {
		c.signers = map[artifact.Digest][]*x509.Certificate{}
	}
	c.signers[a.Digest] = all
}

// A bundleSigner is a certificate that may have signed bundles of an issuer, since an entry of the log.
type bundleSigner struct {
	key       string
	delegated bool
	since     int64
}

// bundleSigners finds, by issuer, the issuer itself and its responders: a bundle does not name who signed it.
func (c *checker) bundleSigners(ctx context.Context) (map[string][]bundleSigner, error) {
	book := map[string][]bundleSigner{}
	for _, v := range c.past.versions {
		issuer := v.Issuer
		switch v.Kind {
		case artifact.CACertificate:
			n, err := public.Parse(v.Name)
			if err != nil {
				continue
			}
			issuer = n.Label
		case artifact.OCSPSignerCertificate:
		default:
			continue
		}
		der, err := c.log.ReadBlob(ctx, v.Line)
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			continue // the master's own findings say why
		}
		if cert, err := artifact.ParseCertificate(der); err == nil {
			key := keysOf([]*x509.Certificate{cert})[0]
			book[issuer] = append(book[issuer], bundleSigner{key, v.Kind == artifact.OCSPSignerCertificate, v.index})
		}
	}
	return book, nil
}

// signersOfBundle are the responders that the issuer had and that the verdict knows, else the issuer itself. Without a
// verdict all that it had are meant.
func signersOfBundle(v *version, all []bundleSigner, inForce *hsmVerdict) []string {
	var own, delegated []string
	for _, s := range all {
		switch {
		case !s.delegated:
			own = append(own, s.key)
		case s.since <= v.index && (inForce == nil || inForce.find([]string{s.key}) != nil):
			delegated = append(delegated, s.key)
		}
	}
	if len(delegated) > 0 {
		return delegated
	}
	return own
}

// find returns what the verdict says of the first of its keys that is among these; nil when it knows none.
func (v *hsmVerdict) find(keys []string) *hsmVerdictKey {
	i := slices.IndexFunc(v.Keys, func(k hsmVerdictKey) bool { return slices.Contains(keys, k.SPKI) })
	if i < 0 {
		return nil
	}
	return &v.Keys[i]
}

// keysOf are the SHA-256 of the certificates' keys in hexadecimal, sorted.
func keysOf(all []*x509.Certificate) []string {
	var keys []string
	for _, c := range all {
		keys = append(keys, artifact.Sum(c.RawSubjectPublicKeyInfo).String())
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
