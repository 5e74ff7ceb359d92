package accept

import (
	"context"
	"errors"
	"fmt"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/room"
	"seihon/internal/config"
	"seihon/inventory"
	"seihon/public"
)

// A DocumentName says which document of the configuration a PDF is, in which version: no content says so. Who hands it
// over says it, or the configuration, which knows the digest of the PDF (accept.documents).
type DocumentName struct{ Name, Version string }

// A waitError says that an input is of no use before another one comes: a signature before its document, a document
// before its signature. In the drop folder it stays until then.
type waitError struct{ err error }

func (e *waitError) Error() string { return e.err.Error() }

func wait(format string, args ...any) error { return &waitError{fmt.Errorf(format, args...)} }

// expected finds the document of the configuration that a PDF is.
func expected(r *room.Room, digest artifact.Digest) *config.AcceptDocument {
	if a := r.Config.Accept; a != nil {
		for i := range a.Documents {
			if a.Documents[i].SHA256 == digest.String() {
				return &a.Documents[i]
			}
		}
	}
	return nil
}

// acceptSignature judges a detached signature whose document did not come with it. If that is known, and not here yet,
// it waits.
func acceptSignature(ctx context.Context, r *room.Room, a *artifact.Artifact, v *Verdict) error {
	s, err := artifact.ParseSignedData(a.Bytes)
	if err != nil {
		return room.Refuse("%w", err)
	}
	if r.Config.Accept != nil {
		for _, d := range r.Config.Accept.Documents {
			digest, err := artifact.ParseDigest(d.SHA256)
			if err != nil || !s.MayBeOf(digest) {
				continue
			}
			document := public.Document(d.Name, d.Version)
			have, there, err := r.CurrentDigest(ctx, public.Signature(document))
			if err != nil {
				return err
			}
			if there && have == a.Digest {
				v.Name, v.Present = public.Signature(document), true
				return nil
			}
			if _, taken, err := r.CurrentDigest(ctx, document); err != nil || !taken {
				return errors.Join(err,
					wait("it is a signature, and its document, which may be %s version %s, has not come yet", d.Name,
						d.Version))
			}
		}
	}
	return room.Refuse("it is a signature of none of the documents that were handed over with it, and of none that " +
		"accept.documents expects")
}

// detachedOf finds the detached signature of a document among the inputs, by content.
func (h *handover) detachedOf(pdf []byte) (*artifact.Artifact, *Verdict) {
	for _, at := range h.signatures {
		raw, err := h.inputs[at].Read()
		if err != nil {
			continue
		}
		s, err := artifact.ParseSignedData(raw)
		if err != nil || !s.Detached {
			continue
		}
		if _, err := s.Verify(pdf); err == nil {
			return artifact.Parse(raw), &h.verdicts[at]
		}
	}
	return nil, nil
}

// acceptDocument takes a CP, CPS or disclosure document that was signed elsewhere, and the detached signature with it,
// which shares its verdict.
func acceptDocument(ctx context.Context, r *room.Room, a *artifact.Artifact, named DocumentName, h *handover,
	v *Verdict) error {
	p7s, of := h.detachedOf(a.Bytes)
	err := takeDocument(ctx, r, a, named, p7s, v)
	if of == nil {
		return err
	}
	*of = Verdict{Input: of.Input, Digest: p7s.Digest.String(), Kind: string(p7s.Kind), Issuer: v.Issuer,
		Present: v.Present}
	if v.Name != "" {
		of.Name = public.Signature(v.Name)
	}
	of.settle(err)
	return err
}

func takeDocument(ctx context.Context, r *room.Room, a *artifact.Artifact, named DocumentName, p7s *artifact.Artifact,
	v *Verdict) error {
	expected := expected(r, a.Digest)
	if expected != nil && named == (DocumentName{}) {
		named = DocumentName{expected.Name, expected.Version}
	}
	if named.Name == "" {
		return room.Refuse("it is a document, and nothing in it says which one: hand it over with --file, --document " +
			"NAME and --document-version VERSION, " +
			"or name its digest in accept.documents")
	}
	if expected != nil && (named.Name != expected.Name || named.Version != expected.Version) {
		return room.Refuse("it is version %s of %s, as accept.documents says", expected.Version, expected.Name)
	}
	if _, err := r.DocumentConfig(room.DocumentRequest{Name: named.Name, Version: named.Version}); err != nil {
		return room.Refuse("%w", err)
	}
	v.Name = public.Document(named.Name, named.Version)
	if digest, taken, err := r.CurrentDigest(ctx, v.Name); err != nil {
		return err
	} else if taken && digest != a.Digest {
		return room.Refuse("%s is published already with another content: a changed text needs a new version", v.Name)
	} else if taken {
		return sameSignature(ctx, r, p7s, v)
	}
	signers, err := artifact.VerifyDocument(a.Bytes)
	if err != nil {
		return room.Refuse("%w", err)
	}
	now := r.Now().UTC().Truncate(time.Second)
	rec := inventory.ArtifactRecord{Issuer: r.Config.Issuers[0].Name, Kind: artifact.Document, Name: v.Name,
		Scope: named.Name, ThisUpdate: now}
	switch {
	case p7s != nil:
		return r.StageDocument(ctx, rec, a.Bytes, p7s.Bytes)
	case len(signers) > 0:
		return r.Stage(ctx, rec, a.Bytes)
	case expected != nil:
		return wait("it is %s version %s, and its signature has not come yet", named.Name, named.Version)
	}
	return room.Refuse("nobody signed it: sign it inside, or hand over its detached signature (CMS, DER) with it")
}

// sameSignature is for a document that is here already: a signature that comes with it once more must be the one that
// is here, too.
func sameSignature(ctx context.Context, r *room.Room, p7s *artifact.Artifact, v *Verdict) error {
	v.Present = true
	if p7s == nil {
		return nil
	}
	name := public.Signature(v.Name)
	have, there, err := r.CurrentDigest(ctx, name)
	if err == nil && (!there || have != p7s.Digest) {
		v.Present = false
		return room.Refuse("%s is published already with another signature: a new signature needs a new version",
			v.Name)
	}
	return err
}
