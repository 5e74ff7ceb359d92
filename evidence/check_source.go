package evidence

import (
	"errors"
	"fmt"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/ledger/timestamp"
)

func (c *check) sources() error {
	if c.a.Sources == nil {
		return errors.New("the answer rests on nothing")
	}
	c.tokens = map[string]bool{}
	for i, s := range c.a.Sources {
		if want := fmt.Sprintf("%s-%d", s.Role, i+1); s.Part != want || roles[s.Role].English == "" {
			return fmt.Errorf("the source %d is named %q", i+1, s.Part)
		}
		if err := c.source(s); err != nil {
			return fmt.Errorf("%s: %w", s.Part, err)
		}
	}
	c.report.Tokens = len(c.tokens)
	return nil
}

// source proves one list or response: its place in the log, its bytes where
// they are in the file, and that it fits its role.
func (c *check) source(s *Source) error {
	p, err := c.proof(s)
	if err != nil {
		return err
	}
	want := &Source{Kind: p.Line.Kind, ThisUpdate: p.Line.NotBefore, Number: p.Line.Number,
		SHA256: p.Line.Digest.String(),
		Says:   s.Says, Covers: s.Covers, Length: p.Line.Size}
	if !p.Line.NotAfter.IsZero() {
		want.NextUpdate = &p.Line.NotAfter
	}
	switch {
	case s.Included:
		if want, err = c.bytes(s, p.Line); err != nil {
			return err
		}
	case s.Kind == artifact.OCSPResponse:
		return errors.New("the response is missing")
	default:
		c.report.Missing = append(c.report.Missing, s)
	}
	d := p.Line.Digest.String()
	want.Master = "blobs/" + d[:2] + "/" + d
	if want.Kind == artifact.OCSPResponse {
		// That the response is in the bundle only the bundle can show.
		want.Bundle, want.Master = d, "bundles/"+d
		if p.Line.Kind != artifact.OCSPBundle {
			return fmt.Errorf("the log has the kind %s under this name, not a bundle of responses", p.Line.Kind)
		}
	} else if !p.Line.Kind.IsRevocationList() {
		return fmt.Errorf("the log has the kind %s under this name", p.Line.Kind)
	}
	if p.Line.Issuer != c.a.Issuer {
		return fmt.Errorf("the log has it as one of the issuer %q", p.Line.Issuer)
	}
	want.Part, want.Role, want.Name, want.Included, want.Stamped = s.Part, s.Role, p.Line.Name, s.Included, s.Stamped
	want.Entry, want.Recorded = p.Index, p.Entry.Time
	if err := same("the source", s, want); err != nil {
		return err
	}
	return c.role(s)
}

// role checks that the source was, or was not, there at the time asked about.
func (c *check) role(s *Source) error {
	var next time.Time
	if s.NextUpdate != nil {
		next = *s.NextUpdate
	}
	switch s.Role {
	case RoleThen:
		if !inForce(s.ThisUpdate, next, c.a.Time) || s.Recorded.After(c.a.Time) {
			return errors.New("it was not in force, or not recorded, at the time asked about")
		}
	case RoleNext:
		if !s.ThisUpdate.After(c.a.Time) && !s.Recorded.After(c.a.Time) {
			return errors.New("it is not later than the time asked about")
		}
	}
	return nil
}

// bytes reads a list or a response and says what it says.
func (c *check) bytes(s *Source, line *ledger.Line) (*Source, error) {
	b, err := c.take(s.bytesPart())
	if err != nil {
		return nil, err
	}
	if s.Kind == artifact.OCSPResponse {
		return responseSource(b, c.q, c.trust)
	}
	if artifact.Sum(b) != line.Digest {
		return nil, errors.New("the list is not the one that the log has")
	}
	list, err := artifact.ParseRevocationList(b)
	if err == nil {
		err = list.CheckSignatureFrom(c.issuer)
	}
	if err != nil {
		return nil, err
	}
	want, err := listSource(list, c.q, line.Name)
	if err != nil {
		return nil, err
	}
	want.Kind = line.Kind
	return want, nil
}

// proof verifies the proofs and the token of a source.
func (c *check) proof(s *Source) (*ledger.Proof, error) {
	b, err := c.take(s.Part + ".proof")
	if err != nil {
		return nil, err
	}
	p, err := ledger.OpenProof(b, c.pins.Log)
	if err != nil || s.Stamped == nil {
		return p, err
	}
	at := p
	if name := s.proofUnder(c.pins.Log.Keys()); name != s.Part+".proof" {
		if at, err = c.older(s, name, p); err != nil {
			return nil, err
		}
	}
	if at.Checkpoint.Size != s.Stamped.Size {
		return nil, errors.New("the time-stamp is over another checkpoint than the proof")
	}
	return p, c.token(s, at.Checkpoint.Note)
}

// older verifies a proof under a checkpoint that earlier keys of the log
// signed. They are the file's word: what the log has is shown by the other
// proof, this one adds that the same entry existed at the time of the stamp.
func (c *check) older(s *Source, name string, p *ledger.Proof) (*ledger.Proof, error) {
	b, err := c.take(name)
	if err != nil {
		return nil, err
	}
	v, err := ledger.NewVerifier(c.pins.Log.Origin(), s.Stamped.Keys...)
	if err != nil {
		return nil, err
	}
	at, err := ledger.OpenProof(b, v)
	if err != nil {
		return nil, err
	}
	if *at.Line != *p.Line || at.Index != p.Index || *at.Entry.Batch != *p.Entry.Batch ||
		!at.Entry.Time.Equal(p.Entry.Time) {
		return nil, errors.New("its two proofs are of different entries")
	}
	return at, nil
}

func (c *check) token(s *Source, checkpoint []byte) error {
	if s.Stamped.Token != fmt.Sprintf("checkpoint-%d.tsr", s.Stamped.Size) {
		return fmt.Errorf("the token is named %q", s.Stamped.Token)
	}
	b, err := c.take(s.Stamped.Token)
	if err != nil {
		return err
	}
	at, err := timestamp.Claimed(b, checkpoint)
	if err != nil {
		return err
	}
	if !at.Equal(s.Stamped.Time) {
		return fmt.Errorf("the token says %s, the answer %s", stamp(at), stamp(s.Stamped.Time))
	}
	if !c.tokens[s.Stamped.Token] && len(c.pins.Authorities) > 0 {
		if _, err := timestamp.Verify(b, checkpoint, c.pins.Authorities); err != nil {
			return err
		}
		c.report.Stamps++
	}
	c.tokens[s.Stamped.Token] = true
	return nil
}
