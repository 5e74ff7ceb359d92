package publish

import (
	"context"
	"fmt"
	"path/filepath"

	"go.uber.org/zap"

	"seihon/artifact"
	"seihon/publish/record"
)

// recordFile is the file of the state directory that remembers how far the
// master was found to keep its word.
const recordFile = "record.memory"

// checkRecord holds what the master log says now against what it said before.
func (c Config) checkRecord(ctx context.Context) (*record.Verdict, error) {
	rc := record.Config{Master: c.Master, Keys: c.OverrideKeys}
	if c.StateDir != "" {
		rc.File = filepath.Join(c.StateDir, recordFile)
	}
	v, err := record.Check(ctx, rc)
	if err != nil {
		return nil, err
	}
	for _, f := range v.Faults {
		c.Logger.Error("the master unsays what it said: nothing of this issuer is sent", zap.String("issuer", f.Issuer),
			zap.String("serial", f.Serial), zap.String("was", f.Was), zap.String("now", f.Now),
			zap.String("name", f.New.Name))
	}
	return v, nil
}

// judgeRecord keeps in mind which issuers may send nothing, and why.
func (s *session) judgeRecord() error {
	v, err := s.config.record()
	if err != nil {
		return err
	}
	s.result.Unsaid = v.Faults
	s.verdict = v
	return nil
}

// unsaid says why nothing that speaks of an issuer's certificates may be sent;
// nil when it may. Certificates and documents do not speak of them.
func (s *session) unsaid(step *Step) *problem {
	issuer := step.line.Issuer
	switch step.Kind {
	case artifact.OCSPBundle, artifact.OCSPGeneration, artifact.OCSPResponse:
	default:
		if !step.Kind.IsRevocationList() {
			return nil
		}
	}
	if s.verdict == nil || step.Action == Remove {
		return nil
	}
	if err := s.verdict.UnreadOf(issuer); err != nil {
		return &problem{err: fmt.Errorf("holding %q back: it cannot be compared with what was said before: %w",
			step.Name, err)}
	}
	if len(s.verdict.Of(issuer)) > 0 {
		return &problem{unsaid: true}
	}
	return nil
}
