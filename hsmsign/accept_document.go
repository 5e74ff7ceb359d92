package hsmsign

import (
	"context"
	"time"

	"seihon/artifact"
	"seihon/inventory"
	"seihon/public"
)

// A DocumentName says which document of the configuration a PDF is, in which version: no content says so.
type DocumentName struct{ Name, Version string }

// detachedOf finds the detached signature of a document among the inputs, by content.
func detachedOf(pdf []byte, inputs []Input) (*artifact.Artifact, int) {
	for i, in := range inputs {
		raw, err := in.Read()
		if err != nil || len(raw) == 0 || raw[0] != 0x30 {
			continue
		}
		s, err := artifact.ParseSignedData(raw)
		if err != nil || !s.Detached {
			continue
		}
		if _, err := s.Verify(pdf); err == nil {
			return artifact.Parse(raw), i
		}
	}
	return nil, -1
}

// acceptDocument takes a CP, CPS or disclosure document that was signed elsewhere.
func (r *Room) acceptDocument(ctx context.Context, a *artifact.Artifact, named DocumentName, inputs []Input, verdicts []Verdict, v *Verdict) error {
	if named.Name == "" {
		return refuse("it is a document, and nothing in it says which one: hand it over by itself with --file, --document NAME and --document-version VERSION")
	}
	if _, err := r.documentConfig(DocumentRequest{Name: named.Name, Version: named.Version}); err != nil {
		return refuse("%w", err)
	}
	v.Name = public.Document(named.Name, named.Version)
	if digest, taken, err := r.current(ctx, v.Name); err != nil {
		return err
	} else if taken && digest != a.Digest {
		return refuse("%s is published already with another content: a changed text needs a new version", v.Name)
	} else if taken {
		v.Present = true
	}
	signers, err := artifact.VerifyDocument(a.Bytes)
	if err != nil {
		return refuse("%w", err)
	}
	p7s, at := detachedOf(a.Bytes, inputs)
	if p7s == nil && len(signers) == 0 {
		return refuse("nobody signed it: sign it inside, or hand over its detached signature (CMS, DER) with it")
	}
	if p7s != nil {
		verdicts[at] = Verdict{Input: inputs[at].Name, Digest: p7s.Digest.String(), Kind: string(p7s.Kind), Issuer: v.Issuer,
			Name: public.Signature(v.Name), Present: v.Present}
	}
	if v.Present {
		return nil
	}
	now := r.now().UTC().Truncate(time.Second)
	rec := inventory.ArtifactRecord{Issuer: r.conf.Issuers[0].Name, Kind: artifact.Document, Name: v.Name, Scope: named.Name, ThisUpdate: now}
	if p7s == nil {
		return r.stage(ctx, rec, a.Bytes)
	}
	return r.stageDocument(ctx, rec, a.Bytes, p7s.Bytes)
}
